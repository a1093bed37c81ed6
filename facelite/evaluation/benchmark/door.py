"""A bundle or a bare embedder as it stands at a door: the whole way from a picture to the decision, and each stage of it alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from facelite.distance import SQUARED_L2, Distance
from facelite.errors import InputError
from facelite.face import Detection, FaceCrop, Floats, Pixels
from facelite.image import decode_image
from facelite.preprocess import Preprocessing, align, template
from facelite.runtime.detector import Detector
from facelite.runtime.embedder import Embedder
from facelite.runtime.look import find_face
from facelite.runtime.verifier import Verifier, open_verifier

STAGES = ("decode", "detect", "align", "embed", "compare")

DECISION = "decision"
"""The whole way but for decoding: a camera gives pixels. It judges the picture's quality, too."""

WARM_UP = 5
"""Passes that do not count, for caches and clocks of the processor."""

FEWEST = 10
"""Passes that count, however slow the machine is."""


@dataclass(frozen=True, slots=True, eq=False)
class Door:
    """``vectors`` makes of pictures (h, w, 3) the unit vectors (n, d) of the faces at their centres, and raises InputError where one has none.

    A pass takes ``batch`` pictures, as the embedder does. ``threshold`` is a squared distance.
    """

    embedder: Embedder
    detector: Detector | None
    vectors: Callable[[Sequence[Pixels]], Floats]
    batch: int
    threshold: float
    distance: Distance = SQUARED_L2

    def decide(self, pictures: Sequence[Pixels], enrolled: Floats, /) -> list[bool]:
        """Whether each picture shows whom ``enrolled`` (d,) is of."""
        return list(self.distance.pairs(self.vectors(pictures), enrolled) <= self.threshold)


def open_door(path: str | Path, /, *, threads: int, preprocessing: Preprocessing | None = None, detector: bytes | None = None) -> Door:
    """That of the bundle at ``path``, self-tested; with ``preprocessing`` that of the bare embedder there, behind a ``detector`` or none.

    Raises BundleError, SelfTestError.
    """
    if preprocessing is None:
        verifier = open_verifier(path, threads=threads)
        return Door(verifier.embedder, verifier.detector, _by(verifier), 1, verifier.manifest.threshold().distance, verifier.bundle.distance)
    embedder = Embedder(Path(path).read_bytes(), space=str(path), preprocessing=preprocessing, threads=threads)
    finder = Detector(detector, threads=threads) if detector else None
    return Door(embedder, finder, _by_parts(embedder, finder), embedder.batch, threshold=1.0)  # any: a comparison takes as long


def measure(door: Door, data: Sequence[bytes], /, *, seconds: float) -> dict[str, list[float]]:
    """Seconds for a picture of ``data`` (encoded), pass by pass, in each stage and for the decision; without a detector for embedding alone."""
    passes = _embed_alone(door) if door.detector is None else _both_ways(door, door.detector, data)
    for _ in islice(passes, WARM_UP):
        pass
    samples: dict[str, list[float]] = {}
    count, end = 0, time.perf_counter() + seconds
    while count < FEWEST or time.perf_counter() < end:
        for name, taken in next(passes).items():
            samples.setdefault(name, []).append(taken / door.batch)
        count += 1
    return samples


def noise(door: Door, /) -> list[FaceCrop]:
    """Crops for one pass where nothing finds a face: an embedder takes as long for any."""
    size = door.embedder.preprocessing
    pixels = np.random.default_rng(0).integers(0, 256, (size.height, size.width, 3), np.uint8)
    return [FaceCrop(pixels, template(size.height, size.width))] * door.batch


def _embed_alone(door: Door) -> Iterator[dict[str, float]]:
    crops = noise(door)
    while True:
        began = time.perf_counter()
        _unit(door.embedder, crops)
        yield {"embed": time.perf_counter() - began}


def _both_ways(door: Door, detector: Detector, data: Sequence[bytes]) -> Iterator[dict[str, float]]:
    """Stage by stage, then the whole decision, of the same pictures."""
    enrolled = door.vectors([decode_image(data[0])])[0]
    turns = cycle(data)
    while True:
        encoded = list(islice(turns, door.batch))
        taken, pictures = _stage_by_stage(door, detector, encoded, enrolled)
        began = time.perf_counter()
        door.decide(pictures, enrolled)
        yield {**taken, DECISION: time.perf_counter() - began}


def _stage_by_stage(door: Door, detector: Detector, encoded: Sequence[bytes], enrolled: Floats) -> tuple[dict[str, float], list[Pixels]]:
    """Seconds of each stage for all of ``encoded``, and the pictures."""
    size, marks = door.embedder.preprocessing, [time.perf_counter()]
    pictures = [decode_image(one) for one in encoded]
    marks.append(time.perf_counter())
    faces = [_face(picture, detector) for picture in pictures]
    marks.append(time.perf_counter())
    crops = [align(picture, face.landmarks, size.height, size.width) for picture, face in zip(pictures, faces, strict=True)]
    marks.append(time.perf_counter())
    vectors = _unit(door.embedder, crops)
    marks.append(time.perf_counter())
    _ = door.distance.pairs(vectors, enrolled) <= door.threshold
    marks.append(time.perf_counter())
    return dict(zip(STAGES, np.diff(marks).tolist(), strict=True)), pictures


def _by(verifier: Verifier) -> Callable[[Sequence[Pixels]], Floats]:
    def vectors(pictures: Sequence[Pixels]) -> Floats:
        looks = [verifier.look(picture, rule="centre") for picture in pictures]
        if lacking := next((look for look in looks if look.embedding is None), None):
            raise InputError(f"{lacking.outcome}: {lacking.detail}")
        return np.stack([look.embedding.vector for look in looks if look.embedding])

    return vectors


def _by_parts(embedder: Embedder, detector: Detector | None) -> Callable[[Sequence[Pixels]], Floats]:
    def vectors(pictures: Sequence[Pixels]) -> Floats:
        if detector is None:
            raise ValueError("expected a detector before an embedder that is given pictures, got none")
        size = embedder.preprocessing
        faces = [_face(picture, detector) for picture in pictures]
        return _unit(embedder, [align(picture, face.landmarks, size.height, size.width) for picture, face in zip(pictures, faces, strict=True)])

    return vectors


def _face(picture: Pixels, detector: Detector) -> Detection:
    look = find_face(picture, detector, rule="centre")
    if look.face is None:
        raise InputError(f"{look.outcome}: {look.detail}")
    return look.face


def _unit(embedder: Embedder, crops: Sequence[FaceCrop]) -> Floats:
    return np.stack([embedder.unit(vector).vector for vector in embedder.vectors(crops)])
