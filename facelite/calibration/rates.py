"""Comparisons -> error rates at every threshold, VAL, EER, AUC.

A comparison matches when its distance is at or below the threshold. FMR is the share of impostor comparisons that
match (FaceNet calls it FAR), FNMR the share of genuine ones that do not, VAL = 1 - FNMR.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facelite.calibration.comparisons import BEYOND, STEPS, Comparisons

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """``fmr`` and ``val`` (BEYOND + 1,) at every threshold k / STEPS; at BEYOND also those that could not be compared count as matches."""

    fmr: Array
    val: Array

    def place(self, fmr: float, /) -> int:
        """The largest k whose FMR is at most ``fmr``; -1, a threshold that nothing matches, where there is none."""
        return int(np.searchsorted(self.fmr[:BEYOND], fmr * (1 + 1e-9), "right")) - 1

    def val_at(self, fmr: float, /) -> float:
        """VAL at the largest threshold whose FMR is at most ``fmr``."""
        return self._val(self.place(fmr))

    def fmr_at(self, distance: float, /) -> float:
        """The FMR of the threshold ``distance``."""
        k = np.floor(distance * STEPS + 1e-6)
        return float(self.fmr[int(k)]) if k >= 0 else 0.0

    def fnmr_at(self, distance: float, /) -> float:
        """The FNMR of the threshold ``distance``."""
        return 1 - self._val(int(np.floor(distance * STEPS + 1e-6)))

    @property
    def eer(self) -> float:
        """The rate at which FMR and FNMR meet: the middle of the two at the threshold where they are nearest."""
        nearest = int(np.argmin(np.abs(self.fmr + self.val - 1)))
        return float((self.fmr[nearest] + 1 - self.val[nearest]) / 2)

    @property
    def auc(self) -> float:
        """The probability that a genuine comparison is nearer than an impostor one, ties on the grid counted half (Mann-Whitney)."""
        return float((np.diff(self.fmr) * (self.val[1:] + self.val[:-1])).sum() + self.fmr[0] * self.val[0]) / 2

    def _val(self, k: int) -> float:
        return float(self.val[k]) if k >= 0 else 0.0


def rates(comparisons: Comparisons, /, times: NDArray[np.integer] | None = None) -> Rates:
    """The rates of all ``comparisons``, or of those of people drawn ``times`` (people,) each.

    The comparisons of two people count as often as the product of their times; a person drawn twice is not compared with herself.
    Without a genuine or an impostor comparison their rates are NaN.
    """
    if times is None:
        genuine = np.bincount(comparisons.genuine, minlength=BEYOND + 1)
        return Rates(_cumulative(comparisons.impostor), _cumulative(genuine))
    drawn = times.astype(np.float32)
    first, second = comparisons.sample_people.T
    impostor = np.bincount(comparisons.sample, weights=comparisons.sample_weight * drawn[first] * drawn[second], minlength=BEYOND + 1)
    genuine = np.bincount(comparisons.genuine, weights=drawn[comparisons.genuine_person], minlength=BEYOND + 1)
    return Rates(_cumulative(impostor), _cumulative(genuine))


def _cumulative(counts: NDArray[np.number]) -> Array:
    """The share of the counts up to each place; NaN where nothing was counted."""
    below = np.cumsum(counts, dtype=np.float64)
    return below / (below[-1] or np.nan)
