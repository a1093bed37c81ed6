"""Labelled pictures: the people held out of every training, the others, or all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facelite.calibration import Comparisons, compare_all
from facelite.distance import SQUARED_L2, Distance
from facelite.errors import InputError
from facelite.evaluation.embed import Embedded
from facelite.face import Floats
from facelite.source import Read, check_people, open_source
from facelite.split import Set, counted, is_held_out

PREFIX = ".\n/"
"""What the names of a set begin with where that is the root itself: the folder, and what no name of a file begins with."""


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """``names`` are pictures that ``read`` reads; ``numbering`` and ``person`` stand beside each name."""

    names: list[str]
    numbering: list[str]
    person: list[str]
    read: Read

    @property
    def subjects(self) -> NDArray[np.int64]:
        """Who is on each picture (n,), by number; of one number are those of one name in one numbering."""
        return np.unique([f"{a}\n{b}" for a, b in zip(self.numbering, self.person, strict=True)], return_inverse=True)[1]

    def comparisons(self, embedded: Embedded, /, *, probes: Embedded | None = None, fused: int = 1, distance: Distance = SQUARED_L2) -> Comparisons:
        """All comparisons of the pictures by ``distance``; ``embedded`` is in the order of ``names``. A picture without a face is rejected by
        its own person.

        ``probes`` are the same pictures by another embedder, which ``embedded`` are templates for; ``fused``: templates are of so many pictures.
        """
        person, numbering = (np.unique(values, return_inverse=True)[1] for values in (self.person, self.numbering))
        return compare_all(embedded.vectors, person, numbering=numbering, probes=probes.vectors if probes else None, fused=fused, distance=distance)

    def centres(self, embedded: Embedded, /) -> tuple[Floats, list[str]]:
        """The mean unit embedding (people, d) of each person with a face found, and the numbering of each."""
        keys = sorted(set(zip(self.numbering, self.person, strict=True)))
        place = {key: i for i, key in enumerate(keys)}
        index = [place[key] for key in zip(self.numbering, self.person, strict=True)]
        sums = np.zeros((len(keys), embedded.vectors.shape[1]), np.float32)
        np.add.at(sums, index, embedded.vectors)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        seen = lengths[:, 0] > 1e-9
        return (sums / np.maximum(lengths, 1e-9))[seen], [numbering for (numbering, _), one in zip(keys, seen, strict=True) if one]


@contextmanager
def open_people(root: str | Path, sets: Sequence[Set] = (Set("."),), /) -> Iterator[Callable[[bool | None], People]]:
    """A function that gives the held-out (True), the other (False) or all (None) labelled people of the ``sets`` under ``root``.

    A set is a folder ``root/folder`` or a tar ``root/folder.tar``. Raises InputError where there is neither.
    """
    root = Path(root)
    with ExitStack() as stack:
        found: list[tuple[str, str, str]] = []
        readers: dict[str, Read] = {}
        for one in sets:
            folder = root if one.folder == "." else root / one.folder
            if (folder / "align.json").exists():
                raise InputError(f"{folder}: expected pictures as they came from the camera, got aligned crops; name the folder they were made from")
            tar = folder.with_name(f"{folder.name}.tar")
            names, readers[one.folder] = stack.enter_context(open_source(tar if not folder.exists() and tar.exists() else folder))
            if one.labelled:
                check_people(folder, names)
                found += [(f"{one.folder}\n/{name}", one.numbering or one.folder, Path(name).parent.name) for name in names]

        def read(name: str) -> bytes:
            folder, _, picture = name.partition("\n/")
            return readers[folder](picture)

        def people(held_out: bool | None) -> People:
            chosen = [row for row in found if held_out is None or is_held_out(row[2]) == held_out]
            if held_out:
                chosen = [chosen[i] for i in counted([row[0] for row in chosen], [f"{row[1]}/{row[2]}" for row in chosen])]
            if not chosen:
                what = {True: "held out by the hash of their name", False: "that are not held out", None: "in folders"}[held_out]
                raise InputError(f"{root}: expected people {what}, found none; give pictures of more people")
            names, numbering, person = zip(*chosen, strict=True)
            return People(list(names), list(numbering), list(person), read)

        yield people
