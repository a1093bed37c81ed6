"""Which face of a picture is meant: the only one, the one in the centre, or the largest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from facelite.face import Detection

Rule = Literal["only", "centre", "largest"]

CLEAR_LEAD = 0.25
"""The centre face leads clearly when the next one is farther from the centre by this share of its own size."""


def choose(faces: Sequence[Detection], shape: tuple[int, ...], /, *, rule: Rule) -> Detection | None:
    """The face of a picture of ``shape`` (h, w, ...) that ``rule`` means; None where ``only`` finds several.

    Raises ValueError for an empty sequence: no face is the caller's case, not a choice.
    """
    if not faces:
        raise ValueError("expected at least one face, got none")
    if rule == "only":
        return faces[0] if len(faces) == 1 else None
    if rule == "largest":
        return max(faces, key=lambda face: face.size)
    return min(faces, key=lambda face: off_centre(face, shape))


def clear_centre(faces: Sequence[Detection], shape: tuple[int, ...], /) -> Detection | None:
    """The centre face, or None where another one is about as near to the centre."""
    first, *others = sorted(faces, key=lambda face: off_centre(face, shape))
    if others and off_centre(others[0], shape) - off_centre(first, shape) < CLEAR_LEAD * first.size:
        return None
    return first


def off_centre(face: Detection, shape: tuple[int, ...], /) -> float:
    """Distance in pixels from the middle of the picture to the middle of the face's box."""
    middle = np.array([shape[1] - 1, shape[0] - 1]) / 2
    return float(np.linalg.norm(face.box[:2] + face.box[2:] / 2 - middle))
