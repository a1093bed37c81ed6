"""The metadata in the released models, read by MediaPipe's ImageEmbedder and by the Task Library: they feed the model as facelite does.

Each has a virtual environment of its own, since they ask for other packages than TensorFlow does.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from facelite.bundle import EMBEDDER, open_bundle
from facelite.export.assemble import export_bundle
from facelite.preprocess import align
from facelite.runtime.embedder import Embedder

pytestmark = pytest.mark.slow

BY_KERNELS = 0.99
"""The least cosine of integers: MediaPipe may take other kernels for them than LiteRT does here, 0.9994 for int8-qat; the others' were the same."""

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "build"


def ask(library, model, crop):
    python = BUILD / library / "bin/python"
    if not python.exists():
        pytest.skip(f"{python}: expected the virtual environment of {library}, found none; type: make build/{library}/.installed")
    script = {"mediapipe": "tasks.py", "task-library": "task_library.py"}[library]
    ended = subprocess.run([python, HERE / "metadata" / script, model, crop], capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.fixture(scope="module", params=["nns1/int8", "nns1/int8-qat", "nns2/int8", "nns2/int8-qat", "nns2/float32"])
def fed(request, tmp_path_factory, detector, astronaut):
    """(a released model's file, a crop's file, facelite's embedding of it, the least cosine to it)"""
    folder = tmp_path_factory.mktemp("fed")
    bundle = open_bundle(folder / export_bundle(HERE.parents[1] / f"export/{request.param}.toml", folder).bundle)
    size = bundle.manifest.preprocessing
    crop = align(astronaut, detector.detect(astronaut)[0].landmarks, size.height, size.width)
    (folder / "embedder.tflite").write_bytes(bundle.files[EMBEDDER])
    np.save(folder / "crop.npy", crop.pixels)
    return folder / "embedder.tflite", folder / "crop.npy", Embedder.of(bundle).embed(crop).vector, BY_KERNELS if "int8" in request.param else 0.9999


@pytest.mark.parametrize("library", ["mediapipe", "task-library"])
def test_the_embedding_is_facelite_s(fed, library):
    model, crop, expected, least = fed
    found = np.array(ask(library, model, crop)["embedding"])
    assert found @ expected > least


def test_the_task_library_reads_what_was_written(fed):
    model, crop, *_ = fed
    (graph,) = ask("task-library", model, crop)["said"]["subgraph_metadata"]
    (image,), (vector,) = graph["input_tensor_metadata"], graph["output_tensor_metadata"]
    assert image["content"] == {"content_properties_type": "ImageProperties", "content_properties": {"color_space": "RGB"}}
    assert image["process_units"] == [{"options_type": "NormalizationOptions", "options": {"mean": [127.5], "std": [128.0]}}]
    assert (vector["name"], vector["content"]["content_properties_type"]) == ("embedding", "FeatureProperties")
