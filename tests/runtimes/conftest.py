"""What every runtime is asked, written once, and how near its answer is to another."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from facelite.runtime.golden import DISTANCE_TOLERANCE

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Closeness:
    """Of the outputs of one case to those expected: the worst of its inputs."""

    equal: bool
    """Every bit."""
    cosine: float
    length: float
    """Of the difference, over the length of what is expected."""
    steps: float
    """The largest difference of a number, over the smallest between two that are expected: int8's step."""

    @property
    def by_rounding(self) -> bool:
        """Floats added in another order, or multiplied and added in one: no more than 9e-6 was measured, on x86-64, aarch64 and armv7.

        The weights' rounding to float16 alone moves an embedding by 7e-4 or more.
        """
        return self.length <= 5e-5

    @property
    def by_kernels(self) -> bool:
        """int8 by kernels that round a layer's sums in another way, which all later layers then carry on.

        A cosine of 0.994 or more was measured, and no more than 5 steps: between XNNPACK's kernels, the reference's and those of tflite-runtime 2.14,
        on both released networks, for the cases and another 40 drawn faces, 16 photographs and 20 pictures of noise. int8 is not much nearer
        to float32 (0.996). What is let pass is no more than the self-test of a bundle lets pass, a cosine of 0.99; swapped colours give 0.975.
        """
        return 2 - 2 * self.cosine <= DISTANCE_TOLERANCE and self.steps <= 8


@pytest.fixture(scope="session")
def cases(tmp_path_factory) -> Path:
    """The folder that cases.py writes: the models, their inputs, and LiteRT's outputs here."""
    folder = tmp_path_factory.mktemp("cases")
    written = subprocess.run([sys.executable, HERE / "cases.py", folder], capture_output=True, text=True, check=False)
    assert written.returncode == 0, written.stderr
    return folder


@pytest.fixture(scope="session")
def names(cases):
    """names(PRECISION, ...): of the cases of these precisions."""
    listed = json.loads((cases / "cases.json").read_text())
    return lambda *precisions: [name for name, case in listed.items() if case["precision"] in precisions]


@pytest.fixture(scope="session")
def closeness():
    """closeness(given, expected): of the outputs in one file, NAME.kernels, to those in another, which has cases.json beside it."""

    def measure(given, expected):
        inputs = json.loads((expected.parent / "cases.json").read_text())[expected.stem]["inputs"]
        there, here = (np.fromfile(file, "<f4").reshape(inputs, -1).astype(np.float64) for file in (given, expected))
        lengths = np.linalg.norm(there, axis=1), np.linalg.norm(here, axis=1)
        return Closeness(
            equal=given.read_bytes() == expected.read_bytes(),
            cosine=float(((there * here).sum(1) / (lengths[0] * lengths[1])).min()),
            length=float((np.linalg.norm(there - here, axis=1) / lengths[1]).max()),
            steps=float(np.abs(there - here).max() / np.diff(np.unique(here)).min()),
        )

    return measure
