"""What the examples share: two photographs and their aligned faces, and one style of drawing."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import IO

import matplotlib
import matplotlib.cbook
import numpy as np
import skimage.data
from matplotlib.figure import Figure
from PIL import Image

from facelite.explain.sheet import ALIKE, APART
from facelite.face import FaceCrop
from facelite.image import decode_image
from facelite.plots import COLOURS, GREY
from facelite.plots.drawing import STYLE
from facelite.preprocess import align
from facelite.runtime.detector import Detector, find_detector

__all__ = [
    "ALIKE",
    "APART",
    "COLOURS",
    "GREY",
    "collins",
    "face",
    "hopper",
    "keep",
    "panels",
    "save",
]

matplotlib.rcParams.update(STYLE | {"axes.titlesize": 9, "savefig.pad_inches": 0.1})


def collins() -> np.ndarray:
    """Eileen Collins (NASA, public domain; in scikit-image's wheel): (512, 512, 3) uint8 RGB."""
    return skimage.data.astronaut()


def hopper() -> np.ndarray:
    """Grace Hopper (US Navy, public domain; in matplotlib's wheel): (600, 512, 3) uint8 RGB."""
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        return decode_image(file.read())


def face(picture: np.ndarray, height: int = 112, width: int = 96) -> FaceCrop:
    """The best face of ``picture``, aligned as NNS2 takes it."""
    found = Detector(find_detector()).detect(picture)[0]
    return align(picture, found.landmarks, height, width)


def panels(
    rows: int, columns: int, *, width: float = 7.5, height: float = 2.5
) -> tuple[Figure, np.ndarray]:
    """A figure of ``rows`` x ``columns`` axes (a flat array), in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False).ravel()


def save(figure: Figure) -> None:
    """Into the folder that the command names, by the example's own name."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=125, bbox_inches="tight")
    keep(buffer)


def keep(drawing: IO[bytes]) -> None:
    """A PNG, where ``save`` puts it; in 256 colours, which takes a third of the bytes."""
    picture = Image.open(drawing).convert("RGB")
    picture.thumbnail((1150, 1150), Image.Resampling.LANCZOS)
    picture = picture.quantize(256, kmeans=1, dither=Image.Dither.NONE)
    picture.save(Path(sys.argv[1]) / f"{Path(sys.argv[0]).stem}.png", optimize=True)
