"""Image quality against VAL: pictures, or the keypoints found in them, made worse step by step (FaceNet, arXiv:1503.03832, table 4).

Each step is a cropper around another, so that judging need not know of it, and all models are judged on the same detections.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np

from facelite.errors import ImageError
from facelite.evaluation.crop import CentreCrop, Cropper, DetectedFace, Road, align_all, square_side
from facelite.evaluation.verification import Verification
from facelite.face import FaceCrop, Floats, Pixels
from facelite.image import decode_image
from facelite.preprocess import Preprocessing
from facelite.runtime.detector import Detector

Kind = Literal["jpeg", "pixels", "jitter"]

SETTINGS: dict[Kind, tuple[float | None, ...]] = {
    "jpeg": (10, 20, 30, 50, 70, 90, None),
    "pixels": (1600, 6400, 14400, 25600, 65536),
    "jitter": (0, 0.01, 0.02, 0.04, 0.08),
}
"""JPEG quality (None: the picture untouched) and pixels of the face's square, as in FaceNet's table 4; ours is the standard deviation
of the keypoints, as a share of the square's side."""

ROADS: dict[str, Road] = {"aligned": DetectedFace(), "centre crop": CentreCrop()}


@dataclass(frozen=True, slots=True)
class Published:
    """Figures of a paper, (setting, VAL), and what they were measured on."""

    label: str
    points: tuple[tuple[float, float], ...]


_FACENET = "FaceNet (arXiv:1503.03832), table 4: network NN1, VAL at FMR 1e-3 on its own hold-out set; not comparable in level"

PUBLISHED: dict[Kind, Published] = {
    "jpeg": Published(_FACENET, ((10, 0.673), (20, 0.814), (30, 0.839), (50, 0.855), (70, 0.861), (90, 0.865))),
    "pixels": Published(_FACENET, ((1600, 0.378), (6400, 0.795), (14400, 0.845), (25600, 0.857), (65536, 0.864))),
}


@dataclass(frozen=True, slots=True)
class Point:
    """What one model reached at one setting; rates in [0, 1].

    ``setting`` is one of SETTINGS. ``val`` and its 95 % interval are None where the impostor pairs cannot support the FMR.
    ``unchanged`` counts the pictures whose face had no more pixels than wanted; None for other kinds.
    """

    setting: float | None
    road: str
    model: str
    val: float | None
    val_interval: tuple[float, float] | None
    accuracy: float
    failed_to_detect: int
    unchanged: int | None


@dataclass(frozen=True, slots=True)
class Sweep:
    """The points of one kind, VAL at the FMR ``fmr`` (such as "1e-3"), beside the paper's where it has some."""

    kind: Kind
    fmr: str
    points: list[Point]
    published: Published | None


def sweep(
    judge: Callable[[Cropper], Mapping[str, Verification]],
    kinds: Sequence[Kind] = tuple(SETTINGS),
    /,
    *,
    sides: Callable[[Road], Floats],
    roads: Mapping[str, Road] = ROADS,
    fmr: str = "1e-3",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Sweep]:
    """A Sweep for each of ``kinds``: what ``judge`` says of each model, by its name, at every setting on every road.

    ``sides(road)`` gives the side of the face's square in each picture, see ``square_sides``; it is asked once a road, for pixels
    alone. Only a road that detects has keypoints to jitter.
    """
    steps = [(kind, *step) for kind in kinds for step in _steps(kind, roads)]
    points: dict[Kind, list[Point]] = {kind: [] for kind in kinds}
    known: dict[str, Floats] = {name: sides(road) for name, road in roads.items()} if "pixels" in kinds else {}
    for done, (kind, road, setting, cropper) in enumerate(steps, start=1):
        unchanged = int((known[road] ** 2 <= setting).sum()) if kind == "pixels" and setting is not None else None
        points[kind] += [_point(setting, road, model, rates, fmr, unchanged) for model, rates in judge(cropper).items()]
        progress(done, len(steps))
    return [Sweep(kind, fmr, points[kind], PUBLISHED.get(kind)) for kind in kinds]


