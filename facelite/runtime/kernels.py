"""The operators of a TFLite model in NumPy: in int8 bit for bit what LiteRT's reference kernels compute.

Sources: LiteRT, tflite/kernels: each operator's file, kernel_util.cc, internal/common.cc, internal/quantization_util.cc. Where they leave a choice to
the build, LiteRT 2.3 was tried: it rounds twice (it is built without TFLITE_SINGLE_ROUNDING).

All sums are taken in float64: those of integers are exact (see ``float_kernels``), and a float32 result is rounded once. LiteRT rounds each partial
sum of a convolution and of an average; so there float32 models differ in the last bits, and nowhere else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facelite.errors import BundleError
from facelite.runtime.float_kernels import Doubles, Window, convolve, convolve_depthwise, place, pool_max, pool_sum
from facelite.runtime.model import MOST_MADE, Operator, Tensor

Array = NDArray[Any]

_SAME, _VALID = 0, 1
"""Padding."""

_RELU = 1

_ACTIVATIONS = {0: (-np.inf, np.inf), _RELU: (0, np.inf), 2: (-1, 1), 3: (0, 6)}
"""ActivationFunctionType NONE, RELU, RELU_N1_TO_1, RELU6: the range that it leaves."""

_RAISED = 1 << 20
"""What ADD multiplies int8 numbers by before it brings them to one scale (add.cc)."""

_LARGEST_FACTOR = 2.0**30
"""A quotient of scales from there on shifts an int32 out of itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A tensor and the numbers (*shape) that it holds in this run."""

    tensor: Tensor
    array: Array

    @property
    def scale(self) -> np.float32:
        return _affine(self.tensor)[0]

    def doubles(self) -> Doubles:
        """The numbers, those of int8 without their zero point."""
        doubles: Doubles = self.array.astype(np.float64)
        return doubles - _affine(self.tensor)[1] if self.array.dtype == np.int8 else doubles


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """An operator, what its inputs hold, and the tensor that it makes."""

    operator: Operator
    inputs: tuple[Value, ...]
    output: Tensor

    @property
    def is_float(self) -> bool:
        return self.output.dtype == np.float32


def compute(call: Call, /) -> Array:
    """The output's numbers. Raises BundleError where the operator's tensors do not fit together."""
    try:
        kernel = _kernel(call)
        with np.errstate(over="ignore", invalid="ignore"):  # numbers of a damaged file overflow without a word, as in LiteRT
            array = kernel(call)
        _expect_shape(call, array.shape)
    except ValueError as error:  # ours, or NumPy's about shapes
        what = f"{call.operator.name}: {error}"
        raise BundleError(f"expected a TFLite model that facelite can run, got {what}; export it again or type: pip install ai-edge-litert") from None
    return array


def _add(call: Call) -> Array:
    a, b = call.inputs
    _expect_shape(call, np.broadcast_shapes(a.array.shape, b.array.shape))
    if call.is_float:
        return _cut(call, a.doubles() + b.doubles())
    scale = 2 * np.float64(max(a.scale, b.scale))
    first, second = (rescale(value.doubles() * _RAISED, np.float64(value.scale) / scale) for value in (a, b))
    return _requantise(call, first + second, scale / (_RAISED * np.float64(_affine(call.output)[0])))


def _multiply(call: Call) -> Array:
    a, b = call.inputs
    _expect_shape(call, np.broadcast_shapes(a.array.shape, b.array.shape))
    product = a.doubles() * b.doubles()
    if call.is_float:
        return _cut(call, product)
    return _requantise(call, product, a.scale * b.scale / _affine(call.output)[0])  # of float32, as in mul.cc


def _convolve(call: Call) -> Array:
    x, weights = call.inputs[:2]
    _, height, width, channels = weights.array.shape
    window = _window(call, height, width)
    if channels != x.array.shape[3]:
        raise ValueError(f"expected weights for {x.array.shape[3]} channels, got {channels}")
    if (seen := math.prod(call.output.shape[:3]) * height * width * channels) > MOST_MADE:
        raise ValueError(f"expected windows of {MOST_MADE:,} numbers at most, got {seen:,}")
    return _biased(call, convolve(x.doubles(), weights.array.astype(np.float64), window=window), axis=0)


def _convolve_depthwise(call: Call) -> Array:
    x, weights = call.inputs[:2]
    one, height, width, channels = weights.array.shape
    window = _window(call, height, width)
    if one != 1 or channels % x.array.shape[3]:
        raise ValueError(f"expected weights (1, height, width, a multiple of {x.array.shape[3]}), got {weights.array.shape}")
    return _biased(call, convolve_depthwise(x.doubles(), weights.array.astype(np.float64), window=window), axis=3)


def _connect(call: Call) -> Array:
    x, weights = call.inputs[:2]
    _, columns = weights.array.shape
    sums = x.doubles().reshape(-1, columns) @ weights.array.astype(np.float64).T
    return _biased(call, sums, axis=0).reshape(call.output.shape)


def _biased(call: Call, sums: Doubles, *, axis: int) -> Array:
    """``sums`` (..., channels) with the bias, as output; the weights have one scale, or one for each channel along their ``axis``."""
    x, weights, *bias = call.inputs
    if bias:
        sums = sums + bias[0].array.reshape(sums.shape[-1])
    if call.is_float:
        return _cut(call, sums)
    scales = weights.tensor.scales
    if not len(scales) or (len(scales) > 1 and weights.tensor.axis != axis) or weights.tensor.zero_points.any():  # TFLite's quantization spec
        raise ValueError(f"expected weights of zero point 0 with one scale or one along axis {axis}, got {len(scales)} along {weights.tensor.axis}")
    factors = np.float64(x.scale) * scales.astype(np.float64) / np.float64(_affine(call.output)[0])
    return _requantise(call, sums, factors)


def _pool_average(call: Call) -> Array:
    total, count = pool_sum(call.inputs[0].array.astype(np.float64), window=_pool_window(call))
    if call.is_float:
        return _cut(call, total / count)
    return _cut(call, np.sign(total) * ((np.abs(total) + count // 2) // count))  # halves away from zero


def _pool_max(call: Call) -> Array:
    return _cut(call, pool_max(call.inputs[0].array.astype(np.float64), window=_pool_window(call)))


def _concatenate(call: Call) -> Array:
    if not call.is_float and len({_affine(tensor) for tensor in (call.output, *(value.tensor for value in call.inputs))}) > 1:
        raise ValueError("expected int8 tensors of one scale and zero point")  # LiteRT too refuses others: converters put QUANTIZE before it
    return _cut(call, np.concatenate([value.array for value in call.inputs], axis=call.operator.options["axis"]))


def _pad(call: Call) -> Array:
    x, border = (value.array for value in call.inputs)
    if border.shape != (x.ndim, 2):
        raise ValueError(f"expected a border of shape {(x.ndim, 2)}, got {border.shape}")
    _expect_shape(call, tuple(side + sum(ends) for side, ends in zip(x.shape, border.tolist(), strict=True)))
    return np.pad(x, border, constant_values=0 if call.is_float else _affine(call.output)[1])


def _relu(call: Call) -> Array:
    x = call.inputs[0]
    if call.is_float:
        return _cut(call, x.array)
    return _requantise(call, x.doubles(), x.scale / _affine(call.output)[0])  # of float32, as in activations.cc


def _reshape(call: Call) -> Array:
    return call.inputs[0].array.reshape(call.output.shape)  # every shape is fixed in the file: the second input says nothing new


def _reverse(call: Call) -> Array:
    x, axes = (value.array for value in call.inputs)
    if axes.ndim != 1:
        raise ValueError(f"expected a list of axes, got an array of shape {axes.shape}")
    return np.flip(x, axes.tolist())


def _quantise(call: Call) -> Array:
    x, (scale, zero_point) = call.inputs[0], _affine(call.output)
    if x.array.dtype == np.float32:
        return _cut(call, _round(x.array / scale) + zero_point)
    return _requantise(call, x.doubles(), np.float64(x.scale) / np.float64(scale))


def _dequantise(call: Call) -> Array:
    x = call.inputs[0]
    return (x.doubles() * (np.float64(x.scale) if x.array.dtype == np.int8 else 1)).astype(np.float32)


KERNELS: Mapping[str, tuple[Callable[[Call], Array], str]] = {
    "ADD": (_add, "ff>f|bb>b"),
    "AVERAGE_POOL_2D": (_pool_average, "f>f|b>b"),
    "CONCATENATION": (_concatenate, "f+>f|b+>b"),
    "CONV_2D": (_convolve, "fff?>f|bbi?>b"),
    "DEPTHWISE_CONV_2D": (_convolve_depthwise, "fff?>f|bbi?>b"),
    "DEQUANTIZE": (_dequantise, "[hb]>f"),
    "FULLY_CONNECTED": (_connect, "fff?>f|bbi?>b"),
    "MAX_POOL_2D": (_pool_max, "f>f|b>b"),
    "MUL": (_multiply, "ff>f|bb>b"),
    "PAD": (_pad, "fi>f|bi>b"),
    "QUANTIZE": (_quantise, "[fb]>b"),
    "RELU": (_relu, "f>f|b>b"),
    "RESHAPE": (_reshape, "fi?>f|bi?>b"),
    "REVERSE_V2": (_reverse, "fi>f|bi>b"),
}
"""By the operator's name: what computes it, and a pattern of the types of inputs > output for which it does, by these letters."""

