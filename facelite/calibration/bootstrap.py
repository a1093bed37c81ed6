"""How far a measured rate may be off: intervals by drawing the people again (bootstrap by identity, not by pair).

Pairs that share a person are not independent: drawing pairs would give intervals that are far too narrow (Bolle, Ratha and
Pankanti 2004, subsets bootstrap; ISO/IEC 19795-1). Two embedders on the same people are drawn together, and their difference has the interval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facelite.calibration.comparisons import Comparisons
from facelite.calibration.rates import Rates, rates

DRAWS = 400
CONFIDENCE = 0.95

Statistic = Callable[[Rates], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Interval:
    """A measured ``value`` and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def intervals(comparisons: Comparisons, statistic: Statistic, /, *, seed: int = 0, draws: int = DRAWS) -> list[Interval]:
    """The interval of each number that ``statistic`` makes of the rates."""
    drawn = [statistic(rates(comparisons, times)) for times in _draws(comparisons.people, seed, draws)]
    return _intervals(statistic(rates(comparisons)), np.array(drawn))


def differences(one: Comparisons, other: Comparisons, statistic: Statistic, /, *, seed: int = 0, draws: int = DRAWS) -> list[Interval]:
    """``other`` less ``one``, of the same pictures of the same people, with the interval of the difference. Raises ValueError for other people."""
    if one.people != other.people:
        raise ValueError(f"expected comparisons of the same people, got {one.people} and {other.people}")
    drawn = [np.subtract(statistic(rates(other, times)), statistic(rates(one, times))) for times in _draws(one.people, seed, draws)]
    return _intervals(np.subtract(statistic(rates(other)), statistic(rates(one))), np.array(drawn))


def _draws(people: int, seed: int, draws: int) -> Iterator[NDArray[np.int64]]:
    """How often each of the ``people`` (people,) is in a draw of as many, with replacement."""
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        yield np.bincount(rng.integers(people, size=people), minlength=people)


def _intervals(values: Sequence[float] | NDArray[np.float64], drawn: NDArray[np.float64]) -> list[Interval]:
    drawn = drawn[~np.isnan(drawn).any(1)]  # of few people, some draws compare nobody
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0) if len(drawn) else np.full((2, len(values)), np.nan)
    return [Interval(float(value), float(a), float(b)) for value, a, b in zip(values, low, high, strict=True)]
