"""A .tflite file as data: its tensors, and its operators in the order in which they run.

Such a file is a FlatBuffer: tables, each with a vtable that says where its numbered fields lie (https://flatbuffers.dev/internals). The numbers
of fields, types and operators are those of TensorFlow's schema.fbs (tensorflow/compiler/mlir/lite/schema). Nothing in the file is believed: each
offset, number and size is checked before it is used.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facelite.errors import BundleError

TYPES: Mapping[int, np.dtype[Any]] = {number: np.dtype(code) for number, code in {0: "<f4", 1: "<f2", 2: "<i4", 9: "<i1"}.items()}
"""TensorType: FLOAT32, FLOAT16, INT32, INT8."""

_BYTE, _INT = "<b", "<i"

_ACTIVATION = "fused_activation_function"
_WINDOW = {"padding": (0, _BYTE), "stride_w": (1, _INT), "stride_h": (2, _INT)}
_POOL = _WINDOW | {"filter_width": (3, _INT), "filter_height": (4, _INT), _ACTIVATION: (5, _BYTE)}

OPERATORS: Mapping[int, tuple[str, Mapping[str, tuple[int, str]]]] = {
    0: ("ADD", {_ACTIVATION: (0, _BYTE)}),
    1: ("AVERAGE_POOL_2D", _POOL),
    2: ("CONCATENATION", {"axis": (0, _INT), _ACTIVATION: (1, _BYTE)}),
    3: ("CONV_2D", _WINDOW | {_ACTIVATION: (3, _BYTE), "dilation_w_factor": (4, _INT), "dilation_h_factor": (5, _INT)}),
    4: ("DEPTHWISE_CONV_2D", _WINDOW | {_ACTIVATION: (4, _BYTE), "dilation_w_factor": (5, _INT), "dilation_h_factor": (6, _INT)}),
    6: ("DEQUANTIZE", {}),
    9: ("FULLY_CONNECTED", {_ACTIVATION: (0, _BYTE)}),
    17: ("MAX_POOL_2D", _POOL),
    18: ("MUL", {_ACTIVATION: (0, _BYTE)}),
    19: ("RELU", {}),
    22: ("RESHAPE", {}),
    34: ("PAD", {}),
    105: ("REVERSE_V2", {}),
    114: ("QUANTIZE", {}),
}
"""BuiltinOperator: its name and, of its options, those that decide what it computes: number of the field, format."""

_DEFAULTS = {"dilation_w_factor": 1, "dilation_h_factor": 1}
"""What an option is where the file leaves it out; the others are 0."""

MOST_NUMBERS = 1 << 28
"""A tensor has no more numbers (1 GB of float32), so that a damaged shape does not fill the memory."""

MOST_MADE = 1 << 25
"""Numbers that a model makes in one run, at most, beside those that its constants become: 128 MB of float32. Our detector makes 2.6 million."""

MOST_TABLES = 1 << 16
"""Tensors, operators or buffers of a model, at most."""


class ForeignModel(BundleError):
    """A model of other operators or types than facelite knows."""


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """What is known of a tensor before the model runs. ``data`` (*shape) is that of a constant, else None.

    Of a quantised one, real = scale * (value - zero point): ``scales`` (n,) float32 and ``zero_points`` (n,) int64 hold one number, or one for each
    place along ``axis``. They are empty of one that is not.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scales: NDArray[np.float32]
    zero_points: NDArray[np.int64]
    axis: int
    data: NDArray[Any] | None


@dataclass(frozen=True, slots=True)
class Operator:
    """One step: ``inputs`` and ``output`` are places in the model's ``tensors``."""

    name: str
    options: Mapping[str, int]
    inputs: tuple[int, ...]
    output: int


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Every input of an operator is a constant, one of ``inputs``, or the output of an operator before it."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_model(data: bytes, /, *, foreign: bool = False) -> Model:
    """The model in a .tflite file's content; its constants are views of ``data``.

    Operators that are not in OPERATORS are refused, or, with ``foreign``, named by their number, and so are tensors of other types, or then taken
    for bytes: such a model is there to be looked at, not to be run. Raises BundleError.
    """
    if data[4:8] != b"TFL3":
        raise malformed(f"{len(data):,} bytes without the mark TFL3")
    root = _Table(_File(data, len(data)), _read(data, "<I", 0))
    graphs = root.tables(2)
    if len(graphs) != 1:
        raise malformed(f"{len(graphs)} graphs in place of one")
    graph, buffers = graphs[0], root.tables(4)
    tensors = tuple(_read_tensor(table, buffers, foreign) for table in graph.tables(0))
    codes = [max(code.number(0, _BYTE), code.number(3, _INT)) for code in root.tables(1)]  # 3 is the newer field: 0 has no room above 127
    operators = tuple(_read_operator(table, codes, foreign) for table in graph.tables(3))
    model = Model(tensors, operators, graph.numbers(1), graph.numbers(2))
    made = sum(math.prod(tensor.shape) for tensor in tensors if tensor.data is None)
    if made > MOST_MADE + 2 * len(data):  # two int4 in a byte, which TYPES does not know for constants
        raise malformed(f"a model that makes {made:,} numbers")
    if foreign:
        _check_places(model)
    else:
        _check_order(model)
    return model


