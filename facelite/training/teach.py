"""Any TFLite embedder as a teacher: what it makes of stored crops, averaged over a crop and its mirror image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import local
from typing import Protocol

import numpy as np

from facelite.face import FaceCrop, Floats
from facelite.preprocess import Preprocessing, template
from facelite.training.augment import view, view_matrix
from facelite.training.dataset import FaceSet
from facelite.training.judging import unit_rows

TOGETHER = 16
"""Crops that a thread takes at a time."""


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
    """The targets (n, d) for ``faces``: the mean of a crop's unit vector and its mirror image's, of unit length. ``make`` is called once a thread."""
    own = local()

    def some(start: int) -> Floats:
        if not hasattr(own, "embedder"):
            own.embedder = make()
        size = own.embedder.preprocessing
        matrix, points = view_matrix(faces.geometry, size.height, size.width), template(size.height, size.width)
        crops = [view(pixels, matrix, size.height, size.width) for pixels in faces.pixels[start : start + TOGETHER]]
        mirrored = [np.ascontiguousarray(crop[:, ::-1]) for crop in crops]
        plain, other = (unit_rows(own.embedder.vectors([FaceCrop(pixels, points) for pixels in some])) for some in (crops, mirrored))
        return unit_rows(plain + other)

    rows: list[Floats] = []
    with ThreadPoolExecutor(workers) as pool:
        for done in pool.map(some, range(0, len(faces), TOGETHER)):
            rows.append(done)
            progress(min(len(rows) * TOGETHER, len(faces)), len(faces))
    return np.concatenate(rows)
