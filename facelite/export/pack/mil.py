"""A Core ML package read back and run in NumPy: what it computes by its own program, weights and layout, without Apple's machines.

Each operator's sum is taken in a type of twice the digits of its result, float64 or float32, and then rounded once to float32 or float16.
Apple's kernels add in other orders and may keep more or fewer digits: that is the phone's self-test to judge. Source: coremltools 9.0, the MIL
operators of iOS 15 and 16.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facelite.errors import ExportError
from facelite.export.host import quiet
from facelite.export.pack.coreml import BLOB, INPUT, SPEC, import_coremltools
from facelite.face import FaceCrop, Floats
from facelite.preprocess import Preprocessing, to_input
from facelite.runtime.float_kernels import Axis, Window, convolve, convolve_depthwise, pool_max, pool_sum

Array = NDArray[Any]

SUMS = {"fp16": np.float32, "fp32": np.float64}
"""What the values of a type are kept in: the digits are those of the type, the room is for sums of them."""

_ROUNDED = {"fp16": np.float16, "fp32": np.float32}


def package_hash(files: Mapping[str, bytes], /) -> str:
    """The sha256 of a package: of a line for each file, its own sha256 and its path, in the order of the paths."""
    lines = [f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


class Program:
    """The program of a package's ``files``. Raises ExportError for operators that no package of ours has.

    Several threads may run it; but coremltools reads only one at a time.
    """

    def __init__(self, files: Mapping[str, bytes], /) -> None:
        ct = import_coremltools()
        from coremltools.converters.mil.frontend.milproto import load

        spec = ct.proto.Model_pb2.Model.FromString(files[SPEC])
        with quiet(), tempfile.TemporaryDirectory() as folder:
            (Path(folder) / Path(BLOB).name).write_bytes(files[BLOB])
            function = load.load(spec, spec.specificationVersion, folder).functions["main"]
        self.constants: dict[str, Any] = {}
        self.steps: list[Any] = []
        self.outputs = [output.name for output in function.outputs]
        for operator in function.operations:
            if operator.op_type == "const":
                self.constants[operator.outputs[0].name] = _widened(operator.outputs[0].val)
            elif operator.op_type == "constexpr_affine_dequantize":
                self.constants[operator.outputs[0].name] = _widened(_dequantise(**self._given(operator, self.constants)))
            elif operator.op_type in OPERATORS:
                self.steps.append(operator)
            else:
                raise ExportError(f"expected MIL operators out of {', '.join(OPERATORS)}, got {operator.op_type}; convert with coremltools 9.0")

    def run(self, values: Floats, /) -> dict[str, Floats]:
        """Outputs by name for the ``values`` of the one input."""
        known = {**self.constants, INPUT: np.asarray(values, np.float32).astype(np.float64)}
        for operator in self.steps:
            made = OPERATORS[operator.op_type](**self._given(operator, known))
            (output,) = operator.outputs
            kind = output.dtype.__type_info__().name
            known[output.name] = made.astype(_ROUNDED[kind]).astype(SUMS[kind])
        return {name: known[name].astype(np.float32) for name in self.outputs}

    def _given(self, operator: Any, known: Mapping[str, Any]) -> dict[str, Any]:
        def value(one: Any) -> Any:
            return [known[each.name] for each in one] if isinstance(one, (list, tuple)) else known[one.name]

        return {name: value(one) for name, one in operator.inputs.items() if one is not None}


class CoreMlEmbedder:
    """Aligned crops -> vectors by the program of a package, as ``runtime.embedder.Embedder`` gives them by a TFLite file."""

    def __init__(self, files: Mapping[str, bytes], /, *, preprocessing: Preprocessing) -> None:
        self.preprocessing, self.artefact = preprocessing, package_hash(files)
        self._program = Program(files)

    def vectors(self, crops: Sequence[FaceCrop], /) -> Floats:
        """The raw outputs (n, d) for n crops, not of unit length."""
        return np.concatenate([next(iter(self._program.run(to_input(crop.pixels, self.preprocessing)).values())) for crop in crops])


def _widened(value: Any) -> Any:
    kinds = {np.dtype(np.float16): np.float32, np.dtype(np.float32): np.float64}
    return value.astype(kinds[value.dtype]) if isinstance(value, np.ndarray) and value.dtype in kinds else value


def _dequantise(*, quantized_data: Array, zero_point: Array, scale: Array, axis: Any) -> Array:
    """real = scale * (value - zero point) in float16, one of each for every place along ``axis``."""
    shape = [1] * quantized_data.ndim
    shape[int(axis)] = -1
    steps = quantized_data.astype(np.float32) - np.asarray(zero_point, np.float32).reshape(shape)
    real: Array = (steps * np.asarray(scale, np.float32).reshape(shape)).astype(np.float16)
    return real


def _conv(*, x: Array, weight: Array, strides: Array, pad: Array, dilations: Array, groups: Any, bias: Any = 0.0, pad_type: str) -> Array:
    window = _window(pad_type, x, weight.shape[2:], strides, pad, dilations)
    pixels, kernel = _last(x), weight.transpose(0, 2, 3, 1)
    if kernel.shape[3] == 1 and int(groups) > 1:  # each channel by itself
        made: Array = convolve_depthwise(pixels, weight.transpose(1, 2, 3, 0), window=window)
    else:
        parts = zip(np.split(pixels, int(groups), axis=3), np.split(kernel, int(groups)), strict=True)
        made = np.concatenate([convolve(part, own, window=window) for part, own in parts], axis=3)
    biased: Array = made + bias
    return biased.transpose(0, 3, 1, 2)


def _max_pool(*, x: Array, kernel_sizes: Array, strides: Array, pad: Array, pad_type: str, ceil_mode: Any) -> Array:
    return pool_max(_last(x), window=_pool(pad_type, x, kernel_sizes, strides, pad, ceil_mode)).transpose(0, 3, 1, 2)


def _avg_pool(
    *, x: Array, kernel_sizes: Array, strides: Array, pad: Array, pad_type: str, ceil_mode: Any, exclude_padding_from_average: Any
) -> Array:
    total, count = pool_sum(_last(x), window=_pool(pad_type, x, kernel_sizes, strides, pad, ceil_mode))
    return (total / (count if exclude_padding_from_average else np.prod(kernel_sizes))).transpose(0, 3, 1, 2)


def _pool(pad_type: str, x: Array, kernel_sizes: Array, strides: Array, pad: Array, ceil_mode: Any) -> Window:
    if ceil_mode:
        raise ExportError("expected pooling that rounds its places down, got one that rounds them up; convert with coremltools 9.0")
    return _window(pad_type, x, kernel_sizes, strides, pad, np.ones(2, np.int32))


def _window(pad_type: str, x: Array, taps: Array | tuple[int, ...], strides: Array, pad: Array, dilations: Array) -> Window:
    if pad_type != "custom":
        raise ExportError(f"expected windows whose border is given in pixels, got {pad_type}; convert with coremltools 9.0")

    def axis(i: int) -> Axis:
        n, stride, apart, border = int(taps[i]), int(strides[i]), int(dilations[i]), (int(pad[2 * i]), int(pad[2 * i + 1]))
        return Axis(n, stride, apart, (x.shape[2 + i] + sum(border) - (n - 1) * apart - 1) // stride + 1, border)

    return axis(0), axis(1)


def _pad(*, x: Array, pad: Array, mode: str, constant_val: Any) -> Array:
    if mode != "constant":
        raise ExportError(f"expected a border of one number, got {mode}; convert with coremltools 9.0")
    ends = np.asarray(pad).reshape(-1, 2)
    return np.pad(x, [(0, 0)] * (x.ndim - len(ends)) + ends.tolist(), constant_values=constant_val)


def _last(x: Array) -> Array:
    """A picture with its colours last."""
    return x.transpose(0, 2, 3, 1)


OPERATORS: Mapping[str, Callable[..., Array]] = {
    "add": lambda x, y: x + y,
    "avg_pool": _avg_pool,
    "cast": lambda x, dtype: x,  # its output's type rounds it
    "concat": lambda values, axis, interleave: np.concatenate(values, int(axis)),
    "conv": _conv,
    "identity": lambda x: x,
    "linear": lambda x, weight, bias=0.0: x @ weight.T + bias,
    "max_pool": _max_pool,
    "mul": lambda x, y: x * y,
    "pad": _pad,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "reshape": lambda x, shape: x.reshape(shape),
    "reverse": lambda x, axes: np.flip(x, np.asarray(axes).tolist()),
    "transpose": lambda x, perm: x.transpose(perm),
}
