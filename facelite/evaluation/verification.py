"""Embedded pictures and who is on them -> verification: accuracy, VAL at FMR, EER, AUC, each with its interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from facelite.calibration import Comparisons, Interval, Rates, compare_all, compare_list, differences, intervals, rates, supported
from facelite.calibration.comparisons import Integers
from facelite.errors import InputError
from facelite.evaluation.accuracy import Accuracy, accuracy, folds_of_people
from facelite.evaluation.embed import Embedded
from facelite.evaluation.pairs import PairList
from facelite.evaluation.people import People
from facelite.face import Floats

Measure = Literal["squared_l2", "cosine", "l1", "siamese"]

MEASURES: tuple[Measure, ...] = ("squared_l2", "cosine", "l1")

Ends = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Verification:
    """Rates in [0, 1]. ``val_at_fmr`` maps an FMR such as "1e-3" to VAL, for the FMRs that the comparisons support.

    ``threshold`` is the one of the accuracy, the mean over the folds. Intervals are 95 %, by people; that of the accuracy is at that
    threshold. ``people_pairs`` counts the pairs of distinct people that are compared. ``accuracy_folds`` is 1 where people were too few for
    folds: then the threshold was tested on the pairs that it was taken from.
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
    accuracy_folds: int
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


@dataclass(frozen=True, slots=True)
class Cross:
    """One embedder's probes against another's templates: VAL at the FMRs that the comparisons support, each by the threshold that has it, with
    95 % intervals by people. ``gain`` is this VAL less that of the weaker of the two alone.
    """

    templates: str
    probes: str
    val_at_fmr: dict[str, float]
    val_interval_at_fmr: dict[str, Ends]
    gain: dict[str, Interval]


def verify_pairs(pairs: PairList, embedded: Embedded, /) -> Judged:
    """The protocol of LFW (Huang et al. 2007) on a list of pairs; ``embedded`` has the pictures of ``pairs.images``, in that order.

    A pair with a picture in which no face was found counts as a wrong answer in accuracy, and as a rejection elsewhere.
    """
    comparisons = _listed(pairs, measured(pairs, embedded))
    return Judged(embedded, comparisons, _verification(comparisons, accuracy(comparisons, *_folds(pairs)), embedded))


def verify_all(people: People, embedded: Embedded, /) -> Judged:
    """All pairs of the pictures of ``people``; ``embedded`` is in the order of their names.

    A genuine pair with a picture in which no face was found counts as a rejection; such a picture makes no impostor pair. Raises
    InputError where there is no genuine or no impostor pair.
    """
    person, numbering = (np.unique(values, return_inverse=True)[1] for values in (people.person, people.numbering))
    comparisons = compare_all(embedded.vectors, person, numbering=numbering, distance=embedded.distance)
    if not len(comparisons.genuine) or not comparisons.impostor_pairs:
        raise InputError(
            f"expected two people or more, one of them with two pictures, in which a face is found, "
            f"got {len(comparisons.genuine)} genuine and {comparisons.impostor_pairs} impostor pairs; give pictures of more people "
            "(strangers with one picture each: facelite calibrate --strangers)"
        )
    return Judged(embedded, comparisons, _verification(comparisons, accuracy(comparisons, *folds_of_people(comparisons)), embedded))


def difference(one: Judged, other: Judged, /) -> dict[str, Interval]:
    """Accuracy, EER and VALs of ``other`` less those of ``one`` on the same pairs: the same people are drawn for both.

    Each has its accuracy at the one threshold that is its mean over the folds.
    """
    names = [name for name in one.verification.val_at_fmr if name in other.verification.val_at_fmr]

    def statistic(judged: Judged) -> Callable[[Rates], Sequence[float]]:
        return lambda drawn: [_right(drawn, judged.verification.threshold), drawn.eer, *_vals(drawn, names)]

    found = differences(one.comparisons, other.comparisons, statistics=(statistic(one), statistic(other)))
    return dict(zip(["accuracy", "eer", *names], found, strict=True))


