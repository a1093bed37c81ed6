"""The models in the runtimes that Python offers on this processor: ai-edge-litert on one thread and on two, tflite-runtime 2.14.

int8's sums are of integers: so the reference kernels, plain loops, agree in every bit, and XNNPACK's do on any number of threads. Those of
tflite-runtime 2.14 were a step of one number away in one network of four releases; by default it gives int8 to kernels of its own, which round
halves in yet another way.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from facelite.export.synthetic import draw_face
from facelite.preprocess import Preprocessing, align, to_input
from facelite.runtime.interpreter import Interpreter

HERE = Path(__file__).parent
ROOT = HERE.parent.parent

OLD = ["tflite-runtime==2.14.0", "numpy==1.26.4"]
"""The last tflite-runtime with NumPy of its time: it asks for 1.23.2 or later, and fails with 2."""


def ask(folder, out, *options, python=sys.executable):
    """What answer.py says when it has answered the cases of ``folder`` in ``out``."""
    answered = subprocess.run([python, HERE / "answer.py", folder, out, *options], capture_output=True, text=True, check=False)
    assert answered.returncode == 0, answered.stderr
    return json.loads((out / "answer.json").read_text())


# the committed int8 files alone, in seconds

COMMITTED = sorted(ROOT.glob("export/*/*.tflite"))


@pytest.fixture(scope="module")
def committed(detector, tmp_path_factory):
    """The committed int8 files as cases of four drawn faces, and one of a file that is no model."""
    folder, listed = tmp_path_factory.mktemp("committed"), {}
    frames = [draw_face(seed) for seed in range(4)]
    landmarks = [detector.detect(frame)[0].landmarks for frame in frames]
    for path in COMMITTED:
        model = path.read_bytes()
        shape = Interpreter(model).input_shape
        crops = [align(frame, points, *shape[1:3]).pixels for frame, points in zip(frames, landmarks, strict=True)]
        inputs = np.concatenate([to_input(pixels, Preprocessing(*shape[1:3])) for pixels in crops])
        write_case(folder, listed, path.stem, model, inputs)
        write_case(folder, listed, f"{path.stem}-swapped", model, inputs[..., ::-1])
    write_case(folder, listed, "zeros", bytes(100), inputs)
    (folder / "cases.json").write_text(json.dumps(listed))
    return folder


def write_case(folder, listed, name, model, inputs):
    (folder / f"{name}.tflite").write_bytes(model)
    (folder / f"{name}.input").write_bytes(inputs.astype("<f4").tobytes())
    listed[name] = {"inputs": len(inputs), "input_shape": [1, *inputs.shape[1:]]}


def test_default_and_reference_kernels_agree_about_int8_but_not_by_chance(committed, closeness):
    for options in ((), ("--reference",)):
        told = ask(committed, committed, *options)
        assert list(told["refused"]) == ["zeros"], told
    for path in COMMITTED:
        expected = committed / f"{path.stem}.reference"
        found = closeness(committed / f"{path.stem}.default", expected)
        assert found.by_kernels, (path.stem, found)
        assert not found.equal, "expected other kernels than the reference's"
        assert not closeness(committed / f"{path.stem}-swapped.default", expected).by_kernels, path.stem


# every released model, in the runtimes of ai-edge-litert and of tflite-runtime


@pytest.fixture(scope="module")
def old_python():
    """The Python of an environment with tflite-runtime and neither TensorFlow nor LiteRT; kept between runs."""
    folder = ROOT / "build/runtimes/tflite-runtime"
    python, made = folder / "bin/python", folder / "made.json"
    if not made.exists() or json.loads(made.read_text()) != OLD:
        for command in ([sys.executable, "-m", "venv", "--clear", folder], [python, "-m", "pip", "install", "--quiet", *OLD]):
            ended = subprocess.run(command, capture_output=True, text=True, check=False)
            if ended.returncode:
                pytest.skip(f"{' '.join(map(str, command))}: {ended.stdout}{ended.stderr}")
        made.write_text(json.dumps(OLD))
    return python


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_litert_gives_the_same_bits_on_one_thread_and_on_two(cases, closeness, tmp_path, threads):
    told = ask(cases, tmp_path, "--threads", str(threads))
    assert not told["refused"] and told["runtime"] == "ai_edge_litert.interpreter"
    for name in told["seconds"]:
        assert closeness(tmp_path / f"{name}.default", cases / f"{name}.default").equal, name


@pytest.mark.slow
def test_tflite_runtime_loads_every_model_and_agrees(cases, names, closeness, old_python, tmp_path):
    """Its reference kernels have no REVERSE_V2 of integers, and it says so."""
    mirrored = {name for name in names("int8") if "mirrored" in name}
    for options in ((), ("--reference",)):
        told = ask(cases, tmp_path, *options, python=old_python)
        assert set(told["refused"]) == (mirrored if options else set()) and told["runtime"] == "tflite_runtime.interpreter"
        assert all("REVERSE_V2" in why for why in told["refused"].values())
    for name in names("int8"):
        if name not in mirrored:
            found = closeness(tmp_path / f"{name}.reference", cases / f"{name}.reference")
            assert found.equal or (found.steps <= 1 and found.by_kernels), (name, found)
        found = closeness(tmp_path / f"{name}.default", cases / f"{name}.reference")
        assert found.by_kernels, (name, found)
    for name in names("float32", "float16"):
        for kernels in ("default", "reference"):
            found = closeness(tmp_path / f"{name}.{kernels}", cases / f"{name}.{kernels}")
            assert found.by_rounding, (name, kernels, found)


@pytest.mark.slow
def test_what_passes_for_rounding_is_no_change_of_precision(cases, names, closeness):
    for name in names("float32"):
        found = closeness(cases / f"{name.replace('float32', 'float16')}.default", cases / f"{name}.default")
        assert not found.by_rounding, found