_LETTERS = {"float32": "f", "float16": "h", "int32": "i", "int8": "b"}


def types(inputs: Iterable[Tensor], output: Tensor, /) -> str:
    """Those of an operator's tensors by their letters, as KERNELS has them."""
    return "".join(_LETTERS[tensor.dtype.name] for tensor in inputs) + ">" + _LETTERS[output.dtype.name]


def _kernel(call: Call) -> Callable[[Call], Array]:
    kernel, expected = KERNELS[call.operator.name]
    given = types((value.tensor for value in call.inputs), call.output)
    if not re.fullmatch(expected, given):
        raise ValueError(f"expected types {expected}, got {given}, where {', '.join(f'{letter} is {name}' for name, letter in _LETTERS.items())}")
    return kernel


def _pool_window(call: Call) -> Window:
    return _window(call, call.operator.options["filter_height"], call.operator.options["filter_width"])


def _window(call: Call, height: int, width: int) -> Window:
    """The window of so many taps of a convolution or pooling."""
    options, picture = call.operator.options, call.inputs[0].array.shape
    if len(picture) != 4 or options["padding"] not in (_SAME, _VALID):
        raise ValueError(f"expected a picture (n, height, width, channels) and padding 0 or 1, got {picture} and {options['padding']}")
    same = options["padding"] == _SAME
    vertical = place(picture[1], taps=height, stride=options["stride_h"], dilation=options.get("dilation_h_factor", 1), same=same)
    horizontal = place(picture[2], taps=width, stride=options["stride_w"], dilation=options.get("dilation_w_factor", 1), same=same)
    _expect_shape(call, (picture[0], vertical.places, horizontal.places, *call.output.shape[-1:]))
    return vertical, horizontal


