"""Frames one after another: of a camera, a video file, or a folder of pictures.

A file and a folder give all their frames, a camera those that it has. What OpenCV cannot decode of a file is left out; its decoder tells standard
error of it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

import cv2

from facelite.errors import ImageError, InputError
from facelite.face import Pixels
from facelite.image import FULL_PIXELS, SUFFIXES, read_image

VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm"})

FRAMES_A_SECOND = 10.0
"""Of a folder of frames, and of a file that does not say."""

MOST_CAMERAS = 1000
"""No system has a camera of such a number; OpenCV takes no more than an int."""


def is_video_file(path: Path, /) -> bool:
    """Whether it is a file with the suffix of a video; not where it cannot be looked at."""
    with suppress(OSError, ValueError):
        return path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()
    return False


def frame_files(folder: Path, /) -> list[Path]:
    """The pictures of a folder of frames by the numbers in their names: 2.jpg comes before 10.jpg; none where no folder can be looked at."""
    with suppress(OSError, ValueError):
        files = folder.iterdir() if folder.is_dir() else ()
        return sorted(
            (file for file in files if file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()), key=_by_number
        )
    return []


def frame_rate(path: Path, /) -> float:
    """Frames a second of a video file or a folder of frames."""
    if path.is_dir():
        return FRAMES_A_SECOND
    capture = cv2.VideoCapture(str(path))
    rate = capture.get(cv2.CAP_PROP_FPS)
    capture.release()
    return _sensible(rate)


def read_frames(path: Path, /) -> Generator[Pixels, None, None]:
    """The frames (h, w, 3) uint8 RGB of a video file or a folder of pictures. Pictures that cannot be read are left out, and a file ends where it
    cannot be decoded further. Raises InputError for a file whose frames are larger than a picture may be.
    """
    yield from (frame for frame, _ in timed_frames(path))


def timed_frames(path: Path, /) -> Generator[tuple[Pixels, float], None, None]:
    """As ``read_frames``, each frame with its time in the video in seconds."""
    if path.is_dir():
        for number, file in enumerate(frame_files(path)):
            with suppress(ImageError):
                yield read_image(file), number / FRAMES_A_SECOND
        return
    capture = cv2.VideoCapture(str(path), cv2.CAP_ANY, [cv2.CAP_PROP_N_THREADS, 1])  # threads are the caller's to have
    rate = _sensible(capture.get(cv2.CAP_PROP_FPS))
    for number, frame in enumerate(_captured(capture, str(path))):
        yield frame, number / rate


def open_frames(source: str, /, *, size: tuple[int, int] | None = None) -> Iterator[tuple[Pixels, float]]:
    """Frames with their times in seconds: of the camera of that number or name (0, /dev/video0) or address, a video file, or a folder of pictures.

    Those of a camera have the time of a clock at which they were handed over, and end where it gives no more; it is asked for the ``size``
    (width, height), and may give another. Raises InputError where there is no such thing.
    """
    path = Path(source or "?")
    if is_video_file(path) or frame_files(path):
        return timed_frames(path)
    with suppress(OSError, ValueError):
        if path.is_file():
            kinds = " ".join(sorted(VIDEO_SUFFIXES))
            raise InputError(f"{source}: expected a camera, a folder of frames or one of {kinds}, got another file; convert it")
    number = int(source) if source.isdecimal() and len(source) < len(str(MOST_CAMERAS)) else None
    capture = cv2.VideoCapture(source if number is None else number)
    if not capture.isOpened():
        raise InputError(f"{source or 'nothing'}: expected a camera, a video file or a folder of frames, found none; name another, such as 0")
    for side, wanted in zip((cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT), size or (), strict=False):
        capture.set(side, wanted)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # where the camera knows of it: what is judged is what is there now
    return ((frame, time.monotonic()) for frame in _captured(capture, source))


def _captured(capture: cv2.VideoCapture, name: str) -> Generator[Pixels, None, None]:
    try:
        width, height = (int(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        if width * height > FULL_PIXELS:
            raise InputError(f"{name}: expected frames of at most {FULL_PIXELS:,} pixels, got {width} x {height}; save it smaller")
        while (frame := capture.read()[1]) is not None:
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)  # type: ignore[misc]
    finally:
        capture.release()


def _sensible(rate: float) -> float:
    return rate if 0 < rate < 1000 else FRAMES_A_SECOND


def _by_number(file: Path) -> tuple[list[str | int], str]:
    """Text and numbers in turn, so that like meets like; then the name, where only leading zeros differ."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", file.name)], file.name
