"""What a face is on its way to a decision: detection, crop, embedding, threshold, decision.

All are frozen. Those that hold an array make it read-only and compare by identity.
Distance is squared L2 between unit vectors, in [0, 4]; smaller is more alike (FaceNet, arXiv:1503.03832). A bundle may decide by another one in the
same range: see ``facelite.distance``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facelite.errors import SpaceMismatch

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]


def _frozen(array: NDArray[Any], dtype: type) -> NDArray[Any]:
    """A read-only array of ``dtype``; the caller's own array stays writable."""
    view: NDArray[Any] = np.asarray(array, dtype=dtype).view()
    view.flags.writeable = False
    return view


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """One face found in a frame.

    ``box`` (4,) is x, y, width, height in pixels of the frame; ``keypoints`` (6, 2) are x, y of the
    eye at the left of the picture, the eye at its right, nose tip, mouth centre, and the two ears.
    ``score`` is the detector's own confidence in [0, 1].
    """

    box: Floats
    keypoints: Floats
    score: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "box", _frozen(self.box, np.float32))
        object.__setattr__(self, "keypoints", _frozen(self.keypoints, np.float32))
        if self.box.shape != (4,) or self.keypoints.shape != (6, 2):
            raise ValueError(f"expected box (4,) and keypoints (6, 2), got {self.box.shape} and {self.keypoints.shape}")

    @property
    def landmarks(self) -> Floats:
        """The (4, 2) points that alignment uses: both eyes, nose tip, mouth centre."""
        return self.keypoints[:4]

    @property
    def size(self) -> float:
        """The longer side of the box in pixels."""
        return float(self.box[2:].max())


@dataclass(frozen=True, slots=True, eq=False)
class FaceCrop:
    """One aligned face: ``pixels`` (h, w, 3) uint8 RGB; ``landmarks`` (4, 2) in pixels of the crop."""

    pixels: Pixels
    landmarks: Floats

    def __post_init__(self) -> None:
        if self.pixels.dtype != np.uint8 or self.pixels.ndim != 3 or self.pixels.shape[2] != 3:
            raise ValueError(f"expected (h, w, 3) uint8 RGB, got {self.pixels.shape} {self.pixels.dtype}")
        object.__setattr__(self, "pixels", _frozen(self.pixels, np.uint8))
        object.__setattr__(self, "landmarks", _frozen(self.landmarks, np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """``vector`` (d,) float32 of unit length in the embedding space named ``space``."""

    vector: Floats
    space: str

    def __post_init__(self) -> None:
        vector = np.asarray(self.vector, dtype=np.float32)
        if vector.ndim != 1:
            raise ValueError(f"expected a vector (d,), got shape {vector.shape}")
        length = float(np.linalg.norm(vector))
        if not np.isfinite(length) or length < 1e-6:
            raise ValueError(f"expected a vector of finite, positive length, got length {length}")
        object.__setattr__(self, "vector", _frozen(vector / np.float32(length), np.float32))

    def distance(self, other: Embedding, /) -> float:
        """Squared L2 distance in [0, 4]. Raises SpaceMismatch for another space."""
        if self.space != other.space:
            raise SpaceMismatch(
                f"expected two embeddings of one space, got {self.space!r} and {other.space!r}; embed both pictures with bundles of the same space"
            )
        return float(np.sum((self.vector - other.vector) ** 2))


def fuse(vectors: Floats, /) -> Floats:
    """What several templates (..., k, d) of one person are compared as: their mean, of unit length, (..., d).

    NNS1 on 94 held-out people, VAL at FMR 1e-3 / 1e-4 with 2, 3 and 5 templates a person: 85.4 / 71.1, 89.5 / 79.7, 91.9 / 83.0 %;
    by the nearest of the templates 83.9 / 69.1, 87.3 / 75.0, 89.2 / 75.5 %; by the mean distance 82.3 / 67.9, 86.1 / 74.2, 88.9 / 78.7 %.
    """
    means = vectors.mean(axis=-2)
    fused: Floats = means / np.maximum(np.linalg.norm(means, axis=-1, keepdims=True), 1e-9).astype(np.float32)
    return fused


def fuse_groups(vectors: Floats, most: int, /) -> tuple[Floats, list[int]]:
    """The templates (n, d) of one person fused in as few groups of up to ``most`` as can be (m, d), and how many are behind each.

    The groups follow each other; those in front may be larger by one.
    """
    groups = np.array_split(vectors, math.ceil(len(vectors) / most))
    return np.stack([fuse(group) for group in groups]), [len(group) for group in groups]


NOTHING = -1e-3
"""Least distance of a threshold: below zero, one that nothing matches, is what calibration finds where even equal vectors are too many."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A distance with the error rates measured at it.

    ``fmr`` is the rate asked for; ``fmr_upper`` the upper end of its interval (95 %, by identity);
    ``fnmr`` the share of genuine pairs beyond the distance. ``genuine_pairs`` and ``impostor_pairs`` count
    comparisons of images, ``people_pairs`` the pairs of distinct people behind the impostor comparisons.
    """

    distance: float
    fmr: float
    fmr_upper: float
    fnmr: float
    genuine_pairs: int
    impostor_pairs: int
    people_pairs: int

    def __post_init__(self) -> None:
        if not NOTHING <= self.distance <= 4 or not 0 < self.fmr < 1:
            raise ValueError(f"expected a threshold from 0 to 4 with an FMR between 0 and 1, got {self.distance:g} and {self.fmr:g}")


class Outcome(StrEnum):
    """How a picture or an attempt of several frames ended; only the first two are answers to "is it the same person?"."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NO_FACE = "no face"
    SEVERAL_FACES = "several faces"
    TOO_SMALL = "too small"
    CUT_OFF = "cut off"
    TOO_DARK = "too dark"
    TOO_BRIGHT = "too bright"
    BLURRED = "blurred"
    TURNED = "turned away"
    UNCLEAR = "unclear"
    TIMED_OUT = "timed out"

    @property
    def decided(self) -> bool:
        return self in (Outcome.ACCEPTED, Outcome.REJECTED)


@dataclass(frozen=True, slots=True)
class Decision:
    """An outcome with its evidence. ``subject`` and ``distance`` are None where nothing was compared.

    ``threshold`` carries the rates of one comparison. ``fpir`` is the rate asked for the whole answer, over all ``comparisons`` with the
    ``templates``, which may be compared several as one; None for two pictures, where the two rates are one.
    """

    outcome: Outcome
    threshold: Threshold
    subject: str | None = None
    distance: float | None = None
    detail: str = ""
    templates: int = 1
    comparisons: int = 1
    fpir: float | None = None

    @property
    def accepted(self) -> bool:
        return self.outcome is Outcome.ACCEPTED
