"""Landmarks -> aligned crop -> network input: the only such code, shared by training, export and device.

The 112 template (four points in a 112 x 112 square) is scaled by height / 112 and cut to the width about its
middle. Alignment is the least-squares similarity from landmarks to template (Umeyama, TPAMI 1991), in closed form.
Sampling is bilinear, after halving the picture while it is more than twice too large. Coordinates are those of
pixel centres: the first pixel's centre is (0, 0).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from facelite.face import FaceCrop, Floats, Pixels

TEMPLATE_112: Floats = np.array([(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (56.1396, 92.2848)], np.float32)
"""Eye at the left of the picture, eye at its right, nose tip, mouth centre, in the usual 112 x 112 crop."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What turns a face into a network's input: size in pixels, order of the colours, then (pixel - mean) / std."""

    height: int
    width: int
    mean: float = 127.5
    std: float = 128.0
    colours: Literal["RGB", "BGR"] = "RGB"

    def __post_init__(self) -> None:
        if self.height < 32 or self.width < 32 or not (abs(self.mean) <= 1e6 and 1e-6 <= self.std <= 1e6):  # so that float32 holds the input
            raise ValueError(f"expected an input of 32 x 32 or more, a mean of -1e6 to 1e6 and std of 1e-6 to 1e6, got {self}")


def parse_preprocessing(text: str, height: int, width: int, /) -> Preprocessing:
    """What "rgb:127.5,128" (colours, mean, std) says of an input of ``height`` x ``width``. Raises ValueError."""
    usual, (colours, _, numbers) = Preprocessing(height, width), text.lower().partition(":")
    try:
        mean, std = (float(number) for number in numbers.split(",")) if numbers else (usual.mean, usual.std)
        return replace(usual, mean=mean, std=std, colours=_COLOURS[colours])
    except (ValueError, KeyError):
        raise ValueError(f"expected rgb:MEAN,STD or bgr:MEAN,STD, such as rgb:127.5,128, got {text!r}") from None


_COLOURS: dict[str, Literal["RGB", "BGR"]] = {"rgb": "RGB", "bgr": "BGR"}


def template(height: int, width: int, /) -> Floats:
    """The (4, 2) points where the landmarks come to lie in a crop of ``height`` x ``width`` pixels."""
    scale = height / 112
    shift = np.array([(width - 1) / 2 - scale * 55.5, (height - 1) / 2 - scale * 55.5])
    points: Floats = (TEMPLATE_112 * scale + shift).astype(np.float32)
    return points


def similarity(source: Floats, target: Floats, /) -> NDArray[np.float64]:
    """The (2, 3) matrix of rotation, scale and shift that takes ``source`` (n, 2) nearest to ``target`` (n, 2).

    Umeyama's closed form in the plane, where it needs no SVD; in plain numbers, since NumPy takes four times as long for four points. Raises
    ValueError when all points are one.
    """
    pairs = [(*s, *t) for s, t in zip(source.tolist(), target.tolist(), strict=True)]
    x, y, u, v = (sum(column) / len(pairs) for column in zip(*pairs, strict=True))
    spread = along = across = 0.0
    for s, t, to_s, to_t in pairs:
        s, t, to_s, to_t = s - x, t - y, to_s - u, to_t - v
        spread += s * s + t * t
        along += s * to_s + t * to_t
        across += s * to_t - t * to_s
    if spread < 1e-9:
        raise ValueError("expected landmarks that differ, got one point")
    a, b = along / spread, across / spread
    return np.array([(a, -b, u - a * x + b * y), (b, a, v - b * x - a * y)])


def sample(image: Pixels, matrix: NDArray[np.float64], height: int, width: int, /) -> Pixels:
    """``image`` seen through ``matrix`` (2, 3, from image to output), (height, width, 3); black outside.

    While the matrix shrinks by more than two, the part of the image that is seen is halved by 2 x 2 means:
    bilinear sampling alone would skip pixels.
    """
    return sample_halves([image], matrix, height, width)