def _read_tensor(table: _Table, buffers: list[_Table], foreign: bool) -> Tensor:
    try:
        name = table.array(3, "<u1").tobytes().decode()
    except UnicodeDecodeError:
        raise malformed("a tensor whose name is no text") from None
    shape, kind = table.numbers(0), table.number(1, _BYTE)
    if kind not in TYPES:
        if foreign:
            if min(shape, default=0) < 0:
                raise malformed(f"a tensor of shape {shape}")
            return Tensor(name, shape, np.dtype(np.uint8), np.empty(0, np.float32), np.empty(0, np.int64), 0, None)
        raise _foreign(f"tensors of {', '.join(dtype.name for dtype in TYPES.values())}", f"a tensor of type {kind}")
    dtype, size = TYPES[kind], math.prod(shape)
    if min(shape, default=1) < 1 or size > MOST_NUMBERS:
        raise malformed(f"a tensor of shape {shape}")
    scales, zero_points, axis = _read_quantization(table.table(4), shape)
    if (number := table.number(2, "<I")) >= len(buffers):
        raise malformed(f"a tensor in buffer {number} of {len(buffers)}")
    stored = buffers[number].content()
    if stored.size not in (0, size * dtype.itemsize):
        raise malformed(f"a tensor of shape {shape} and type {dtype.name} in {stored.size:,} bytes")
    return Tensor(name, shape, dtype, scales, zero_points, axis, stored.view(dtype).reshape(shape) if stored.size else None)


def _read_quantization(table: _Table | None, shape: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.int64], int]:
    if table is None:
        return np.empty(0, np.float32), np.empty(0, np.int64), 0
    scales, zero_points, axis = table.array(2, "<f4"), table.array(3, "<i8"), table.number(6, _INT)
    if len(scales) != len(zero_points) or not (np.isfinite(scales) & (scales >= 0)).all():
        raise malformed(f"a tensor of {len(scales)} scales, of which some may be no scale, and {len(zero_points)} zero points")
    if len(scales) > 1 and not (0 <= axis < len(shape) and shape[axis] == len(scales)):
        raise malformed(f"a tensor of shape {shape} with {len(scales)} scales along axis {axis}")
    return scales, zero_points, axis


def _read_operator(table: _Table, codes: list[int], foreign: bool) -> Operator:
    if (number := table.number(0, "<I")) >= len(codes):
        raise malformed(f"an operator of code {number} of {len(codes)}")
    if codes[number] not in OPERATORS and not foreign:
        raise _foreign(f"the operators {', '.join(name for name, _ in OPERATORS.values())}", f"number {codes[number]} of TFLite's")
    name, fields = OPERATORS.get(codes[number], (f"number {codes[number]} of TFLite's", {}))
    given, inputs, outputs = table.table(4), table.numbers(1), table.numbers(2)
    while inputs and inputs[-1] == -1:  # left out, as a bias may be
        inputs = inputs[:-1]
    if not outputs or (len(outputs) > 1 and not foreign):
        raise malformed(f"an operator {name} of {len(outputs)} outputs")
    if foreign:
        if min(outputs) < 0 or (codes[number] in OPERATORS and min(inputs, default=0) < 0):
            raise malformed(f"an operator {name} that makes {outputs} from {inputs}")
        inputs = tuple(place for place in inputs if place >= 0)
    absent = {option: _DEFAULTS.get(option, 0) for option in fields}
    options = {option: given.number(field, kind, absent[option]) for option, (field, kind) in fields.items()} if given else absent
    return Operator(name, options, inputs, outputs[0])


