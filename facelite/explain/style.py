"""Neural style transfer: a picture with the content of one and the look of others, as a network of ours sees both.

Source: Gatys, Ecker and Bethge, A Neural Algorithm of Artistic Style, arXiv:1508.06576, equations 1 to 7; the total variation of Mahendran and
Vedaldi, arXiv:1412.0035. Features are of the float network, and the pixels are what is optimised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from facelite.errors import InputError
from facelite.explain.features import Features, Layers
from facelite.export.host import import_tensorflow
from facelite.face import Floats, Pixels
from facelite.preprocess import to_input

LEAST = 32
"""Pixels of the shorter side of a picture, at least."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is minimised: ``alpha`` times the content cost at the layer ``content``, ``beta`` times the style costs at the layers ``style`` by their
    weights, and ``variation`` times the picture's total variation a pixel.
    """

    content: str
    style: Mapping[str, float]
    alpha: float = 1.0
    beta: float = 1000.0
    variation: float = 0.3

    def __post_init__(self) -> None:
        weights = (self.alpha, self.beta, self.variation, *self.style.values())
        if not self.style or not all(0 <= weight < np.inf for weight in weights) or not any(self.style.values()):
            raise ValueError(f"expected a layer of style or more and finite weights >= 0, got {self}")


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """The picture (h, w, 3), and the costs before weights at its start and its end, by name: content, style, variation, total."""

    pixels: Pixels
    before: dict[str, float]
    after: dict[str, float]


def content_cost(features: Any, target: Any, /) -> Any:
    """Half the mean squared difference of two layers (1, h, w, c). Equation 1, with a mean for the sum, so that large layers weigh no more."""
    tf, _ = import_tensorflow()
    return tf.reduce_mean((features - target) ** 2) / 2


def gram(features: Any, /) -> Any:
    """The mean product of each two channels over the places of a layer (1, h, w, c): (c, c). Equation 3, by the number of places."""
    tf, _ = import_tensorflow()
    flat = tf.reshape(features, (-1, features.shape[-1]))
    return tf.matmul(flat, flat, transpose_a=True) / tf.cast(tf.shape(flat)[0], flat.dtype)


def style_cost(features: Any, target: Any, /) -> Any:
    """A quarter of the mean squared difference of the layer's Gram matrix to the ``target`` (c, c). Equation 4, for pictures of any size."""
    tf, _ = import_tensorflow()
    return tf.reduce_mean((gram(features) - target) ** 2) / 4


def total_variation(picture: Any, /) -> Any:
    """The mean size of the steps between neighbours, down and across, of a picture (1, h, w, c)."""
    tf, _ = import_tensorflow()
    down, across = picture[:, 1:] - picture[:, :-1], picture[:, :, 1:] - picture[:, :, :-1]
    return tf.reduce_mean(tf.abs(down)) + tf.reduce_mean(tf.abs(across))


class _Canvas:
    """What is minimised, as a function of the picture as the network takes it, between ``low`` and ``high``."""

    def __init__(self, network: Features, content: Pixels, styles: Sequence[tuple[Pixels, float]], look: Look) -> None:
        self.tf, self.look, self.shape, self._form = network.tf, look, (1, *content.shape), network.preprocessing
        self.low, self.high = ((level - self._form.mean) / self._form.std for level in (0, 255))
        names = [look.content, *look.style]
        self._content = _layers(network, tuple(names), *content.shape[:2])(self.start(content))[0]
        share = sum(weight for _, weight in styles)
        self._grams = [0.0] * len(look.style)
        for picture, weight in styles:
            known = _layers(network, tuple(look.style), *picture.shape[:2])(self.start(picture))
            self._grams = [sum_ + weight / share * gram(one) for sum_, one in zip(self._grams, known, strict=True)]
        weights = tuple(look.style.values()), look.alpha, look.beta, look.variation
        self._costs = _costs(network, tuple(names), *weights, *content.shape[:2])

    def start(self, pixels: Pixels) -> Any:
        return self.tf.constant(to_input(pixels, replace(self._form, height=pixels.shape[0], width=pixels.shape[1])))

    def pixels(self, picture: Floats) -> Pixels:
        levels = np.asarray(picture).reshape(self.shape[1:]) * self._form.std + self._form.mean
        ordered = levels if self._form.colours == "RGB" else levels[..., ::-1]
        return np.clip(np.rint(ordered), 0, 255).astype(np.uint8)

    def measure(self, picture: Floats) -> tuple[dict[str, float], Floats]:
        """The costs by name, and the gradient of their sum."""
        total, *parts, gradient = self._costs(self.tf.constant(np.asarray(picture, np.float32).reshape(self.shape)), self._content, self._grams)
        return dict(zip(("total", "content", "style", "variation"), map(float, (total, *parts)), strict=True)), gradient.numpy()


