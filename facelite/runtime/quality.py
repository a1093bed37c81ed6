"""Whether a face is good enough to be compared: large, bright and sharp enough.

The limits only catch what is hopeless: of 836 pictures of held-out people none lies below them (smallest 40 pixels, luma 46,
sharpness 4.7).
"""

from __future__ import annotations

import cv2
import numpy as np

from facelite.face import Detection, FaceCrop, Outcome

MIN_SIZE = 24.0
"""Pixels of the face's box: FaceNet's table 4 falls from 79.5 to 37.8 % VAL between 80 and 40 pixels of crop side."""

MIN_LIGHT = 20.0
"""Mean luma, of 255."""

MIN_SHARPNESS = 3.0
"""Standard deviation of the Laplacian of the crop's luma."""


def judge_quality(face: Detection, crop: FaceCrop, /) -> tuple[Outcome, str] | None:
    """None for a usable face, else the outcome and what was measured."""
    if face.size < MIN_SIZE:
        return Outcome.TOO_SMALL, f"expected a face of {MIN_SIZE:g} pixels or more, got {face.size:.0f}; come nearer"
    luma = cv2.cvtColor(crop.pixels, cv2.COLOR_RGB2GRAY)
    if (light := float(luma.mean())) < MIN_LIGHT:
        return Outcome.TOO_DARK, f"expected a mean luma of {MIN_LIGHT:g} or more, got {light:.0f}; add light"
    if (sharpness := float(np.std(cv2.Laplacian(luma, cv2.CV_32F)))) < MIN_SHARPNESS:
        return Outcome.BLURRED, f"expected a sharpness of {MIN_SHARPNESS:g} or more, got {sharpness:.1f}; hold still"
    return None
