"""Folders of photos -> folders of aligned crops.

A crop is a square: the template scaled to ``face`` pixels in its middle, and ``margin`` pixels around it, so that
training may turn, shift and scale without seeing black. ``align.json`` beside the crops says which geometry they
have; ``align.csv`` is the journal (one line a picture: kept, or dropped and why) from which a second run resumes.
"""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import local

import cv2
import numpy as np

from facelite.atomic import write_atomically
from facelite.errors import ImageError, InputError
from facelite.face import Floats, Pixels
from facelite.image import decode_image
from facelite.preprocess import sample, similarity, template
from facelite.runtime.choice import clear_centre
from facelite.runtime.detector import Detector
from facelite.source import open_source

QUALITY = 95
"""JPEG quality of the stored crops; FaceNet's table 4 sees no loss down to 90."""

BATCH = 256
"""Pictures between two writes of the journal: what a kill can cost."""


@dataclass(frozen=True, slots=True)
class CropGeometry:
    """``face``: the template's height in pixels; ``margin``: pixels around it on every side."""

    face: int = 128
    margin: int = 16

    @property
    def side(self) -> int:
        return self.face + 2 * self.margin

    @property
    def landmarks(self) -> Floats:
        """Where the (4, 2) landmarks lie in a stored crop."""
        return template(self.face, self.face) + np.float32(self.margin)


@dataclass(frozen=True, slots=True)
class AlignReport:
    """How many pictures were kept, and how many were dropped for each reason."""

    kept: int
    dropped: dict[str, int]


def align_pictures(
    source: str | Path,
    out: str | Path,
    /,
    *,
    detector: bytes,
    geometry: CropGeometry = CropGeometry(),
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> AlignReport:
    """Write one aligned crop for each picture of ``source`` under ``out``, with the same folders and names.

    ``progress`` is called with pictures done and in all. Raises InputError for a source without pictures and for an
    ``out`` that holds crops of another geometry.
    """
    out = Path(out)
    workers = workers or os.cpu_count() or 1
    with open_source(source) as (names, read):
        _claim(out, geometry)
        done = _read_journal(out)
        waiting = [name for name in names if name not in done]
        own = local()

        def one(name: str) -> str:
            if not hasattr(own, "detector"):
                own.detector = Detector(detector)
            return _align_one(read(name), own.detector, out / name, geometry)

        with ThreadPoolExecutor(workers) as pool:
            for batch in _batches(waiting):
                done.update(zip(batch, pool.map(one, batch), strict=True))
                _append_journal(out, {name: done[name] for name in batch})
                progress(len(done), len(names))
    counts = Counter(done[name] for name in names)
    return AlignReport(counts.pop("kept", 0), dict(counts.most_common()))


def read_geometry(folder: str | Path, /) -> CropGeometry:
    """The geometry of the aligned crops in ``folder``. Raises InputError when it holds none."""
    path = Path(folder) / "align.json"
    try:
        return CropGeometry(**json.loads(path.read_text()))
    except FileNotFoundError:
        raise InputError(f"{path}: expected a folder of aligned crops; make one: facelite align PHOTOS {folder}") from None
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: expected the geometry of aligned crops, got {error}; align again") from None


def _align_one(data: bytes, detector: Detector, target: Path, geometry: CropGeometry) -> str:
    """Write the crop of one picture; "kept", or the reason why there is none."""
    try:
        image = decode_image(data)
    except ImageError:
        return "unreadable"
    faces = detector.detect(image)
    if not faces:
        return "no face"
    face = clear_centre(faces, image.shape)
    if face is None:
        return "several faces"
    crop: Pixels = sample(image, similarity(face.landmarks, geometry.landmarks), geometry.side, geometry.side)
    encoded = cv2.imencode(".jpg", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    write_atomically(target.with_suffix(".jpg"), encoded.tobytes())
    return "kept"


def _batches(names: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), BATCH):
        yield names[start : start + BATCH]


def _claim(out: Path, geometry: CropGeometry) -> None:
    """Make ``out`` a folder of crops of this geometry, or refuse."""
    if (out / "align.json").exists():
        if (old := read_geometry(out)) != geometry:
            raise InputError(f"{out}: expected crops of {geometry}, got {old}; choose another folder")
    else:
        write_atomically(out / "align.json", json.dumps(asdict(geometry)).encode())


def _read_journal(out: Path) -> dict[str, str]:
    path = out / "align.csv"
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        return {row[0]: row[1] for row in csv.reader(file) if len(row) == 2}


def _append_journal(out: Path, results: dict[str, str]) -> None:
    with (out / "align.csv").open("a", newline="") as file:
        csv.writer(file).writerows(results.items())