def verify_cross(people: People, templates: tuple[str, Judged], probes: tuple[str, Judged], /) -> Cross:
    """Both embedders, with their names, judged on all pairs of the pictures of ``people``. A picture is not compared with itself.

    The probes' distance decides.
    """
    one, other = templates[1], probes[1]
    comparisons = people.comparisons(one.embedded, probes=other.embedded, distance=other.embedded.distance)
    names = list(other.verification.val_at_fmr)

    def vals(drawn: Rates) -> list[float]:
        return _vals(drawn, names)

    found = intervals(comparisons, vals, trials=[comparisons.genuine_people] * len(names))
    weaker = min(one, other, key=lambda judged: sum(judged.verification.val_at_fmr[name] for name in names))
    return Cross(
        templates=templates[0],
        probes=probes[0],
        val_at_fmr={name: interval.value for name, interval in zip(names, found, strict=True)},
        val_interval_at_fmr={name: (interval.low, interval.high) for name, interval in zip(names, found, strict=True)},
        gain=dict(zip(names, differences(weaker.comparisons, comparisons, statistics=(vals, vals)), strict=True)),
    )


def by_measure(pairs: PairList, embedded: Embedded, /) -> dict[Measure, dict[str, float]]:
    """Accuracy and VALs of the same embeddings by squared L2, cosine and L1, and by the Siamese head where one decides."""
    found: dict[Measure, dict[str, float]] = {}
    for measure in dict.fromkeys((*MEASURES, _deciding(embedded))):
        comparisons = _listed(pairs, measured(pairs, embedded, measure))
        names = fmr_names(comparisons.people_pairs)
        found[measure] = {"accuracy": accuracy(comparisons, *_folds(pairs)).mean, **dict(zip(names, _vals(rates(comparisons), names), strict=True))}
    return found


def measured(pairs: PairList, embedded: Embedded, /, measure: Measure | None = None) -> Floats:
    """Distances (n,) of the ``pairs`` by what decides, or by ``measure``, NaN where a face is missing; all are scaled to [0, 4]."""
    a, b = embedded.vectors[pairs.first], embedded.vectors[pairs.second]
    measure = measure or _deciding(embedded)
    if measure == "siamese":
        distances = embedded.distance.pairs(a, b)
    elif measure == "squared_l2":  # of unit vectors; and the mean over all pairs of frames, where a and b are means over videos
        distances = 2 - 2 * np.sum(a * b, axis=1)
    elif measure == "cosine":
        distances = 2 - 2 * np.sum(a * b, axis=1) / np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-9)
    else:  # two unit vectors differ by at most 2 sqrt(d) in L1
        distances = np.sum(np.abs(a - b), axis=1) * (2 / np.sqrt(a.shape[1]))
    compared: Floats = np.where(embedded.found[pairs.first] & embedded.found[pairs.second], distances, np.nan).astype(np.float32)
    return compared


def _deciding(embedded: Embedded) -> Measure:
    return "siamese" if embedded.distance.name == "siamese" else "squared_l2"


def fmr_names(people_pairs: int, /) -> list[str]:
    """The powers of ten that so many pairs of distinct people support: "1e-1", "1e-2" ..."""
    return [f"1e-{power}" for power in range(1, 9) if supported(10.0**-power, people_pairs)]


def _listed(pairs: PairList, distances: Floats) -> Comparisons:
    return compare_list(distances, pairs.same, pairs.person[np.stack([pairs.first, pairs.second], axis=1)])


def _folds(pairs: PairList) -> tuple[Integers, Integers]:
    """The folds of a list as ``accuracy`` takes them."""
    return pairs.fold[pairs.same], np.repeat(pairs.fold[~pairs.same, None], 2, axis=1)


def _verification(comparisons: Comparisons, found: Accuracy, embedded: Embedded) -> Verification:
    names, people = fmr_names(comparisons.people_pairs), comparisons.genuine_people
    right, eer, auc, *vals = intervals(
        comparisons,
        lambda drawn: [_right(drawn, found.threshold), drawn.eer, drawn.auc, *_vals(drawn, names)],
        trials=[min(people, comparisons.people_pairs)] * 3 + [people] * len(names),
    )
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
        accuracy_folds=found.folds,
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


def _right(drawn: Rates, threshold: float) -> float:
    """The mean share of right answers of both kinds; what could not be compared is a wrong one."""
    wrong = drawn.fmr_at(threshold) + 1 - drawn.fmr_at(4.0)
    return (1 - wrong + 1 - drawn.fnmr_at(threshold)) / 2
