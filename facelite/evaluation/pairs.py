"""Which pictures or videos are compared with which: LFW's pairs.txt, YouTube Faces' splits.txt, or a CSV of one's own.

A CSV has a header with the columns image_a, image_b, same and perhaps fold, by name and in any order; others are ignored. The
names are paths inside DATA with '/'; ``same`` is 1 or 0, true or false, yes or no:

    image_a,image_b,same
    ada/1.jpg,ada/2.jpg,1
    ada/1.jpg,bob/1.jpg,0

A splits.txt (Wolf, Hassner, Maoz, CVPR 2011) is such a list of other columns: split number, pair number, first name, second name,
is same. It is read with and without its header line. The names are folders of frames, such as Ada_Lovelace/0.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from facelite.errors import InputError
from facelite.source import read_beside

FOLDS = 10
"""As many as LFW and YouTube Faces have."""

COLUMNS = ("image_a", "image_b", "same")

SPLITS_COLUMNS = ["fold", "pair", "image_a", "image_b", "same"]
"""Our names for the columns of a splits.txt."""

ANSWERS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


@dataclass(frozen=True, slots=True, eq=False)
class PairList:
    """``first`` and ``second`` (n,) index ``images``; ``same`` (n,); ``fold`` (n,) from 0; ``person`` stands beside each of ``images``."""

    images: list[str]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    same: NDArray[np.bool_]
    fold: NDArray[np.int64]
    person: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Pair:
    """What one line says; ``fold`` is None where the list leaves it open."""

    line: int
    first: str
    second: str
    same: bool
    fold: int | None

    @property
    def key(self) -> str:
        """The two names, whichever comes first."""
        return "\n".join(sorted((self.first, self.second)))


def read_pairs(path: str | Path, /, *, data: str | Path | None = None) -> PairList:
    """The pairs of a list, in its order; a CSV is known by its suffix or by a comma in its first line.

    A list that is not at ``path`` is looked for in ``data``, the folder or tar of its pictures.

    Pairs without a fold are dealt into ten, as even as can be in number and in kind. The deal depends on the names alone, so the
    order of the lines changes no rate. Where every picture lies in a folder, the folder counts as the person, and all pairs that
    people tie together share a fold: the people of a fold are then unknown to the threshold that it is tested at. Where a folder
    is missing, or so many people are tied together that a fold would be twice its due, pairs are dealt one by one, and a person
    may be in several folds. A pair that is listed twice counts twice.

    A picture's person is its folder; or itself, where it is in none or a folder holds a pair of two people. Pairs of one person tie people.

    Raises InputError with the line that is wrong.
    """
    text = _read(path, data)
    first = next((line for line in text.splitlines() if line.strip()), "")
    pairs = _csv_pairs(text, path) if "," in first or Path(path).suffix.lower() == ".csv" else _lfw_pairs(text, path)
    _check(pairs, path)
    images = sorted({name for pair in pairs for name in (pair.first, pair.second)})
    index = {image: i for i, image in enumerate(images)}
    folds = [pair.fold for pair in pairs if pair.fold is not None] or _deal(pairs)
    return PairList(
        images,
        np.array([index[pair.first] for pair in pairs]),
        np.array([index[pair.second] for pair in pairs]),
        np.array([pair.same for pair in pairs]),
        np.unique(folds, return_inverse=True)[1],
        np.unique(_people(images, pairs), return_inverse=True)[1],
    )


def _read(path: str | Path, data: str | Path | None) -> str:
    try:
        listed = Path(path).read_bytes()
    except OSError as error:
        if data is None or (found := read_beside(data, str(path))) is None:
            raise InputError(f"{path}: expected a list of pairs, got {error.strerror}; check --pairs") from None
        listed = found
    try:
        return listed.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + error.object.count(b"\n", 0, error.start)
        raise InputError(f"{path}:{line}: expected text in UTF-8, got the byte 0x{error.object[error.start]:02x}; save it as UTF-8") from None


def _lfw_pairs(text: str, path: str | Path) -> list[_Pair]:
    """Folds and pairs of each kind a fold, then "name i j" (same) and "name i name j" (different); a picture is "name/name_0001.jpg"."""
    (_, header), *rows = [(number, line.split()) for number, line in enumerate(text.splitlines(), 1) if line.strip()] or [(1, [])]
    if len(header) not in (1, 2) or not all(_is_number(word) and int(word) for word in header):
        raise InputError(
            f"{path}: expected a first line '10 300' (folds, pairs of each kind a fold) or {','.join(COLUMNS)}, got {' '.join(header)[:80]!r}; add it"
        )
    folds, each = (int(header[0]), int(header[1])) if len(header) == 2 else (1, int(header[0]))
    if len(rows) != 2 * folds * each:
        raise InputError(f"{path}: expected {2 * folds * each} pairs, got {len(rows)}; the file is not whole")
    pairs = [_lfw_pair(row, line, place // (2 * each), path) for place, (line, row) in enumerate(rows)]
    if (same := sum(pair.same for pair in pairs)) != folds * each:
        raise InputError(f"{path}: expected {folds * each} pairs of each kind, got {same} of one person and {len(pairs) - same} of two; correct it")
    return pairs


def _lfw_pair(row: list[str], line: int, fold: int, path: str | Path) -> _Pair:
    try:
        if len(row) in (3, 4):
            return _Pair(line, _lfw_image(row[0], row[1]), _lfw_image(row[-2] if len(row) == 4 else row[0], row[-1]), len(row) == 3, fold)
    except ValueError:
        pass
    raise InputError(f"{path}:{line}: expected 'name i j' or 'name i name j', got {' '.join(row)[:80]!r}; correct it")


def _lfw_image(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04d}.jpg"


def _csv_pairs(text: str, path: str | Path) -> list[_Pair]:
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: expected values with commas between them and whole quotes, got {error}; correct it") from None
    rows = [(line, row) for line, row in rows if any(row)]
    line, header = rows[0] if rows else (1, [])
    columns = [cell.casefold() for cell in header]
    if len(columns) == len(SPLITS_COLUMNS) and columns[0].startswith("split") and "same" not in columns:
        columns = SPLITS_COLUMNS
    elif len(columns) == len(SPLITS_COLUMNS) and _is_number(columns[0]):
        columns, rows = SPLITS_COLUMNS, rows[:1] + rows
    if any(columns.count(name) != 1 for name in COLUMNS) or columns.count("fold") > 1:
        raise InputError(f"{path}:{line}: expected a first line {','.join(COLUMNS)} (and perhaps fold), got {','.join(header)[:80]!r}; add it")
    return [_csv_pair(row, columns, line, path) for line, row in rows[1:]]


def _csv_pair(row: list[str], columns: list[str], line: int, path: str | Path) -> _Pair:
    if len(row) != len(columns):
        raise InputError(f"{path}:{line}: expected {len(columns)} values, got {len(row)}; correct it")
    cells = dict(zip(columns, row, strict=True))
    for name in ("image_a", "image_b"):
        parts = PurePosixPath(cells[name]).parts
        if not parts or parts[0] == "/" or ".." in parts or "\\" in cells[name]:
            raise InputError(f"{path}:{line}: expected {name} to be a path inside DATA with '/', got {cells[name][:80]!r}; correct it")
        cells[name] = "/".join(parts)
    same = ANSWERS.get(cells["same"].casefold())
    if same is None:
        raise InputError(f"{path}:{line}: expected same to be 1 or 0, true or false, yes or no, got {cells['same'][:80]!r}; correct it")
    if not _is_number(cells.get("fold", "0")):
        raise InputError(f"{path}:{line}: expected fold to be a whole number, got {cells['fold'][:80]!r}; correct it")
    return _Pair(line, cells["image_a"], cells["image_b"], same, int(cells["fold"]) if "fold" in cells else None)


def _is_number(word: str) -> bool:
    return word.isdecimal() and len(word) < 8


def _check(pairs: Sequence[_Pair], path: str | Path) -> None:
    seen: dict[str, _Pair] = {}
    for pair in pairs:
        if pair.first == pair.second:
            raise InputError(f"{path}:{pair.line}: expected two names, got {pair.first!r} twice; remove the line")
        before = seen.setdefault(pair.key, pair)
        if before.same != pair.same:
            raise InputError(f"{path}:{pair.line}: expected these two to be {_kind(before)} as in line {before.line}, got {_kind(pair)}; correct it")
    if not 0 < (same := sum(pair.same for pair in pairs)) < len(pairs):
        raise InputError(f"{path}: expected pairs of one person and pairs of two, got {same} and {len(pairs) - same}; add the missing kind")


def _kind(pair: _Pair) -> str:
    return "the same person" if pair.same else "two people"


def _deal(pairs: Sequence[_Pair]) -> list[int]:
    """A fold for each pair: the largest group first, each to the fold where it adds least to the squares of both kinds' shares."""
    groups = _tied(pairs)
    if max(Counter(groups).values()) > 2 * len(pairs) / FOLDS:
        groups = [pair.key for pair in pairs]
    sizes = {group: np.zeros(2) for group in groups}  # pairs of two people, of one
    for group, pair in zip(groups, pairs, strict=True):
        sizes[group][int(pair.same)] += 1
    total, load, fold = sum(sizes.values()), np.zeros((FOLDS, 2)), {}
    for group in sorted(sizes, key=lambda group: (-sizes[group].sum(), hashlib.sha256(group.encode()).digest())):
        fold[group] = int(np.argmin((load * sizes[group] / total**2).sum(1)))
        load[fold[group]] += sizes[group]
    return [fold[group] for group in groups]


