"""The models in a C program on LiteRT's shared library: the same bits as LiteRT gives here, and no leak.

The library runs the kernels that Python runs, so nothing may differ. The program is built to end with an error where memory leaks or is misused.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
BUILD = HERE.parent.parent / "build/runtimes/c"
LITERT = "2.3.0"
"""The release whose C interface c/litert.h declares."""

GCC = ["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O2", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


@pytest.fixture(scope="module")
def ask():
    """A function of (model file, bytes of inputs) that gives what the C program ended with."""
    (found,) = importlib.util.find_spec("ai_edge_litert").submodule_search_locations
    if (version := importlib.metadata.version("ai-edge-litert")) != LITERT:
        pytest.skip(f"expected ai-edge-litert {LITERT}, whose C interface is declared in c/litert.h, got {version}")
    BUILD.mkdir(parents=True, exist_ok=True)
    command = [*GCC, "-o", BUILD / "run", HERE / "c/main.c", HERE / "c/model.c", f"-L{found}", "-lLiteRt", f"-Wl,-rpath,{found}"]
    try:
        built = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        pytest.skip(f"{' '.join(map(str, command))}: {error}; install it: apt-get install gcc libc6-dev")
    assert built.returncode == 0, built.stderr

    def run(model, inputs):
        environment = os.environ | {"ASAN_OPTIONS": "detect_leaks=1"}
        return subprocess.run([BUILD / "run", model], input=inputs, env=environment, capture_output=True, check=False, timeout=120)

    return run


def test_every_model_gives_the_same_bits(ask, cases, names):
    for name in names("float32", "float16", "int8"):
        ended = ask(cases / f"{name}.tflite", (cases / f"{name}.input").read_bytes())
        assert ended.returncode == 0, ended.stderr.decode()
        assert ended.stdout == (cases / f"{name}.default").read_bytes(), name


@pytest.mark.parametrize("content", [bytes(100), b"", None], ids=["zeros", "empty", "missing"])
def test_what_is_no_model_is_refused_and_nothing_leaks(ask, tmp_path, content):
    broken = tmp_path / "broken.tflite"
    if content is not None:
        broken.write_bytes(content)
    ended = ask(broken, b"")
    assert ended.returncode == 1
    assert ended.stderr.decode().splitlines()[-1] == f"{broken}: could not read the model: LiteRT status 500, the file cannot be read"


def test_inputs_that_end_too_soon_are_refused_after_the_whole_ones(ask, cases):
    inputs = (cases / "nns2-int8.input").read_bytes()
    ended = ask(cases / "nns2-int8.tflite", inputs[: len(inputs) // 8 + 400])
    assert ended.returncode == 1
    assert "expected inputs of 32256 numbers, got 100 at the end" in ended.stderr.decode()
    assert ended.stdout == (cases / "nns2-int8.default").read_bytes()[: 128 * 4]
