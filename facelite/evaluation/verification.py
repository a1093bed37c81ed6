"""Embedded pictures and who is on them -> verification: accuracy, VAL at FMR, EER, AUC, each with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from facelite.calibration import Comparisons, Interval, Rates, compare_all, compare_list, differences, intervals, rates, supported
from facelite.errors import InputError
from facelite.evaluation.accuracy import Accuracy, accuracy, folds_of_people
from facelite.evaluation.embed import Embedded
from facelite.evaluation.pairs import PairList
from facelite.evaluation.people import People
from facelite.face import Floats

Measure = Literal["squared_l2", "cosine", "l1"]

MEASURES: tuple[Measure, ...] = ("squared_l2", "cosine", "l1")

Ends = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Verification:
    """Rates in [0, 1]. ``val_at_fmr`` maps an FMR such as "1e-3" to VAL, for the FMRs that the comparisons support.

    ``threshold`` is the one of the accuracy, the mean over the folds. Intervals are 95 %, by people; that of the accuracy is at that
    threshold. ``people_pairs`` counts the pairs of distinct people that are compared.
    """

    pairs: int
    images: int
    failed_to_detect: int
    people: int
    genuine_pairs: int
    impostor_pairs: int
    people_pairs: int
    accuracy: float
    accuracy_std: float
    threshold: float
    eer: float
    auc: float
    val_at_fmr: dict[str, float]
    accuracy_interval: Ends
    eer_interval: Ends
    auc_interval: Ends
    val_interval_at_fmr: dict[str, Ends]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One embedder on one set of pictures: what it embedded, the comparisons, and the rates."""

    embedded: Embedded
    comparisons: Comparisons
    verification: Verification


def verify_pairs(pairs: PairList, embedded: Embedded, /) -> Judged:
    """The protocol of LFW (Huang et al. 2007) on a list of pairs; ``embedded`` has the pictures of ``pairs.images``, in that order.

    A pair with a picture in which no face was found counts as a wrong answer in accuracy, and as a rejection elsewhere. A picture's
    person is its folder, or itself where it is in none.
    """
    comparisons = compare_list(measured(pairs, embedded), pairs.same, _people(pairs))
    found = accuracy(comparisons, pairs.fold[pairs.same], np.repeat(pairs.fold[~pairs.same, None], 2, axis=1))
    return Judged(embedded, comparisons, _verification(comparisons, found, embedded, comparisons.impostor_pairs))


def verify_all(people: People, embedded: Embedded, /) -> Judged:
    """All pairs of the pictures of ``people``; ``embedded`` is in the order of their names.

    A genuine pair with a picture in which no face was found counts as a rejection; such a picture makes no impostor pair. Raises
    InputError where there is no genuine or no impostor pair.
    """
    person, numbering = (np.unique(values, return_inverse=True)[1] for values in (people.person, people.numbering))
    comparisons = compare_all(embedded.vectors, person, numbering=numbering)
    if not len(comparisons.genuine) or not comparisons.impostor_pairs:
        raise InputError(
            f"expected two people or more, one of them with two pictures, in which a face is found, "
            f"got {len(comparisons.genuine)} genuine and {comparisons.impostor_pairs} impostor pairs; give pictures of more people"
        )
    found = accuracy(comparisons, *folds_of_people(comparisons))
    return Judged(embedded, comparisons, _verification(comparisons, found, embedded, comparisons.people_pairs))


def difference(one: Judged, other: Judged, /) -> dict[str, Interval]:
    """EER and VALs of ``other`` less those of ``one`` on the same pairs: the same people are drawn for both."""
    names = list(one.verification.val_at_fmr)
    found = differences(one.comparisons, other.comparisons, lambda drawn: [drawn.eer, *_vals(drawn, names)])
    return dict(zip(["eer", *names], found, strict=True))


def by_measure(pairs: PairList, embedded: Embedded, /) -> dict[Measure, dict[str, float]]:
    """Accuracy and VALs of the same embeddings by squared L2, cosine and L1."""
    found: dict[Measure, dict[str, float]] = {}
    for measure in MEASURES:
        comparisons = compare_list(measured(pairs, embedded, measure), pairs.same, _people(pairs))
        folds = pairs.fold[pairs.same], np.repeat(pairs.fold[~pairs.same, None], 2, axis=1)
        names = fmr_names(comparisons.impostor_pairs)
        found[measure] = {"accuracy": accuracy(comparisons, *folds).mean, **dict(zip(names, _vals(rates(comparisons), names), strict=True))}
    return found


def measured(pairs: PairList, embedded: Embedded, /, measure: Measure = "squared_l2") -> Floats:
    """Distances (n,) of the ``pairs``, NaN where a face is missing; other measures are scaled to [0, 4], where squared L2 lies."""
    a, b = embedded.vectors[pairs.first], embedded.vectors[pairs.second]
    if measure == "squared_l2":  # of unit vectors; and the mean over all pairs of frames, where a and b are means over videos
        distances = 2 - 2 * np.sum(a * b, axis=1)
    elif measure == "cosine":
        distances = 2 - 2 * np.sum(a * b, axis=1) / np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-9)
    else:  # two unit vectors differ by at most 2 sqrt(d) in L1
        distances = np.sum(np.abs(a - b), axis=1) * (2 / np.sqrt(a.shape[1]))
    compared: Floats = np.where(embedded.found[pairs.first] & embedded.found[pairs.second], distances, np.nan).astype(np.float32)
    return compared


def fmr_names(independent: int, /) -> list[str]:
    """The powers of ten that so many independent impostor comparisons support: "1e-1", "1e-2" ..."""
    return [f"1e-{power}" for power in range(1, 9) if supported(10.0**-power, independent)]


def _verification(comparisons: Comparisons, found: Accuracy, embedded: Embedded, independent: int) -> Verification:
    names = fmr_names(independent)

    def statistic(drawn: Rates) -> Sequence[float]:
        wrong = drawn.fmr_at(found.threshold) + 1 - drawn.fmr_at(4.0)  # what could not be compared is a wrong answer too
        right = (1 - wrong + 1 - drawn.fnmr_at(found.threshold)) / 2
        return [right, drawn.eer, drawn.auc, *_vals(drawn, names)]

    right, eer, auc, *vals = intervals(comparisons, statistic)
    return Verification(
        pairs=len(comparisons.genuine) + comparisons.impostor_pairs,
        images=len(embedded.names),
        failed_to_detect=int((~embedded.found).sum()),
        people=comparisons.people,
        genuine_pairs=len(comparisons.genuine),
        impostor_pairs=comparisons.impostor_pairs,
        people_pairs=comparisons.people_pairs,
        accuracy=found.mean,
        accuracy_std=found.std,
        threshold=found.threshold,
        eer=eer.value,
        auc=auc.value,
        val_at_fmr={name: val.value for name, val in zip(names, vals, strict=True)},
        accuracy_interval=_ends(right),
        eer_interval=_ends(eer),
        auc_interval=_ends(auc),
        val_interval_at_fmr=dict(zip(names, map(_ends, vals), strict=True)),
    )


def _ends(interval: Interval) -> Ends:
    return interval.low, interval.high


def _vals(drawn: Rates, names: Sequence[str]) -> list[float]:
    return [drawn.val_at(float(name)) for name in names]


def _people(pairs: PairList) -> np.ndarray:
    """Who is on the first and on the second picture of each pair, (n, 2)."""
    folders = [image.rpartition("/")[0] or image for image in pairs.images]
    person = np.unique(folders, return_inverse=True)[1]
    return np.stack([person[pairs.first], person[pairs.second]], axis=1)
