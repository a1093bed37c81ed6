"""Verifiers of the released bundle, and a runtime in whose place a test can put its own answers."""

from __future__ import annotations

import numpy as np
import pytest

from facelite.runtime.embedder import Embedder
from facelite.runtime.golden import unpack_golden
from facelite.runtime.verifier import Verifier


@pytest.fixture(scope="session")
def verifier(bundle):
    return Verifier(bundle)


@pytest.fixture(scope="session")
def embedder(bundle):
    return Embedder.of(bundle)


@pytest.fixture(scope="session")
def goldens(bundle):
    return unpack_golden(bundle.files["golden.json"])


class StubRuntime:
    """Stands for the module of a TFLite runtime: one model whose outputs are ``answer(input)``."""

    __name__ = "stub.interpreter"

    def __init__(self, answer, shape=(1, 112, 96, 3), sizes=((1, 128),), kinds=(np.float32, np.float32), inputs=1):
        self.answer, self.inputs = (
            answer,
            [{"index": 0, "shape": np.array(shape), "dtype": kinds[0], "name": "in", "quantization": (0.0, 0)}] * inputs,
        )
        self.outputs = [
            {"index": i + 1, "shape": np.array(size), "dtype": kinds[1], "name": f"out{i}", "quantization": (0.0, 0)} for i, size in enumerate(sizes)
        ]

    def Interpreter(self, *, model_content, num_threads):
        assert model_content and num_threads
        return self

    def allocate_tensors(self):
        pass

    def get_input_details(self):
        return self.inputs

    def get_output_details(self):
        return self.outputs[::-1]

    def set_tensor(self, index, values):
        assert values.dtype == np.float32
        self.values = values

    def invoke(self):
        self.results = self.answer(self.values)

    def get_tensor(self, index):
        return self.results[index - 1]


@pytest.fixture
def stub_runtime(monkeypatch):
    """stub_runtime(answer, ...): from now on every model is a StubRuntime of these arguments."""

    def put(*arguments, **named):
        monkeypatch.setattr("facelite.runtime.interpreter._load_runtime", lambda: StubRuntime(*arguments, **named))

    return put