def square_sides(names: Sequence[str], read: Callable[[str], bytes], /, *, detector: Detector, road: Road) -> Floats:
    """The side (n,) of the face's square in each picture, in its pixels; nan where it is unreadable or shows no face."""

    def side(name: str) -> float:
        try:
            landmarks = road.landmarks(decode_image(read(name)), detector)
        except ImageError:
            return np.nan
        return np.nan if landmarks is None else square_side(landmarks)

    return np.array([side(name) for name in names], np.float32)


def _steps(kind: Kind, roads: Mapping[str, Road]) -> Iterator[tuple[str, float | None, Cropper]]:
    """(name of the road, setting, cropper) of one kind; the bare road where nothing is made worse."""
    worse: dict[Kind, Callable[[Any, Any], Cropper]] = {"jpeg": Jpeg, "pixels": Shrink, "jitter": Jitter}
    for name, road in roads.items():
        if kind != "jitter" or isinstance(road, DetectedFace):
            yield from ((name, setting, worse[kind](setting, road) if setting else road) for setting in SETTINGS[kind])


def _point(setting: float | None, road: str, model: str, rates: Verification, fmr: str, unchanged: int | None) -> Point:
    val, interval = rates.val_at_fmr.get(fmr), rates.val_interval_at_fmr.get(fmr)
    return Point(setting, road, model, val, interval, rates.accuracy, rates.failed_to_detect, unchanged)


@dataclass(frozen=True, slots=True)
class Jpeg:
    """The picture encoded again at JPEG ``quality`` (0 to 100, colour at half resolution) before the face is looked for."""

    quality: int
    then: Cropper

    def __post_init__(self) -> None:
        if not 0 <= self.quality <= 100:
            raise ValueError(f"expected a JPEG quality of 0 to 100, got {self.quality}")

    def __call__(self, image: Pixels, detector: Detector, sizes: Sequence[Preprocessing], /) -> list[FaceCrop] | None:
        encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, self.quality])[1]
        return self.then(decode_image(encoded.tobytes()), detector, sizes)


@dataclass(frozen=True, slots=True)
class Shrink:
    """The picture shrunk by means over areas until the template's square of its face has ``area`` pixels; never enlarged.

    The face is located in the picture as it came; then the whole road, detector included, runs on the small one.
    """

    area: int
    then: Road

    def __post_init__(self) -> None:
        if self.area < 1:
            raise ValueError(f"expected an area of 1 pixel or more, got {self.area}")

    def __call__(self, image: Pixels, detector: Detector, sizes: Sequence[Preprocessing], /) -> list[FaceCrop] | None:
        landmarks = self.then.landmarks(image, detector)
        if landmarks is None:
            return None
        side = np.float32(square_side(landmarks))
        if side**2 <= self.area:
            return align_all(image, landmarks, sizes)
        height, width = (max(1, round(extent * self.area**0.5 / side)) for extent in image.shape[:2])
        small: Pixels = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        return self.then(small, detector, sizes)


@dataclass(frozen=True, slots=True)
class Jitter:
    """The detector's keypoints moved by a normal of standard deviation ``sigma``, as a share of the side of the face's square.

    A picture's content and ``seed`` fix the direction; ``sigma`` only scales it.
    """

    sigma: float
    then: DetectedFace
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.sigma < np.inf:
            raise ValueError(f"expected a standard deviation of 0 or more, got {self.sigma}")

    def landmarks(self, image: Pixels, detector: Detector, /) -> Floats | None:
        landmarks = self.then.landmarks(image, detector)
        if landmarks is None:
            return None
        normal = np.random.default_rng([self.seed, zlib.crc32(image.tobytes())]).standard_normal((4, 2), np.float32)
        moved: Floats = landmarks + np.float32(self.sigma * square_side(landmarks)) * normal
        return moved

    def __call__(self, image: Pixels, detector: Detector, sizes: Sequence[Preprocessing], /) -> list[FaceCrop] | None:
        return align_all(image, self.landmarks(image, detector), sizes)
