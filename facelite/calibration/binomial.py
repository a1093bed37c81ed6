"""The interval of a rate that was counted in independent trials: Clopper and Pearson's, exact at any number of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from facelite.calibration.bootstrap import CONFIDENCE, Interval

HALVINGS = 50
"""Bisections of [0, 1]: the ends are then exact to 1e-15."""


def clopper_pearson(errors: int, trials: int, /) -> Interval:
    """The share of ``errors`` with its 95 % interval (Biometrika 26, 1934).

    At its lower end so many errors or more have a chance of 2.5 %, at its upper end so many or fewer. Without a trial the share is NaN and the
    interval [0, 1].
    """
    if not 0 <= errors <= trials:
        raise ValueError(f"expected 0 <= errors <= trials, got {errors} and {trials}")
    if not trials:
        return Interval(float("nan"), 0.0, 1.0)
    ways = _log_ways(trials)
    tail = (1 - CONFIDENCE) / 2
    low = _root(lambda rate: 1 - _at_most(errors - 1, rate, ways) < tail) if errors else 0.0
    high = _root(lambda rate: _at_most(errors, rate, ways) > tail) if errors < trials else 1.0
    return Interval(errors / trials, low, high)


def _log_ways(trials: int) -> NDArray[np.float64]:
    """Logarithm of the number of ways to have 0, 1, ... errors in so many trials (trials + 1,)."""
    count = np.arange(1, trials + 1)
    return np.concatenate([[0.0], np.cumsum(np.log(trials - count + 1) - np.log(count))])


def _at_most(errors: int, rate: float, ways: NDArray[np.float64]) -> float:
    """The chance of at most so many errors."""
    count = np.arange(errors + 1)
    return float(np.exp(ways[: errors + 1] + count * np.log(rate) + (len(ways) - 1 - count) * np.log1p(-rate)).sum())


def _root(below: Callable[[float], bool]) -> float:
    """The rate up to which ``below`` holds."""
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return (low + high) / 2
