"""Who is enrolled and who searches: people and their pictures are dealt into galleries, probes of mates, and strangers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facelite.errors import InputError

Integers = NDArray[np.signedinteger]

PEOPLE = 30
"""The fewest mates and the fewest strangers: it takes 3 / 0.1 people to show an error rate of 0.1."""


@dataclass(frozen=True, slots=True, eq=False)
class Roles:
    """Indices of pictures ``enrolled`` (mates, most), first to last, and of probes: of mates, ``mated`` (m,), of strangers, ``unmated`` (s,).

    ``mate`` (m,) and ``stranger`` (s,) say whose they are. The first so many mates of a row of ``order`` (galleries, mates) make a gallery.
    """

    enrolled: Integers
    mated: Integers
    mate: Integers
    unmated: Integers
    stranger: Integers
    order: Integers
    enrolments: list[int]
    dropped: dict[str, int]


def draw_roles(subjects: Integers, /, *, enrolments: Sequence[int], stranger_share: float, galleries: int, seed: int) -> Roles:
    """Mates and strangers among the people ``subjects`` (n,), by lot.

    A mate has more pictures than the largest of ``enrolments``; ``stranger_share`` of those who have are strangers nevertheless, as is
    everybody else. A number that leaves fewer than PEOPLE mates is dropped. Raises InputError where all are, or where strangers are too few.
    """
    if min(enrolments, default=0) < 1 or not 0 <= stranger_share < 1:
        raise ValueError(f"expected enrolments of 1 or more and a share in [0, 1), got {enrolments} and {stranger_share:g}")
    rng = np.random.default_rng(seed)
    _, person, pictures = np.unique(subjects, return_inverse=True, return_counts=True)
    able = {number: np.flatnonzero(pictures > number) for number in sorted(set(enrolments))}
    taken = {number: len(them) - int(stranger_share * len(them)) for number, them in able.items()}
    kept = [number for number in able if taken[number] >= PEOPLE]
    most = max(kept, default=min(able))
    mates = np.sort(rng.permutation(able[most])[: taken[most]])
    strangers = np.setdiff1d(np.arange(len(pictures)), mates)
    if not kept or len(strangers) < PEOPLE:
        raise InputError(
            f"expected {PEOPLE} mates or more, who have {most + 1} pictures or more, and {PEOPLE} strangers or more, got {len(mates)} and "
            f"{len(strangers)} out of {len(pictures)} people, {len(able[most])} of them with so many pictures; give pictures of more people"
        )
    lot = rng.permutation(len(person))
    lot = lot[np.argsort(person[lot], kind="stable")]  # the pictures by person, those of each in random order
    whose = person[lot]
    place, enrols = np.arange(len(lot)) - np.searchsorted(whose, whose), np.isin(whose, mates)
    return Roles(
        enrolled=lot[enrols & (place < most)].reshape(len(mates), most),
        mated=lot[enrols & (place >= most)],
        mate=np.searchsorted(mates, whose[enrols & (place >= most)]),
        unmated=lot[~enrols],
        stranger=np.searchsorted(strangers, whose[~enrols]),
        order=np.stack([rng.permutation(len(mates)) for _ in range(galleries)]),
        enrolments=kept,
        dropped={str(number): len(able[number]) for number in able if number not in kept},
    )
