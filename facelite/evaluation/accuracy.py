"""Accuracy over folds, as on LFW: the threshold is taken from all folds but one and tested on that one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facelite.calibration import BEYOND, STEPS, Comparisons
from facelite.calibration.comparisons import Integers

FOLDS = 10


@dataclass(frozen=True, slots=True)
class Accuracy:
    """``mean`` and standard deviation ``std`` over the ``folds``, and the mean ``threshold`` (squared L2).

    One fold: the threshold was tested on the pairs that it was taken from.
    """

    mean: float
    std: float
    threshold: float
    folds: int


def accuracy(comparisons: Comparisons, genuine_fold: Integers, impostor_folds: Integers, /) -> Accuracy:
    """The mean of VAL and 1 - FMR over the folds, which is the share of right answers where a fold holds as many of each kind (LFW does).

    ``genuine_fold`` (g,) and ``impostor_folds`` (s, 2) stand beside ``comparisons.genuine`` and ``comparisons.sample``; an impostor
    comparison between two folds tests neither and teaches the others. What could not be compared is a wrong answer. Where a fold
    lacks a kind, all is one fold, tested on itself.
    """
    folds = np.unique(genuine_fold)
    inside = impostor_folds[:, 0][impostor_folds[:, 0] == impostor_folds[:, 1]]
    if len(folds) < 2 or not np.isin(folds, inside).all():
        folds, genuine_fold, impostor_folds = np.zeros(1, np.int64), np.zeros_like(genuine_fold), np.zeros_like(impostor_folds)
    rights, places = [], []
    for fold in folds:
        test = genuine_fold == fold, (impostor_folds == fold).all(1)
        learn = (genuine_fold != fold, (impostor_folds != fold).all(1)) if len(folds) > 1 else test
        learned = _right(comparisons, *learn)[:BEYOND]
        best = np.flatnonzero(learned == learned.max())
        place = int(best[len(best) // 2])
        rights.append(_right(comparisons, *test)[place])
        places.append(place)
    return Accuracy(float(np.mean(rights)), float(np.std(rights)), float(np.mean(places)) / STEPS, len(folds))


def folds_of_people(comparisons: Comparisons, /) -> tuple[Integers, Integers]:
    """Folds for ``accuracy`` where all pairs are compared: people are dealt into FOLDS, so that no fold is tested on who taught it."""
    return comparisons.genuine_person % FOLDS, comparisons.sample_people % FOLDS


def _right(comparisons: Comparisons, genuine: NDArray[np.bool_], impostor: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The mean share of right answers of both kinds at each threshold k."""
    matched = np.cumsum(np.bincount(comparisons.genuine[genuine], minlength=BEYOND + 1))
    wrong = np.bincount(comparisons.sample[impostor], comparisons.sample_weight[impostor], minlength=BEYOND + 1)
    total = max(wrong.sum(), 1e-9)
    wrong = np.cumsum(wrong) + wrong[BEYOND]  # not compared: wrong at every threshold
    right: NDArray[np.float64] = (matched / max(matched[-1], 1) + 1 - wrong / total) / 2
    return right
