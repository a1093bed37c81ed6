"""What a network's units look for: the places of real faces that excite each most, and a picture made to excite it.

Sources: the nine strongest places, Zeiler and Fergus, arXiv:1311.2901, section 4; pictures by gradient ascent, Erhan et al., Visualizing
Higher-Layer Features of a Deep Network, 2009, made calm by small shifts and by their total variation, Mahendran and Vedaldi, arXiv:1412.0035.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facelite.errors import InputError
from facelite.explain.field import Field, fields
from facelite.explain.float_network import FloatNetwork
from facelite.face import Floats, Pixels
from facelite.preprocess import to_input

EMBEDDING = "embedding"
"""The last layer, whose units are the numbers of the embedding, of unit length."""

TOGETHER = 64
"""Crops that the network takes at a time."""

MADE = 32
"""Pictures that are made at a time."""

STEPS, RATE = 256, 0.04
"""Of Adam, on pixels between -1 and 1."""

SHIFT = 4
"""Pixels by which a made picture is moved at random before each step, at most: what stays excites the unit wherever it is."""

CALM = 0.03
"""Weight of a made picture's total variation for each pixel of the side of what the unit sees (edges are lines), beside its activation as a share
of the strongest that faces gave.
"""

GREY = 127

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What excites one ``unit``: the strongest ``patches`` (p, h, w, 3), one a picture, of ``pictures`` by name with the ``activations`` there,
    falling; and ``made`` (h, w, 3) for it, with the activation ``reached``.
    """

    unit: int
    patches: list[Pixels]
    pictures: list[str]
    activations: list[float]
    made: Pixels
    reached: float


def layers(network: FloatNetwork, /) -> dict[str, str]:
    """The Keras layer behind each row of the table that has places, and the embedding."""
    known = [layer.name for layer in network.model.layers]
    last = {row: [name for name in known if name == row or name.startswith(f"{row}_")][-1] for row in fields(network.network)}
    return {**last, EMBEDDING: EMBEDDING}


def look_into(
    network: FloatNetwork,
    crops: Iterable[tuple[str, Pixels]],
    /,
    *,
    names: Iterable[str],
    units: int = 12,
    patches: int = 9,
    seed: int = 1,
) -> Iterator[tuple[str, list[Seen]]]:
    """Each layer of these ``names`` and so many ``units`` of it, spread evenly over all, by ``crops`` (name and (h, w, 3) RGB of the network's size).

    A layer comes when its pictures are made. Raises InputError for a layer that there is not, and without a crop.
    """
    looks = [_Layer(network, name, units, patches) for name in names]
    model = network.keras.Model(network.model.input, [look.output for look in looks])
    batches, some = iter(crops), list[tuple[str, Pixels]]()
    while some := list(islice(batches, TOGETHER)):
        outputs = model(np.concatenate([to_input(pixels, network.preprocessing) for _, pixels in some]))
        for look, output in zip(looks, outputs if len(looks) > 1 else [outputs], strict=True):
            look.see(some, np.asarray(output))
    if not all(look.found for look in looks):
        raise InputError("expected a face, found none in the pictures that were looked at; name other pictures, or look at more")
    for look in looks:
        yield look.name, look.seen(seed)


