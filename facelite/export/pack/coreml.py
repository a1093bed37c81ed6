"""A float TFLite model -> a Core ML package (an ML program), operator by operator.

Core ML wants colours first and TFLite has them last: every picture inside is (1, channels, height, width), and what flattens one turns it back
first. Borders of windows are given in pixels, since an ML program's own "same" may put the odd pixel elsewhere.

Imports coremltools, pinned, since neither its builder nor what it saves is the same from release to release: pip install 'facelite[mobile]'.
Source: coremltools 9.0, the MIL operators of iOS 15.
"""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from facelite.errors import ExportError
from facelite.export.host import quiet
from facelite.runtime.float_kernels import place
from facelite.runtime.model import ForeignModel, Model, Operator, Tensor, read_model

Weights = Literal["float32", "float16", "int8"]
"""float32: weights and sums; float16: both; int8: as float16, but the weights are stored in int8, with a scale and a zero point for each channel."""

INPUT = "input"
"""The name of a package's input."""

SPEC = "Data/com.apple.CoreML/model.mlmodel"
BLOB = "Data/com.apple.CoreML/weights/weight.bin"
"""Files of a package: the program, and its weights."""

_NOTES = "com.github.apple.coremltools."
"""Begins the names of what coremltools notes in a model, the day among others."""

_COLOURS_FIRST, _COLOURS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)

_NO_PROGRAM = (
    "expected convolutions, dense layers, pooling in windows, sums, products, padding and ReLU for Core ML; "
    "put them in the place of other layers, or pack for Android or the web"
)

_AXES = (0, 2, 3, 1)
"""Where each axis of (1, height, width, channels) is in (1, channels, height, width)."""


def import_coremltools() -> Any:
    """coremltools. Raises ExportError where it is missing."""
    try:
        with quiet():
            import coremltools
            import coremltools.libmilstoragepython
    except ImportError as error:
        where = "on Linux (x86-64) or a Mac with Apple silicon: pip install 'facelite[mobile]'"
        raise ExportError(f"expected {error.name} for Core ML, found none; install it {where}") from None
    return coremltools


def to_coreml(model: bytes, /, *, weights: Weights, outputs: Mapping[str, str]) -> dict[str, bytes]:
    """The files of the .mlpackage by their paths in it: the same bytes for the same model.

    ``model`` is a .tflite file that computes in float32; weights that it stores in float16 are taken as they are. ``outputs`` maps its names of
    outputs to the package's. Raises ExportError for a model of integers and for what cannot be said in an ML program.
    """
    if weights not in get_args(Weights):
        raise ValueError(f"expected weights out of {', '.join(get_args(Weights))}, got {weights}")
    try:
        graph = read_model(model)
    except ForeignModel as error:
        raise ExportError(f"{_NO_PROGRAM}: {error}") from None
    if any(len(tensor.scales) for tensor in graph.tensors):
        raise ExportError("expected a float model for Core ML, got one of integers; give a float32 bundle too, or the recipe that names the weights")
    ct = import_coremltools()
    with quiet(), tempfile.TemporaryDirectory() as folder:
        made = ct.convert(
            _program(ct, graph, outputs),
            convert_to="mlprogram",
            minimum_deployment_target=ct.target.iOS15,
            compute_precision=ct.precision.FLOAT32 if weights == "float32" else ct.precision.FLOAT16,
            skip_model_load=True,
        )
        if weights == "int8":
            how = ct.optimize.coreml.OpLinearQuantizerConfig(mode="linear", dtype="int8", granularity="per_channel")
            made = ct.optimize.coreml.linear_quantize_weights(made, ct.optimize.coreml.OptimizationConfig(global_config=how))
        package = Path(folder) / "made.mlpackage"
        made.save(str(package))
        return _settled(ct, {path.relative_to(package).as_posix(): path.read_bytes() for path in package.rglob("*") if path.is_file()})


