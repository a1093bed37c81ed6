"""Embeddings of labelled pictures -> all their comparisons, counted by distance block by block: only genuine ones are kept, 8 bytes each.

Distances are rounded up to a grid of 1 / STEPS, on which every threshold lies: so counts by distance give every rate exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facelite.distance import SQUARED_L2, Distance
from facelite.face import Floats, fuse

Integers = NDArray[np.signedinteger]

STEPS = 2**14
"""Grid points in a distance of 1. A float32 embedding of 128 numbers is not known more exactly than a hundredth of that."""

BEYOND = 4 * STEPS + 1
"""The grid point of a comparison that could not be made: beyond every distance."""

NEAREST = 500_000
"""Impostor comparisons that are kept one by one, those with the smallest distances; and as many drawn from all others."""

ROWS = 512
"""Embeddings that are compared with all others at a time: 100 MB for 10,000 of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Comparisons:
    """Comparisons on the grid: a distance d is the smallest k with d <= k / STEPS.

    ``genuine`` (g,) and the person of each, ``genuine_person`` (g,). ``impostor`` (BEYOND + 1,) counts the impostor comparisons at
    each k. The sample stands for them where people must be drawn again: ``sample`` (s,) their k, ``sample_people`` (s, 2) and
    ``sample_weight`` (s,), how many comparisons each one stands for. ``people_pairs`` counts pairs of distinct people who are compared.
    """

    genuine: Integers
    genuine_person: Integers
    impostor: Integers
    sample: Integers
    sample_people: Integers
    sample_weight: Floats
    people: int
    people_pairs: int

    @property
    def impostor_pairs(self) -> int:
        return int(self.impostor.sum())

    @property
    def genuine_people(self) -> int:
        """People of whom there is a genuine comparison."""
        return len(np.unique(self.genuine_person))


def on_grid(distances: Floats, /) -> Integers:
    """The grid points of ``distances`` in [0, 4]; BEYOND for NaN."""
    points = np.ceil(np.clip(np.asarray(distances, np.float32), 0, 4) * np.float32(STEPS))  # exact: STEPS is a power of two
    return np.where(np.isnan(points), BEYOND, points).astype(np.int32)


def compare_all(
    vectors: Floats,
    subjects: Integers,
    /,
    *,
    numbering: Integers | None = None,
    probes: Floats | None = None,
    fused: int = 1,
    distance: Distance = SQUARED_L2,
    seed: int = 0,
) -> Comparisons:
    """All comparisons by ``distance`` of ``vectors`` (n, d), unit length or zero where no face was found, of people ``subjects`` (n,).

    Where ``numbering`` (n,) is given, two people are impostors only inside one numbering: one person may stand in two data sets
    under two names. ``probes`` (n, d) are the same pictures as another embedder sees them: then ``vectors`` are templates, and each is
    compared with all probes but its own picture's. A zero vector makes a genuine comparison BEYOND, and no impostor one.

    ``fused``: a template is what ``face.fuse`` makes of so many pictures of a person that follow each other, the first behind the last, and is
    compared with all pictures but those; who has no more pictures with a face than that enrols nothing, and is an impostor only.
    """
    numbering = np.zeros_like(subjects) if numbering is None else numbering
    names, person = np.unique(np.stack([numbering, subjects]), axis=1, return_inverse=True)
    order = np.argsort(person.reshape(-1), kind="stable")  # by numbering, then by person
    person, vectors = person.reshape(-1)[order].astype(np.int32), vectors[order]
    if fused > 1 and probes is not None:
        raise ValueError("expected templates of one embedder where they are fused, got probes of another")
    probes = vectors if probes is None else probes[order]
    place, size = _places(person, np.asarray(probes.any(1)))
    templates = _fused(vectors, place, size, fused) if fused > 1 else vectors
    symmetric = fused == 1 and templates is probes
    blocks = _Blocks(templates, probes, person, numbering[order], place, size, fused, distance, symmetric=symmetric)
    seen, enrolled = np.unique(person[blocks.seen]), np.unique(person[blocks.enrolled])
    people_pairs = count_people_pairs(names[0][seen]) - count_people_pairs(names[0][np.setdiff1d(seen, enrolled)])
    genuine: list[Integers] = [np.zeros(0, np.int32)]
    genuine_person: list[Integers] = [np.zeros(0, np.int32)]
    impostor = np.zeros(BEYOND + 1, np.int64)
    for rows, _, grid, same, different in blocks:
        genuine.append(grid[same])
        genuine_person.append(np.broadcast_to(person[rows, None], grid.shape)[same])
        impostor += np.bincount(grid[different], minlength=BEYOND + 1)
    return Comparisons(
        np.concatenate(genuine),
        np.concatenate(genuine_person),
        impostor,
        *_sample(blocks, impostor, np.random.default_rng(seed)),
        people=names.shape[1],
        people_pairs=people_pairs,
    )


