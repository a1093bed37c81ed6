"""Genuine and impostor distances -> error rates, VAL, EER, AUC and thresholds with their intervals. NumPy only.

A comparison matches when its distance is at or below the threshold. FMR is the share of impostor comparisons that
match (FaceNet calls it FAR), FNMR the share of genuine ones that do not, VAL = 1 - FNMR.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """All pairs of a set of embeddings.

    ``genuine`` (g,) and ``impostor`` (i,) are distances; ``impostor_people`` (i, 2) index the ``people`` behind each impostor pair.
    """

    genuine: Floats
    impostor: Floats
    impostor_people: NDArray[np.int32]
    people: int

    @property
    def people_pairs(self) -> int:
        """Pairs of distinct people among the impostor comparisons, each counted once however many pictures they have."""
        return len(np.unique(_pair_code(self)))


def all_pairs(vectors: Floats, subjects: NDArray[np.int64], numbering: NDArray[np.int64] | None = None, /) -> Pairs:
    """Distances of all pairs of ``vectors`` (n, d), unit length, of people ``subjects`` (n,).

    Where ``numbering`` (n,) is given, two people are impostors only inside one numbering: one person may stand in two data
    sets under two names.
    """
    numbering = np.zeros_like(subjects) if numbering is None else numbering
    names, index = np.unique(np.stack([numbering, subjects]), axis=1, return_inverse=True)
    person = index.reshape(-1).astype(np.int32)
    genuine, impostor = [np.zeros(0, np.float32)], [np.zeros(0, np.float32)]
    people = [np.zeros((0, 2), np.int32)]
    for i in range(len(vectors) - 1):  # one row of the triangle at a time
        distances = np.clip(2 - 2 * (vectors[i + 1 :] @ vectors[i]), 0, 4)
        others = person[i + 1 :]
        same = others == person[i]
        different = ~same & (numbering[i + 1 :] == numbering[i])
        genuine.append(distances[same])
        impostor.append(distances[different])
        people.append(np.stack([np.full(different.sum(), person[i]), others[different]], axis=1))
    return Pairs(np.concatenate(genuine), np.concatenate(impostor), np.concatenate(people), names.shape[1])


def fmr_interval(pairs: Pairs, distance: float, /, *, seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of the FMR at ``distance``, bootstrapped by people: one drawn twice counts twice in each pair."""
    codes, index = np.unique(_pair_code(pairs), return_inverse=True)
    first, second = codes // pairs.people, codes % pairs.people
    compared = np.bincount(index).astype(np.float64)
    matched = np.bincount(index, weights=pairs.impostor <= distance)
    hit = matched > 0
    rng = np.random.default_rng(seed)
    rates = []
    for _ in range(BOOTSTRAPS):
        times = np.bincount(rng.integers(pairs.people, size=pairs.people), minlength=pairs.people).astype(np.float64)
        matches = (times[first[hit]] * times[second[hit]]) @ matched[hit]
        rates.append(matches / max(float((times[first] * times[second]) @ compared), 1.0))
    low, high = np.quantile(rates, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def _pair_code(pairs: Pairs) -> NDArray[np.int64]:
    """One number for each unordered pair of people."""
    people = pairs.impostor_people.astype(np.int64)
    code: NDArray[np.int64] = people.min(1) * pairs.people + people.max(1)
    return code


def check_supported(fmr: float, people_pairs: int, /) -> None:
    """Refuse an FMR below 3 / N, N the pairs of distinct people. Raises UnsupportedRate."""
    if fmr < RULE_OF_THREE / max(people_pairs, 1):
        raise UnsupportedRate(
            f"expected at least {int(np.ceil(RULE_OF_THREE / fmr)):,} pairs of distinct people for an FMR of {fmr:g}, "
            f"got {people_pairs:,}; ask for a larger FMR or calibrate on more people"
        )


def calibrate(pairs: Pairs, fmrs: Sequence[float], /) -> list[Threshold]:
    """A Threshold for each wanted FMR. Raises UnsupportedRate for one below 3 / N, N the pairs of distinct people."""
    people_pairs = pairs.people_pairs
    if not len(pairs.genuine):
        raise UnsupportedRate("expected two pictures of a person or more, got no genuine pair; give more pictures of each person")
    thresholds = []
    for fmr in fmrs:
        check_supported(fmr, people_pairs)
        distance = threshold_at(pairs.impostor, fmr)
        upper = max(fmr_interval(pairs, distance)[1], RULE_OF_THREE / people_pairs)
        fnmr = float(np.mean(pairs.genuine > distance))
        thresholds.append(Threshold(distance, fmr, upper, fnmr, len(pairs.genuine), len(pairs.impostor), people_pairs))
    return thresholds
