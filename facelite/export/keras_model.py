"""A Keras model of one's own in a file: one image to one vector, whatever its layers are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facelite.errors import ExportError, InputError

SUFFIXES = (".keras", ".h5")
"""Of the files in which Keras keeps a whole model."""

LEAST = 32
"""Pixels of the shorter side that an embedder takes at least."""


@dataclass(frozen=True, slots=True, eq=False)
class KerasModel:
    """A ``model`` of Keras 3 or tf_keras that takes (batch, ``height``, ``width``, 3) and gives (batch, d)."""

    path: Path
    model: Any
    height: int
    width: int

    def frozen(self, tf: Any, /) -> Any:
        """The model for one image as a concrete function of TensorFlow's, its variables constants: others would stay variables in TFLite."""
        from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

        image = tf.TensorSpec((1, self.height, self.width, 3), tf.float32, name="image")
        function = tf.function(lambda x: tf.cast(self.model(x, training=False), tf.float32))
        return convert_variables_to_constants_v2(function.get_concrete_function(image))


def load_keras(path: Path, /, *, height: int = 0, width: int = 0) -> KerasModel:
    """The model in ``path``. ``height`` and ``width`` are for a model that takes images of any size, 0 for another.

    Raises InputError for a file that is no model, ExportError for one that does not map an image to a vector.
    """
    model = _load(path)
    taken, given = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    if not (isinstance(taken, tuple) and len(taken) == 4 and taken[3] == 3 and isinstance(given, tuple) and len(given) == 2 and given[1]):
        raise ExportError(f"{path}: expected a model of one image (height, width, 3) to one vector, got {taken} to {given}; build it so")
    return KerasModel(path, model, _side(path, "height", taken[1], height), _side(path, "width", taken[2], width))


def _side(path: Path, name: str, own: int | None, wanted: int) -> int:
    if not own and not wanted:
        raise ExportError(f"{path}: expected {name} in the recipe of a model that takes images of any size, got none; name it")
    if own and wanted and own != wanted:
        raise ExportError(f"{path}: expected the {name} of the model, {own}, got {wanted}; leave it out of the recipe")
    if (side := own or wanted) < LEAST:
        raise ExportError(f"{path}: expected a model of images of {LEAST} x {LEAST} or more, got a {name} of {side}; build it so")
    return side


def _load(path: Path) -> Any:
    """By Keras 3, else by tf_keras, which writes files of the same names; neither runs code that the file brings. Raises InputError."""
    if not path.is_file():
        raise InputError(f"{path}: expected a Keras model, got no file; name another")
    try:
        import keras
        import tf_keras
        from tf_keras.src.saving.serialization_lib import SafeModeScope  # without it an .h5 may bring code
    except ImportError as error:
        raise ExportError(f"expected {error.name} for the conversion, found none; install it: pip install 'facelite[train]'") from None
    if keras.backend.backend() != "tensorflow":
        raise ExportError(f"expected Keras on TensorFlow for the conversion, got it on {keras.backend.backend()}; unset KERAS_BACKEND")
    reasons = []
    for host in (keras, tf_keras):
        try:
            with SafeModeScope(True):
                return host.models.load_model(str(path), compile=False)
        except Exception as error:  # noqa: BLE001 - whatever is wrong in somebody's file
            reasons.append(first_line(error))
    raise InputError(
        f"{path}: expected a model that Keras can load, got: {reasons[0]} (Keras 3); {reasons[1]} (tf_keras); "
        "save it whole, of Keras' own layers and without a Lambda: model.save('model.keras')"
    )


def first_line(error: Exception, /) -> str:
    """What ``error`` says first, at most 200 characters of it."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]
