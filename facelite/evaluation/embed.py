"""Pictures -> embeddings, the whole way from the encoded file through detector and alignment, on all cores."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import local
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from facelite import __version__
from facelite.distance import SQUARED_L2, Distance
from facelite.errors import ImageError
from facelite.evaluation.cache import Cache
from facelite.evaluation.crop import Cropper, DetectedFace
from facelite.face import FaceCrop, Floats, Outcome
from facelite.image import decode_image
from facelite.preprocess import Preprocessing
from facelite.runtime.detector import Detector
from facelite.runtime.interpreter import runtime_name

ROAD = 5
"""Counted up when our own code gives another embedding of the same picture: caches made before no longer hold."""

TOGETHER = 8
"""Pictures that a thread takes at a time: enough to fill the batch of a model that has one."""


class CropEmbedder(Protocol):
    """What maps aligned crops to vectors; ``artefact`` is the sha256 of its model."""

    preprocessing: Preprocessing
    artefact: str

    def vectors(self, crops: Sequence[FaceCrop], /) -> Floats: ...


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """``vectors`` (n, d) unit length, zero where no face was found; ``lengths`` (n,) what they were before. ``distance`` is what compares them."""

    names: list[str]
    vectors: Floats
    lengths: Floats
    distance: Distance = SQUARED_L2

    @property
    def found(self) -> NDArray[np.bool_]:
        """Where there is a face (n,)."""
        return self.lengths > 1e-9


def embed_pictures(
    names: Sequence[str],
    read: Callable[[str], bytes],
    /,
    *,
    detector: bytes,
    embedders: Sequence[Callable[[], CropEmbedder]],
    crop: Cropper | None = None,
    cache: Path | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Embedded]:
    """An Embedded for each of ``embedders``, over the same crops of the pictures ``names``: by default the face nearest to the centre.

    ``embedders`` are makers, called once a thread. ``cache`` is a folder where embeddings are kept and found again. An unreadable
    picture counts as one without a face.
    """
    crop = crop or DetectedFace()
    caches = [Cache(cache, _road(make(), detector, crop)) for make in embedders]
    own = local()

    def some(part: Sequence[str]) -> list[list[Floats]]:
        if not hasattr(own, "detector"):
            own.detector, own.embedders = Detector(detector), [make() for make in embedders]
        return _embed(part, read, own.detector, own.embedders, crop, caches)

    rows: list[list[Floats]] = []
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for done in pool.map(some, _parts(names)):
            rows += done
            progress(len(rows), len(names))
            for one in caches:
                one.save()
    for one in caches:
        one.save(now=True)
    return [_collect(list(names), [row[i] for row in rows]) for i in range(len(embedders))]


def crop_picture(data: bytes, detector: Detector, sizes: Sequence[Preprocessing], crop: Cropper, /) -> list[FaceCrop] | None:
    """The face of an encoded picture as ``crop`` cuts it for each of ``sizes``; None where the picture is unreadable or shows no such face."""
    try:
        return crop(decode_image(data), detector, sizes)
    except ImageError:
        return None


def missing_reason(data: bytes) -> str:
    """Why there is no face in an encoded picture."""
    try:
        decode_image(data)
    except ImageError as error:
        return f"unreadable: {error}"
    return Outcome.NO_FACE.value


def _embed(
    names: Sequence[str],
    read: Callable[[str], bytes],
    detector: Detector,
    embedders: Sequence[CropEmbedder],
    crop: Cropper,
    caches: Sequence[Cache],
) -> list[list[Floats]]:
    """For each name and embedder a vector (d,), empty where there is no face."""
    sizes = [embedder.preprocessing for embedder in embedders]
    rows: dict[int, list[Floats]] = {}
    fresh: dict[int, tuple[bytes, list[FaceCrop]]] = {}
    for place, name in enumerate(names):
        data = read(name)
        picture = hashlib.sha256(data).digest()
        known = [one for cache in caches if (one := cache.get(picture)) is not None]
        if len(known) == len(caches):
            rows[place] = known
        elif crops := crop_picture(data, detector, sizes, crop):
            fresh[place] = picture, crops
        else:
            rows[place] = [np.zeros(0, np.float32)] * len(embedders)
            for cache in caches:
                cache.put(picture, rows[place][0])
    if fresh:
        made = [embedder.vectors([crops[i] for _, crops in fresh.values()]) for i, embedder in enumerate(embedders)]
        for (place, (picture, _)), row in zip(fresh.items(), zip(*made, strict=True), strict=True):
            rows[place] = list(row)
            for cache, vector in zip(caches, row, strict=True):
                cache.put(picture, vector)
    return [rows[place] for place in range(len(names))]


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[start : start + TOGETHER] for start in range(0, len(names), TOGETHER))


def _road(embedder: CropEmbedder, detector: bytes, crop: Cropper) -> str:
    """Everything that decides an embedding beside the picture."""
    runtime = runtime_name()
    try:
        release = version(runtime)
    except PackageNotFoundError:
        release = "unknown"
    parts = (
        ROAD,
        __version__,
        embedder.artefact,
        embedder.preprocessing,
        hashlib.sha256(detector).hexdigest(),
        crop,
        cv2.__version__,
        runtime,
        release,
    )
    return "\n".join(str(part) for part in parts)


def _collect(names: list[str], vectors: list[Floats]) -> Embedded:
    size = max((len(vector) for vector in vectors), default=1) or 1
    table = np.stack([vector if len(vector) else np.zeros(size, np.float32) for vector in vectors])
    lengths = np.linalg.norm(table, axis=1, keepdims=True)
    return Embedded(names, table / np.maximum(lengths, 1e-9), lengths[:, 0])
