"""Any TFLite embedder as a teacher: what it makes of stored crops, averaged over a crop and its mirror image."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import local
from typing import Protocol

import numpy as np

from facelite.errors import InputError
from facelite.face import FaceCrop, Floats
from facelite.preprocess import Preprocessing, template
from facelite.training.augment import view, view_matrix
from facelite.training.dataset import FaceSet, Integers
from facelite.training.judging import unit_rows

TOGETHER = 16
"""Crops that a thread takes at a time."""

ASKED, ALIKE = 64, 0.8
"""Of so many pictures that have a target already the teacher is asked too, and the median cosine of its answers to those is to be so large."""


class CropEmbedder(Protocol):
    """What maps aligned crops to vectors (n, d)."""

    preprocessing: Preprocessing

    def vectors(self, crops: Sequence[FaceCrop], /) -> Floats: ...


class Answers(Protocol):
    """What keeps a teacher's answers (m,) by the sha256 of a crop's pixels, so that an interrupted teaching goes on."""

    def get(self, picture: bytes, /) -> Floats | None: ...

    def put(self, picture: bytes, vector: Floats, /) -> None: ...

    def save(self, *, now: bool = False) -> None: ...


def teach(
    make: Callable[[], CropEmbedder],
    faces: FaceSet,
    /,
    *,
    known: Answers | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Floats:
    """The targets (n, d) for ``faces``: those that they have, and for the others the mean of a crop's unit vector and its mirror image's, of unit
    length, through their ``projection`` if they have one. ``make`` is called once a thread; what is ``known`` of this teacher and geometry is not
    asked again.

    Raises InputError where the targets that there are were not made by the like of this teacher.
    """
    own = local()

    def ask(rows: Integers) -> Floats:
        if not hasattr(own, "embedder"):
            own.embedder = make()
        size = own.embedder.preprocessing
        matrix, points = view_matrix(faces.geometry, size.height, size.width), template(size.height, size.width)
        crops = [view(faces.pixels[row], matrix, size.height, size.width) for row in rows]
        mirrored = [np.ascontiguousarray(crop[:, ::-1]) for crop in crops]
        plain, other = (unit_rows(own.embedder.vectors([FaceCrop(pixels, points) for pixels in part])) for part in (crops, mirrored))
        sums: Floats = plain + other
        return sums

    def some(rows: Integers) -> Floats:
        if not known:
            return unit_rows(_projected(ask(rows), faces.projection))
        pictures = [hashlib.sha256(faces.pixels[row]).digest() for row in rows]
        answers = {place: answer for place, picture in enumerate(pictures) if (answer := known.get(picture)) is not None}
        if unknown := [place for place in range(len(rows)) if place not in answers]:
            answers |= zip(unknown, ask(rows[unknown]), strict=True)
        for place in unknown:
            known.put(pictures[place], answers[place])
        return unit_rows(_projected(np.stack([answers[place] for place in range(len(rows))]), faces.projection))

    asked = np.flatnonzero(~faces.has_target)
    with _saved(known), ThreadPoolExecutor(workers) as pool:
        if faces.has_target.any():
            own_target = faces.has_target & np.array([one == name for one, name in zip(faces.originals or faces.names, faces.names, strict=True)])
            tried = np.flatnonzero(own_target)[:: max(1, int(own_target.sum()) // ASKED)]
            _check(np.concatenate(list(pool.map(some, _parts(tried)))), faces.targets[tried])
        answers: list[Floats] = []
        for answer in pool.map(some, _parts(asked)):
            answers.append(answer)
            if known:
                known.save()
            progress(min(len(answers) * TOGETHER, len(asked)), len(asked))
    if len(asked) == len(faces):
        return np.concatenate(answers)
    targets = faces.targets.copy()
    if answers:
        targets[asked] = np.concatenate(answers)
    return targets


@contextmanager
def _saved(known: Answers | None) -> Iterator[None]:
    """In the end, however it comes, ``known`` is written."""
    try:
        yield
    finally:
        if known:
            known.save(now=True)


def _parts(rows: Integers) -> list[Integers]:
    return [rows[start : start + TOGETHER] for start in range(0, len(rows), TOGETHER)]


def _projected(vectors: Floats, projection: Floats | None) -> Floats:
    if projection is None:
        return vectors
    if vectors.shape[1] != len(projection):
        raise InputError(f"expected a teacher of {len(projection)} numbers, for the file's projection, got {vectors.shape[1]}; name that teacher")
    projected: Floats = vectors @ projection
    return projected


def _check(answers: Floats, targets: Floats) -> None:
    if answers.shape != targets.shape:
        raise InputError(f"expected a teacher of {targets.shape[1]} numbers, as the recipe's file has, got {answers.shape[1]}; name that teacher")
    if (alike := float(np.median((answers * targets).sum(axis=1)))) < ALIKE:
        raise InputError(f"expected the teacher that made the recipe's file, got one at a median cosine of {alike:.2f} to it; name that teacher")
