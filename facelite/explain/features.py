"""A network's layers as functions of a picture of any size: what style transfer compares pictures by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from facelite.errors import InputError
from facelite.explain.float_network import FloatNetwork, open_float_network
from facelite.explain.units import EMBEDDING, layers
from facelite.export.host import import_tensorflow, quiet
from facelite.export.keras_model import SUFFIXES, load_keras
from facelite.networks import build
from facelite.preprocess import Preprocessing, parse_preprocessing

Layers = Callable[[Any], Sequence[Any]]
"""A picture (1, h, w, 3) as the network takes it -> the layers' (1, h', w', c)."""


class Features:
    """The layers ``known`` by name, from the picture inwards. ``size`` is (height, width) of the pictures, None where they may have any.

    ``tf`` is the TensorFlow that computes them, ``preprocessing`` what makes their input.
    """

    def __init__(
        self, tf: Any, known: Sequence[str], preprocessing: Preprocessing, size: tuple[int, int] | None, make: Callable[..., Layers]
    ) -> None:
        self.tf, self.known, self.preprocessing, self.size, self._make = tf, known, preprocessing, size, make

    def at(self, names: Sequence[str], height: int, width: int, /) -> Layers:
        """These layers of a picture of ``height`` x ``width``. Raises InputError for a layer that there is not."""
        if wrong := [name for name in names if name not in self.known]:
            raise InputError(f"expected layers out of {', '.join(self.known)}, got {wrong[0]!r}; correct the name")
        return self._make(list(names), height, width)


def open_features(path: str | Path, /, *, preprocess: str = "rgb:127.5,128") -> Features:
    """Of the network of a recipe or a run, or of a Keras model (.keras, .h5) that takes what ``preprocess`` says. Raises InputError, ExportError."""
    path = Path(path)
    if path.suffix not in SUFFIXES:
        return _of_network(open_float_network(path))
    with quiet():
        tf, _ = import_tensorflow()
        loaded = load_keras(path)
    model = loaded.model
    host = import_module(type(model).__module__.partition(".")[0])  # keras or tf_keras
    known = [one.name for one in model.layers if type(one).__name__ != "InputLayer" and len(one.output.shape) == 4]

    if not known:
        raise InputError(f"{path}: expected a network with convolutions, got none; name another")

    def make(names: list[str], height: int, width: int) -> Layers:
        if (height, width) != (loaded.height, loaded.width):
            raise InputError(f"{path}: expected pictures of {loaded.height} x {loaded.width}, got {height} x {width}; resize them")
        part = host.Model(model.inputs, [model.get_layer(name).output for name in names])
        return lambda x: [y] if not isinstance(y := part(x), (list, tuple)) else y

    return Features(tf, known, parse_preprocessing(preprocess, loaded.height, loaded.width), (loaded.height, loaded.width), make)


def _of_network(network: FloatNetwork) -> Features:
    """Its convolutions do not ask how large a picture is; the rows behind the last one that is wanted are left out."""
    known = layers(network)
    del known[EMBEDDING]

    def make(names: list[str], height: int, width: int) -> Layers:
        end = max(place for place, row in enumerate(network.network.rows) if row.name in names)
        table = replace(network.network, rows=network.network.rows[: end + 1])
        model = build(table, keras=network.keras, height=height, width=width, folded=True, embedding=1)
        for layer in model.layers[:-1]:  # the last is the embedding's
            if layer.weights:
                layer.set_weights(network.model.get_layer(layer.name).get_weights())
        part = network.keras.Model(model.input, [model.get_layer(known[name]).output for name in names])
        return lambda x: [y] if not isinstance(y := part(x), (list, tuple)) else y

    return Features(network.tf, list(known), network.preprocessing, None, make)
