"""Verification on a list of pairs: accuracy over folds, VAL at FMR, EER, AUC."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facelite.calibration import area_under_curve, equal_error_rate, val_at
from facelite.evaluation.embed import Embedded
from facelite.evaluation.pairs import PairList
from facelite.face import Floats

BEYOND = 5.0
"""Stands for the distance of a pair that could not be compared: beyond every threshold."""


@dataclass(frozen=True, slots=True)
class Verification:
    """Rates in [0, 1]. ``val_at_fmr`` maps an FMR such as "1e-3" to VAL; FMRs that the impostor pairs cannot support are left out."""

    pairs: int
    images: int
    failed_to_detect: int
    accuracy: float
    accuracy_std: float
    threshold: float
    eer: float
    auc: float
    val_at_fmr: dict[str, float]


def verify_pairs(pairs: PairList, embedded: Embedded, /) -> Verification:
    """LFW's protocol (Huang et al. 2007): the threshold is taken from all folds but one and tested on that one.

    A pair with a picture in which no face was found counts as a wrong answer in accuracy, and as a rejection elsewhere.
    ``embedded`` has the pictures of ``pairs.images``, in that order.
    """
    a, b = embedded.vectors[pairs.first], embedded.vectors[pairs.second]
    compared = embedded.found[pairs.first] & embedded.found[pairs.second]
    distances = np.where(compared, np.sum((a - b) ** 2, axis=1), BEYOND).astype(np.float32)
    accuracies, thresholds = fold_accuracies(distances, pairs.same, pairs.fold, compared)
    genuine, impostor = distances[pairs.same], distances[~pairs.same]
    supported = [power for power in range(1, 7) if 10.0**-power * len(impostor) >= 1]
    return Verification(
        pairs=len(distances),
        images=len(pairs.images),
        failed_to_detect=int((~embedded.found).sum()),
        accuracy=float(np.mean(accuracies)),
        accuracy_std=float(np.std(accuracies)),
        threshold=float(np.mean(thresholds)),
        eer=equal_error_rate(genuine, impostor),
        auc=area_under_curve(genuine, impostor),
        val_at_fmr={f"1e-{power}": val_at(genuine, impostor, 10.0**-power) for power in supported},
    )


def fold_accuracies(
    distances: Floats, same: NDArray[np.bool_], fold: NDArray[np.int64], compared: NDArray[np.bool_], /
) -> tuple[list[float], list[float]]:
    """Accuracy and threshold of each fold, the threshold taken from the others (from itself where there is only one)."""
    folds = np.unique(fold)
    accuracies, thresholds = [], []
    for one in folds:
        test = fold == one
        learn = (~test if len(folds) > 1 else test) & compared
        threshold = best_threshold(distances[learn], same[learn])
        right = ((distances <= threshold) == same) & compared
        accuracies.append(float(right[test].mean()))
        thresholds.append(threshold)
    return accuracies, thresholds


def best_threshold(distances: Floats, same: NDArray[np.bool_], /) -> float:
    """The distance with the most right answers; between two pairs' distances, their middle; 0 without pairs."""
    if not len(distances):
        return 0.0
    order = np.argsort(distances, kind="stable")
    d, s = distances[order].astype(np.float64), same[order]
    # right answers when the first k pairs match: genuine ones among them, impostors behind them
    right = np.concatenate([[0], np.cumsum(s)]) + (~s).sum() - np.concatenate([[0], np.cumsum(~s)])
    cuts = np.concatenate([[d[0] - 1e-6], (d[:-1] + d[1:]) / 2, [d[-1]]])
    distinct = np.concatenate([[True], d[1:] > d[:-1], [True]])  # no cut falls between equal distances
    return float(cuts[np.argmax(np.where(distinct, right, -1))])
