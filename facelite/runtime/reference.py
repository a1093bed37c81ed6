"""A TFLite model run in NumPy alone: an independent oracle for the runtimes, and what is used where none of them is installed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facelite.runtime.kernels import Call, Value, compute
from facelite.runtime.model import Model, read_model


def run(model: Model, inputs: Mapping[int, NDArray[Any]], /) -> dict[int, NDArray[Any]]:
    """What every tensor of ``model`` holds, by its place in ``model.tensors``, for the ``inputs`` by theirs.

    Raises ValueError for inputs that are not the model's, BundleError where operators and tensors do not fit together.
    """
    expected = {place: (model.tensors[place].shape, model.tensors[place].dtype) for place in model.inputs}
    if (given := {place: (value.shape, value.dtype) for place, value in inputs.items()}) != expected:
        raise ValueError(f"expected inputs {expected}, got {given}")
    values = {place: tensor.data for place, tensor in enumerate(model.tensors) if tensor.data is not None} | dict(inputs)
    for operator in model.operators:
        arguments = tuple(Value(model.tensors[place], values[place]) for place in operator.inputs)
        values[operator.output] = compute(Call(operator, arguments, model.tensors[operator.output]))
    return values


class Interpreter:
    """``run`` behind the methods of the runtimes' own Interpreter that facelite uses. Raises BundleError for what ``read_model`` refuses."""

    def __init__(self, *, model_content: bytes, num_threads: int = 1) -> None:  # noqa: ARG002 - how many threads BLAS takes is its own affair
        _tell()
        self._model = read_model(model_content)
        self._inputs: dict[int, NDArray[Any]] = {}
        self._values: dict[int, NDArray[Any]] = {}

    def allocate_tensors(self) -> None:
        """Nothing is left to do."""

    def get_input_details(self) -> list[dict[str, Any]]:
        return [self._details(place) for place in self._model.inputs]

    def get_output_details(self) -> list[dict[str, Any]]:
        return [self._details(place) for place in self._model.outputs]

    def set_tensor(self, index: int, values: NDArray[Any]) -> None:
        self._inputs[index] = values.copy()

    def invoke(self) -> None:
        """Raises what ``run`` raises."""
        self._values = run(self._model, self._inputs)

    def get_tensor(self, index: int) -> NDArray[Any]:
        return self._values[index].copy()

    def _details(self, place: int) -> dict[str, Any]:
        tensor = self._model.tensors[place]
        steps = (float(tensor.scales[0]), int(tensor.zero_points[0])) if len(tensor.scales) else (0.0, 0)
        return {"name": tensor.name, "index": place, "shape": np.array(tensor.shape, np.int32), "dtype": tensor.dtype.type, "quantization": steps}


@cache
def _tell() -> None:
    """Once in a process, and to the log: the person at the device can mend it, the program that called cannot, and must not fail for it."""
    logging.getLogger("facelite").warning("expected a TFLite runtime, found none: models run in NumPy, slowly; type: pip install ai-edge-litert")
