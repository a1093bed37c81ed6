"""How far a measured rate may be off: intervals by drawing the people again (bootstrap by identity, not by pair).

Pairs that share a person are not independent: drawing pairs would give intervals that are far too narrow (Bolle, Ratha and
Pankanti 2004, subsets bootstrap; ISO/IEC 19795-1). Where pairs do not share people, as in LFW's list, a pair's chance is counted up to
three times (Owen 2007, the pigeonhole bootstrap): such intervals are up to 1.7 times as wide as they need be, never narrower.
Two embedders on the same people are drawn together, and their difference has the interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facelite.calibration.comparisons import Comparisons
from facelite.calibration.rates import Rates, rates

DRAWS = 400
CONFIDENCE = 0.95

RULE_OF_THREE = 3.0
"""No error in N independent trials: the rate lies below 3 / N with 95 % confidence (ISO/IEC 19795-1)."""

Numbers = Sequence[float] | NDArray[np.float64]
Statistic = Callable[[Rates], Numbers]


@dataclass(frozen=True, slots=True)
class Interval:
    """A measured ``value`` and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def intervals(comparisons: Comparisons, statistic: Statistic, /, *, trials: Sequence[int], seed: int = 0, draws: int = DRAWS) -> list[Interval]:
    """The interval of each number, a rate in [0, 1], that ``statistic`` makes of the rates.

    ``trials`` says how many independent ones stand behind each: what the rule of three leaves open belongs to the interval.
    """
    rng = np.random.default_rng(seed)
    drawn = [statistic(rates(comparisons, draw_people(comparisons.people, rng))) for _ in range(draws)]
    return [widened(one, number) for one, number in zip(middle(statistic(rates(comparisons)), drawn), trials, strict=True)]


def differences(
    one: Comparisons, other: Comparisons, /, *, statistics: tuple[Statistic, Statistic], seed: int = 0, draws: int = DRAWS
) -> list[Interval]:
    """The second of ``statistics`` of ``other`` less the first of ``one``, over the same pictures of the same people, with its interval.

    Raises ValueError for other people.
    """
    if one.people != other.people:
        raise ValueError(f"expected comparisons of the same people, got {one.people} and {other.people}")

    def difference(times: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        return np.subtract(statistics[1](rates(other, times)), statistics[0](rates(one, times)))

    rng = np.random.default_rng(seed)
    return middle(difference(), [difference(draw_people(one.people, rng)) for _ in range(draws)])


def draw_people(people: int, rng: np.random.Generator, /) -> NDArray[np.int64]:
    """How often each of the ``people`` (people,) is in a draw of as many, with replacement."""
    return np.bincount(rng.integers(people, size=people), minlength=people)


def middle(values: Numbers, drawn: Sequence[Numbers], /) -> list[Interval]:
    """The middle 95 % of what was ``drawn`` (draws, n) beside the measured ``values`` (n,)."""
    whole = np.array([row for row in drawn if not np.isnan(row).any()])  # of few people, some draws compare nobody
    low, high = np.quantile(whole, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0) if len(whole) else np.full((2, len(values)), np.nan)
    return [Interval(float(value), float(a), float(b)) for value, a, b in zip(values, low, high, strict=True)]


def widened(interval: Interval, trials: int, /) -> Interval:
    """The ``interval`` of a rate of so many independent ``trials``, and what the rule of three leaves open: without an error all draws agree."""
    rule = min(RULE_OF_THREE / max(trials, 1), 1.0)
    return Interval(interval.value, min(interval.low, 1 - rule), max(interval.high, rule))
