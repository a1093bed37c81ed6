"""Any TFLite embedder as a teacher: what it makes of stored crops, averaged over a crop and its mirror image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
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


def teach(
    make: Callable[[], CropEmbedder],
    faces: FaceSet,
    /,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Floats:
    """The targets (n, d) for ``faces``: those that they have, and for the others the mean of a crop's unit vector and its mirror image's, of unit
    length, through their ``projection`` if they have one. ``make`` is called once a thread.

    Raises InputError where the targets that there are were not made by the like of this teacher.
    """
    own = local()

    def some(rows: Integers) -> Floats:
        if not hasattr(own, "embedder"):
            own.embedder = make()
        size = own.embedder.preprocessing
        matrix, points = view_matrix(faces.geometry, size.height, size.width), template(size.height, size.width)
        crops = [view(faces.pixels[row], matrix, size.height, size.width) for row in rows]
        mirrored = [np.ascontiguousarray(crop[:, ::-1]) for crop in crops]
        plain, other = (unit_rows(own.embedder.vectors([FaceCrop(pixels, points) for pixels in some])) for some in (crops, mirrored))
        return unit_rows(_projected(plain + other, faces.projection))

    asked = np.flatnonzero(~faces.has_target)
    with ThreadPoolExecutor(workers) as pool:
        if faces.has_target.any():
            own_target = faces.has_target & np.array([one == name for one, name in zip(faces.originals or faces.names, faces.names, strict=True)])
            known = np.flatnonzero(own_target)[:: max(1, int(own_target.sum()) // ASKED)]
            _check(np.concatenate(list(pool.map(some, _parts(known)))), faces.targets[known])
        answers: list[Floats] = []
        for answer in pool.map(some, _parts(asked)):
            answers.append(answer)
            progress(min(len(answers) * TOGETHER, len(asked)), len(asked))
    if len(asked) == len(faces):
        return np.concatenate(answers)
    targets = faces.targets.copy()
    if answers:
        targets[asked] = np.concatenate(answers)
    return targets


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
