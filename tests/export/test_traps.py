"""Traps of the toolchain that no module of ours stands for: which NumPy an old runtime gets, how many threads, and when TensorFlow is imported."""

from __future__ import annotations

import hashlib
import inspect
import os
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from facelite.cli.output import threads_option
from facelite.runtime.detector import Detector
from facelite.runtime.embedder import Embedder
from facelite.runtime.interpreter import Interpreter
from facelite.runtime.verifier import Verifier, open_verifier

ROOT = Path(__file__).parents[2]


def test_a_32_bit_pi_gets_tflite_runtime_with_numpy_1():
    """tflite-runtime 2.14 asks for NumPy 1.23.2 or later, and fails with 2 when it is loaded."""
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg")
    asked = map(Requirement, parser["options"]["install_requires"].split("\n")[1:])
    here = {"platform_machine": "armv7l", "python_version": "3.11"}
    needed = {one.name: one.specifier for one in asked if one.marker is None or one.marker.evaluate(here)}
    assert "tflite-runtime" in needed and "ai-edge-litert" not in needed
    assert needed["numpy"].contains("1.26.4") and not needed["numpy"].contains("2.0.0")


@pytest.mark.parametrize("function", [Interpreter, Detector, Embedder, Embedder.of, Verifier, open_verifier])
def test_one_thread_is_the_default(function):
    """On two of a busy machine tflite-runtime took up to thirty times as long."""
    assert inspect.signature(function).parameters["threads"].default == 1


def test_one_thread_is_the_default_of_the_command_line():
    command = threads_option(lambda threads: None)
    assert [option.default for option in command.__click_params__] == [1]


LATE = """
import sys
import tensorflow
assert tensorflow.keras.__version__.startswith("3")
from facelite.export.convert import convert
from facelite.networks import NETWORKS, build
from facelite.networks.weights import read_weights
from facelite.quantize.aware import quantised
import tf_keras
with open(sys.argv[2], "wb") as file:
    file.write(convert(NETWORKS["nns2"], read_weights(sys.argv[1]), precision="float32"))
quantised(build(NETWORKS["nns2"], keras=tf_keras, folded=True))
"""


def test_tensorflow_that_was_imported_before_the_conversion_makes_the_same_file(models, tmp_path):
    """TF_USE_LEGACY_KERAS comes too late then: TensorFlow has chosen Keras 3, where the converter and tfmot want tf_keras."""
    environment = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    command = [sys.executable, "-c", LATE, ROOT / "export/nns2/weights.npz", tmp_path / "late.tflite"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert ended.returncode == 0, ended.stderr
    assert hashlib.sha256((tmp_path / "late.tflite").read_bytes()).digest() == hashlib.sha256(models["float32"]).digest()
