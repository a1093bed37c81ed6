"""The parts of an aligned face: each pixel of a crop belongs to one, by its place about the template's landmarks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facelite.preprocess import template

REGIONS = ("forehead and hair", "eye at the left", "eye at the right", "nose", "mouth", "cheek at the left", "cheek at the right", "chin", "around")
"""Left and right are those of the picture."""


def regions(height: int, width: int, /) -> dict[str, NDArray[np.bool_]]:
    """A mask (height, width) for each of REGIONS; they cover the crop, and none covers another.

    All that lies above the brows is the first; below, the face is an ellipse about the landmarks. Brows belong to the eyes, what lies between the
    eyes to the nose.
    """
    left, right, nose, mouth = template(height, width).astype(np.float64)
    y, x = np.mgrid[:height, :width].astype(np.float64)
    unit = right[0] - left[0]  # from eye to eye
    middle, eyes = (left[0] + right[0]) / 2, (left[1] + right[1]) / 2
    inside = ((x - middle) / (1.2 * unit)) ** 2 + ((y - (eyes + 0.55 * unit)) / (1.5 * unit)) ** 2 <= 1
    brows, lids, lips, jaw = eyes - 0.45 * unit, eyes + 0.25 * unit, mouth[1] - 0.25 * unit, mouth[1] + 0.3 * unit
    above = y < brows
    inside &= ~above
    bridge = abs(x - middle) < 0.2 * unit
    wings = abs(x - nose[0]) < 0.3 * unit
    masks = {
        "forehead and hair": above,
        "eye at the left": inside & (y < lids) & (x < middle) & ~bridge,
        "eye at the right": inside & (y < lids) & (x >= middle) & ~bridge,
        "nose": inside & ((y < lids) & bridge | (y >= lids) & (y < lips) & wings),
        "mouth": inside & (y >= lips) & (y < jaw) & (abs(x - mouth[0]) < 0.6 * unit),
        "chin": inside & (y >= jaw),
    }
    rest = inside & ~np.logical_or.reduce(list(masks.values()))
    masks |= {"cheek at the left": rest & (x < middle), "cheek at the right": rest & (x >= middle), "around": ~inside & ~above}
    return {name: masks[name] for name in REGIONS}
