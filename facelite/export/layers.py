"""A .tflite layer by layer: what each costs, and how far quantisation has led it away from the same layer in float."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facelite.errors import BundleError
from facelite.face import Floats
from facelite.runtime.interpreter import Steps
from facelite.runtime.model import Model, Operator, Tensor, read_model
from facelite.runtime.reference import run


@dataclass(frozen=True, slots=True)
class Layer:
    """One operator. ``output`` is the shape of what it makes, without the batch; ``bytes`` those of its weights.

    ``error``: the root of the mean square of what it makes less what float32 makes there, over the root of float32's own mean square; all that
    went wrong before is in it. None where float32 has no such layer, or where one of the two has operators that the reference interpreter does
    not know. ``sources`` are the places, in the list of layers, of those whose outputs
    it takes.
    """

    name: str
    operator: str
    output: tuple[int, ...]
    parameters: int
    multiply_adds: int
    bytes: int
    error: float | None
    sources: tuple[int, ...]


def describe_layers(model: bytes, /, *, float32: bytes | None = None, inputs: Sequence[Floats] = ()) -> list[Layer]:
    """The layers of ``model`` in the order in which they run, beside those of ``float32``, if given, on ``inputs``, each (1, height, width, 3).

    Counted as ``facelite.networks.count`` does. Empty where ``model`` has tensors of types that facelite does not read.
    """
    try:
        ours = read_model(model, foreign=True)
    except BundleError:
        return []
    errors: dict[int, float] = {}
    if float32:
        with suppress(BundleError):
            errors = _errors(read_model(model), read_model(float32), inputs)
    weights = _weights(ours)
    layers: list[Layer] = []
    place: dict[int, int] = {}
    for operator in ours.operators:
        if operator.output in weights:  # weights that are made float before they are used
            continue
        output = ours.tensors[operator.output]
        constants = [weights[one] for one in operator.inputs if one in weights] if operator.name in WEIGHTED else []
        parameters = sum(math.prod(constant.shape) for constant in constants)
        layers.append(
            Layer(
                name=layer_name(output.name),
                operator=operator.name,
                output=output.shape[1:],
                parameters=parameters,
                multiply_adds=parameters * math.prod(output.shape[:-1]),
                bytes=sum(math.prod(constant.shape) * constant.dtype.itemsize for constant in constants),
                error=errors.get(operator.output),
                sources=tuple(place[one] for one in operator.inputs if one in place),
            )
        )
        place[operator.output] = len(layers) - 1
    return layers


def worst_layer(layers: Sequence[Layer], /) -> Layer | None:
    """The layer of the largest error; None where no layer is off, or none was measured."""
    off = [layer for layer in layers if layer.error]
    return max(off, key=lambda layer: layer.error or 0.0, default=None)


def total_layers(layers: Sequence[Layer], /) -> tuple[int, int]:
    """Parameters and multiply-adds of all ``layers`` together."""
    return sum(layer.parameters for layer in layers), sum(layer.multiply_adds for layer in layers)


WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def layer_name(tensor: str, /) -> str:
    """The layer of the network that a tensor's name tells of: "nns2/quant_conv1/Relu;..." is of conv1. The converter renames the last one."""
    parts = tensor.partition(";")[0].split("/")
    name = parts[1] if len(parts) > 1 else parts[0]
    return "embedding" if name.startswith("StatefulPartitionedCall") else name.removeprefix("quant_")


def _weights(model: Model) -> Mapping[int, Tensor]:
    """Constants by place, and what is only a constant made float, as which the constant itself counts."""
    weights = {place: tensor for place, tensor in enumerate(model.tensors) if tensor.data is not None}
    for operator in model.operators:
        if operator.name == "DEQUANTIZE" and operator.inputs[0] in weights:
            weights[operator.output] = weights[operator.inputs[0]]
    return weights


def _errors(ours: Model, theirs: Model, inputs: Sequence[Floats]) -> dict[int, float]:
    """The error of each tensor of ``ours`` whose operator has one of the same layer and shape in ``theirs``."""
    known = {_key(theirs, operator): operator.output for operator in theirs.operators}
    pairs = {operator.output: known[key] for operator in ours.operators if (key := _key(ours, operator)) in known}
    off, size = dict.fromkeys(pairs, 0.0), dict.fromkeys(pairs, 0.0)
    for values in inputs:
        found, floats = (run(model, {model.inputs[0]: _given(model, values)}) for model in (ours, theirs))
        for one, other in pairs.items():
            off[one] += float(np.square(_real(ours.tensors[one], found[one]) - floats[other]).sum())
            size[one] += float(np.square(floats[other]).sum())
    return {one: math.sqrt(off[one] / size[one]) for one in pairs if size[one] > 0}


def _given(model: Model, values: Floats) -> NDArray[Any]:
    tensor = model.tensors[model.inputs[0]]
    return Steps(tensor.scales[0], int(tensor.zero_points[0])).quantise(values) if tensor.dtype == np.int8 else values


def _key(model: Model, operator: Operator) -> tuple[str, tuple[int, ...]]:
    output = model.tensors[operator.output]
    return layer_name(output.name), output.shape


def _real(tensor: Tensor, values: NDArray[Any]) -> NDArray[Any]:
    """What quantised values stand for."""
    return (values.astype(np.float32) - tensor.zero_points[0]) * tensor.scales[0] if len(tensor.scales) else values
