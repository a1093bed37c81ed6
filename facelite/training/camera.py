"""How a camera sees: the colours and the texture of its pictures, as statistics; and crops rendered as it would have seen them.

Colours by each channel's mean and deviation (Reinhard et al., Color transfer between images, IEEE CG&A 21, 2001, there of a space that parts light
from colour; of red, green and blue here, since light and white balance are a factor of each). Blur and noise by the power of the cosines of blocks
of the face: noise is in the smooth ones, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import dctn, idctn
from scipy.stats import chi2

from facelite.face import Pixels
from facelite.training.geometry import CropGeometry

BANDS = 40
"""Rings of equal width, from frequency 0 to the corner's, in which powers are measured."""

PATCH = 8
"""Pixels of a side of the patches whose means are a picture's colours: what is finer is texture, and noise would be taken for colour."""

BLOCK, STEP, SMOOTH = 32, 16, 0.25
"""Pixels of a block's side and to the next one; and the share of a face's blocks, by power, at whose end it counts as smooth."""

SURE = 2.0
"""Standard errors by which power must exceed that of the crops to be noise: of few faces little is sure."""

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
        waves = dctn(_luma(self._coloured(crop, number)), axes=(0, 1), norm="ortho")
        waves = waves * self.kept[ring] + np.sqrt(self.noise[ring]) * rng.standard_normal(waves.shape)
        luma = idctn(waves, axes=(0, 1), norm="ortho").astype(np.float32)
        rendered: Pixels = np.clip(np.rint(255 * cv2.cvtColor(luma / 255, cv2.COLOR_YCrCb2RGB)), 0, 255).astype(np.uint8)
        return rendered

    def _coloured(self, crop: Pixels, number: int) -> Numbers:
        mean, deviation = _colours(crop, self.geometry)
        coloured: Numbers = (crop - mean) * np.minimum(self.deviations[number] / deviation, STEEPEST) + self.means[number]
        return coloured


def measure_camera(seen: Sequence[Pixels], crops: Sequence[Pixels], geometry: CropGeometry, /) -> Camera:
    """What the camera that saw the aligned crops ``seen`` does to pictures such as the ``crops``; all are (s, s, 3), of ``geometry``.

    It is not made sharper than those: detail that they lack, where it is in the smooth parts of a face, too, counts as noise.
    """
    means, deviations = (np.stack(values) for values in zip(*(_colours(crop, geometry) for crop in seen), strict=True))
    coloured = Camera(means, deviations, np.ones((BANDS, 3)), np.zeros((BANDS, 3)), geometry)
    before = _powers([coloured._coloured(crop, number % len(seen)) for number, crop in enumerate(crops)], geometry)
    after = _powers([crop.astype(np.float64) for crop in seen], geometry)
    (mean, smooth), (others, others_smooth) = (values.mean(0) for values in (after, before))
    error = np.sqrt(sum(values[:, 1].var(0) / len(values) for values in (after, before)))
    fine = (np.arange(BANDS) >= _rings(geometry.side)[0, geometry.side // PATCH])[:, None]
    noise = np.where(fine, np.maximum(smooth - others_smooth - SURE * error, 0), 0.0)
    kept = np.where(fine, np.sqrt(np.clip((mean - noise) / others, 0, 1)), 1.0)
    return Camera(means, deviations, kept, noise, geometry)


def _colours(crop: Pixels, geometry: CropGeometry) -> tuple[Numbers, Numbers]:
    """Mean and deviation (3,) of the means of the face's patches."""
    side = max(geometry.face // PATCH, 2)
    patches = cv2.resize(_face(crop, geometry).astype(np.float64), (side, side), interpolation=cv2.INTER_AREA).reshape(-1, 3)
    return patches.mean(0), np.maximum(patches.std(0), 1.0)


def _face(crop: NDArray[np.generic], geometry: CropGeometry) -> NDArray[np.generic]:
    return crop[geometry.margin :, geometry.margin :][: geometry.face, : geometry.face]


def _luma(pixels: Numbers) -> Numbers:
    """Luma, Cr and Cb (s, s, 3), in levels."""
    luma: Numbers = 255 * cv2.cvtColor((pixels / 255).astype(np.float32), cv2.COLOR_RGB2YCrCb).astype(np.float64)
    return luma


def _powers(pictures: Sequence[Numbers], geometry: CropGeometry) -> Numbers:
    """For each picture the power (n, 2, BANDS, 3) in each ring: the mean of the face's blocks, and that of the smooth ones, as if of noise."""
    ring = _rings(BLOCK)
    counts = np.maximum(np.bincount(ring.ravel(), minlength=BANDS), 1)
    sums = (ring.ravel()[:, None] == np.arange(BANDS)) / counts
    expected = chi2.ppf(SMOOTH, counts) / counts  # of white noise of power 1: few waves vary much
    powers = []
    for picture in pictures:
        blocks = sliding_window_view(_face(_luma(picture), geometry), (BLOCK, BLOCK), axis=(0, 1))[::STEP, ::STEP]
        waves = dctn(blocks, axes=(-2, -1), norm="ortho") ** 2
        rings = waves.reshape(-1, 3, BLOCK * BLOCK) @ sums  # (blocks, 3, BANDS)
        powers.append((np.maximum(rings.mean(0), 1e-9).T, (np.quantile(rings, SMOOTH, axis=0) / expected).T))
    return np.array(powers)


@cache
def _rings(side: int) -> NDArray[np.intp]:
    """The ring (s, s) in which each cosine lies."""
    frequency = np.hypot(*np.indices((side, side))) / np.hypot(side - 1, side - 1)
    rings: NDArray[np.intp] = np.minimum((frequency * BANDS).astype(np.intp), BANDS - 1)
    return rings
