"""Videos -> one mean embedding each, from which the mean distance over all pairs of two videos' frames follows.

YouTube Faces (Wolf, Hassner, Maoz, CVPR 2011) as FaceNet judges it (arXiv:1503.03832, section 5.7): the distance of two videos is
the mean of the squared L2 distances over all pairs of their first 100 frames in which the detector finds a face. For unit vectors
|a - b|^2 = 2 - 2 a.b, which is linear in a and in b; so the mean over all pairs is 2 - 2 A.B, where A and B are the means of each
video's embeddings. These means must not be brought back to unit length.

A video is a folder of frames or a video file, see ``facelite.frames``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import local

import numpy as np
from numpy.typing import NDArray

from facelite.errors import InputError
from facelite.evaluation.crop import Cropper, DetectedFace
from facelite.evaluation.embed import TOGETHER, CropEmbedder
from facelite.face import Floats
from facelite.frames import VIDEO_SUFFIXES, frame_files, is_video_file, read_frames
from facelite.image import SUFFIXES
from facelite.runtime.detector import Detector

FRAMES = 100
"""Frames of a video that count (FaceNet, section 5.7: with 1,000 the accuracy hardly rises, from 95.12 % to 95.18 %)."""


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedVideos:
    """``means`` (n, d): of each video the mean of its unit embeddings, no longer than 1; ``frames`` (n,): how many those are.

    A video without a face has no frames, and zeros for a mean.
    """

    names: list[str]
    means: Floats
    frames: NDArray[np.int64]

    @property
    def found(self) -> NDArray[np.bool_]:
        """Whether any frame showed a face (n,)."""
        return self.frames > 0


def embed_videos(
    names: Sequence[str],
    root: str | Path,
    /,
    *,
    detector: bytes,
    embedders: Sequence[Callable[[], CropEmbedder]],
    crop: Cropper | None = None,
    frames: int = FRAMES,
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[EmbeddedVideos]:
    """An EmbeddedVideos for each of ``embedders``, over the same crops of the videos ``names`` in the folder ``root``.

    Of each video the first ``frames`` count in which ``crop`` finds its face, by default the one nearest to the centre; the rest is
    not read. ``embedders`` are makers, called once a thread; a thread holds the crops of few frames at a time. Raises InputError
    where a video is missing; one that cannot be decoded counts as one without a face.
    """
    if frames < 1:
        raise ValueError(f"expected one frame or more a video, got {frames}")
    paths, crop, own = find_videos(names, root), crop or DetectedFace(), local()

    def one(path: Path) -> list[tuple[Floats, int]]:
        if not hasattr(own, "detector"):
            own.detector, own.embedders = Detector(detector), [make() for make in embedders]
        return _embed(path, own.detector, own.embedders, crop, frames)

    rows = []
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for row in pool.map(one, paths):
            rows.append(row)
            progress(len(rows), len(paths))
    return [_collect(list(names), [row[i] for row in rows]) for i in range(len(embedders))]


def is_video(name: str, /) -> bool:
    """Whether a listed name means a video: it has no picture's suffix, so it is a video file or a folder of frames."""
    return Path(name).suffix.lower() not in SUFFIXES


def find_videos(names: Sequence[str], root: str | Path, /) -> list[Path]:
    """Where each video lies in the folder ``root``. Raises InputError where one is neither a folder with pictures nor a video file."""
    if not Path(root).is_dir():
        raise InputError(f"{root}: expected a folder of videos, which are not read from a tar, got {'a file' if Path(root).exists() else 'nothing'}")
    paths = [Path(root) / name for name in names]
    missing = [name for name, path in zip(names, paths, strict=True) if not (is_video_file(path) or frame_files(path))]
    if missing:
        raise InputError(
            f"{root}: expected {len(names)} listed videos, each a folder of frames or one of {' '.join(sorted(VIDEO_SUFFIXES))}, "
            f"got all but {len(missing)}, the first of them {missing[0]}; check DATA"
        )
    return paths


def _embed(path: Path, detector: Detector, embedders: Sequence[CropEmbedder], crop: Cropper, count: int) -> list[tuple[Floats, int]]:
    """For each embedder the mean over the first ``count`` faces of a video, and how many there were."""
    sizes = [embedder.preprocessing for embedder in embedders]
    vectors: list[list[Floats]] = [[] for _ in embedders]
    with closing(read_frames(path)) as video:
        faces = islice((crops for frame in video if (crops := crop(frame, detector, sizes))), count)
        while some := list(islice(faces, TOGETHER)):
            for i, embedder in enumerate(embedders):
                vectors[i].append(embedder.vectors([crops[i] for crops in some]))
    return [_mean(parts) for parts in vectors]


def _mean(parts: Sequence[Floats]) -> tuple[Floats, int]:
    """Mean (d,) of the directions of all rows of ``parts`` (m, d), and their number; rows of no length are left out."""
    rows = np.concatenate(parts) if parts else np.zeros((0, 1), np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    kept = lengths[:, 0] > 1e-9
    mean: Floats = (rows[kept] / lengths[kept]).sum(0) / max(kept.sum(), 1)
    return mean, int(kept.sum())


def _collect(names: list[str], rows: list[tuple[Floats, int]]) -> EmbeddedVideos:
    means = np.zeros((len(rows), max((len(mean) for mean, _ in rows), default=1)), np.float32)
    for row, (mean, _) in zip(means, rows, strict=True):
        row[: len(mean)] = mean
    return EmbeddedVideos(names, means, np.array([count for _, count in rows], np.int64))
