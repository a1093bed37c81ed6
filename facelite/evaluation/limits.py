"""How near two people's pictures come: a distance at an FMR, by a model's thresholds, or by the very pictures that are judged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facelite.calibration import RULE_OF_THREE, count_people_pairs
from facelite.face import Floats, Threshold

Integers = NDArray[np.int64]

DRAWS = 2**21
"""Most pairs of pictures that are drawn to tell a distance: at an FMR of 1e-5 some 20 are below it."""

CHUNK = 2**16
"""Pairs drawn at a time: 64 MB of vectors of 128 numbers."""

WIDEST = 1e-2
"""The largest FMR that is told by the pictures in place of one that they do not support."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A distance, and where it comes from."""

    distance: float
    source: str


@dataclass(frozen=True, slots=True, eq=False)
class Strangers:
    """``distances`` (m,), sorted, of pairs of pictures drawn, each of two people; ``people_pairs`` counts the pairs of distinct people."""

    distances: Floats
    people_pairs: int

    def limit(self, fmr: float, /) -> Limit | None:
        """The distance that a share ``fmr`` of the pairs lie within, or the least share that the people support: 3 / pairs. None above WIDEST."""
        told = max(fmr, RULE_OF_THREE / max(self.people_pairs, 1))
        if told > WIDEST or not len(self.distances):
            return None
        return Limit(float(np.quantile(self.distances, told, method="lower")), f"FMR {told:.2g} among these people")


def model_limit(fmr: float, thresholds: Sequence[Threshold], /) -> Limit | None:
    """The one of a model's ``thresholds`` that was measured nearest to ``fmr``; None where it has none."""
    if not thresholds:
        return None
    nearest = min(thresholds, key=lambda threshold: abs(math.log(threshold.fmr / fmr)))
    return Limit(nearest.distance, f"the model's threshold at FMR {nearest.fmr:g}")


def draw_strangers(vectors: Floats, person: Integers, numbering: Integers, /, *, seed: int = 0) -> Strangers:
    """Pairs of ``vectors`` (n, d), unit length, of two people ``person`` (n,) of one ``numbering`` (n,), drawn with replacement."""
    rng, count, found = np.random.default_rng(seed), len(vectors), [np.zeros(0, np.float32)]
    for _ in range(0, min(DRAWS, count**2), CHUNK):
        first, second = rng.integers(count, size=(2, CHUNK))
        strangers = (person[first] != person[second]) & (numbering[first] == numbering[second])
        found.append(2 - 2 * np.einsum("ij,ij->i", vectors[first[strangers]], vectors[second[strangers]]))
    people = np.unique(np.stack([numbering, person]), axis=1)
    return Strangers(np.sort(np.concatenate(found)), count_people_pairs(people[0]))
