"""Pictures -> embeddings, the whole way from the encoded file through detector and alignment, on all cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import local
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facelite.errors import ImageError
from facelite.face import FaceCrop, Floats
from facelite.image import decode_image
from facelite.preprocess import Preprocessing, align
from facelite.runtime.choice import Rule
from facelite.runtime.detector import Detector
from facelite.runtime.look import find_face


class CropEmbedder(Protocol):
    """What maps aligned crops to vectors: a TFLite embedder, or a Keras model in the same clothes."""

    preprocessing: Preprocessing

    def vectors(self, crops: Sequence[FaceCrop], /) -> Floats: ...


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """``vectors`` (n, d) unit length, zero where no face was found; ``found`` (n,)."""

    names: list[str]
    vectors: Floats
    found: NDArray[np.bool_]


def embed_pictures(
    names: Sequence[str],
    read: Callable[[str], bytes],
    /,
    *,
    detector: bytes,
    embedders: Sequence[Callable[[], CropEmbedder]],
    rule: Rule = "centre",
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Embedded]:
    """An Embedded for each of ``embedders``, over the same detections in the pictures ``names``.

    ``embedders`` are makers, called once a thread. An unreadable picture counts as one without a face.
    """
    own = local()

    def one(name: str) -> list[Floats | None]:
        if not hasattr(own, "detector"):
            own.detector, own.embedders = Detector(detector), [make() for make in embedders]
        crops = crop_picture(read(name), own.detector, [embedder.preprocessing for embedder in own.embedders], rule=rule)
        if crops is None:
            return [None] * len(embedders)
        return [embedder.vectors([crop])[0] for embedder, crop in zip(own.embedders, crops, strict=True)]

    rows = []
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for row in pool.map(one, names):
            rows.append(row)
            progress(len(rows), len(names))
    return [_collect(list(names), [row[i] for row in rows]) for i in range(len(embedders))]


def crop_picture(data: bytes, detector: Detector, sizes: Sequence[Preprocessing], /, *, rule: Rule) -> list[FaceCrop] | None:
    """The face that ``rule`` means in an encoded picture, aligned for each of ``sizes``; None where it is unreadable or shows no such face."""
    try:
        image = decode_image(data)
    except ImageError:
        return None
    face = find_face(image, detector, rule=rule).face
    return None if face is None else [align(image, face.landmarks, size.height, size.width) for size in sizes]


def _collect(names: list[str], vectors: list[Floats | None]) -> Embedded:
    size = next((len(vector) for vector in vectors if vector is not None), 1)
    table = np.stack([np.zeros(size, np.float32) if vector is None else vector for vector in vectors])
    lengths = np.linalg.norm(table, axis=1, keepdims=True)
    return Embedded(names, table / np.maximum(lengths, 1e-9), lengths[:, 0] > 1e-9)
