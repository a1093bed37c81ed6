"""Which parts of two faces made their distance: a part is covered, and the distance is measured again.

It asks for no gradient, so that any embedder of a bundle can be looked into. Source: Zeiler and Fergus, arXiv:1311.2901, section 4.2, there for
classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facelite.distance import Distance
from facelite.explain.regions import regions
from facelite.face import FaceCrop, Floats, Pixels

PATCH, STRIDE = 1 / 7, 1 / 28
"""Side of the square that covers, and its steps, as shares of the crop's height: 16 and 4 pixels of 112."""

Vectors = Callable[[Sequence[FaceCrop]], Floats]
"""Crops -> (n, d) raw outputs of an embedder."""


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """What covering parts of one face does to the ``distance`` between two.

    ``change`` (h, w) is the mean change over all squares that cover a pixel: above 0 where the pixel makes the faces alike, since without it they
    are farther apart; below 0 where it tells them apart. ``regions`` are the changes when a whole part is covered.
    """

    distance: float
    change: Floats
    regions: dict[str, float]


def occlude(
    crop: FaceCrop,
    other: FaceCrop,
    vectors: Vectors,
    /,
    *,
    distance: Distance,
    fill: float,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Explained:
    """Cover parts of ``crop`` with the grey level ``fill`` (what the network takes for nothing is the mean that it subtracts)."""
    height, width = crop.pixels.shape[:2]
    target = _unit(vectors([other]))[0]
    squares = list(_squares(height, width))
    parts = regions(height, width)
    masks = [*_masks(squares, height, width), *parts.values()]

    def measured(pixels: Pixels) -> float:
        return float(distance.pairs(_unit(vectors([FaceCrop(pixels, crop.landmarks)]))[0], target))

    plain, changes = measured(crop.pixels), []
    for number, mask in enumerate(masks):
        changes.append(measured(_covered(crop.pixels, mask, fill)) - plain)
        progress(number + 1, len(masks))
    total, count = np.zeros((height, width)), np.zeros((height, width))
    for (rows, columns), change in zip(squares, changes, strict=False):
        total[rows, columns] += change
        count[rows, columns] += 1
    return Explained(plain, (total / count).astype(np.float32), dict(zip(parts, changes[len(squares) :], strict=True)))


def _squares(height: int, width: int) -> Iterator[tuple[slice, slice]]:
    """Every place of the square, some of them over the border, so that each pixel is covered equally often."""
    side, step = max(round(PATCH * height), 1), max(round(STRIDE * height), 1)
    for y in range(step - side, height, step):
        for x in range(step - side, width, step):
            yield slice(max(y, 0), min(y + side, height)), slice(max(x, 0), min(x + side, width))


def _masks(squares: Sequence[tuple[slice, slice]], height: int, width: int) -> Iterator[NDArray[np.bool_]]:
    for rows, columns in squares:
        mask = np.zeros((height, width), bool)
        mask[rows, columns] = True
        yield mask


def _covered(pixels: Pixels, mask: NDArray[np.bool_], fill: float) -> Pixels:
    covered = pixels.copy()
    covered[mask] = round(fill)
    return covered


def _unit(vectors: Floats) -> Floats:
    unit: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit
