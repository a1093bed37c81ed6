"""The released weights converted once for each precision, drawn people, and a recipe of one's own that uses both."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from facelite.errors import ExportError
from facelite.export.convert import convert
from facelite.export.pack.coreml import import_coremltools
from facelite.export.synthetic import draw_face
from facelite.networks import NETWORKS, build, get_weights
from facelite.networks.weights import read_weights
from facelite.preprocess import align
from facelite.split import is_held_out

RELEASED = Path(__file__).parents[2] / "export/nns2"

RECIPE = """
name = "mine"
network = "nns2"
precision = "{precision}"
space = "my-space"
weights = "{weights}"
training_data = "drawn faces"
representative = 50
fmr = 0.1
fmrs = [0.1, 0.2]
min_cosine = {min_cosine}
{more}
[licences]
code = "Apache-2.0"
"""


@pytest.fixture(scope="session")
def coreml():
    """Skips where Core ML packages cannot be written."""
    try:
        import_coremltools()
    except ExportError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def network():
    return NETWORKS["nns2"]


@pytest.fixture(scope="session")
def weights():
    return read_weights(RELEASED / "weights.npz")


@pytest.fixture(scope="session")
def crops(detector, network):
    """Aligned crops of 60 drawn faces."""
    frames = [draw_face(seed) for seed in range(60)]
    return [align(frame, detector.detect(frame)[0].landmarks, network.height, network.width) for frame in frames]


@pytest.fixture(scope="session")
def models(network, weights, crops):
    """The TFLite file of each precision."""
    return {
        precision: convert(network, weights, precision=precision, representative=crops) for precision in ("float32", "float16", "dynamic", "int8")
    }


@pytest.fixture(scope="session")
def random_model(network):
    """A float32 TFLite file of the network as it is before any training."""
    import tf_keras

    tf_keras.utils.set_random_seed(0)
    return convert(network, get_weights(build(network, keras=tf_keras)), precision="float32")


def vary(picture, rng):
    """Another picture of the same scene: moved, lit and grained a little differently."""
    moved = cv2.warpAffine(
        picture, np.float64([(1, 0, 3 * rng.normal()), (0, 1, 3 * rng.normal())]), picture.shape[1::-1], borderMode=cv2.BORDER_REPLICATE
    )
    return np.clip(moved * rng.uniform(0.85, 1.15) + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)


def write_person(folder, picture, count):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(count):
        cv2.imwrite(str(folder / f"{i}.jpg"), cv2.cvtColor(vary(picture, rng), cv2.COLOR_RGB2BGR))


@pytest.fixture(scope="session")
def people(tmp_path_factory, astronaut, hopper):
    """Nine drawn people held out, with three pictures each: 36 pairs of people. Two photographed ones, with 30 pictures each, are not, nor are ten
    drawn ones with one each.
    """
    folder = tmp_path_factory.mktemp("people")
    names = [name for name in (f"person{i}" for i in range(500)) if is_held_out(name)][:9]
    for seed, name in enumerate(names):
        write_person(folder / name, draw_face(seed), 3)
    write_person(folder / "astronaut", astronaut[20:276, 90:346], 30)
    write_person(folder / "hopper", cv2.resize(hopper[60:460, 60:460], (256, 256)), 30)
    for seed, name in enumerate([name for name in (f"other{i}" for i in range(30)) if not is_held_out(name)][:10], 100):
        write_person(folder / name, draw_face(seed), 1)
    assert not is_held_out("astronaut")
    assert not is_held_out("hopper")
    return folder


@pytest.fixture
def recipe(tmp_path):
    """recipe(precision="int8", min_cosine=0.5, more="") writes a recipe and gives its path."""

    def write(precision="int8", min_cosine=0.5, more="", weights=RELEASED / "weights.npz"):
        path = tmp_path / "mine.toml"
        path.write_text(RECIPE.format(precision=precision, min_cosine=min_cosine, more=more, weights=weights))
        return path

    return write


@pytest.fixture
def quick(monkeypatch, models):
    """Conversions are looked up instead of made."""
    monkeypatch.setattr("facelite.export.master.convert", lambda network, weights, *, precision, **_: models[precision])