class _Layer:
    """One layer: the output that is looked at, and the strongest places of the ``chosen`` units so far."""

    def __init__(self, network: FloatNetwork, name: str, units: int, patches: int) -> None:
        known = layers(network)
        if name not in known:
            raise InputError(f"expected layers out of {', '.join(known)}, got {name!r}; correct the name")
        self.name, self._network, self._patches = name, network, patches
        self._fields: tuple[Field, Field] | None = fields(network.network).get(name)
        output = network.model.get_layer(known[name]).output
        self.output = network.keras.layers.Lambda(_whole(network.tf))(output) if self._fields is None else output
        self._units: Integers = np.unique(np.linspace(0, output.shape[-1] - 1, min(units, output.shape[-1])).round().astype(int))
        self.found: list[list[tuple[float, str, Pixels]]] = []

    def see(self, crops: list[tuple[str, Pixels]], output: Floats) -> None:
        """Keep what of ``output`` (n, h, w, c), of these crops, is among the strongest; one place a crop, and none that a ReLU has made zero."""
        if not self.found:
            self.found = [[] for _ in self._units]
        flat = output[..., self._units].reshape(len(crops), -1, len(self._units))
        places, values = flat.argmax(axis=1), flat.max(axis=1)
        for unit, kept in enumerate(self.found):
            for i in np.argsort(-values[:, unit])[: self._patches]:
                if (len(kept) < self._patches or values[i, unit] > kept[-1][0]) and (self._fields is None or values[i, unit] > 0):
                    name, pixels = crops[i]
                    place = np.unravel_index(places[i, unit], output.shape[1:3])
                    kept.append((float(values[i, unit]), name, self._patch(pixels, place)))
                    kept.sort(key=lambda one: -one[0])
                    del kept[self._patches :]

    def seen(self, seed: int) -> list[Seen]:
        strongest = np.array([np.mean([value for value, _, _ in kept] or [0.0]) for kept in self.found])
        parts = np.split(np.arange(len(strongest)), range(MADE, len(strongest), MADE))
        made, reached = map(np.concatenate, zip(*(self._made(part, np.maximum(np.abs(strongest[part]), 1e-6), seed) for part in parts), strict=True))
        middle = tuple(side // 2 for side in self.output.shape[1:3])
        return [
            Seen(int(unit), [patch for _, _, patch in kept], [name for _, name, _ in kept], [value for value, _, _ in kept], picture, float(value))
            for unit, kept, picture, value in zip(self._units, self.found, (self._patch(one, middle) for one in made), reached, strict=True)
        ]

    def _patch(self, pixels: Pixels, place: tuple[Any, ...]) -> Pixels:
        """What a unit at this place sees of a crop, grey beyond its border; a field larger than the crop is cut to its size."""
        if self._fields is None:
            return pixels
        ranges = []
        for field, at, side in zip(self._fields, place, pixels.shape[:2], strict=True):
            first = round(field.first + int(at) * field.step - (field.size - 1) / 2)
            ranges.append((0, side) if field.size >= side else (first, first + field.size))
        (top, bottom), (left, right) = ranges
        out = np.full((bottom - top, right - left, 3), GREY, np.uint8)
        rows, columns = slice(max(top, 0), bottom), slice(max(left, 0), right)
        part = pixels[rows, columns]
        out[rows.start - top :, columns.start - left :][: part.shape[0], : part.shape[1]] = part
        return out

    def _made(self, some: Integers, strongest: Floats, seed: int) -> tuple[Pixels, Floats]:
        """A picture (u, h, w, 3) for ``some`` of the units, by gradient ascent on its activation in the layer's middle, and the activations (u,)."""
        tf, keras, form = self._network.tf, self._network.keras, self._network.preprocessing
        model, count, size = keras.Model(self._network.model.input, self.output), len(some), (form.height, form.width)
        rng = np.random.default_rng(seed)
        pixels = tf.Variable(0.5 * rng.standard_normal((count, *size, 3)).astype(np.float32))
        chosen = tf.constant(np.stack([np.arange(count), self._units[some]], axis=1), tf.int32)
        middle = [side // 2 for side in self.output.shape[1:3]]
        adam = keras.optimizers.Adam(RATE)
        length = math.sqrt(math.prod(size if self._fields is None else (field.size for field in self._fields)))

        def activations(values: Any) -> Any:
            return tf.gather_nd(model(values)[:, middle[0], middle[1]], chosen)

        @tf.function  # type: ignore[untyped-decorator]
        def step(moved: Any) -> None:
            with tf.GradientTape() as tape:
                calm = tf.tanh(pixels)
                steep = tf.reduce_sum(tf.abs(calm[:, 1:] - calm[:, :-1])) + tf.reduce_sum(tf.abs(calm[:, :, 1:] - calm[:, :, :-1]))
                loss = CALM / length * steep - tf.reduce_sum(activations(tf.roll(calm, moved, axis=(1, 2))) / strongest)
            adam.apply_gradients([(tape.gradient(loss, pixels), pixels)])

        for _ in range(STEPS):
            step(tf.constant(rng.integers(-SHIFT, SHIFT + 1, 2), tf.int32))
        values = tf.tanh(pixels)
        made: Pixels = np.clip(np.rint(values.numpy() * form.std + form.mean), 0, 255).astype(np.uint8)
        return made, activations(values).numpy()


def _whole(tf: Any) -> Callable[[Any], Any]:
    """The embedding (n, d) as unit vectors of one place (n, 1, 1, d)."""
    return lambda values: tf.math.l2_normalize(values, axis=1)[:, None, None]
