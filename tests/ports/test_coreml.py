"""Core ML's packages meet the conformance vectors: their programs, read back and run in NumPy, in tests/port.py in the place of the .tflite files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from facelite.bundle import DETECTOR, EMBEDDER, open_bundle, pack_bundle
from facelite.errors import ExportError
from facelite.export.assemble import export_bundle
from facelite.export.conformance import write_vectors
from facelite.export.pack.coreml import import_coremltools
from facelite.export.pack.ios import coreml_files
from facelite.export.pack.mil import Program

pytestmark = pytest.mark.slow

RELEASES = Path(__file__).parents[2] / "export"

OF_MODELS = ("detect", "upright", "embedding", "verify")
"""The stages that run a model."""


@pytest.fixture(scope="module", params=["nns2", "nns1"])
def bundle(request, tmp_path_factory, detector_file):
    """A released network's float32 bundle. Skips where Core ML packages cannot be written."""
    try:
        import_coremltools()
    except ExportError as error:
        pytest.skip(str(error))
    out = tmp_path_factory.mktemp("float")
    return open_bundle(out / export_bundle(RELEASES / request.param / "float32.toml", out).bundle)


@pytest.fixture(scope="module")
def stages(bundle, port, tmp_path_factory):
    folder = tmp_path_factory.mktemp("vectors")
    write_vectors(bundle, folder)
    return port.read_vectors(folder)["stages"]


@pytest.mark.parametrize("weights", ["float32", "float16", "int8"])
def test_every_stage_that_runs_a_model_is_met(bundle, stages, port, monkeypatch, weights):
    _, files = coreml_files(bundle, weights)
    programs = {
        name: Program({path.removeprefix(f"{package}/"): data for path, data in files.items() if path.startswith(f"{package}/")})
        for name, package in ((DETECTOR, "detector.mlpackage"), (EMBEDDER, "embedder.mlpackage"))
    }
    contents = {bundle.files[name]: program for name, program in programs.items()}

    class Model:
        """A program behind the one method of the port's own."""

        def __init__(self, data):
            self.program = contents[bytes(data)]

        def __call__(self, values):
            found = self.program.run(values)
            return [found[name] for name in sorted(found)]

    monkeypatch.setattr(port, "Model", Model)
    device = port.Port(pack_bundle(bundle.manifest, bundle.files))  # the self-test, too
    for stage in OF_MODELS:
        for case in stages[stage]:
            got, wanted = port.answer(device, stage, case["input"]), case
            if stage == "embedding" and weights == "int8":
                wanted = case | {"tolerance": {"vector": {"squared_l2": 0.02}}}  # as of all integers
            assert port.meets(wanted, got), (stage, case["name"])


def test_golden_vectors_are_those_of_the_program(bundle):
    made, files = coreml_files(bundle, "float16")
    theirs, ours = json.loads(bundle.files["golden.json"]), json.loads(files["golden.json"])
    for one, other in zip(ours, theirs, strict=True):
        difference = float(((np.array(one["embedding"]) - np.array(other["embedding"])) ** 2).sum())
        assert 0 < difference < 1e-4
    assert made.artefact == json.loads(files["facelite.json"])["files"]["embedder.mlpackage"]
