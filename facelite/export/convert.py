"""Float weights -> a TFLite model of one precision, batch 1, float in and out.

Imports TensorFlow and tf_keras: the workstation only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from facelite.errors import ExportError
from facelite.export.recipe import INTEGER, MIN_REPRESENTATIVE, Precision
from facelite.face import FaceCrop
from facelite.networks import Network, build, fold, set_weights
from facelite.networks.weights import Weights
from facelite.preprocess import Preprocessing, to_input
from facelite.quantize.aware import Schedule, train_aware


def convert(
    network: Network,
    weights: Weights,
    /,
    *,
    precision: Precision,
    representative: list[FaceCrop] | None = None,
    qat: Schedule | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> bytes:
    """The TFLite file of ``network`` with trained ``weights`` (with BatchNorm, by layer name).

    int8 is integer inside with per-channel weights, its ranges taken from the ``representative`` crops; int8-qat learns from them by ``qat``
    (by default as a recipe does)
    and tells ``progress`` of its steps. Raises ExportError.
    """
    crops = representative or []
    if precision in INTEGER:
        _check_representative(crops)
    if not all(np.isfinite(value).all() for values in weights.values() for value in values):
        raise ExportError("expected finite weights, got some that are not; the training went astray: train again, with a smaller rate")
    with _quiet():
        tf, tf_keras = _import_tensorflow()
        model = build(network, keras=tf_keras, folded=True, batch=1)
        try:
            set_weights(model, fold(weights))
        except (ValueError, IndexError):
            size = f"{network.height} x {network.width}, {network.embedding} numbers"
            raise ExportError(f"expected weights of the network {network.name} ({size}), got others; name the network that was trained") from None
    if precision == "int8-qat":
        model = train_aware(network, fold(weights), np.stack([crop.pixels for crop in crops]), schedule=qat or Schedule(), progress=progress)
    with _quiet():
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if precision == "int8":
            preprocessing = Preprocessing(network.height, network.width)
            converter.representative_dataset = lambda: ([to_input(crop.pixels, preprocessing)] for crop in crops)
        if precision in INTEGER:
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        return bytes(converter.convert())


def _import_tensorflow() -> tuple[Any, Any]:
    """TensorFlow and the Keras that it converts. Raises ExportError where one is missing."""
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # tf.lite takes tf_keras models only with this set before the import
    try:
        import tensorflow
        import tf_keras
    except ImportError as error:
        raise ExportError(f"expected {error.name} for the conversion, found none; install it: pip install 'facelite[train]'") from None
    return tensorflow, tf_keras


MIN_DEVIATION = 5.0
"""Mean standard deviation of a pixel over the representative images, of 255; aligned faces of a hundred people have about 60."""


def _check_representative(crops: list[FaceCrop]) -> None:
    """Ranges from too few pictures, or from one picture many times, would cut off what the device sees."""
    if len(crops) < MIN_REPRESENTATIVE:
        raise ExportError(f"expected at least {MIN_REPRESENTATIVE} representative images, got {len(crops)}; give more with --faces")
    deviation = float(np.stack([crop.pixels for crop in crops]).std(axis=0).mean())
    if deviation < MIN_DEVIATION:
        raise ExportError(f"expected representative images that differ, got a mean deviation of {deviation:.1f} of 255; give other people's too")


@contextmanager
def _quiet() -> Iterator[None]:
    """TensorFlow writes progress and advice to both streams from C++, past every logging level; a user should see none of it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import logging
    import sys
    import warnings

    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(1), os.dup(2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, copy in zip((1, 2), saved, strict=True):
            os.dup2(copy, number)
            os.close(copy)
        os.close(nowhere)
