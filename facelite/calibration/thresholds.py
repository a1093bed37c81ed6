"""Wanted FMRs -> thresholds that carry the error rates measured at them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from facelite.calibration.bootstrap import RULE_OF_THREE, intervals
from facelite.calibration.comparisons import STEPS, Comparisons
from facelite.calibration.rates import Rates, rates
from facelite.errors import UnsupportedRate
from facelite.face import Threshold

FMRS = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6)
"""The FMRs that are measured where none is asked for: those of them that the people support."""


def calibrate(comparisons: Comparisons, fmrs: Sequence[float], /) -> list[Threshold]:
    """A Threshold for each wanted FMR, at the last impostor comparison that it lets match.

    Anywhere up to the next one the FMR measured is the same, but the FMR to expect of other people is larger: at 3 / N by a third.
    Raises UnsupportedRate for an FMR below 3 / N, N the pairs of distinct people.
    """
    if not len(comparisons.genuine):
        raise UnsupportedRate("expected two pictures of a person or more, got no genuine pair; give more pictures of each person")
    for fmr in fmrs:
        check_supported(fmr, comparisons.people_pairs)
    measured = rates(comparisons)
    distances = [_last_match(measured, fmr) / STEPS for fmr in fmrs]
    found = intervals(
        comparisons, lambda drawn: [drawn.fmr_at(distance) for distance in distances], trials=[comparisons.people_pairs] * len(distances)
    )
    return [
        Threshold(
            distance=distance,
            fmr=fmr,
            fmr_upper=interval.high,
            fnmr=measured.fnmr_at(distance),
            genuine_pairs=len(comparisons.genuine),
            impostor_pairs=comparisons.impostor_pairs,
            people_pairs=comparisons.people_pairs,
        )
        for fmr, distance, interval in zip(fmrs, distances, found, strict=True)
    ]


def calibrate_fused(compare: Callable[[int], Comparisons], numbers: Sequence[int], fmrs: Sequence[float], /) -> dict[int, list[Threshold]]:
    """Thresholds for each of the ``numbers`` of templates that are compared as one: ``compare`` gives the comparisons with so many.

    Those of ``fmrs`` that are supported, if the first of them is; numbers for which nobody has pictures enough, or too few people do, are left out.
    """
    found = {}
    for number in numbers:
        comparisons = compare(number)
        if not len(comparisons.genuine):
            break  # nobody has more pictures for the next number
        if rates := [fmr for fmr in fmrs if supported(fmr, comparisons.people_pairs)]:
            found[number] = calibrate(comparisons, rates)
    return found


def _last_match(measured: Rates, fmr: float) -> int:
    """The grid point of the last impostor comparison at or below the largest threshold for ``fmr``; that threshold where none is."""
    place = measured.place(fmr)
    return int(np.searchsorted(measured.fmr, measured.fmr[place])) if place >= 0 and measured.fmr[place] > 0 else place


def supported(fmr: float, people_pairs: int, /) -> bool:
    """Whether so many pairs of distinct people can show an error rate of ``fmr``: 3 / N or more."""
    return fmr * people_pairs >= RULE_OF_THREE * (1 - 1e-9)


def supported_fmrs(people_pairs: int, /) -> list[float]:
    """Those of FMRS that so many pairs of distinct people support, largest first."""
    return [fmr for fmr in FMRS if supported(fmr, people_pairs)]


def check_supported(fmr: float, people_pairs: int, /) -> None:
    """Refuse an FMR below 3 / N, N the pairs of distinct people. Raises UnsupportedRate with the number it would take."""
    if not supported(fmr, people_pairs):
        pairs = int(np.ceil(RULE_OF_THREE / fmr * (1 - 1e-9)))
        people = int(np.ceil((1 + np.sqrt(1 + 8 * pairs)) / 2))
        raise UnsupportedRate(
            f"expected at least {pairs:,} pairs of distinct people ({people:,} people) for an FMR of {fmr:g}, "
            f"got {people_pairs:,} pairs; ask for a larger FMR or calibrate on more people"
        )
