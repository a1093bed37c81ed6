"""A folder of results: a table, and contact sheets of faces beside it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from threading import local
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from facelite.errors import InputError

if TYPE_CHECKING:
    from facelite.evaluation.crop import Cropper
    from facelite.face import Pixels

SIDE, GAP = 112, 4
"""Pixels of a face, as large as the template that it is aligned to, and of the white between two."""

QUALITY = 95
"""JPEG quality of the sheets, that of aligned crops."""


def check_out(out: Path, sources: Iterable[str], /, *, table: str) -> None:
    """Refuse to write among the pictures, which the next run would read, and over what is no result of an earlier run, which left its ``table``."""
    for source in map(Path, sources):
        if source.is_dir() and source.resolve() in (out.resolve(), *out.resolve().parents):
            raise InputError(f"{out}: expected a folder apart from the pictures, got one in {source}; choose another: --out OUT")
    if out.exists() and not (out / table).exists() and (others := [path.name for path in out.iterdir() if not path.name.startswith(".")]):
        raise InputError(
            f"{out}: expected a new folder, or one of an earlier run with its {table}, got {min(others)} in it; choose another: --out OUT"
        )


def clear_sheets(out: Path, patterns: Sequence[str], /) -> None:
    """Remove the sheets of an earlier run."""
    for old in [path for pattern in patterns for path in out.glob(pattern)]:
        old.unlink()


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], /) -> bytes:
    """CSV; names of files come out with the bytes that they have."""
    lines = io.StringIO(newline="")
    csv.writer(lines).writerows([header, *rows])
    return lines.getvalue().encode("utf-8", "surrogateescape")


def face_cutter(detector: bytes, /) -> Callable[[bytes, Cropper], Pixels]:
    """A function, for any thread, of an encoded picture and a cropper: its face (SIDE, SIDE, 3), white if it shows none."""
    from facelite.evaluation.embed import crop_picture
    from facelite.preprocess import Preprocessing
    from facelite.runtime.detector import Detector

    own = local()

    def cut(data: bytes, crop: Cropper) -> Pixels:
        if not hasattr(own, "detector"):
            own.detector = Detector(detector)
        crops = crop_picture(data, own.detector, [Preprocessing(SIDE, SIDE)], crop)
        return crops[0].pixels if crops else np.full((SIDE, SIDE, 3), 255, np.uint8)

    return cut


def sheet(tiles: Sequence[Pixels], /) -> bytes:
    """A JPEG of ``tiles`` (h, w, 3) of one size, line by line in a square or nearly so."""
    height, width = tiles[0].shape[:2]
    columns = math.ceil(math.sqrt(len(tiles) * height / width))
    rows = math.ceil(len(tiles) / columns)
    whole = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), 255, np.uint8)
    for i, tile in enumerate(tiles):
        y, x = i // columns * (height + GAP), i % columns * (width + GAP)
        whole[y : y + height, x : x + width] = tile
    return cv2.imencode(".jpg", cv2.cvtColor(whole, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
