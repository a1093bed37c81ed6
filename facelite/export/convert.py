"""Float weights of a network, or a Keras model of one's own -> a TFLite model of one precision, batch 1.

Imports TensorFlow and tf_keras, and Keras for a model of one's own: the workstation only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from facelite.errors import ExportError
from facelite.export.host import import_tensorflow, quiet
from facelite.export.inside import check_integer_inside
from facelite.export.keras_model import KerasModel, first_line
from facelite.export.metadata import add_metadata
from facelite.export.recipe import INTEGER, MIN_REPRESENTATIVE, Io, Precision
from facelite.face import FaceCrop
from facelite.networks import Network, build, fold, set_weights
from facelite.networks.weights import Weights
from facelite.preprocess import Preprocessing, to_input
from facelite.quantize.aware import train_aware
from facelite.quantize.distil import Schedule
from facelite.quantize.smaller import Smaller, make_smaller


def convert(
    network: Network,
    weights: Weights,
    /,
    *,
    precision: Precision,
    io: Io = "float32",
    representative: list[FaceCrop] | None = None,
    smaller: Smaller | None = None,
    pictures: list[FaceCrop] | None = None,
    tuning: Schedule | None = None,
    mirrored: bool = False,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> bytes:
    """The TFLite file of ``network`` with trained ``weights`` (with BatchNorm, by layer name).

    int8 is integer inside with per-channel weights, its ranges taken from the ``representative`` crops; a network that cannot be, for its L2
    pooling or local response normalisation, is refused. int8-qat keeps the squares and roots of L2 pooling in float. It, and what is made
    ``smaller``, learn from the crops ``pictures`` by ``tuning`` (by default as a recipe does) and tell ``progress`` of their steps. ``io`` int8:
    the numbers that go in and come out are integers too. ``mirrored``: what comes out is the mean of what the network makes of a crop and of its
    mirror image, in one file with its weights once, at twice the multiply-adds. Raises ExportError.
    """
    schedule = tuning or Schedule()
    if precision == "int8":
        _check_representative(representative or [])
    if precision == "int8-qat" or smaller:
        _check_representative(pictures or [])
    if not all(np.isfinite(value).all() for values in weights.values() for value in values):
        raise ExportError("expected finite weights, got some that are not; the training went astray: train again, with a smaller rate")
    start, batch = None, 2 if mirrored else 1
    with quiet():
        tf, tf_keras = import_tensorflow()
        model = build(network, keras=tf_keras, folded=True, batch=batch)
        try:
            folded = fold(weights)
            set_weights(model, folded)
        except (ValueError, IndexError):
            size = f"{network.height} x {network.width}, {network.embedding} numbers"
            raise ExportError(f"expected weights of the network {network.name} ({size}), got others; name the network that was trained") from None
    pixels = np.array([crop.pixels for crop in pictures or []])
    if smaller:
        start = make_smaller(network, folded, pixels, smaller, schedule=schedule, progress=progress)
        set_weights(model, start)
    if precision == "int8-qat":
        model = train_aware(network, folded, pixels, schedule=schedule, start=start, batch=batch, progress=progress)
    with quiet():
        converter = _mirrored(tf, model) if mirrored else tf.lite.TFLiteConverter.from_keras_model(model)
        return _converted(tf, converter, precision, io, representative or [], Preprocessing(network.height, network.width))


def _mirrored(tf: Any, model: Any) -> Any:
    """The converter of the mean of what ``model``, of batch 2, makes of a picture and its mirror image."""
    (_, height, width, colours), numbers = model.input_shape, model.output_shape[-1]

    @tf.function(input_signature=[tf.TensorSpec((1, height, width, colours), name="input")])  # type: ignore[untyped-decorator]
    def mean(picture: Any) -> Any:
        both = model(tf.concat([picture, tf.reverse(picture, [2])], 0))
        return tf.reshape(tf.nn.avg_pool2d(tf.reshape(both, (1, 2, 1, numbers)), (2, 1), 1, "VALID"), (1, numbers))

    return tf.lite.TFLiteConverter.from_concrete_functions([mean.get_concrete_function()], model)


def convert_keras(
    model: KerasModel,
    preprocessing: Preprocessing,
    /,
    *,
    precision: Precision,
    io: Io = "float32",
    representative: list[FaceCrop] | None = None,
) -> bytes:
    """The TFLite file of a Keras ``model`` of one's own, which takes what ``preprocessing`` makes of a crop; int8-qat is not offered for it.

    Raises ExportError, with the operators that TFLite has not, or the first that int8 would leave in float.
    """
    if precision in INTEGER:
        _check_representative(representative or [])
    with quiet():
        tf, _ = import_tensorflow()
        try:
            converter = tf.lite.TFLiteConverter.from_concrete_functions([model.frozen(tf)], tf.Module())
            return _converted(tf, converter, precision, io, representative or [], preprocessing)
        except ExportError as error:
            raise ExportError(f"{model.path}: {error}") from None
        except Exception as error:  # noqa: BLE001 - the converter's own class is private, and others come through it
            unknown = sorted(set(re.findall(r"'(tf\.\w+)' op is neither a custom op nor a flex op", str(error))))
            what = f"of operators that TFLite has, got {', '.join(unknown)}" if unknown else f"that TFLite can hold, got: {first_line(error)}"
    raise ExportError(f"{model.path}: expected a model {what}; put other layers in their place")


def _converted(tf: Any, converter: Any, precision: Precision, io: Io, crops: list[FaceCrop], preprocessing: Preprocessing) -> bytes:
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if precision == "int8":
        converter.representative_dataset = lambda: ([to_input(crop.pixels, preprocessing)] for crop in crops)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]  # int8-qat is refused with it: it has no pictures
    if io == "int8":
        converter.inference_input_type = converter.inference_output_type = tf.int8
    model = bytes(converter.convert())
    if precision == "int8":
        check_integer_inside(model)
    # tasks that read metadata feed float32 in RGB
    return add_metadata(model, preprocessing) if io == "float32" and preprocessing.colours == "RGB" else model


MIN_DEVIATION = 5.0
"""Mean standard deviation of a pixel over the representative images, of 255; aligned faces of a hundred people have about 60."""


def _check_representative(crops: list[FaceCrop]) -> None:
    """Ranges from too few pictures, or from one picture many times, would cut off what the device sees."""
    if len(crops) < MIN_REPRESENTATIVE:
        raise ExportError(f"expected at least {MIN_REPRESENTATIVE} representative images, got {len(crops)}; give more with --faces")
    deviation = float(np.stack([crop.pixels for crop in crops]).std(axis=0).mean())
    if deviation < MIN_DEVIATION:
        raise ExportError(f"expected representative images that differ, got a mean deviation of {deviation:.1f} of 255; give other people's too")
