"""What a batch tells about the run: active triplets, distance quantiles, and whether the embedding collapses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facelite.face import Floats


@dataclass(frozen=True, slots=True)
class Statistics:
    """``active``: share of the triplets that violate the margin; ``semi_hard``: number of semi-hard ones.

    ``positive_median``, ``positive_90`` and ``negative_median``, ``negative_10`` are quantiles of the anchors' distances, NaN where there
    are none; ``spread`` is the mean of the distances of all (n, n) pairs of the batch: 0 where the embedding is constant, zero included.
    """

    active: float
    semi_hard: float
    positive_median: float
    positive_90: float
    negative_median: float
    negative_10: float
    spread: float


def statistics(vectors: Floats, subjects: Floats, numbering: Floats, /, *, anchors: int, margin: float) -> Statistics:
    """Statistics of a batch of unit ``vectors`` (n, d); labels and triplets are as in ``losses.triplet_loss``."""
    d = np.clip(2 - 2 * vectors[:anchors] @ vectors.T, 0, 4)
    known = (subjects[:anchors, None] >= 0) & (subjects >= 0) & (numbering[:anchors, None] == numbering)
    same = subjects[:anchors, None] == subjects
    positive = known & same & ~np.eye(len(d), len(vectors), dtype=np.bool_)
    positive[:, anchors:] = False
    negative = known & ~same
    triplets = active = semi_hard = 0
    for anchor in range(len(d)):
        gap = d[anchor, negative[anchor]] - d[anchor, positive[anchor]][:, None]
        triplets += gap.size
        active += int((gap < margin).sum())
        semi_hard += int(((gap > 0) & (gap < margin)).sum())
    ap, an = _quantiles(d[positive], 0.5, 0.9), _quantiles(d[negative], 0.5, 0.1)
    length, mean = np.square(vectors, dtype=np.float64).sum(1).mean(), vectors.mean(0, dtype=np.float64)
    return Statistics(active / max(triplets, 1), float(semi_hard), *ap, *an, spread=2 * float(length - mean @ mean))


def _quantiles(values: Floats, first: float, second: float) -> tuple[float, float]:
    if not len(values):
        return float("nan"), float("nan")
    a, b = np.quantile(values, [first, second])
    return float(a), float(b)
