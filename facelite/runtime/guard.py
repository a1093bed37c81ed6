"""What is looked for in a model before a runtime in C++ gets it: a damaged one takes down the process there, where no exception tells of it.

The hashes in a bundle do not keep such a model away: whoever forges a model can forge them. LiteRT 2.3 checks offsets and most shapes itself. It was
seen to crash at tensors that are none of the model's, at int8 tensors without a scale, at sums far finer than what is added, and at operators of
mixed types, and to fill the memory with the taps of a window or a tensor of any size.
"""

from __future__ import annotations

import re

import numpy as np

from facelite.runtime.kernels import KERNELS, types
from facelite.runtime.model import ForeignModel, Model, Operator, Tensor, malformed, read_model

MOST_TAPS = 128
"""Side, stride and dilation of a window, at most: LiteRT makes room for every tap at every place."""

FINEST_SUM = 2.0**-19
"""Step of a sum, at least, over that of what ADD adds: at a finer one LiteRT ends the process (add.cc, QuantizeMultiplierSmallerThanOneExp)."""

_SIDES = {"stride_w", "stride_h", "filter_width", "filter_height", "dilation_w_factor", "dilation_h_factor"}

_LEAST = np.finfo(np.float32).smallest_normal

_CONVOLUTIONS = {"CONV_2D", "DEPTHWISE_CONV_2D"}

_DYNAMIC = re.compile("fbf?>f")
"""Types of a product of float with int8 weights, which the precision "dynamic" has, and no kernel of ours."""


def check_model(data: bytes, /) -> None:
    """Refuse a model that a runtime might not survive. Raises BundleError.

    Where a model has operators or types that are not ours, less is known of it, and less is looked for.
    """
    try:
        model = read_model(data)
    except ForeignModel:
        model = read_model(data, foreign=True)
    else:
        for tensor in model.tensors:
            _check_steps(tensor)
        for operator in model.operators:
            _check_types(operator, model)
            _check_sum(operator, model)
            _check_axis(operator, model)
    for operator in model.operators:
        _check_window(operator, model)


def _check_steps(tensor: Tensor) -> None:
    """An int8 tensor has scales; one that is made has one scale, which can be divided by, and a zero point of int8."""
    if tensor.dtype != np.int8:
        return
    scales, made = tensor.scales, tensor.data is None
    if not len(scales) or (made and not (len(scales) == 1 and scales[0] >= _LEAST and -128 <= tensor.zero_points[0] <= 127)):
        raise malformed(f"int8 numbers of the scales {scales[:3].tolist()} and zero points {tensor.zero_points[:3].tolist()}")


def _check_types(operator: Operator, model: Model) -> None:
    """As many tensors as the operator has, of types that are known to go together."""
    given = types((model.tensors[place] for place in operator.inputs), model.tensors[operator.output])
    weighted = operator.name in _CONVOLUTIONS or operator.name == "FULLY_CONNECTED"
    if not re.fullmatch(KERNELS[operator.name][1], given) and not (weighted and _DYNAMIC.fullmatch(given)):
        raise malformed(f"an operator {operator.name} of the types {given}")


def _check_sum(operator: Operator, model: Model) -> None:
    scales = [float(model.tensors[place].scales[0]) for place in (operator.output, *operator.inputs) if model.tensors[place].dtype == np.int8]
    if operator.name == "ADD" and scales and scales[0] <= FINEST_SUM * max(scales):
        raise malformed(f"an operator ADD of the scales {scales[1:]} > {scales[0]}")


def _check_axis(operator: Operator, model: Model) -> None:
    """A mirror image is taken along one axis that there is: at none LiteRT crashes, at others it fails once it runs."""
    if operator.name == "REVERSE_V2":
        x, axes = (model.tensors[place] for place in operator.inputs)
        if axes.data is None or axes.shape != (1,) or not -len(x.shape) <= axes.data[0] < len(x.shape):
            raise malformed(f"an operator REVERSE_V2 of {len(x.shape)} axes along {None if axes.data is None else axes.data.tolist()}")


def _check_window(operator: Operator, model: Model) -> None:
    sides = [value for option, value in operator.options.items() if option in _SIDES]
    if operator.name in _CONVOLUTIONS and len(operator.inputs) > 1:
        sides += model.tensors[operator.inputs[1]].shape[1:3]
    if not all(1 <= side <= MOST_TAPS for side in sides):
        raise malformed(f"an operator {operator.name} with a window of {sides}")