def _check_places(model: Model) -> None:
    """Refuse a tensor that is none of the model's."""
    places = {*model.inputs, *model.outputs}.union(*((*operator.inputs, operator.output) for operator in model.operators))
    if not places <= set(range(len(model.tensors))) or not model.inputs or not model.outputs:
        raise malformed(f"a model of {len(model.tensors):,} tensors that names {sorted(places)[:3]} to {sorted(places)[-1:]}")


def _check_order(model: Model) -> None:
    """Refuse an operator that takes what nothing has made before it, or makes what is there already."""
    constants = {place for place, tensor in enumerate(model.tensors) if tensor.data is not None}
    makable = set(range(len(model.tensors))) - constants
    if not model.inputs or not makable.issuperset(model.inputs):
        raise malformed(f"a model of inputs {model.inputs}")
    made = constants.union(model.inputs)
    for operator in model.operators:
        if not made.issuperset(operator.inputs) or operator.output not in makable - made:
            raise malformed(f"an operator {operator.name} that makes tensor {operator.output} from {operator.inputs}, out of order")
        made.add(operator.output)
    if not model.outputs or not made.issuperset(model.outputs):
        raise malformed(f"a model of outputs {model.outputs}")


@dataclass(slots=True)
class _File:
    """The file's bytes, and how many of them may still be taken in vectors: where several tables have one in common, more than there are would be."""

    data: bytes
    left: int


@dataclass(frozen=True, slots=True)
class _Table:
    """One table: its fields by number. One that is absent reads as ``default``, None or empty."""

    file: _File
    start: int

    @property
    def data(self) -> bytes:
        return self.file.data

    def number(self, field: int, kind: str, default: int = 0) -> int:
        at = self._at(field)
        return default if at is None else _read(self.data, kind, at)

    def table(self, field: int) -> _Table | None:
        at = self._at(field)
        return None if at is None else _Table(self.file, at + _read(self.data, "<I", at))

    def tables(self, field: int) -> list[_Table]:
        start, count = self._vector(field, 4)
        if count > MOST_TABLES:
            raise malformed(f"{count:,} tables")
        return [_Table(self.file, at + _read(self.data, "<I", at)) for at in range(start, start + 4 * count, 4)]

    def numbers(self, field: int) -> tuple[int, ...]:
        return tuple(self.array(field, "<i4").tolist())

    def array(self, field: int, kind: str) -> NDArray[Any]:
        dtype = np.dtype(kind)
        start, count = self._vector(field, dtype.itemsize)
        self.file.left -= count * dtype.itemsize
        if self.file.left < 0:
            raise malformed("vectors that lie over each other")
        return np.frombuffer(self.data, dtype, count, start)

    def content(self) -> NDArray[np.uint8]:
        """The bytes of a buffer, as many as several tables may have in common: its vector, or what an offset from the file's start and a size say."""
        start, count = self._vector(0, 1)
        if not count and (offset := self.number(1, "<Q")) > 1:
            start, count = offset, self.number(2, "<Q")
            if start + count > len(self.data):
                raise malformed(f"{count:,} bytes at {start:,} of {len(self.data):,}")
        return np.frombuffer(self.data, np.uint8, count, start)

    def _vector(self, field: int, size: int) -> tuple[int, int]:
        """Where a vector of numbers of ``size`` bytes starts, and how many there are."""
        table = self.table(field)
        if table is None:
            return 0, 0
        start, count = table.start + 4, _read(self.data, "<I", table.start)
        if start + count * size > len(self.data):
            raise malformed(f"{count:,} numbers of {size} bytes at {start:,} of {len(self.data):,}")
        return start, count

    def _at(self, field: int) -> int | None:
        vtable, entry = self.start - _read(self.data, _INT, self.start), 4 + 2 * field
        offset = _read(self.data, "<H", vtable + entry) if entry < _read(self.data, "<H", vtable) else 0
        return self.start + offset if offset else None


def _read(data: bytes, kind: str, at: int) -> int:
    if not 0 <= at <= len(data) - struct.calcsize(kind):
        raise malformed(f"an offset to {at:,} in {len(data):,} bytes")
    number: int = struct.unpack_from(kind, data, at)[0]
    return number


def malformed(what: str, /) -> BundleError:
    """The error of a file that is no model, or a damaged one."""
    return BundleError(f"expected a TFLite model that facelite can load, got: {what}; export it again")


def _foreign(known: str, what: str) -> BundleError:
    return ForeignModel(f"expected a TFLite model of {known}, got: {what}; type: pip install ai-edge-litert")
