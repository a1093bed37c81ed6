"""The models in Java on LiteRT's shared library, through JNA: the same bits as LiteRT gives here, every handle freed, and embeddings from pixels.

The library runs the kernels that Python runs, so nothing may differ.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from facelite.face import Embedding
from facelite.preprocess import Preprocessing, to_input

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
BUILD = HERE.parent.parent / "build/runtimes/java"
LITERT = "2.3.0"
"""The release whose C interface java/LiteRt.java declares."""

JNA = Path("/usr/share/java/jna.jar")
"""Where Debian's libjna-java puts it."""


@pytest.fixture(scope="module")
def ask():
    """A function of (words, bytes of inputs) that gives what the Java program ended with."""
    (found,) = importlib.util.find_spec("ai_edge_litert").submodule_search_locations
    if (version := importlib.metadata.version("ai-edge-litert")) != LITERT:
        pytest.skip(f"expected ai-edge-litert {LITERT}, whose C interface is declared in java/LiteRt.java, got {version}")
    command = ["javac", "--release", "17", "-Xlint:all", "-Werror", "-cp", JNA, "-d", BUILD, *sorted(HERE.glob("java/*.java"))]
    try:
        JNA.stat()
        built = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        pytest.skip(f"{' '.join(map(str, command))}: {error}; install it: apt-get install default-jdk-headless libjna-java")
    assert built.returncode == 0, built.stderr

    def run(*words, inputs=b""):
        java = ["java", f"-Djna.library.path={found}", "-cp", f"{BUILD}:{JNA}", "facelite.Main", *map(str, words)]
        return subprocess.run(java, input=inputs, capture_output=True, check=False, timeout=120)

    return run


def test_every_model_gives_the_same_bits(ask, cases, names):
    for name in names("float32", "float16", "int8"):
        ended = ask("run", cases / f"{name}.tflite", inputs=(cases / f"{name}.input").read_bytes())
        assert ended.returncode == 0, ended.stderr.decode()
        assert ended.stdout == (cases / f"{name}.default").read_bytes(), name


@pytest.mark.parametrize("network", ["nns1", "nns2"])
def test_pixels_become_the_embeddings_of_facelite(ask, cases, network):
    model, expected = cases / f"{network}-int8.tflite", np.fromfile(cases / f"{network}-int8.default", "<f4").reshape(-1, 128)
    _, height, width, _ = json.loads((cases / "cases.json").read_text())[model.stem]["input_shape"]
    preprocessing = Preprocessing(height, width)
    inputs = np.fromfile(cases / f"{network}-int8.input", "<f4").reshape(-1, height, width, 3)
    crops = np.rint(inputs * preprocessing.std + preprocessing.mean).astype(np.uint8)
    np.testing.assert_array_equal([to_input(crop, preprocessing)[0] for crop in crops], inputs)
    ended = ask("embed", model, sha256(model), preprocessing.mean, preprocessing.std, inputs=crops.tobytes())
    assert ended.returncode == 0, ended.stderr.decode()
    embeddings = np.frombuffer(ended.stdout, "<f4").reshape(expected.shape)
    # the squares are summed in another order: two roundings of a float32 below 1
    np.testing.assert_allclose(embeddings, [Embedding(vector, "a space").vector for vector in expected], rtol=0, atol=2 * 2**-24)


def test_half_a_model_is_refused_by_its_hash(ask, cases, tmp_path):
    half, model = tmp_path / "half.tflite", cases / "nns2-int8.tflite"
    half.write_bytes(model.read_bytes()[: model.stat().st_size // 2])
    ended = ask("embed", half, sha256(model), 127.5, 128)
    assert ended.returncode == 1
    message = f"expected a file of SHA-256 {sha256(model)}, got {sha256(half)}; take {half} from the bundle again"
    assert ended.stderr.decode().splitlines() == [message]


@pytest.mark.parametrize("name", ["detector", "nns2-int8"])
def test_a_closed_model_has_freed_every_handle(ask, cases, name):
    ended = ask("balance", cases / f"{name}.tflite")
    assert (ended.returncode, ended.stdout.decode()) == (0, ""), ended.stderr.decode()


def test_what_is_no_model_is_refused_and_its_handles_are_freed(ask, tmp_path):
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(bytes(100))
    ended = ask("balance", broken)
    assert (ended.returncode, ended.stdout.decode()) == (1, "")
    assert ended.stderr.decode().splitlines()[-1] == f"could not read {broken}: LiteRT status 500, the file cannot be read"


def sha256(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()
