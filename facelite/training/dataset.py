"""Aligned crops in memory, split for good into people to train on and people held out.

Whether a person is held out depends on a hash of the person's name alone, so every run, recipe and set agrees on it; but where that leaves too few
to judge by, as of 24 people, those of the smallest hashes are held out of the training, too. Evaluation goes by the hash alone and has fewer of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facelite.errors import InputError
from facelite.face import Floats, Pixels
from facelite.split import HELD_OUT_SHARE, counted, is_held_out, name_hash
from facelite.training.geometry import GEOMETRY, CropGeometry, read_crop, read_geometry
from facelite.training.leaks import leaks
from facelite.training.recipe import Teacher, TrainingSet
from facelite.training.taught import read_taught

Integers = NDArray[np.int64]

UNKNOWN = -1
"""The subject of a picture that nobody has labelled."""

READ = 256
"""Pictures that one thread takes at a time."""

LEAST_HELD_OUT = 3
"""Fewest people of one numbering, with two pictures or more, who are held out, if they are not more than half of all: those an interval takes."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceSet:
    """``pixels`` (n, s, s, 3) uint8 stored crops; ``names`` "set/person/picture"; ``subjects`` (n,), UNKNOWN or the person's index.

    ``numbering`` (n,): inside one, two subjects are two people. ``targets`` (n, d) are the teacher's unit embeddings, or zeros
    where ``has_target`` (n,) is False; ``projection`` (m, d) is what made them of the teacher's own m numbers, if its file says so.
    ``left_out``: names of pictures that a training part is without, see ``load``. ``originals``: the names, as ``names``, of the pictures that these
    show in another look, or their own.
    """

    pixels: Pixels
    names: list[str]
    subjects: Integers
    numbering: Integers
    targets: Floats
    has_target: NDArray[np.bool_]
    geometry: CropGeometry
    left_out: list[str] = field(default_factory=list)
    projection: Floats | None = None
    originals: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def people(self) -> int:
        return len(np.unique(self.subjects[self.subjects >= 0]))

    def taught(self, targets: Floats, /) -> FaceSet:
        """With the unit ``targets`` (n, d) of all pictures; what shows another picture in another look gets that one's."""
        places = {name: place for place, name in enumerate(self.names)}
        rows = [places.get(original, place) for place, original in enumerate(self.originals or self.names)]
        return replace(self, targets=targets[rows], has_target=np.ones(len(self), np.bool_))


def load(
    root: str | Path,
    sets: Sequence[TrainingSet],
    teacher: Teacher | None,
    /,
    *,
    teach: Callable[[FaceSet], Floats] | None = None,
    left_out: Collection[str] | None = None,
) -> tuple[FaceSet, FaceSet]:
    """The training part and the held-out part of the ``sets`` under ``root``.

    The training part is without pictures that probably show somebody held out, by ``leaks`` on the embeddings of the teacher: those in its file,
    else, where there are several numberings, those (n, d) that ``teach`` gives; it is asked for the held-out part too, whom they never teach.
    ``left_out`` are the names of such pictures as a run has found them: then nobody is asked, and nothing compared.

    Raises InputError for a set without crops or without the set that it is ``of``, for crops of two geometries or that cannot be read, for a teacher
    file that does not fit, and where fewer than two people are left on one of the sides.
    """
    root = Path(root)
    if root.is_file():
        raise InputError(f"{root}: expected a folder of aligned crops, got a file; make one of it: facelite align {root.name} FACES")
    geometry = _one_geometry(root, sets)
    names, subjects, numbering, originals = _find(root, sets)
    own = np.array([one == name for one, name in zip(originals, names, strict=True)])
    held = _held_out(names, np.where(own, subjects, UNKNOWN), numbering)
    targets, has_target, projection = read_teacher(root / teacher.file, originals) if teacher and teacher.file else _no_targets(len(names))
    leak, known = teacher.leak if teacher and left_out is None else 0.0, set(left_out or ())
    leaking = np.array([name in known for name in names])
    leaking |= leaks(targets, has_target, subjects=subjects, numbering=numbering, held=held, leak=leak)
    training, judging = (
        np.flatnonzero(~held & ~leaking),
        np.flatnonzero(held & (subjects >= 0) & own),
    )
    judging = judging[counted([names[i] for i in judging], [str(subjects[i]) for i in judging])]
    _check(root, subjects[training], numbering[training], "to train on")
    _check(root, subjects[judging], numbering[judging], "held out")

    def part(chosen: Integers) -> FaceSet:
        some, others = [names[i] for i in chosen], [originals[i] for i in chosen]
        labels, taught = (subjects[chosen], numbering[chosen]), (targets[chosen], has_target[chosen])
        return FaceSet(_read_crops(root, some, geometry), some, *labels, *taught, geometry, projection=projection, originals=others)

    faces, held_out = replace(part(training), left_out=[names[i] for i in np.flatnonzero(~held & leaking)]), part(judging)
    if teach and leak and teacher and not teacher.file and len(np.unique(numbering)) > 1:
        faces = _taught(faces, held_out, teach, leak)
        _check(root, faces.subjects, faces.numbering, "to train on")
    return faces, held_out


