"""What a device may see of a face: a function from a stored aligned crop to a varied network input.

The alignment jitters as the detector's keypoints do, light and colour change, and some pictures are blurred, small, noisy, grey or
hard compressed. Standard deviations and shares are the defaults of ``Augmentation``, in units of a 112 pixel face.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facelite.face import Pixels
from facelite.preprocess import template
from facelite.training.geometry import CropGeometry


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Standard deviations (``turn`` rad, ``scale``, ``shift`` px of a 112 px face, ``light``, ``balance``) and shares of pictures."""

    mirror: float = 0.5
    turn: float = 0.06
    scale: float = 0.05
    shift: float = 2.4
    light: float = 0.2
    balance: float = 0.06
    grey: float = 0.1
    small: float = 0.15
    blur: float = 0.1
    noise: float = 0.15
    jpeg: float = 0.1
    cover: float = 0.1

    def __post_init__(self) -> None:
        shares = (self.mirror, self.grey, self.small, self.blur, self.noise, self.jpeg, self.cover)
        if not (min(*shares, self.turn, self.scale, self.shift, self.light, self.balance) >= 0 and max(shares) <= 1):
            raise ValueError(f"expected shares from 0 to 1 and deviations >= 0, got {self}")

    @classmethod
    def none(cls) -> Augmentation:
        return cls(*[0.0] * 12)


def view_matrix(geometry: CropGeometry, height: int, width: int, /) -> NDArray[np.float64]:
    """The (2, 3) matrix from a stored crop to a network input of ``height`` x ``width``, without jitter."""
    scale = height / geometry.face
    shift = template(height, width)[0] - scale * geometry.landmarks[0]
    return np.array([(scale, 0, shift[0]), (0, scale, shift[1])])


def view(crop: Pixels, matrix: NDArray[np.float64], height: int, width: int, /) -> Pixels:
    """The stored ``crop`` seen through ``matrix``, (height, width, 3)."""
    return cv2.warpAffine(crop, matrix, (width, height), flags=cv2.INTER_LINEAR)  # type: ignore[return-value]


def vary(crop: Pixels, geometry: CropGeometry, height: int, width: int, /, *, augmentation: Augmentation, rng: np.random.Generator) -> Pixels:
    """One varied view (height, width, 3) uint8 of the stored ``crop``."""
    a = augmentation
    matrix = _jitter(view_matrix(geometry, height, width), height, width, a, rng)
    pixels: Any = view(crop, matrix, height, width)
    chance = rng.random(6)
    if chance[0] < a.small:
        share = rng.uniform(0.3, 0.8)
        pixels = cv2.resize(pixels, (int(width * share), int(height * share)), interpolation=cv2.INTER_AREA)
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    if chance[1] < a.blur:
        pixels = _blur(pixels, rng)
    pixels = cv2.LUT(pixels, _light_table(a, rng))
    if chance[2] < a.grey:
        pixels = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if chance[3] < a.noise:
        noise = rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(rng.uniform(3, 14))
        pixels = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    if chance[4] < a.jpeg:
        encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 70))])[1]
        pixels = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    if chance[5] < a.cover:
        pixels = _cover(pixels, rng)
    return np.asarray(pixels, np.uint8)


def _jitter(matrix: NDArray[np.float64], height: int, width: int, a: Augmentation, rng: np.random.Generator) -> NDArray[np.float64]:
    """``matrix`` followed by mirror, turn, scale and shift about the middle of the view."""
    turn, scale = a.turn * rng.standard_normal(), np.exp(a.scale * rng.standard_normal())
    sign = -1.0 if rng.random() < a.mirror else 1.0
    about = scale * np.array([(np.cos(turn) * sign, -np.sin(turn)), (np.sin(turn) * sign, np.cos(turn))])
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    shift = middle - about @ middle + a.shift * height / 112 * rng.standard_normal(2)
    return np.hstack([about @ matrix[:, :2], (about @ matrix[:, 2] + shift)[:, None]])


def _light_table(a: Augmentation, rng: np.random.Generator) -> Pixels:
    """A (256, 1, 3) table: gamma and contrast for all channels, white balance for each."""
    level = np.arange(256, dtype=np.float32) / 255
    level = level ** np.exp(a.light * 1.5 * rng.standard_normal())
    level = (level - 0.5) * np.exp(a.light * rng.standard_normal()) + 0.5 + a.light * 0.5 * rng.standard_normal()
    balance = np.exp(a.balance * rng.standard_normal(3))
    table: Pixels = np.clip(255 * level[:, None] * balance, 0, 255).astype(np.uint8)
    return table[:, None, :]


def _blur(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Out of focus, or moved along a line."""
    if rng.random() < 0.5:
        return cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.6, 2.0))  # type: ignore[return-value]
    length = int(rng.integers(3, 9))
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    reach = (length - 1) / 2
    steps = np.linspace(-reach, reach, 4 * length)
    kernel[np.rint(reach + steps * np.sin(angle)).astype(int), np.rint(reach + steps * np.cos(angle)).astype(int)] = 1
    return cv2.filter2D(pixels, -1, kernel / kernel.sum())  # type: ignore[return-value]


def _cover(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """A rectangle of one colour hides up to a third of each side: a hand, a mask, a frame's edge."""
    height, width = pixels.shape[:2]
    h, w = int(height * rng.uniform(0.1, 0.35)), int(width * rng.uniform(0.1, 0.35))
    y, x = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    covered = pixels.copy()
    covered[y : y + h, x : x + w] = rng.integers(0, 256, 3, dtype=np.uint8)
    return covered
