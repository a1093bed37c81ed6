"""Where a head looks, by the detector's keypoints.

Take the line between the eyes and the line from its middle to the mouth as axes. A point of the head that stands out of the plane of eyes and mouth,
as the nose does, or lies behind it, as the ears do, wanders along the first axis when the head turns, and along the second when it nods: under
parallel projection by exactly its depth * tan(angle), whatever the roll, scale and place. All points of a flat picture keep their coordinates in
these axes under any affine map.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from facelite.face import Detection

NOSE_DEPTH, EARS_DEPTH = 0.58, 1.38
"""How far the nose stands before the plane of eyes and mouth and the ears behind it, in distances of the eyes (``tests/benchmarks/liveness.py``)."""

MOUTH = 1.05
"""How far the mouth lies below the eyes, in distances of the eyes."""

PROFILE = 0.25
"""Distance of the eyes, measured across the line to the mouth and in its length, below which nothing can be told: 0.95 from the front."""


def yaw(face: Detection, /) -> float | None:
    """Degrees by which the head is turned away from the camera, positive to the person's left; None where it cannot be told.

    The smaller of what nose and ears say, 0 where they contradict each other.
    """
    if (places := _places(face)) is None:
        return None
    by_nose, by_ears = places[0, 0] / NOSE_DEPTH, -places[0, 1] / EARS_DEPTH
    smaller = min(by_nose, by_ears, key=abs) if by_nose * by_ears > 0 else 0.0
    return math.degrees(math.atan(smaller))


def pitch(face: Detection, front: Detection, /) -> float | None:
    """Degrees by which the chin is higher than in ``front``, a face of the same person; None where it cannot be told.

    Noses differ more from person to person than from pose to pose, so one face alone does not tell it.
    """
    places, before = _places(face), _places(front)
    if places is None or before is None:
        return None
    return math.degrees(math.atan(float(before[1, 0] - places[1, 0]) * MOUTH / NOSE_DEPTH))


def _places(face: Detection) -> NDArray[np.float64] | None:
    """(2, 2): along both axes, the nose and the middle of the ears; None in profile."""
    left_eye, right_eye, nose, mouth, *ears = face.keypoints.astype(np.float64)
    middle = (left_eye + right_eye) / 2
    axes = np.stack([right_eye - left_eye, mouth - middle], axis=1)
    if not abs(np.linalg.det(axes)) > PROFILE * (axes[:, 1] @ axes[:, 1]):
        return None
    places: NDArray[np.float64] = np.linalg.solve(axes, np.stack([nose, (ears[0] + ears[1]) / 2], axis=1) - middle[:, None])
    return places
