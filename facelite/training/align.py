"""Folders of photos -> folders of aligned crops.

A crop is a square: the template scaled to ``face`` pixels in its middle, and ``margin`` pixels around it, so that
training may turn, shift and scale without seeing black. The crop of ``person/picture.png`` is ``person/picture.jpg``;
of pictures that differ by their suffix only, the first is taken. ``align.json`` beside the crops says which geometry they
have; ``align.csv`` is the journal (one line a picture: kept, or dropped and why) from which a second run resumes.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
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
from facelite.source import Read, open_source

QUALITY = 95
"""JPEG quality of the stored crops; FaceNet's table 4 sees no loss down to 90."""

BATCH = 256
"""Pictures between two writes of the journal: what a kill can cost."""


@dataclass(frozen=True, slots=True)
class CropGeometry:
    """``face``: the template's height in pixels; ``margin``: pixels around it on every side."""

    face: int = 128
    margin: int = 16

    def __post_init__(self) -> None:
        if self.face < 32 or self.margin < 0:
            raise ValueError(f"expected a face of 32 pixels or more and no negative margin, got {self}")

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

    ``progress`` is called with pictures done and in all. Raises InputError for a source without pictures, and for an
    ``out`` that holds crops of another geometry or overlaps with the folder ``source``.
    """
    source, out = Path(source), Path(out)
    _keep_apart(source, out)
    workers = workers or os.cpu_count() or 1
    with open_source(source) as (names, read):
        _claim(out, geometry)
        done = _read_journal(out)
        waiting, doubles = [name for name in names if name not in done], _doubles(names, done)
        own = local()

        def one(name: str) -> str:
            if name in doubles:
                return "same name as another picture"
            if not hasattr(own, "detector"):
                own.detector = Detector(detector)
            return _align_one(name, read, own.detector, out, geometry)

        ready = len(names) - len(waiting)
        progress(ready, len(names))
        with ThreadPoolExecutor(workers) as pool:
            for batch in _batches(waiting):
                for name, result in zip(batch, pool.map(one, batch), strict=True):
                    done[name], ready = result, ready + 1
                    progress(ready, len(names))
                _append_journal(out, {name: done[name] for name in batch})
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


def _align_one(name: str, read: Read, detector: Detector, out: Path, geometry: CropGeometry) -> str:
    """Write the crop of one picture; "kept", or the reason why there is none."""
    try:
        image = decode_image(read(name))
    except (ImageError, OSError):
        return "unreadable"
    faces = detector.detect(image)
    if not faces:
        return "no face"
    face = clear_centre(faces, image.shape)
    if face is None:
        return "several faces"
    crop: Pixels = sample(image, similarity(face.landmarks, geometry.landmarks), geometry.side, geometry.side)
    encoded = cv2.imencode(".jpg", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    write_atomically(out / _crop_name(name), encoded.tobytes())
    return "kept"


def _crop_name(name: str) -> PurePosixPath:
    return PurePosixPath(name).with_suffix(".jpg")


def _doubles(names: list[str], done: dict[str, str]) -> set[str]:
    """Pictures whose crop would take the place of another one's: the kept ones', then the first's by name."""
    owners = {_crop_name(name): name for name, result in done.items() if result == "kept"}
    return {name for name in names if owners.setdefault(_crop_name(name), name) != name}


def _batches(names: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), BATCH):
        yield names[start : start + BATCH]


def _keep_apart(source: Path, out: Path) -> None:
    """Refuse to write among the photos, and to take crops for photos in the next run."""
    photos, crops = source.resolve(), out.resolve()
    if source.is_dir() and (photos == crops or photos in crops.parents or crops in photos.parents):
        raise InputError(f"{out}: expected a folder apart from the photos, got one that overlaps {source}; choose another folder")


def _claim(out: Path, geometry: CropGeometry) -> None:
    """Make ``out`` a folder of crops of this geometry, or refuse."""
    if (out / "align.json").exists():
        if (old := read_geometry(out)) != geometry:
            raise InputError(f"{out}: expected crops of {geometry}, got {old}; choose another folder")
    else:
        write_atomically(out / "align.json", json.dumps(asdict(geometry)).encode())


def _read_journal(out: Path) -> dict[str, str]:
    """Results by name. A last line that a kill cut short is no result, and is taken off before more is appended to it."""
    path = out / "align.csv"
    stored = path.read_bytes() if path.exists() else b""
    text = stored[: stored.rfind(b"\n") + 1].decode("utf-8", "surrogateescape")
    results = {row[0]: row[1] for row in csv.reader(io.StringIO(text, newline="")) if len(row) == 2}
    if (clean := _journal_lines(results)) != stored:
        write_atomically(path, clean)
    return results


def _append_journal(out: Path, results: dict[str, str]) -> None:
    with (out / "align.csv").open("ab") as file:
        file.write(_journal_lines(results))


def _journal_lines(results: dict[str, str]) -> bytes:
    lines = io.StringIO(newline="")
    csv.writer(lines).writerows(results.items())
    return lines.getvalue().encode("utf-8", "surrogateescape")