def _settled(ct: Any, files: dict[str, bytes]) -> dict[str, bytes]:
    """A package's files without what differs from run to run: days and numbers drawn by lot."""
    spec = ct.proto.Model_pb2.Model.FromString(files[SPEC])
    notes = spec.description.metadata.userDefined
    for name in [name for name in notes if name.startswith(_NOTES)]:
        del notes[name]
    manifest = json.loads(files["Manifest.json"])
    names = {item: str(uuid.uuid5(uuid.NAMESPACE_URL, entry["path"])).upper() for item, entry in manifest["itemInfoEntries"].items()}
    manifest["itemInfoEntries"] = {names[item]: entry for item, entry in manifest["itemInfoEntries"].items()}
    manifest["rootModelIdentifier"] = names[manifest["rootModelIdentifier"]]
    return files | {SPEC: spec.SerializeToString(deterministic=True), "Manifest.json": json.dumps(manifest, indent=1, sort_keys=True).encode()}


def _program(ct: Any, model: Model, outputs: Mapping[str, str]) -> Any:
    """The MIL program."""
    from coremltools.converters.mil import Builder as mb  # noqa: N813 - its name in all of coremltools' documents

    if len(model.inputs) != 1:
        raise ExportError(f"expected a model of one input, got {len(model.inputs)}; export it so")

    def body(input: Any) -> Any:
        builder = _Builder(mb, model, input)
        for operator in model.operators:
            builder.add(operator)
        return tuple(builder.output(at, outputs[model.tensors[at].name]) for at in model.outputs)

    return mb.program(input_specs=[mb.TensorSpec(shape=model.tensors[model.inputs[0]].shape)], opset_version=ct.target.iOS15)(body)


