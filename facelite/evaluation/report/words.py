"""Numbers and names as a reader meets them in a report."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from pathlib import PurePath

from facelite.calibration import RULE_OF_THREE, Interval
from facelite.evaluation.verification import Verification


def short_names(models: Sequence[str], /) -> list[str]:
    """The last part of each path without our suffix, where that tells them apart."""
    last = [PurePath(model).name.removesuffix(".facelite") or model for model in models]
    return last if len(set(last)) == len(last) else list(models)


def percent(rate: float | None, /) -> str:
    """59.50 %; of rates below 1 % two figures: 0.069 %."""
    return "unknown" if rate is None or not isfinite(rate) else f"{_number(rate)}\N{NO-BREAK SPACE}%"


def percents(ends: tuple[float, float] | None, /) -> str:
    """52.02 to 66.07 %."""
    return "unknown" if ends is None or not all(map(isfinite, ends)) else f"{_number(ends[0])} to {_number(ends[1])}\N{NO-BREAK SPACE}%"


def points(interval: Interval, /) -> tuple[str, str]:
    """A difference of two rates in percentage points, and its interval."""
    if not all(map(isfinite, (interval.value, interval.low, interval.high))):
        return "unknown", "unknown"
    return f"{100 * interval.value:+.2f} points", f"{100 * interval.low:+.2f} to {100 * interval.high:+.2f}"


def ends(interval: Interval, /) -> tuple[float, float]:
    return interval.low, interval.high


def least_fmr(found: Verification, /) -> float:
    """The smallest FMR that the people can support."""
    return RULE_OF_THREE / max(found.people_pairs, 1)


def rate_name(rate: str, /) -> str:
    """A key of a judgement's differences in words."""
    return {"accuracy": "accuracy", "eer": "EER"}.get(rate, f"VAL at FMR {rate}")


def _number(rate: float) -> str:
    value = 100 * rate
    return f"{value:.2g}" if 0 < value < 1 else f"{value:.2f}"
