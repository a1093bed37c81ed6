"""Error rates inside groups of people: by age, sex, skin type, glasses, whatever a table says, at one threshold.

Impostors of the same sex and group are harder than strangers at random: an overall FMR flatters. Inside a group of N pairs of people
no FMR below 3 / N can be told; a group too small for a statement about the wanted FMR is said to be so.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from facelite.calibration import Interval, compare_all, intervals, supported
from facelite.distance import SQUARED_L2, Distance
from facelite.errors import InputError
from facelite.face import Floats

Labels = NDArray[np.str_]

UTKFACE = {"sex": ("male", "female"), "group": ("White", "Black", "Asian", "Indian", "other")}
"""What the second and third number of a UTKFace name mean (age_sex_group_time)."""

AGES = (0, 18, 30, 45, 60)
"""Where the age bands of ``utkface_groups`` begin; below 18 a band of its own, since faces of children are much alike."""


LEAST_FNMR = 0.1
"""What a group must be able to show, before its FNMR is set beside that of everybody: it takes 30 people with two pictures."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The people for whom ``attribute`` is ``value``, compared among themselves, at the threshold.

    Rates are None where there was no such comparison; intervals are 95 %, by people. A picture in which no face was found is rejected.
    ``enough_for_fmr``: whether so many pairs of people can show the wanted FMR; ``enough_for_fnmr``: whether so many people with two pictures
    can show LEAST_FNMR.
    """

    attribute: str
    value: str
    images: int
    failed_to_detect: int
    people: int
    genuine_pairs: int
    genuine_people: int
    impostor_pairs: int
    people_pairs: int
    fmr: float | None
    fmr_interval: tuple[float, float] | None
    fnmr: float | None
    fnmr_interval: tuple[float, float] | None
    enough_for_fmr: bool
    enough_for_fnmr: bool


@dataclass(frozen=True, slots=True)
class Slices:
    """``slices``: all people first, then each value of each attribute.

    ``worst_fmr`` and ``worst_fnmr``: by attribute, the largest rate of a slice that is large enough over that of all people.
    """

    distance: float
    fmr: float
    slices: list[Slice]
    worst_fmr: dict[str, float]
    worst_fnmr: dict[str, float]


def slice_rates(
    vectors: Floats,
    subjects: NDArray[np.int64],
    groups: Mapping[str, Labels],
    /,
    *,
    thresholds: Sequence[tuple[float, float]],
    distance: Distance = SQUARED_L2,
) -> list[Slices]:
    """Slices at each of ``thresholds``, (distance, the FMR it was calibrated for), of people ``subjects`` (n,).

    ``vectors`` (n, d) have unit length, or are zero where no face was found; they are compared by ``distance``. ``groups`` maps an attribute to
    the value (n,) of each picture, "" for unknown, which is left out.
    """
    everybody = _slices("all", "", vectors, subjects, thresholds, distance)
    rows = [
        _slices(attribute, str(value), vectors[labels == value], subjects[labels == value], thresholds, distance)
        for attribute, labels in groups.items()
        for value in sorted(set(labels.tolist()) - {""})
    ]
    found = []
    for i, (at, fmr) in enumerate(thresholds):
        slices = [row[i] for row in rows]
        worst = [_worst(slices, everybody[i], rate) for rate in ("fmr", "fnmr")]
        found.append(Slices(at, fmr, [everybody[i], *slices], *worst))
    return found


def find_groups(wished: str, names: Sequence[str], /) -> dict[str, Labels]:
    """The values beside ``names`` that the CSV ``wished`` gives, or "utkface" file names. Raises InputError where it knows none of them."""
    if wished != "utkface":
        return read_groups(wished, names)
    groups = utkface_groups(names)
    if not any((labels != "").any() for labels in groups.values()):
        raise InputError(f"expected UTKFace's names (age_sex_group_time.jpg), got such as {names[0]!r}; give the groups in a CSV: --groups FILE")
    return groups


def read_groups(path: str | Path, names: Sequence[str], /) -> dict[str, Labels]:
    """A CSV whose first column names a picture (person/picture.jpg) or a person (a folder), the others are attributes: values beside ``names``.

    Raises InputError for a file without attributes or one that knows none of the names.
    """
    (_, header), *rows = _read_csv(path) or [(1, [])]
    if len(header) < 2 or not all(header[1:]) or len(set(header)) < len(header):
        raise InputError(f"{path}: expected a first line 'name,age,...', each attribute once, got {','.join(header)[:80]!r}; correct it")
    table: dict[str, list[str]] = {}
    for line, row in rows:
        if len(row) != len(header) or row[0] in table:
            raise InputError(f"{path}:{line}: expected {len(header)} values, of another name than before, got {','.join(row)[:80]!r}; correct it")
        table[row[0]] = row[1:]
    found = [table.get(name) or table.get(PurePosixPath(name).parent.as_posix()) for name in names]
    if not any(found):
        raise InputError(f"{path}: expected groups of pictures such as {names[0]!r} or of their folders, got other names; correct it")
    return {attribute: np.array([row[i] if row else "" for row in found]) for i, attribute in enumerate(header[1:])}


def _read_csv(path: str | Path) -> list[tuple[int, list[str]]]:
    """The rows that are not empty, each with its line."""
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: expected a CSV of groups, got {getattr(error, 'strerror', None) or error}; check --groups") from None
    return [(line, row) for line, row in rows if any(row)]


def utkface_groups(names: Sequence[str], /) -> dict[str, Labels]:
    """Sex, group, both, and age band out of UTKFace's file names (age_sex_group_time), "" where a name is none of its.

    Each picture is a person of its own: FMRs can be measured, FNMRs cannot.
    """
    rows = [_utkface(PurePosixPath(name)) for name in names]
    groups = {attribute: np.array([row[i] for row in rows]) for i, attribute in enumerate(("sex", "group", "age"))}
    both = [f"{sex}, {group}" if sex and group else "" for sex, group, _ in rows]
    return {**groups, "sex and group": np.array(both)}


def _utkface(name: PurePosixPath) -> tuple[str, str, str]:
    for word in (name.parent.name, name.stem):
        numbers = word.rpartition("utkface23_")[2].split("_")
        if len(numbers) >= 4 and all(number.isdecimal() and len(number) < 4 for number in numbers[:3]):
            age, sex, group = (int(number) for number in numbers[:3])
            if sex < 2 and group < 5:
                start = max(first for first in AGES if first <= age)
                end = next((first - 1 for first in AGES if first > age), None)
                return UTKFACE["sex"][sex], UTKFACE["group"][group], f"{start:02d}-{end:02d}" if end else f"{start:02d}+"
    return "", "", ""


def _slices(
    attribute: str, value: str, vectors: Floats, subjects: NDArray[np.int64], thresholds: Sequence[tuple[float, float]], distance: Distance
) -> list[Slice]:
    """The same people at each threshold."""
    comparisons = compare_all(vectors, subjects, distance=distance)
    people, people_pairs = comparisons.genuine_people, comparisons.people_pairs
    distances = [at for at, _ in thresholds]
    fmrs: Sequence[Interval | None] = [None] * len(thresholds)
    fnmrs: Sequence[Interval | None] = [None] * len(thresholds)
    if comparisons.impostor_pairs:
        fmrs = intervals(comparisons, lambda drawn: [drawn.fmr_at(at) for at in distances], trials=[people_pairs] * len(distances))
    if len(comparisons.genuine):
        fnmrs = intervals(comparisons, lambda drawn: [drawn.fnmr_at(at) for at in distances], trials=[people] * len(distances))
    return [
        Slice(
            attribute=attribute,
            value=value,
            images=len(vectors),
            failed_to_detect=int((~vectors.any(1)).sum()),
            people=comparisons.people,
            genuine_pairs=len(comparisons.genuine),
            genuine_people=people,
            impostor_pairs=comparisons.impostor_pairs,
            people_pairs=people_pairs,
            fmr=matched.value if matched else None,
            fmr_interval=(matched.low, matched.high) if matched else None,
            fnmr=missed.value if missed else None,
            fnmr_interval=(missed.low, missed.high) if missed else None,
            enough_for_fmr=supported(fmr, people_pairs),
            enough_for_fnmr=supported(LEAST_FNMR, people),
        )
        for (_, fmr), matched, missed in zip(thresholds, fmrs, fnmrs, strict=True)
    ]


def _worst(slices: Sequence[Slice], everybody: Slice, rate: str) -> dict[str, float]:
    """For each attribute the largest rate of its slices that are large enough, over the rate of everybody."""
    overall = getattr(everybody, rate)
    found: dict[str, float] = {}
    for one in slices:
        own = getattr(one, rate)
        if own is not None and getattr(one, f"enough_for_{rate}") and overall:
            found[one.attribute] = max(found.get(one.attribute, 0.0), own / overall)
    return found
