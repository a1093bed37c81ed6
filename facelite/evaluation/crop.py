"""A decoded picture -> the crops that are embedded: where the face is, and the two roads of FaceNet's LFW table.

FaceNet (arXiv:1503.03832, section 5.6) judges LFW twice: on a fixed crop about the middle of each picture, and on faces that a
detector found and aligned. A cropper's repr states all that it does, so that it can name what was made with it; its str is for a reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from facelite.face import FaceCrop, Floats, Pixels
from facelite.preprocess import TEMPLATE_112, Preprocessing, align, similarity
from facelite.runtime.choice import Rule
from facelite.runtime.detector import Detector
from facelite.runtime.look import find_face

LFW_SHARE = 0.70
"""Side of the template's square as a share of the side of an LFW picture cut to its middle 192 x 192 (0.54 of the uncut 250).

The median over the 7,701 pictures of lfw_pairs, by the detector, of side: 134.9 pixels (5 to 95 %: 120 to 155). Only places were
measured, no distance. The square's middle lies 10 pixels above and 3 left of the picture's (medians), which a fixed crop does not follow.
"""


class Cropper(Protocol):
    """What cuts the face out of a picture (h, w, 3) uint8 RGB, once for each input size; None where there is no such face."""

    def __call__(self, image: Pixels, detector: Detector, sizes: Sequence[Preprocessing], /) -> list[FaceCrop] | None: ...


class Road(Cropper, Protocol):
    """A cropper that tells which points (4, 2) of the picture it aligns to the template; None where there is no such face."""

    def landmarks(self, image: Pixels, detector: Detector, /) -> Floats | None: ...


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """The face that ``rule`` means, found by the detector and aligned."""

    rule: Rule = "centre"

    def __str__(self) -> str:
        which = {"centre": "the face nearest to the centre", "largest": "the largest face", "only": "the only face"}[self.rule]
        return f"{which}, aligned"

    def landmarks(self, image: Pixels, detector: Detector, /) -> Floats | None:
        face = find_face(image, detector, rule=self.rule).face
        return None if face is None else face.landmarks

    def __call__(self, image: Pixels, detector: Detector, sizes: Sequence[Preprocessing], /) -> list[FaceCrop] | None:
        return align_all(image, self.landmarks(image, detector), sizes)


@dataclass(frozen=True, slots=True)
class CentreCrop:
    """A fixed crop about the middle of the picture: no detector, no alignment.

    A square of ``share`` of the shorter side stands for the 112 template's; input sizes are cut from it as ``preprocess.template`` says.
    """

    share: float = LFW_SHARE

    def __str__(self) -> str:
        return f"the middle, {self.share:g} of the shorter side, not aligned"

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"expected a share of the shorter side above 0, up to 1, got {self.share}")

    def landmarks(self, image: Pixels, detector: Detector, /) -> Floats:  # noqa: ARG002 - no detector is asked
        height, width = image.shape[:2]
        middle, scale = np.array([width - 1, height - 1]) / 2, self.share * min(height, width) / 112
        points: Floats = ((TEMPLATE_112 - 55.5) * scale + middle).astype(np.float32)  # 55.5: the middle of the 112 square
        return points

    def __call__(self, image: Pixels, detector: Detector, sizes: Sequence[Preprocessing], /) -> list[FaceCrop] | None:
        return align_all(image, self.landmarks(image, detector), sizes)


def align_all(image: Pixels, landmarks: Floats | None, sizes: Sequence[Preprocessing], /) -> list[FaceCrop] | None:
    """The face with ``landmarks`` (4, 2) aligned for each of ``sizes``; None without landmarks."""
    return None if landmarks is None else [align(image, landmarks, size.height, size.width) for size in sizes]


def square_side(landmarks: Floats, /) -> float:
    """Side, in pixels of the picture, of the square that alignment of ``landmarks`` (4, 2) brings to the 112 template's."""
    matrix = similarity(landmarks, TEMPLATE_112)
    return float(112 / np.hypot(matrix[0, 0], matrix[1, 0]))
