"""Which pictures are compared with which: LFW's pairs.txt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facelite.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class PairList:
    """``first`` and ``second`` (n,) index ``images``; ``same`` (n,); ``fold`` (n,) from 0."""

    images: list[str]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    same: NDArray[np.bool_]
    fold: NDArray[np.int64]


def read_pairs(path: str | Path, /) -> PairList:
    """The pairs of an LFW pairs.txt: folds and pairs a fold, then "name i j" (same) and "name i name j" (different).

    Images are named "name/name_0001.jpg". Raises InputError with the line that is wrong.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected a pairs file, got {getattr(error, 'strerror', None) or 'no text'}; check --pairs") from None
    header, *rows = [line.split() for line in lines if line.strip()] or [[]]
    if len(header) not in (1, 2) or not all(word.isdecimal() and len(word) < 8 and int(word) for word in header):
        raise InputError(f"{path}: expected a first line '10 300' (folds, pairs of each kind a fold), got {' '.join(header)[:80]!r}; add it")
    folds, each = (int(header[0]), int(header[1])) if len(header) == 2 else (1, int(header[0]))
    if len(rows) != 2 * folds * each:
        raise InputError(f"{path}: expected {2 * folds * each} pairs, got {len(rows)}; the file is not whole")
    pairs = [_pair(row, f"{path}:{number}") for number, row in enumerate(rows, start=2)]
    if (same := sum(pair[2] for pair in pairs)) != folds * each:
        raise InputError(f"{path}: expected {folds * each} pairs of each kind, got {same} of one person and {len(pairs) - same} of two; correct it")
    images = sorted({image for pair in pairs for image in pair[:2]})
    index = {image: i for i, image in enumerate(images)}
    return PairList(
        images,
        np.array([index[a] for a, _, _ in pairs]),
        np.array([index[b] for _, b, _ in pairs]),
        np.array([same for _, _, same in pairs]),
        np.arange(len(pairs)) // (2 * each),
    )


def _pair(row: list[str], where: str) -> tuple[str, str, bool]:
    try:
        if len(row) == 3:
            return _image(row[0], row[1]), _image(row[0], row[2]), True
        if len(row) == 4:
            return _image(row[0], row[1]), _image(row[2], row[3]), False
    except ValueError:
        pass
    raise InputError(f"{where}: expected 'name i j' or 'name i name j', got {' '.join(row)[:80]!r}; correct it")


def _image(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04d}.jpg"