def _expect_shape(call: Call, shape: tuple[int, ...]) -> None:
    """Of every output once it is made; before, where numbers in the file could make it larger than memory."""
    if shape != call.output.shape:
        raise ValueError(f"expected an output of shape {shape}, got {call.output.shape}")


def _affine(tensor: Tensor) -> tuple[np.float32, int]:
    """Scale and zero point of an int8 tensor that has one of each."""
    if len(tensor.scales) != 1 or not tensor.scales[0] > 0 or not -128 <= tensor.zero_points[0] <= 127:
        raise ValueError(f"expected one scale > 0 and one zero point of int8, got {tensor.scales} and {tensor.zero_points}")
    return tensor.scales[0], int(tensor.zero_points[0])


def _requantise(call: Call, values: Array, factor: Any) -> Array:
    """``values`` times ``factor``, and the zero point, as int8."""
    in_doubles = call.operator.name == "FULLY_CONNECTED"  # it alone, in LiteRT 2.3; in fixed point, as the others, in tflite-runtime 2.14
    scaled = _round(values * factor) if in_doubles else rescale(values, factor)
    return _cut(call, scaled + _affine(call.output)[1])


def _cut(call: Call, values: Array) -> Array:
    """``values`` cut to the range that the operator's activation leaves, in the output's type."""
    activation = _RELU if call.operator.name == "RELU" else call.operator.options.get("fused_activation_function", 0)
    if activation not in _ACTIVATIONS:
        raise ValueError(f"expected an activation out of {sorted(_ACTIVATIONS)}, got {activation}")
    low, high = _ACTIVATIONS[activation]
    if not call.is_float:
        scale, zero_point = _affine(call.output)
        low, high = max(-128, zero_point + _round(np.float32(low) / scale)), min(127, zero_point + _round(np.float32(high) / scale))
    return np.clip(values, low, high).astype(call.output.dtype)


def rescale(values: Array, factor: Any, /) -> NDArray[np.int64]:
    """Whole ``values`` (..., n) times ``factor``, one or (n,), rounded as MultiplyByQuantizedMultiplier rounds. Raises ValueError for one of 2^30."""
    multiplier, shift = quantise_multiplier(factor)
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    raised = (values.astype(np.int64) << left).astype(np.int32).astype(np.int64)  # an int32 there, and it wraps
    high = (raised * multiplier + (1 << 30)) >> 31  # SaturatingRoundingDoublingHighMul: halves go up
    away = (high < 0) & (right > 0)
    return np.asarray((high + ((1 << right) >> 1) - away) >> right, np.int64)  # RoundingDivideByPOT: halves go away from zero


def quantise_multiplier(factor: Any, /) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """QuantizeMultiplier: factor = multiplier / 2^31 * 2^shift, 2^30 <= multiplier < 2^31; 0 for a factor below 2^-32."""
    factors = np.asarray(factor, np.float64)
    if not (factors < _LARGEST_FACTOR).all():
        raise ValueError(f"expected scales whose quotient is below 2^30, got {factors.max()}")
    fraction, exponent = np.frexp(factors)
    multiplier = _round(fraction * (1 << 31)).astype(np.int64)
    full = multiplier == 1 << 31  # rounded up to a power of two
    shift = exponent.astype(np.int64) + full
    tiny = shift < -31
    return np.where(tiny, 0, np.where(full, 1 << 30, multiplier)), np.where(tiny, 0, shift)


def _round(values: Any) -> Any:
    """To the nearest, halves away from zero, as C does; in float64, where adding a half to a float32 is exact."""
    doubles = np.asarray(values, np.float64)
    return np.trunc(doubles + np.copysign(0.5, doubles))