def _one_geometry(root: Path, sets: Sequence[TrainingSet]) -> CropGeometry:
    geometries = {one.folder: read_geometry(root / one.folder) for one in sets}
    if len(set(geometries.values())) != 1:
        found = ", ".join(f"{folder} of {geometry}" for folder, geometry in geometries.items())
        raise InputError(f"{root}: expected aligned crops of one geometry, got {found}; align them alike")
    return next(iter(geometries.values()))


def _find(root: Path, sets: Sequence[TrainingSet]) -> tuple[list[str], Integers, Integers, list[str]]:
    """The names of all crops, subject and numbering (n,) of each, and the names of their originals."""
    names: list[str] = []
    originals: list[str] = []
    known = {one.folder: one for one in sets if not one.of}
    labels: list[tuple[str, str]] = []  # numbering and person; "" where nobody has said who it is
    for one in sets:
        folder = root / one.folder
        found = sorted(path.relative_to(folder) for path in folder.glob("[!.]*/[!.]*.jpg"))
        if not found:
            raise InputError(f"{folder}: expected aligned crops person/picture.jpg, found none; see its align.csv, or take the set out of the recipe")
        deeper = (path.relative_to(folder) for path in folder.glob("[!.]*/[!.]*/**/*.jpg"))
        if deep := next((path for path in deeper if not (folder / path.parts[0] / GEOMETRY).exists()), None):  # another set may lie in this one
            raise InputError(f"{folder}: expected one folder per person (person/picture.jpg), got {deep.as_posix()}; align the pictures again")
        if (source := known.get(one.of or one.folder)) is None:
            raise InputError(f"{folder}: expected the set {one.of!r}, which its pictures are of, beside it, got none; name that set too")
        if one.of:  # what was taken out of that set since is not trained on in its look
            found = [path for path in found if (root / source.folder / path).exists()]
        names += [Path(one.folder, path).as_posix() for path in found]
        originals += [Path(source.folder, path).as_posix() for path in found]
        labels += [(source.numbering or source.folder, path.parent.name if source.labelled else "") for path in found]
    numberings = {name: i for i, name in enumerate(sorted({numbering for numbering, _ in labels}))}
    people = {label: i for i, label in enumerate(sorted({label for label in labels if label[1]}))}
    return names, np.array([people.get(label, UNKNOWN) for label in labels]), np.array([numberings[numbering] for numbering, _ in labels]), originals


