"""Genuine and impostor distances -> error rates, VAL, EER, AUC and thresholds with their intervals. NumPy only.

A comparison matches when its distance is at or below the threshold. FMR is the share of impostor comparisons that
match (FaceNet calls it FAR), FNMR the share of genuine ones that do not, VAL = 1 - FNMR.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facelite.errors import UnsupportedRate
from facelite.face import Floats, Threshold

Array = NDArray[np.floating]

RULE_OF_THREE = 3.0
"""No error in N independent trials: the rate lies below 3 / N with 95 % confidence (ISO/IEC 19795-1)."""

BOOTSTRAPS = 200
CONFIDENCE = 0.95


def threshold_at(impostor: Array, fmr: float, /) -> float:
    """The largest distance whose FMR over ``impostor`` (n,) is at most ``fmr``."""
    if not len(impostor):
        raise ValueError("expected impostor distances, got none")
    matches = min(int(np.floor(fmr * len(impostor) + 1e-9)), len(impostor) - 1)
    return float(np.nextafter(np.float32(np.partition(impostor, matches)[matches]), np.float32(-1)))


def val_at(genuine: Array, impostor: Array, fmr: float, /) -> float:
    """VAL: the share of ``genuine`` distances at or below the threshold of ``fmr``."""
    return float(np.mean(genuine <= threshold_at(impostor, fmr)))


def equal_error_rate(genuine: Array, impostor: Array, /) -> float:
    """The rate at which FMR and FNMR meet: the middle of the two at the distance where they are nearest."""
    genuine, impostor = np.sort(genuine), np.sort(impostor)
    distances = np.concatenate([genuine, impostor])
    fnmr = 1 - np.searchsorted(genuine, distances, "right") / len(genuine)
    fmr = np.searchsorted(impostor, distances, "right") / len(impostor)
    nearest = np.argmin(np.abs(fmr - fnmr))
    return float((fmr[nearest] + fnmr[nearest]) / 2)


def area_under_curve(genuine: Array, impostor: Array, /) -> float:
    """The probability that a genuine pair is nearer than an impostor pair, ties counted half (Mann-Whitney)."""
    impostor = np.sort(impostor)
    below, at_or_below = np.searchsorted(impostor, genuine, "left"), np.searchsorted(impostor, genuine, "right")
    return float(1 - (below + at_or_below).mean() / (2 * len(impostor)))


def all_pairs(vectors: Floats, subjects: NDArray[np.int64], numbering: NDArray[np.int64] | None = None, /) -> Pairs:
    """Distances of all pairs of ``vectors`` (n, d), unit length, of people ``subjects`` (n,).

    Where ``numbering`` (n,) is given, two people are impostors only inside one numbering: one person may stand in two data
    sets under two names.
    """
    return Pairs.of(vectors, subjects, np.zeros_like(subjects) if numbering is None else numbering)


class Pairs:
    """All pairs of a set of embeddings: distances, and the two people of each pair.

    ``genuine`` (g,) and ``impostor`` (i,) are distances; ``genuine_person`` (g,) and ``impostor_people`` (i, 2) index the people.
    """

    def __init__(self, genuine: Floats, genuine_person: NDArray[np.int32], impostor: Floats, impostor_people: NDArray[np.int32],
                 people: int) -> None:
        self.genuine, self.genuine_person = genuine, genuine_person
        self.impostor, self.impostor_people = impostor, impostor_people
        self.people = people

    @classmethod
    def of(cls, vectors: Floats, subjects: NDArray[np.int64], numbering: NDArray[np.int64]) -> Pairs:
        names, person = np.unique(np.stack([numbering, subjects]), axis=1, return_inverse=True)
        person = person.reshape(-1).astype(np.int32)
        genuine, genuine_person, impostor, impostor_people = [], [], [], []
        for i in range(len(vectors) - 1):  # one row of the triangle at a time
            distances = np.clip(2 - 2 * (vectors[i + 1 :] @ vectors[i]), 0, 4)
            others = person[i + 1 :]
            same = others == person[i]
            different = ~same & (numbering[i + 1 :] == numbering[i])
            genuine.append(distances[same])
            genuine_person.append(others[same])
            impostor.append(distances[different])
            impostor_people.append(np.stack([np.full(different.sum(), person[i]), others[different]], 1).astype(np.int32))
        return cls(np.concatenate(genuine), np.concatenate(genuine_person), np.concatenate(impostor),
                   np.concatenate(impostor_people), names.shape[1])

    @property
    def people_pairs(self) -> int:
        """Pairs of distinct people among the impostor comparisons, each counted once however many pictures they have."""
        low, high = self.impostor_people.min(1).astype(np.int64), self.impostor_people.max(1)
        return len(np.unique(low * self.people + high))

    def fmr_interval(self, distance: float, /, *, seed: int = 0) -> tuple[float, float]:
        """The FMR's interval at ``distance``, bootstrapped by people: a person drawn twice counts twice in each pair."""
        match = self.impostor <= distance
        # matches and comparisons between two people are all that a draw needs
        code = self.impostor_people[:, 0].astype(np.int64) * self.people + self.impostor_people[:, 1]
        pairs, index = np.unique(code, return_inverse=True)
        total = np.bincount(index).astype(np.float64)
        matched = np.bincount(index, weights=match)
        first, second = pairs // self.people, pairs % self.people
        hit = matched > 0
        rng = np.random.default_rng(seed)
        rates = []
        for _ in range(BOOTSTRAPS):
            times = np.bincount(rng.integers(self.people, size=self.people), minlength=self.people).astype(np.float64)
            weight = (times[first[hit]] * times[second[hit]]) @ matched[hit]
            rates.append(weight / max(float((times[first] * times[second]) @ total), 1.0))
        low, high = np.quantile(rates, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        return float(low), float(high)


def calibrate(pairs: Pairs, fmrs: Sequence[float], /) -> list[Threshold]:
    """A Threshold for each wanted FMR. Raises UnsupportedRate for one below 3 / N, N the pairs of distinct people."""
    people_pairs = pairs.people_pairs
    thresholds = []
    for fmr in fmrs:
        if fmr < RULE_OF_THREE / max(people_pairs, 1):
            raise UnsupportedRate(
                f"expected at least {int(np.ceil(RULE_OF_THREE / fmr)):,} pairs of distinct people for an FMR of {fmr:g}, "
                f"got {people_pairs:,}; ask for a larger FMR or calibrate on more people"
            )
        distance = threshold_at(pairs.impostor, fmr)
        upper = max(pairs.fmr_interval(distance)[1], RULE_OF_THREE / people_pairs)
        fnmr = float(np.mean(pairs.genuine > distance))
        thresholds.append(Threshold(distance, fmr, upper, fnmr, len(pairs.genuine), len(pairs.impostor), people_pairs))
    return thresholds