def _places(person: Integers, found: NDArray[np.bool_]) -> tuple[Integers, Integers]:
    """Of each picture (n,), sorted by ``person``: its place among the person's pictures with a face, and how many of these there are."""
    count = np.bincount(person, weights=found).astype(np.int64)
    start = np.cumsum(count) - count
    return np.cumsum(found) - 1 - start[person], count[person]


def _fused(vectors: Floats, place: Integers, size: Integers, number: int) -> Floats:
    """At each picture with a face (n, d) the template of it and those that follow; zero where there are not enough for that and a probe."""
    found = np.flatnonzero(vectors.any(1))
    kept = found[size[found] > number]
    first = np.searchsorted(found, kept) - place[kept]  # the person's first, among those found
    following = (place[kept, None] + np.arange(number)) % size[kept, None]
    templates = np.zeros_like(vectors)
    templates[kept] = fuse(vectors[found[first[:, None] + following]])
    return templates


def compare_list(distances: Floats, same: NDArray[np.bool_], people: Integers, /) -> Comparisons:
    """The comparisons of a list of pairs: ``distances`` (n,), NaN where a face is missing, BEYOND then, and the ``people`` (n, 2) behind each."""
    grid, ordered = on_grid(distances), np.sort(people, axis=1)
    return Comparisons(
        genuine=grid[same],
        genuine_person=people[same, 0],
        impostor=np.bincount(grid[~same], minlength=BEYOND + 1),
        sample=grid[~same],
        sample_people=people[~same],
        sample_weight=np.ones(int((~same).sum()), np.float32),
        people=int(people.max(initial=-1)) + 1,
        people_pairs=len(np.unique(ordered[~same], axis=0)),
    )


def count_people_pairs(numbering: Integers, /) -> int:
    """Pairs of distinct people, given the ``numbering`` of each person: only people of one numbering are known to be distinct."""
    counts = np.unique(numbering, return_counts=True)[1]
    return int((counts * (counts - 1) // 2).sum())


@dataclass(frozen=True, slots=True, eq=False)
class _Blocks:
    """Iterates over (rows, columns, grid points, which are genuine, which are impostors) of the matrix of distances, ROWS rows at a time."""

    templates: Floats
    probes: Floats
    person: Integers
    numbering: Integers
    place: Integers
    size: Integers
    fused: int
    distance: Distance
    symmetric: bool

    @property
    def enrolled(self) -> NDArray[np.bool_]:
        """Which templates (n,) there are."""
        return np.asarray(self.templates.any(1) & self.probes.any(1))

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which pictures (n,) show a face to whoever looks at them as probes."""
        return np.asarray(self.probes.any(1)) if self.fused > 1 else self.enrolled

    def __iter__(self) -> Iterator[tuple[slice, slice, Integers, NDArray[np.bool_], NDArray[np.bool_]]]:
        enrolled, seen, places = self.enrolled, self.seen, np.arange(len(self.person))
        for start in range(0, len(places), ROWS):
            rows = slice(start, min(start + ROWS, len(places)))
            first = np.searchsorted(self.numbering, self.numbering[rows.start])
            last = np.searchsorted(self.numbering, self.numbering[rows.stop - 1], "right")
            columns = slice(start if self.symmetric else int(first), int(last))
            wanted = places[None, columns] > places[rows, None] if self.symmetric else places[None, columns] != places[rows, None]
            wanted &= self.numbering[None, columns] == self.numbering[rows, None]
            same = self.person[None, columns] == self.person[rows, None]
            if self.fused > 1:
                behind = (self.place[None, columns] - self.place[rows, None]) % np.maximum(self.size[rows, None], 1)
                wanted &= enrolled[rows, None] & ~(same & seen[None, columns] & (behind < self.fused))
            compared = seen[None, columns] & enrolled[rows, None]
            grid = on_grid(self.distance.table(self.templates[rows], self.probes[columns]))
            grid[~compared] = BEYOND
            yield rows, columns, grid, wanted & same, wanted & ~same & compared


def _sample(blocks: _Blocks, impostor: Integers, rng: np.random.Generator) -> tuple[Integers, Integers, Floats]:
    """The NEAREST impostor comparisons and about as many of the others: grid points, people, weights."""
    total = int(impostor.sum())
    if total > 2 * NEAREST:
        limit = int(np.searchsorted(np.cumsum(impostor), NEAREST, "right")) - 1
        share = NEAREST / max(int(impostor[limit + 1 :].sum()), 1)
    else:
        limit, share = BEYOND, 1.0
    grids, people = [np.zeros(0, np.int32)], [np.zeros((0, 2), np.int32)]
    for rows, columns, grid, _, different in blocks:
        kept = different & (grid <= limit)
        if limit < BEYOND:
            kept |= different & (rng.random(grid.shape, np.float32) < share)
        at_row, at_column = np.nonzero(kept)
        grids.append(grid[kept])
        people.append(np.stack([blocks.person[rows][at_row], blocks.person[columns][at_column]], axis=1))
    sample = np.concatenate(grids)
    return sample, np.concatenate(people), np.where(sample <= limit, 1, 1 / share).astype(np.float32)