def sample_halves(halves: Sequence[Pixels], matrix: NDArray[np.float64], height: int, width: int, /) -> Pixels:
    """As ``sample`` of the first of the ``halves``, from the smallest of them that it may be made from: see ``halve``."""
    times = min(_halvings(_scale(matrix)), len(halves) - 1)
    image, matrix = _cut(halves[times], _halved(matrix, times), height, width)
    for half in islice(_halve(image), _halvings(_scale(matrix))):
        image, matrix = half, _halved(matrix, 1)
    return cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR)  # type: ignore[return-value]


def halve(image: Pixels, scale: float, /) -> list[Pixels]:
    """``image`` and its halves, each the 2 x 2 means of the one before, as many as ``sample`` makes for an output of ``scale`` times its size."""
    return [image, *islice(_halve(image), _halvings(scale))]


def _halve(image: Pixels) -> Iterator[Pixels]:
    while min(image.shape[:2]) >= 2:
        rows, columns = image.shape[0] // 2, image.shape[1] // 2
        image = cv2.resize(image[: 2 * rows, : 2 * columns], (columns, rows), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        yield image


def _halvings(scale: float) -> int:
    """How often an image is halved before it is sampled at ``scale``."""
    return max(0, math.ceil(math.log2(0.5 / scale)))


def _halved(matrix: NDArray[np.float64], times: int) -> NDArray[np.float64]:
    """``matrix`` from an image as it is from its half, and so on: a point x of a half lies at 2 x + 1/2 of the one before."""
    size = 2.0**times
    return _moved(matrix, size, (size - 1) / 2, (size - 1) / 2)


def _moved(matrix: NDArray[np.float64], size: float, left: float, top: float) -> NDArray[np.float64]:
    """``matrix`` from where a point x lies at size * x + (left, top)."""
    return np.array([(a * size, b * size, c + (a * left + b * top)) for a, b, c in matrix.tolist()])


def _cut(image: Pixels, matrix: NDArray[np.float64], height: int, width: int) -> tuple[Pixels, NDArray[np.float64]]:
    """The part of ``image`` that the output sees, with a margin, so that a large frame is not halved in vain.

    It begins at a multiple of what halving makes one pixel of, so that the same pixels meet in a mean as without the cut. In plain numbers: NumPy
    takes twice as long for so few.
    """
    scale = _scale(matrix)
    step, margin = 2 ** _halvings(scale), 4 / scale
    ends = []
    for (a, b, start), size in zip(cv2.invertAffineTransform(matrix).tolist(), image.shape[1::-1], strict=True):
        low = min(max(math.floor(start + min(0.0, a * width) + min(0.0, b * height) - margin), 0), size - 1) // step * step
        high = min(max(math.ceil(start + max(0.0, a * width) + max(0.0, b * height) + margin), low + 1), size)
        ends.append((low, high))
    (left, right), (top, bottom) = ends
    return image[top:bottom, left:right], _moved(matrix, 1, left, top)


def _scale(matrix: NDArray[np.float64]) -> float:
    """Pixels of the output for one of the image, along a line; never zero, whatever the landmarks."""
    (a, b, _), (c, d, _) = matrix.tolist()
    return max(math.sqrt(abs(a * d - b * c)), 1e-3)


def align(image: Pixels, landmarks: Floats, height: int, width: int, /) -> FaceCrop:
    """The face with ``landmarks`` (4, 2) in ``image`` (h, w, 3), aligned to ``height`` x ``width`` pixels."""
    points = template(height, width)
    return FaceCrop(sample(image, similarity(landmarks, points), height, width), points)


def to_input(crop: Pixels, preprocessing: Preprocessing, /) -> Floats:
    """A crop (height, width, 3) uint8 as the (1, height, width, 3) float32 that the network takes."""
    if crop.shape != (preprocessing.height, preprocessing.width, 3):
        raise ValueError(f"expected a crop {preprocessing.height} x {preprocessing.width} x 3, got {crop.shape}")
    ordered = crop if preprocessing.colours == "RGB" else crop[..., ::-1]
    return ((ordered.astype(np.float32) - preprocessing.mean) / preprocessing.std)[None]