def _held_out(names: list[str], subjects: Integers, numbering: Integers) -> NDArray[np.bool_]:
    """Which pictures (n,) show somebody who is held out, by name, whatever their set.

    Where no numbering has LEAST_HELD_OUT, more are held out of the first, by name, that has twice as many people, else of the largest: in the order
    of their hashes, up to half of all. As people are added to six or more, some of these go back to the training part, and nobody leaves it.
    """
    person = [_person(name) for name in names]
    held, order = np.array([is_held_out(one) for one in person]), np.array([name_hash(one) for one in person])
    known, index, pictures = np.unique(subjects, return_index=True, return_counts=True)
    several = index[(known >= 0) & (pictures >= 2)]
    groups = [several[numbering[several] == one] for one in np.unique(numbering[several])]
    if groups and max(held[group].sum() for group in groups) < LEAST_HELD_OUT:
        group = next((group for group in groups if len(group) >= 2 * LEAST_HELD_OUT), max(groups, key=len))
        group = group[np.lexsort((order[group], ~held[group]))]
        held |= np.isin(order, order[group[: min(LEAST_HELD_OUT, len(group) // 2)]])
    return held


def _person(name: str) -> str:
    """The folder in which the picture of this name lies."""
    return name.rsplit("/", 2)[-2]


def _check(root: Path, subjects: Integers, numbering: Integers, what: str) -> None:
    """Two people of one numbering with two pictures each are the least that has a genuine and an impostor pair."""
    people, index, pictures = np.unique(subjects, return_index=True, return_counts=True)
    several = (people >= 0) & (pictures >= 2)
    most = np.bincount(numbering[index[several]]).max() if several.any() else 0
    if most < 2:
        raise InputError(
            f"{root}: expected at least two people {what} with two pictures each, got {most}; "
            f"one person in {HELD_OUT_SHARE} is held out by a hash of the name, and three of few: add people"
        )


def _read_crops(root: Path, names: list[str], geometry: CropGeometry) -> Pixels:
    """All crops in one array, filled in place: there is never a second copy."""
    pixels = np.empty((len(names), geometry.side, geometry.side, 3), np.uint8)

    def read(start: int) -> None:
        for i, name in enumerate(names[start : start + READ], start):
            pixels[i] = read_crop(root / name, geometry)

    with ThreadPoolExecutor() as pool:
        deque(pool.map(read, range(0, len(names), READ)), maxlen=0)
    return pixels


def _taught(training: FaceSet, held_out: FaceSet, teach: Callable[[FaceSet], Floats], leak: float) -> FaceSet:
    """``training`` with the targets that ``teach`` gives, without what leaks by these and by those of ``held_out``, asked for this alone."""
    both = [faces.taught(teach(faces)) for faces in (training, held_out)]
    targets = np.concatenate([faces.targets for faces in both])
    subjects, numbering = np.concatenate([(faces.subjects, faces.numbering) for faces in both], axis=1)
    known, held = np.ones(len(targets), np.bool_), np.arange(len(targets)) >= len(training)
    leaking = leaks(targets, known, subjects=subjects, numbering=numbering, held=held, leak=leak)[: len(training)]
    return replace(_keep(both[0], np.flatnonzero(~leaking)), left_out=[training.names[i] for i in np.flatnonzero(leaking)])


def _keep(faces: FaceSet, rows: Integers) -> FaceSet:
    """The ``rows``, in order, of ``faces``. Their crops move up in the array that they are in: there is never a second copy."""
    for place, row in enumerate(rows):
        faces.pixels[place] = faces.pixels[row]
    names, originals = [faces.names[i] for i in rows], [faces.originals[i] for i in rows]
    labels, known = (faces.subjects[rows], faces.numbering[rows]), (faces.targets[rows], faces.has_target[rows])
    return FaceSet(faces.pixels[: len(rows)], names, *labels, *known, faces.geometry, originals=originals)


def _no_targets(pictures: int) -> tuple[Floats, NDArray[np.bool_], None]:
    return np.zeros((pictures, 1), np.float32), np.zeros(pictures, np.bool_), None


def read_teacher(path: Path, names: Sequence[str], /) -> tuple[Floats, NDArray[np.bool_], Floats | None]:
    """A teacher's unit embeddings (n, d) of ``names``, suffixes aside, which it knows, and its projection. Raises InputError."""
    taught = read_taught(path)
    index = {_without_suffix(name): i for i, name in enumerate(taught.names)}
    rows = np.array([index.get(_without_suffix(name), -1) for name in names])
    if not (rows >= 0).any():
        raise InputError(f"{path}: expected embeddings of pictures named as {names[0]!r}, got none of them; name them set/person/picture")
    targets = np.zeros((len(names), taught.embeddings.shape[1]), np.float32)
    targets[rows >= 0] = taught.embeddings[rows[rows >= 0]]
    length = np.linalg.norm(targets, axis=1, keepdims=True)
    if not (np.isfinite(length).all() and (length[rows >= 0] > 0).all()):
        raise InputError(f"{path}: expected finite embeddings other than zero, got one that is not; leave such pictures out of it")
    targets /= np.maximum(length, np.finfo(np.float32).tiny)
    return targets, rows >= 0, taught.projection


def _without_suffix(name: str) -> str:
    folder, slash, picture = name.rpartition("/")
    return folder + slash + (picture.rpartition(".")[0] or picture)
