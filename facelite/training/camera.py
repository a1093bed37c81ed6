"""How a camera sees: the colours and the texture of its pictures, as statistics; and crops rendered as it would have seen them.

Colours by each channel's mean and deviation (Reinhard et al., Color transfer between images, IEEE CG&A 21, 2001, there of a space that parts light
from colour; of red, green and blue here, since light and white balance are a factor of each). Blur and noise by the power at each spatial frequency,
of cosines, which have no border.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn, idctn

from facelite.face import Pixels
from facelite.training.geometry import CropGeometry

BANDS = 40
"""Rings of equal width, from frequency 0 to the corner's, in which powers are measured."""

PATCH = 8
"""Pixels of a side of the patches whose means are a picture's colours: what is finer is texture, and noise would be taken for colour."""

STEEPEST = 4.0
"""How much a channel's contrast grows at most: beyond, it is the picture's own noise that would grow."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """``means`` and ``deviations`` (m, 3) of red, green and blue of m faces that it has seen. ``kept`` and ``noise`` (BANDS, 3), by frequency and for
    luma, Cr, Cb: the share of a crop's amplitude that it keeps, and the power that it adds.
    """

    means: Numbers
    deviations: Numbers
    kept: Numbers
    noise: Numbers
    geometry: CropGeometry

    def render(self, crop: Pixels, rng: np.random.Generator, /) -> Pixels:
        """The stored crop (s, s, 3) in the colours of one of those faces, drawn by ``rng``, as sharp and as noisy as all of them are."""
        number, ring = int(rng.integers(len(self.means))), _rings(len(crop))
        waves = _waves(self._coloured(crop, number))
        waves = waves * self.kept[ring] + np.sqrt(self.noise[ring]) * rng.standard_normal(waves.shape)
        luma = idctn(waves, axes=(0, 1), norm="ortho").astype(np.float32)
        rendered: Pixels = np.clip(np.rint(255 * cv2.cvtColor(luma / 255, cv2.COLOR_YCrCb2RGB)), 0, 255).astype(np.uint8)
        return rendered

    def _coloured(self, crop: Pixels, number: int) -> Numbers:
        mean, deviation = _colours(crop, self.geometry)
        coloured: Numbers = (crop - mean) * np.minimum(self.deviations[number] / deviation, STEEPEST) + self.means[number]
        return coloured


def measure_camera(seen: Sequence[Pixels], crops: Sequence[Pixels], geometry: CropGeometry, /) -> Camera:
    """What the camera that saw the aligned crops ``seen`` does to pictures such as the ``crops``; all are (s, s, 3), of ``geometry``."""
    means, deviations = (np.stack(values) for values in zip(*(_colours(crop, geometry) for crop in seen), strict=True))
    coloured = Camera(means, deviations, np.ones((BANDS, 3)), np.zeros((BANDS, 3)), geometry)
    before = _power([coloured._coloured(crop, number % len(seen)) for number, crop in enumerate(crops)])
    after = _power([crop.astype(np.float64) for crop in seen])
    fine = (np.arange(BANDS) >= _rings(geometry.side)[0, geometry.side // PATCH])[:, None]
    kept, noise = np.where(fine, np.sqrt(np.minimum(after / before, 1)), 1.0), np.where(fine, np.maximum(after - before, 0), 0.0)
    return Camera(means, deviations, kept, noise, geometry)


def _colours(crop: Pixels, geometry: CropGeometry) -> tuple[Numbers, Numbers]:
    """Mean and deviation (3,) of the means of the face's patches."""
    face = crop[geometry.margin :, geometry.margin :][: geometry.face, : geometry.face]
    side = max(geometry.face // PATCH, 2)
    patches = cv2.resize(face.astype(np.float64), (side, side), interpolation=cv2.INTER_AREA).reshape(-1, 3)
    return patches.mean(0), np.maximum(patches.std(0), 1.0)


def _waves(pixels: Numbers) -> Numbers:
    """The amplitudes (s, s, 3) of luma's, Cr's and Cb's cosines."""
    luma = 255 * cv2.cvtColor((pixels / 255).astype(np.float32), cv2.COLOR_RGB2YCrCb)
    amplitudes: Numbers = dctn(luma.astype(np.float64), axes=(0, 1), norm="ortho")
    return amplitudes


def _power(pictures: Sequence[Numbers]) -> Numbers:
    """The mean power (BANDS, 3) in each ring; never zero."""
    ring = _rings(len(pictures[0])).ravel()
    squares = np.mean([_waves(picture) ** 2 for picture in pictures], axis=0).reshape(-1, 3)
    counts = np.bincount(ring, minlength=BANDS)
    sums = np.stack([np.bincount(ring, squares[:, channel], minlength=BANDS) for channel in range(3)], axis=1)
    power: Numbers = np.maximum(sums / np.maximum(counts, 1)[:, None], 1e-9)
    return power


@cache
def _rings(side: int) -> NDArray[np.intp]:
    """The ring (s, s) in which each cosine lies."""
    frequency = np.hypot(*np.indices((side, side))) / np.hypot(side - 1, side - 1)
    rings: NDArray[np.intp] = np.minimum((frequency * BANDS).astype(np.intp), BANDS - 1)
    return rings