@lru_cache(maxsize=8)
def _layers(network: Features, names: tuple[str, ...], height: int, width: int) -> Layers:
    return network.at(names, height, width)


@lru_cache(maxsize=4)
def _costs(
    network: Features, names: tuple[str, ...], styles: tuple[float, ...], alpha: float, beta: float, variation: float, height: int, width: int
) -> Any:
    """The compiled costs of pictures of one size and their gradient, for a content and Gram matrices that are to be met; many pictures share it."""
    tf, layers = network.tf, _layers(network, names, height, width)

    def share(cost: Any, target: Any) -> Any:
        size = tf.reduce_mean(target**2)
        return cost / tf.where(size > 0, size, tf.ones_like(size))

    @tf.function  # type: ignore[untyped-decorator]
    def costs(picture: Any, content: Any, grams: Sequence[Any]) -> tuple[Any, ...]:
        with tf.GradientTape() as tape:
            tape.watch(picture)
            first, *others = layers(picture)
            content_part = share(content_cost(first, content), content)
            parts = [weight * share(style_cost(one, target), target) for weight, one, target in zip(styles, others, grams, strict=True)]
            style_part, smoothness = sum(parts) / sum(styles), total_variation(picture)
            total = alpha * content_part + beta * style_part + variation * smoothness
        return total, content_part, style_part, smoothness, tape.gradient(total, picture)

    return costs


def paint(
    network: Features,
    content: Pixels,
    /,
    *,
    styles: Sequence[tuple[Pixels, float]],
    look: Look,
    steps: int = 200,
    optimizer: Literal["lbfgs", "adam"] = "lbfgs",
    start: Literal["content", "noise"] = "content",
    seed: int = 1,
    shown: Callable[[int, Pixels], None] = lambda step, pixels: None,
) -> Painted:
    """The picture (h, w, 3) with the content of ``content`` (h, w, 3) and the look of the ``styles``, pictures of any size with their weights.

    Costs are in shares of what the target's own features are, so that layers and networks weigh alike. ``shown`` gets the picture after each
    step. The same seed gives the same picture on one machine. Raises InputError for a picture too small and a layer that there is not.
    """
    for picture in (content, *(picture for picture, _ in styles)):
        if min(picture.shape[:2]) < LEAST:
            raise InputError(f"expected pictures of {LEAST} x {LEAST} or more, got {picture.shape[1]} x {picture.shape[0]}; give larger ones")
    if not styles or not all(0 < weight < np.inf for _, weight in styles):
        raise ValueError(f"expected a style picture or more, with weights above 0, got {[weight for _, weight in styles]}")
    canvas = _Canvas(network, content, styles, look)
    begin = canvas.start(content).numpy()
    if start == "noise":
        noise = np.random.default_rng(seed).standard_normal(begin.shape).astype(np.float32)
        begin = (canvas.low + canvas.high) / 2 + 0.15 * (canvas.high - canvas.low) * noise
    before, _ = canvas.measure(begin)
    run = _lbfgs if optimizer == "lbfgs" else _adam
    end = run(canvas, np.clip(begin, canvas.low, canvas.high), steps, lambda step, picture: shown(step, canvas.pixels(picture)))
    return Painted(canvas.pixels(end), before, canvas.measure(end)[0])


def _lbfgs(canvas: _Canvas, begin: Floats, steps: int, shown: Callable[[int, Floats], None]) -> Floats:
    from scipy.optimize import Bounds, minimize

    step = 0

    def next_step(picture: Floats) -> None:
        nonlocal step
        step += 1
        shown(step, picture)

    def cost(picture: Floats) -> tuple[float, Floats]:
        costs, gradient = canvas.measure(picture)
        return costs["total"], gradient.ravel().astype(np.float64)

    bounds, options = Bounds(canvas.low, canvas.high), {"maxiter": steps, "maxfun": 2 * steps, "maxcor": 20}
    found = minimize(cost, begin.ravel().astype(np.float64), jac=True, method="L-BFGS-B", bounds=bounds, callback=next_step, options=options)
    end: Floats = found.x.astype(np.float32)
    return end


def _adam(canvas: _Canvas, begin: Floats, steps: int, shown: Callable[[int, Floats], None]) -> Floats:
    """Kingma and Ba, arXiv:1412.6980, algorithm 1, with a rate that falls to zero."""
    picture, first, second = begin.astype(np.float64), np.zeros(begin.shape), np.zeros(begin.shape)
    for step in range(1, steps + 1):
        gradient = canvas.measure(picture.astype(np.float32))[1]
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        rate = 0.02 * (canvas.high - canvas.low) * (1 - (step - 1) / steps)
        picture = np.clip(picture - rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8), canvas.low, canvas.high)
        shown(step, picture.astype(np.float32))
    end: Floats = picture.astype(np.float32)
    return end
