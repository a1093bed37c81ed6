"""Folders of photos -> folders of aligned crops.

The crop of ``person/picture.png`` is ``person/picture.jpg``; of pictures that differ by their suffix only, the first is taken. What lies in
no person's folder, or deeper, is dropped.
The crops mirror the photos: by the journal a second run goes on where the first stopped, aligns anew what has changed, and
removes the crops of pictures that are gone. It removes no file that the journal does not list. Whether a picture has changed is
asked of its bytes: to hash them takes less than a hundredth of the time that aligning takes (pictures of 4 kB and of 1.3 MB).
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from threading import local

import cv2

from facelite.atomic import write_atomically
from facelite.errors import ImageError, InputError
from facelite.face import Pixels
from facelite.image import SUFFIXES, UNREAD_SUFFIXES, decode_image
from facelite.preprocess import sample, similarity
from facelite.runtime.choice import clear_centre
from facelite.runtime.detector import Detector
from facelite.source import Read, open_source
from facelite.training.geometry import CropGeometry, claim_geometry
from facelite.training.journal import BEGUN, KEPT, Entry, Journal, append_journal, read_journal, write_journal

QUALITY = 95
"""JPEG quality of the stored crops; FaceNet's table 4 sees no loss down to 90."""

BATCH = 256
"""Pictures between two writes of the journal: what a kill can cost."""


@dataclass(frozen=True, slots=True)
class AlignReport:
    """How many pictures were kept, and how many were dropped for each reason.

    ``changed``: pictures that were aligned anew because their bytes had changed; ``removed``: crops removed because their picture
    was gone; ``empty``: people's folders without a picture, where the source is a folder.
    """

    kept: int
    dropped: dict[str, int]
    changed: int = 0
    removed: int = 0
    empty: list[str] = field(default_factory=list)


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

    ``progress`` is called with pictures done and in all. Raises InputError for a source without pictures in people's folders, and for
    an ``out`` that holds crops of another geometry or overlaps with the folder ``source``.
    """
    source, out = Path(source), Path(out)
    _keep_apart(source, out)
    with open_source(source, suffixes=SUFFIXES | UNREAD_SUFFIXES) as (names, read), ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        _check_people(source, names)
        claim_geometry(out, geometry)
        known, unfit = read_journal(out), _unfit(names)
        done = unfit | _still_true(known, [name for name in names if name not in unfit], read, pool)
        _forget(out, known, done)
        doubles = _doubles([name for name in names if name not in unfit], done)
        done |= dict.fromkeys(doubles, Entry("same name as another picture"))
        waiting = [name for name in names if name not in done]
        changed = sum(bool(known[name].sha256) for name in waiting if name in known)
        own = local()

        def one(name: str) -> Entry:
            if not hasattr(own, "detector"):
                own.detector = Detector(detector)
            return _align_one(name, read, own.detector, out, geometry)

        ready = len(names) - len(waiting)
        progress(ready, len(names))
        for batch in _batches(waiting):
            append_journal(out, dict.fromkeys(batch, Entry(BEGUN)))
            for name, entry in zip(batch, pool.map(one, batch), strict=True):
                done[name], ready = entry, ready + 1
                progress(ready, len(names))
            append_journal(out, {name: done[name] for name in batch})
        write_journal(out, done)
    counts = Counter(done[name].reason for name in names)
    removed = sum(known[name].kept for name in known.keys() - set(names))
    return AlignReport(counts.pop(KEPT, 0), dict(counts.most_common()), changed, removed, _empty(source, names))


def _still_true(known: Journal, names: list[str], read: Read, pool: Executor) -> Journal:
    """What the journal knows of pictures that are as they were."""

    def sha256(name: str) -> str:
        try:
            return hashlib.sha256(read(name)).hexdigest()
        except OSError:
            return ""

    hashed = [name for name in names if name in known and known[name].sha256]
    return {name: known[name] for name, now in zip(hashed, pool.map(sha256, hashed), strict=True) if now == known[name].sha256}


def _unfit(names: list[str]) -> Journal:
    """Pictures whose names say that they have no crop."""
    unfit = {}
    for name in names:
        if name.count("/") != 1:
            unfit[name] = Entry("deeper than in a person's folder" if "/" in name else "in no person's folder")
        elif PurePosixPath(name).suffix.lower() in UNREAD_SUFFIXES:
            unfit[name] = Entry("no JPEG, PNG, WebP or BMP: convert it")
    return unfit


def _forget(out: Path, known: Journal, done: Journal) -> None:
    """Remove the crops that are of no picture any more: first they, then the journal's word of them, so that a kill leaves no crop behind."""
    crops = {_crop_name(name) for name, entry in done.items() if entry.kept}
    for name, entry in known.items():
        if entry.may_have_crop and _crop_name(name) not in crops:
            (out / _crop_name(name)).unlink(missing_ok=True)
    write_journal(out, done)


def _align_one(name: str, read: Read, detector: Detector, out: Path, geometry: CropGeometry) -> Entry:
    """Write the crop of one picture; KEPT, or the reason why there is none."""
    try:
        data = read(name)
    except OSError as error:
        return Entry(f"unreadable: {error.strerror or error}")  # perhaps another time
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        image = decode_image(data)
    except ImageError as error:
        return Entry(f"unreadable: {error}", sha256)
    faces = detector.detect(image)
    if not faces:
        return Entry("no face", sha256)
    face = clear_centre(faces, image.shape)
    if face is None:
        return Entry("several faces", sha256)
    crop: Pixels = sample(image, similarity(face.landmarks, geometry.landmarks), geometry.side, geometry.side)
    write_crop(out / _crop_name(name), crop)
    return Entry(KEPT, sha256)


def write_crop(path: Path, crop: Pixels, /) -> None:
    """Write an aligned crop (s, s, 3) as a JPEG file."""
    encoded = cv2.imencode(".jpg", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    write_atomically(path, encoded.tobytes())


def _crop_name(name: str) -> PurePosixPath:
    return PurePosixPath(name).with_suffix(".jpg")


def _doubles(names: list[str], done: Journal) -> set[str]:
    """Pictures whose crop would take the place of another one's: the kept ones', then the first's by name."""
    owners = {_crop_name(name): name for name, entry in done.items() if entry.kept}
    return {name for name in names if owners.setdefault(_crop_name(name), name) != name}


def _batches(names: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), BATCH):
        yield names[start : start + BATCH]


def _keep_apart(source: Path, out: Path) -> None:
    """Refuse to write among the photos, and to take crops for photos in the next run."""
    photos, crops = source.resolve(), out.resolve()
    if source.is_dir() and (photos == crops or photos in crops.parents or crops in photos.parents):
        raise InputError(f"{out}: expected a folder apart from the photos, got one that overlaps {source}; choose another folder")


def _check_people(source: Path, names: list[str]) -> None:
    if not any(name.count("/") == 1 for name in names):
        deep = next((name for name in names if "/" in name), "")
        got = f"{deep}; name the folder that holds the people's" if deep else "pictures in no folder; make one for each person"
        raise InputError(f"{source}: expected one folder of pictures per person (person/picture.jpg), got {got}")


def _empty(source: Path, names: list[str]) -> list[str]:
    """Folders in ``source`` that hold no picture."""
    people = {name.partition("/")[0] for name in names}
    folders = (path.name for path in source.iterdir() if path.is_dir()) if source.is_dir() else ()
    return sorted(name for name in folders if name not in people and not name.startswith("."))