class _Builder:
    """What has been built of each tensor: an array where it is a constant, else MIL's variable, pictures with colours first."""

    def __init__(self, mb: Any, model: Model, start: Any) -> None:
        self.mb, self.tensors = mb, model.tensors
        self.values: dict[int, Any] = {at: tensor.data for at, tensor in enumerate(model.tensors) if tensor.data is not None}
        self.values[model.inputs[0]] = self.first(start)
        self.methods = {
            "ADD": lambda operator: self.both(operator, mb.add),
            "AVERAGE_POOL_2D": lambda operator: self.pool(operator, mb.avg_pool, exclude_padding_from_average=True),
            "CONCATENATION": self.concatenate,
            "CONV_2D": self.convolve,
            "DEPTHWISE_CONV_2D": self.convolve,
            "DEQUANTIZE": lambda operator: self.values[operator.inputs[0]].astype(np.float32),
            "FULLY_CONNECTED": self.connect,
            "MAX_POOL_2D": lambda operator: self.pool(operator, mb.max_pool),
            "MUL": lambda operator: self.both(operator, mb.mul),
            "PAD": self.pad,
            "RELU": lambda operator: mb.relu(x=self.values[operator.inputs[0]]),
            "RESHAPE": self.reshape,
            "REVERSE_V2": self.reverse,
        }

    def add(self, operator: Operator) -> None:
        if operator.name not in self.methods:
            raise ExportError(f"{_NO_PROGRAM}: {operator.name}")
        made = self.methods[operator.name](operator)
        self.values[operator.output] = self.activated(made, operator.options.get("fused_activation_function", 0))

    def output(self, at: int, name: str) -> Any:
        return self.mb.identity(x=self.last(self.values[at]), name=name)

    def first(self, x: Any) -> Any:
        return self.mb.transpose(x=x, perm=_COLOURS_FIRST) if x.rank == 4 else x

    def last(self, x: Any) -> Any:
        return self.mb.transpose(x=x, perm=_COLOURS_LAST) if x.rank == 4 else x

    def activated(self, x: Any, activation: int) -> Any:
        if activation == 0:
            return x
        if activation == 1:
            return self.mb.relu(x=x)
        if activation == 3:
            return self.mb.relu6(x=x)
        raise ExportError(f"expected the activations none, ReLU or ReLU6 for Core ML, got number {activation} of TFLite's; put another in its place")

    def both(self, operator: Operator, make: Any) -> Any:
        """An operator of two tensors, of which one may be a constant for each channel."""
        x, y = (self.values[at] for at in operator.inputs)
        rank = len(self.tensors[operator.output].shape)
        x, y = (_broadcast(one, rank) if isinstance(one, np.ndarray) else one for one in (x, y))
        return make(x=x, y=y)

    def concatenate(self, operator: Operator) -> Any:
        axis, rank = operator.options["axis"], len(self.tensors[operator.output].shape)
        return self.mb.concat(values=[self.values[at] for at in operator.inputs], axis=_AXES[axis] if rank == 4 else axis)

    def convolve(self, operator: Operator) -> Any:
        picture, weights = (self.tensors[at] for at in operator.inputs[:2])
        kernel = self.values[operator.inputs[1]].astype(np.float32)
        bias = {"bias": self.values[operator.inputs[2]].astype(np.float32)} if len(operator.inputs) > 2 else {}
        deep = operator.name == "DEPTHWISE_CONV_2D"  # its weights are (1, height, width, channels)
        return self.mb.conv(
            x=self.values[operator.inputs[0]],
            weight=np.ascontiguousarray(kernel.transpose(3, 0, 1, 2) if deep else kernel.transpose(0, 3, 1, 2)),
            groups=picture.shape[3] if deep else picture.shape[3] // weights.shape[3],
            dilations=[operator.options["dilation_h_factor"], operator.options["dilation_w_factor"]],
            **bias,
            **_window(operator, picture, *weights.shape[1:3]),
        )

    def connect(self, operator: Operator) -> Any:
        x, kernel, *bias = (self.values[at] for at in operator.inputs)
        given = {"bias": bias[0].astype(np.float32)} if bias else {}
        rows = self.mb.reshape(x=self.last(x), shape=[-1, kernel.shape[1]]) if len(self.tensors[operator.inputs[0]].shape) != 2 else x
        made, shape = self.mb.linear(x=rows, weight=kernel.astype(np.float32), **given), self.tensors[operator.output].shape
        return made if len(shape) == 2 else self.first(self.mb.reshape(x=made, shape=list(shape)))

    def pool(self, operator: Operator, make: Any, **options: Any) -> Any:
        taps = operator.options["filter_height"], operator.options["filter_width"]
        window = _window(operator, self.tensors[operator.inputs[0]], *taps)
        return make(x=self.values[operator.inputs[0]], kernel_sizes=list(taps), **window, **options)

    def pad(self, operator: Operator) -> Any:
        border = self.values[operator.inputs[1]]
        if len(border) == 4:
            border = border[list(_COLOURS_FIRST)]
        return self.mb.pad(x=self.values[operator.inputs[0]], pad=border.ravel().astype(np.int32), mode="constant", constant_val=0.0)

    def reshape(self, operator: Operator) -> Any:
        made = self.mb.reshape(x=self.last(self.values[operator.inputs[0]]), shape=list(self.tensors[operator.output].shape))
        return self.first(made)

    def reverse(self, operator: Operator) -> Any:
        x, axes = (self.values[at] for at in operator.inputs)
        return self.mb.reverse(x=x, axes=[_AXES[axis] if x.rank == 4 else axis for axis in axes.tolist()])


def _window(operator: Operator, picture: Tensor, height: int, width: int) -> dict[str, Any]:
    """Strides and border of a window of so many taps."""
    options, same = operator.options, operator.options["padding"] == 0
    rows = place(picture.shape[1], taps=height, stride=options["stride_h"], dilation=options.get("dilation_h_factor", 1), same=same)
    columns = place(picture.shape[2], taps=width, stride=options["stride_w"], dilation=options.get("dilation_w_factor", 1), same=same)
    return {"strides": [rows.stride, columns.stride], "pad_type": "custom", "pad": [*rows.border, *columns.border]}


def _broadcast(constant: NDArray[Any], rank: int) -> NDArray[Any]:
    """A float constant with as many axes as what it meets, colours first where that is a picture."""
    values = constant.astype(np.float32).reshape((1,) * (rank - constant.ndim) + constant.shape)
    return np.ascontiguousarray(values.transpose(_COLOURS_FIRST)) if rank == 4 else values
