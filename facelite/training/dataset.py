"""Aligned crops in memory, split for good into people to train on and people held out.

Whether a person is held out depends on a hash of the person's name alone, so every run, recipe and set agrees on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facelite.errors import InputError
from facelite.face import Floats, Pixels
from facelite.image import read_image
from facelite.split import HELD_OUT_SHARE, Set, counted, is_held_out
from facelite.training.align import CropGeometry, read_geometry
from facelite.training.recipe import Teacher

Integers = NDArray[np.int64]

UNKNOWN = -1
"""The subject of a picture that nobody has labelled."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceSet:
    """``pixels`` (n, s, s, 3) uint8 stored crops; ``names`` "set/person/picture"; ``subjects`` (n,), UNKNOWN or the person's index.

    ``numbering`` (n,): inside one, two subjects are two people. ``targets`` (n, d) are the teacher's unit embeddings, or zeros
    where ``has_target`` (n,) is False.
    """

    pixels: Pixels
    names: list[str]
    subjects: Integers
    numbering: Integers
    targets: Floats
    has_target: NDArray[np.bool_]
    geometry: CropGeometry

    def __len__(self) -> int:
        return len(self.names)

    @property
    def people(self) -> int:
        return len(np.unique(self.subjects[self.subjects >= 0]))


def load(root: str | Path, sets: Sequence[Set], teacher: Teacher | None, /) -> tuple[FaceSet, FaceSet]:
    """The training part and the held-out part of the ``sets`` under ``root``.

    Raises InputError for a set without crops, for crops of two geometries, and where no person is left on one of the sides.
    """
    root = Path(root)
    geometries = {read_geometry(root / one.folder) for one in sets}
    if len(geometries) != 1:
        raise InputError(f"{root}: expected aligned crops of one geometry, got {sorted(map(str, geometries))}; align them alike")
    names: list[str] = []
    labels: list[tuple[str, str]] = []
    for one in sets:
        found = sorted(path.relative_to(root / one.folder) for path in (root / one.folder).glob("*/*.jpg"))
        names += [f"{one.folder}/{path.as_posix()}" for path in found]
        numbering = one.numbering or one.folder
        labels += [(numbering, path.parent.name if one.labelled else "") for path in found]
    if not names:
        raise InputError(f"{root}: expected aligned crops person/picture.jpg in {[one.folder for one in sets]}, found none")
    held = np.array([is_held_out(Path(name).parent.name) for name in names])
    numberings = {name: i for i, name in enumerate(sorted({numbering for numbering, _ in labels}))}
    people = {label: i for i, label in enumerate(sorted({label for label in labels if label[1]}))}
    subjects = np.array([people.get(label, UNKNOWN) for label in labels])
    targets, has_target = _read_teacher(root, teacher, names)
    group = np.array([numberings[numbering] for numbering, _ in labels])
    leaking = _leaks(subjects, group, targets, has_target, held, teacher.leak if teacher else 0.0)
    geometry = geometries.pop()

    def part(chosen: Integers, what: str) -> FaceSet:
        own = [names[i] for i in chosen]
        _check(root, subjects[chosen], what)
        return FaceSet(_read_crops(root, own, geometry), own, subjects[chosen], group[chosen], targets[chosen],
                       has_target[chosen], geometry)

    judging = np.flatnonzero(held & (subjects >= 0))
    judging = judging[counted([names[i] for i in judging], [str(subjects[i]) for i in judging])]
    return part(np.flatnonzero(~held & ~leaking), "to train on"), part(judging, "held out")


def _check(root: Path, subjects: Integers, what: str) -> None:
    several = int((np.unique(subjects[subjects >= 0], return_counts=True)[1] >= 2).sum())
    if several < 2:
        raise InputError(
            f"{root}: expected at least two people {what} with two pictures each, got {several}; "
            f"one person in {HELD_OUT_SHARE} is held out by a hash of the name: add people"
        )


def _read_crops(root: Path, names: list[str], geometry: CropGeometry) -> Pixels:
    pixels = np.empty((len(names), geometry.side, geometry.side, 3), np.uint8)

    def read(i: int) -> None:
        pixels[i] = read_image(root / names[i])

    with ThreadPoolExecutor() as pool:
        list(pool.map(read, range(len(names)), chunksize=64))
    return pixels


def _read_teacher(root: Path, teacher: Teacher | None, names: list[str]) -> tuple[Floats, NDArray[np.bool_]]:
    """The teacher's unit embeddings by name, suffixes aside, and which names it knows."""
    if teacher is None:
        return np.zeros((len(names), 1), np.float32), np.zeros(len(names), np.bool_)
    path = root / teacher.file
    try:
        with np.load(path) as file:
            known = [name.decode() if isinstance(name, bytes) else str(name) for name in file["names"]]
            embeddings = file["embeddings"].astype(np.float32)
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path}: expected a teacher file with names and embeddings, got {error}") from None
    index = {name.rpartition(".")[0]: i for i, name in enumerate(known)}
    rows = np.array([index.get(name.rpartition(".")[0], -1) for name in names])
    targets = embeddings[rows] / np.linalg.norm(embeddings[rows], axis=1, keepdims=True)
    targets[rows < 0] = 0
    return targets, rows >= 0


def _leaks(subjects: Integers, numbering: Integers, targets: Floats, has_target: NDArray[np.bool_],
           held: NDArray[np.bool_], leak: float) -> NDArray[np.bool_]:
    """Pictures (n,) that lie within ``leak`` of the mean embedding of a held-out person of another numbering."""
    leaking = np.zeros(len(subjects), np.bool_)
    for one in np.unique(numbering[held & (subjects >= 0)]):
        part = held & (numbering == one) & (subjects >= 0) & has_target
        people, index = np.unique(subjects[part], return_inverse=True)
        means = np.zeros((len(people), targets.shape[1]), np.float32)
        np.add.at(means, index, targets[part])
        means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
        others = np.flatnonzero((numbering != one) & has_target)
        if len(people) and len(others):
            leaking[others] |= 2 - 2 * (targets[others] @ means.T).max(1) < leak
    return leaking
