"""How good a face is for a comparison, and the limits beyond which it is not compared.

A picture beyond a limit is not rejected: nothing was decided, and the person is told what to change. Each limit lies about where most comparisons
with one's own pictures fail, at the threshold for an FMR of 1e-3; ``facelite evaluate --quality`` measures what each costs and gains.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from facelite.face import Detection, FaceCrop, Floats, Outcome
from facelite.preprocess import similarity


@dataclass(frozen=True, slots=True)
class Quality:
    """What is measured of a face.

    ``size``: longer side of its box, in pixels of the picture. ``inside``: share of the box that lies in the picture. ``light``: mean luma of
    the crop, of 255. ``sharpness``: standard deviation of the Laplacian of that luma; of both, only where the crop shows the picture.
    ``turn``: root mean square distance of the four landmarks from the template's after alignment, as a share of the crop's height; a face
    that looks past the camera, up or down has more of it. ``clarity``: length of the embedder's output, which is shorter the less a network is
    sure of; None before the face is embedded.
    """

    size: float
    inside: float
    light: float
    sharpness: float
    turn: float
    clarity: float | None = None

    def embedded(self, vector: Floats, /) -> Quality:
        """With the clarity of the embedder's output ``vector`` (d,)."""
        return replace(self, clarity=float(np.linalg.norm(vector)))


@dataclass(frozen=True, slots=True)
class Limits:
    """Least size, inside, light (``dark``), sharpness and clarity; largest light (``bright``) and turn. Part of a bundle's manifest.

    NNS1 (fourth release) on 300 pictures of held-out people made worse step by step (``tests/benchmarks/quality.py``); share of comparisons with
    other pictures of theirs that fail, 22 % of them as they are: at 24 pixels 35 %, at 17 pixels 66 %; at a luma of 22 40 %, of 14 79 %; of 196
    52 %, of 210 70 %; at a sharpness of 3.5 32 %, of 2.8 59 %; with three quarters of the box inside 40 %. Of pictures as they are, one in a hundred
    has a turn above 0.068: of its comparisons 74 % fail. ``clarity`` differs from network to network: export measures it, 0 means no limit.
    """

    size: float = 24.0
    inside: float = 0.75
    dark: float = 20.0
    bright: float = 200.0
    sharpness: float = 3.0
    turn: float = 0.068
    clarity: float = 0.0

    def __post_init__(self) -> None:
        for one in fields(self):
            if not 0 <= (value := getattr(self, one.name)) < math.inf:
                raise ValueError(f"expected a limit of quality of 0 or more, got {one.name} {value}")


LIMITS = Limits()

EDGE = 3
"""Pixels of a crop from the picture's edge inwards that do not count: black is in none of the others, nor in their neighbours, however much was
halved before they were sampled.
"""


def measure_quality(face: Detection, crop: FaceCrop, size: tuple[int, int], /) -> Quality:
    """The quality of ``face`` in a picture of ``size`` (width, height) and of its aligned ``crop``."""
    luma = cv2.cvtColor(crop.pixels, cv2.COLOR_RGB2GRAY)
    matrix = similarity(face.landmarks, crop.landmarks)
    seen = _seen(matrix, luma.shape, size)
    deviation = cv2.meanStdDev(cv2.Laplacian(luma, cv2.CV_16S), mask=seen)[1]
    return Quality(
        size=face.size,
        inside=_inside(face.box, size),
        light=cv2.mean(luma, seen)[0],
        sharpness=float(deviation[0, 0]),
        turn=_turn(matrix, face.landmarks, crop),
    )


def judge_quality(quality: Quality, limits: Limits, /) -> tuple[Outcome, str] | None:
    """None for a usable face, else the outcome, and what was expected, what came and what to do."""
    clarity = math.inf if quality.clarity is None else quality.clarity
    light, sharpness = quality.light, quality.sharpness
    if quality.size < limits.size:
        return Outcome.TOO_SMALL, f"expected a face of {limits.size:g} pixels or more, got {quality.size:.0f}; come nearer"
    if quality.inside < limits.inside:
        return Outcome.CUT_OFF, f"expected {limits.inside:.0%} of the face or more in the picture, got {quality.inside:.0%}; move to the middle"
    if light < limits.dark:
        return Outcome.TOO_DARK, f"expected a mean luma of {limits.dark:g} or more, got {light:.0f}; add light"
    if light > limits.bright:
        return Outcome.TOO_BRIGHT, f"expected a mean luma of {limits.bright:g} or less, got {light:.0f}; turn away from the light, or expose less"
    if sharpness < limits.sharpness:
        return Outcome.BLURRED, f"expected a sharpness of {limits.sharpness:g} or more, got {sharpness:.1f}; hold still"
    if quality.turn > limits.turn:
        return Outcome.TURNED, f"expected a turn of {limits.turn:g} or less, got {quality.turn:.3f}; look at the camera"
    if clarity < limits.clarity:
        what = f"expected an embedding of length {limits.clarity:.2f} or more, got {clarity:.2f}"
        return Outcome.UNCLEAR, f"{what}; face the camera, in good light, with nothing before the face"
    return None


def _inside(box: Floats, size: tuple[int, int]) -> float:
    """The share of ``box`` (x, y, width, height) that lies in a picture of ``size`` (width, height), whose pixels' edges are at -1/2."""
    x, y, width, height = (float(value) for value in box)
    ends = (x, x + width, size[0] - 0.5), (y, y + height, size[1] - 0.5)
    across, down = (max(min(high, end) - max(low, -0.5), 0.0) for low, high, end in ends)
    return min(across * down / max(width * height, 1e-9), 1.0)


def _seen(matrix: NDArray[np.float64], shape: tuple[int, ...], size: tuple[int, int]) -> NDArray[np.uint8] | None:
    """The pixels of a crop of ``shape`` that lie EDGE of them or more inside the picture of ``size`` (width, height); None: all.

    Beyond the picture a crop is black, which is neither dark nor, by its border, sharp.
    """
    (height, width), inverse = shape, cv2.invertAffineTransform(matrix)
    steps = inverse.tolist()
    edge = EDGE * math.hypot(steps[0][0], steps[1][0])
    ends = [(edge, side - 1 - edge) for side in size]
    corners = [(x, y) for x in (0, width - 1) for y in (0, height - 1)]
    if all(low <= a * x + b * y + c <= high for (a, b, c), (low, high) in zip(steps, ends, strict=True) for x, y in corners):
        return None
    y, x = np.ogrid[:height, :width]
    across, down = ((low <= at) & (at <= high) for at, (low, high) in zip((a * x + b * y + c for a, b, c in steps), ends, strict=True))
    seen: NDArray[np.uint8] = (across & down).view(np.uint8)
    return seen


def _turn(matrix: NDArray[np.float64], landmarks: Floats, crop: FaceCrop) -> float:
    (a, b, c), (d, e, f) = matrix.tolist()
    pairs = zip(landmarks.tolist(), crop.landmarks.tolist(), strict=True)
    apart = [math.dist((a * x + b * y + c, d * x + e * y + f), point) for (x, y), point in pairs]
    return float(math.hypot(*apart) / math.sqrt(len(apart)) / crop.pixels.shape[0])