def _tied(pairs: Sequence[_Pair]) -> list[str]:
    """For each pair its group: the first name among all people that pairs tie together; one for all where a picture has no folder."""
    if any("/" not in name for pair in pairs for name in (pair.first, pair.second)):
        return [""] * len(pairs)
    lead = _tie([(_folder(pair.first), _folder(pair.second)) for pair in pairs])
    return [lead(_folder(pair.first)) for pair in pairs]


def _people(images: Sequence[str], pairs: Sequence[_Pair]) -> list[str]:
    """A name for the person on each of ``images``."""
    folders = all(_folder(pair.first) != _folder(pair.second) for pair in pairs if not pair.same)
    person = {image: (_folder(image) if folders else "") or image for image in images}
    lead = _tie([(person[pair.first], person[pair.second]) for pair in pairs if pair.same])
    return [lead(person[image]) for image in images]


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _tie(names: Sequence[tuple[str, str]]) -> Callable[[str], str]:
    """A function from a name to the first of all that these pairs of ``names`` tie together."""
    leader: dict[str, str] = {}

    def lead(name: str) -> str:
        while (above := leader.setdefault(name, name)) != name:
            leader[name] = name = leader[above]
        return name

    for pair in names:
        first, other = sorted(map(lead, pair))
        leader[other] = first
    return lead
