"""Presentations to a liveness test: where they lie in a folder, and what the test finds in each.

A presentation is a picture, a video file, or a folder of frames:

    bona_fide/SUBJECT/...                 people themselves
    attack/SPECIES/SUBJECT/...            attacks of one species, by whom they show
        picture.jpg                       a presentation of one frame
        clip.mp4                          a video file
        clip/1.jpg, clip/2.jpg ...        a folder of frames
    bona_fide/picture.jpg, attack/SPECIES/clip.mp4       each of a subject of its own
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import local

import cv2

from facelite.errors import ImageError, InputError
from facelite.face import Pixels
from facelite.frames import VIDEO_SUFFIXES, read_frames
from facelite.image import SUFFIXES, read_image
from facelite.runtime.detector import Detector
from facelite.runtime.liveness import Liveness, Sight
from facelite.runtime.look import find_face

FRAMES_PER_SECOND = 15.0
"""Of a folder of frames, and of a video file that does not say."""

Start = Callable[[], Sequence[Liveness]]
"""Makes the tests that a presentation is put to, begun at 0 seconds; the one with the greatest value counts."""


@dataclass(frozen=True, slots=True)
class Presentation:
    """``species`` is None for a person himself. ``name`` is the path within the folder that holds all."""

    name: str
    species: str | None
    subject: str
    path: Path


@dataclass(frozen=True, slots=True)
class Response:
    """What the test found: ``value``, None where it had nothing to judge; ``frames`` looked at, ``faces`` of them with a face."""

    presentation: Presentation
    value: float | None
    frames: int
    faces: int


def find_presentations(root: str | Path, /, *, videos_only: bool = False) -> list[Presentation]:
    """All presentations under ``root``, as the docstring of this module shows.

    Raises InputError where there are none of people or of a species, or with ``videos_only`` where one is a single picture.
    """
    root = Path(root)
    for folder, what in (("bona_fide", "pictures or videos of people"), ("attack", "one folder for each species of attack")):
        if not (root / folder).is_dir():
            raise InputError(f"{root}: expected the folder {folder}/ with {what}, found none; see docs/liveness.md for the layout")
    if loose := [path for path in _entries(root / "attack") if not path.is_dir()]:
        raise InputError(f"{root}: expected one folder for each species in attack/, got {loose[0].name} in none; sort it in")
    species = [path.name for path in _entries(root / "attack")]
    found = list(_in_folder(root, root / "bona_fide", None))
    for one in species:
        found += _in_folder(root, root / "attack" / one, one)
    missing = [f"attack/{one}" for one in species if not any(each.species == one for each in found)]
    if not species or missing or not any(each.species is None for each in found):
        where = missing[0] if missing else "bona_fide" if species else "attack"
        raise InputError(f"{root}: expected pictures or videos in {where}/, found none; see docs/liveness.md for the layout")
    if videos_only and (pictures := [one.name for one in found if one.path.suffix.lower() in SUFFIXES and one.path.is_file()]):
        raise InputError(
            f"{root}: expected videos, got the picture {pictures[0]}; give video files, or folders of frames inside a folder for each subject"
        )
    return found


def respond(
    presentations: Sequence[Presentation],
    start: Start,
    /,
    *,
    detector: bytes,
    frames_per_second: float = FRAMES_PER_SECOND,
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Response]:
    """What the tests that ``start`` makes find in each presentation, in their order. Of several faces the largest is meant.

    What cannot be read or decoded has no value. ``frames_per_second`` is that of folders of frames.
    """
    own, responses = local(), []

    def one(presentation: Presentation) -> Response:
        if not hasattr(own, "detector"):
            own.detector = Detector(detector)
        return _respond(presentation, start(), own.detector, frames_per_second)

    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for response in pool.map(one, presentations):
            responses.append(response)
            progress(len(responses), len(presentations))
    return responses


def _respond(presentation: Presentation, tests: Sequence[Liveness], detector: Detector, frames_per_second: float) -> Response:
    rate = _frames_per_second(presentation.path) or frames_per_second
    frames = faces = 0
    with closing(_frames(presentation.path)) as video:
        for frame in video:
            face = find_face(frame, detector, rule="largest").face
            tests = [test.after(Sight(frame, face), frames / rate) for test in tests]
            frames, faces = frames + 1, faces + (face is not None)
            if all(test.finding for test in tests):
                break
    values = [test.value for test in tests if test.value is not None]
    return Response(presentation, max(values, default=None), frames, faces)


def _frames(path: Path) -> Generator[Pixels, None, None]:
    if path.suffix.lower() in SUFFIXES and path.is_file():
        with suppress(ImageError):
            yield read_image(path)
        return
    with closing(read_frames(path)) as video:
        yield from video


def _frames_per_second(path: Path) -> float | None:
    """What a video file says; None of a folder, or where it does not."""
    if path.suffix.lower() not in VIDEO_SUFFIXES or path.is_dir():
        return None
    capture = cv2.VideoCapture(str(path))
    try:
        rate = float(capture.get(cv2.CAP_PROP_FPS))
    finally:
        capture.release()
    return rate if 0 < rate < 1000 else None


def _in_folder(root: Path, folder: Path, species: str | None) -> Iterator[Presentation]:
    """The presentations of one species."""
    for path in _entries(folder):
        name = path.relative_to(root).as_posix()
        if not path.is_dir():
            yield Presentation(name, species, name, path)
            continue
        for inner in _entries(path):
            if inner.is_dir() and not any(one.suffix.lower() in SUFFIXES for one in _entries(inner)):
                raise InputError(f"{inner}: expected the frames of a video, found no picture; see docs/liveness.md for the layout")
            yield Presentation(inner.relative_to(root).as_posix(), species, path.name, inner)


def _entries(folder: Path) -> list[Path]:
    """Folders, pictures and video files in ``folder``, sorted, hidden ones left out."""
    known = SUFFIXES | VIDEO_SUFFIXES
    return sorted(one for one in folder.iterdir() if not one.name.startswith(".") and (one.is_dir() or one.suffix.lower() in known))
