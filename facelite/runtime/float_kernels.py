"""Convolution and pooling of float64 arrays (n, height, width, channels): the taps of a window, and what is made of them.

On integers they are exact, in whatever order BLAS sums: a product of two int8 numbers less their zero points is below 2^16, so every sum of fewer
than 2^37 of them is an integer below 2^53, and float64 holds each of those.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Axis:
    """One direction of a window: ``taps`` that lie ``dilation`` apart stand at ``places``, ``stride`` apart, on a side with a border around it."""

    taps: int
    stride: int
    dilation: int
    places: int
    border: tuple[int, int]


Window = tuple[Axis, Axis]
"""Vertical, horizontal."""


def place(side: int, /, *, taps: int, stride: int, dilation: int, same: bool) -> Axis:
    """A window's axis on a picture's ``side``: inside it, or with a border (``same``) that makes ceil(side / stride) places.

    The border's odd pixel comes last. Raises ValueError for a window that does not fit.
    """
    extent = (taps - 1) * dilation + 1
    # a tap that is farther out than the picture is wide sees nothing but border, wherever the window stands
    if min(taps, stride, dilation) < 1 or extent > (2 * side if same else side):
        raise ValueError(f"expected a window for a side of {side}, got {taps} taps {dilation} apart that move by {stride}")
    if not same:
        return Axis(taps, stride, dilation, (side - extent) // stride + 1, (0, 0))
    places = -(-side // stride)
    border = max((places - 1) * stride + extent - side, 0)
    return Axis(taps, stride, dilation, places, (border // 2, border - border // 2))


def convolve(x: Doubles, weights: Doubles, /, *, window: Window) -> Doubles:
    """x (n, h, w, i) with weights (o, taps, taps, i): (n, places, places, o)."""
    seen = np.concatenate(list(_taps(x, window)), axis=-1)  # (n, places, places, taps * taps * i)
    result: Doubles = seen @ weights.reshape(len(weights), -1).T
    return result


def convolve_depthwise(x: Doubles, weights: Doubles, /, *, window: Window) -> Doubles:
    """x (n, h, w, i) with weights (1, taps, taps, i * m), each input channel giving m: (n, places, places, i * m)."""
    channels = weights.shape[-1]
    repeated = np.repeat(x, channels // x.shape[-1], axis=-1)
    return _total(tap * weight for tap, weight in zip(_taps(repeated, window), weights.reshape(-1, channels), strict=True))


def pool_sum(x: Doubles, /, *, window: Window) -> tuple[Doubles, Doubles]:
    """Sums (n, places, places, c) of what the window sees of x (n, h, w, c), and of how many pixels (1, places, places, 1)."""
    return _total(_taps(x, window)), _total(_taps(np.ones((1, *x.shape[1:3], 1)), window))


def pool_max(x: Doubles, /, *, window: Window) -> Doubles:
    """The largest (n, places, places, c) of what the window sees of x (n, h, w, c)."""
    return reduce(np.maximum, _taps(x, window, border=-np.inf))


def _taps(x: Doubles, window: Window, *, border: float = 0.0) -> Iterator[Doubles]:
    """What each tap sees, row by row: (n, places, places, c)."""
    vertical, horizontal = window
    padded = np.pad(x, ((0, 0), vertical.border, horizontal.border, (0, 0)), constant_values=border)
    for row in range(vertical.taps):
        for column in range(horizontal.taps):
            yield padded[:, _seen(vertical, row), _seen(horizontal, column)]


def _seen(axis: Axis, tap: int) -> slice:
    first = tap * axis.dilation
    return slice(first, first + (axis.places - 1) * axis.stride + 1, axis.stride)


def _total(arrays: Iterator[Doubles]) -> Doubles:
    return reduce(np.add, arrays)
