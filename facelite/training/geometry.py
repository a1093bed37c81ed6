"""How large the stored crops of a folder are, and how much of them is face: ``align.json`` beside them says it.

A crop is a square: the template scaled to ``face`` pixels in its middle, and ``margin`` pixels around it, so that
training may turn, shift and scale without seeing black.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from facelite.atomic import write_atomically
from facelite.errors import InputError
from facelite.face import Floats, Pixels
from facelite.image import read_image
from facelite.preprocess import template

GEOMETRY = "align.json"


@dataclass(frozen=True, slots=True)
class CropGeometry:
    """``face``: the template's height in pixels; ``margin``: pixels around it on every side."""

    face: int = 128
    margin: int = 16

    def __post_init__(self) -> None:
        if self.face < 32 or self.margin < 0:
            raise ValueError(f"expected a face of 32 pixels or more and no negative margin, got {self}")

    def __str__(self) -> str:
        """In the words of the command's options."""
        return f"--face {self.face} --margin {self.margin}"

    @property
    def side(self) -> int:
        return self.face + 2 * self.margin

    @property
    def landmarks(self) -> Floats:
        """Where the (4, 2) landmarks lie in a stored crop."""
        return template(self.face, self.face) + np.float32(self.margin)


def read_geometry(folder: str | Path, /) -> CropGeometry:
    """The geometry of the aligned crops in ``folder``. Raises InputError when it holds none."""
    path = Path(folder) / GEOMETRY
    try:
        return CropGeometry(**json.loads(path.read_text()))
    except FileNotFoundError:
        raise InputError(f"{path}: expected a folder of aligned crops; make one: facelite align PHOTOS {folder}") from None
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: expected the geometry of aligned crops, got {error}; align again") from None


def read_crop(path: Path, geometry: CropGeometry, /) -> Pixels:
    """The stored crop (s, s, 3) uint8 RGB. Raises ImageError, and InputError for one of another size."""
    crop = read_image(path)
    if crop.shape[:2] != (geometry.side, geometry.side):
        height, width = crop.shape[:2]
        raise InputError(f"{path}: expected a crop of {geometry.side} x {geometry.side}, got {width} x {height}; align again")
    return crop


def claim_geometry(out: Path, geometry: CropGeometry, /) -> None:
    """Make ``out`` a folder of crops of this geometry. Raises InputError when it holds others."""
    if (out / GEOMETRY).exists():
        if (old := read_geometry(out)) != geometry:
            raise InputError(f"{out}: expected crops of {geometry}, got crops of {old}; choose another folder, or these options")
    else:
        write_atomically(out / GEOMETRY, json.dumps(asdict(geometry)).encode())
