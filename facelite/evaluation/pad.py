"""Values that a liveness test found -> APCER of each attack species, BPCER and non-responses, with 95 % intervals: the words of ISO/IEC 30107-3.

An attack is accepted, and a person himself rejected, by the limit: live means a value of the limit or more. APCER is the share of accepted
presentations of one attack species, BPCER the share of rejected presentations of people; both of those that had a response. The rest are the
non-responses, APNRR and BPNRR. What counts is the worst species, not a mean over species.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facelite.calibration import Interval, draw_people, middle, widened
from facelite.calibration.binomial import clopper_pearson
from facelite.calibration.bootstrap import DRAWS
from facelite.evaluation.presentations import Response
from facelite.plots.drawing import COLOURS, GREY, Axis, Drawing, Line, draw_lines

WANTED = (0.10, 0.05, 0.01)
"""APCERs whose BPCER is told: BPCER10, BPCER20 and BPCER100 (ISO/IEC 30107-3)."""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """The presentations of one attack species, or of people themselves: ``values`` (n,), NaN without a response, and ``subjects`` (n,) by number."""

    values: NDArray[np.float64]
    subjects: NDArray[np.int64]

    @property
    def people(self) -> int:
        """The number of subjects."""
        return len(np.unique(self.subjects))

    @property
    def answered(self) -> NDArray[np.float64]:
        """The values of those with a response."""
        return self.values[~np.isnan(self.values)]

    @property
    def non_response(self) -> Interval:
        """APNRR or BPNRR."""
        return _rate(np.isnan(self.values), self.subjects)

    def accepted(self, limit: float, /) -> Interval:
        """APCER at the ``limit``, of those with a response."""
        return _rate(self.answered >= limit, self.subjects[~np.isnan(self.values)])

    def rejected(self, limit: float, /) -> Interval:
        """BPCER at the ``limit``, of those with a response."""
        return _rate(self.answered < limit, self.subjects[~np.isnan(self.values)])


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The smallest ``limit`` at which the worst species' APCER is at most the ``wanted`` one, and the rates there."""

    wanted: float
    limit: float
    worst: str
    apcer: Interval
    bpcer: Interval


@dataclass(frozen=True, slots=True)
class PadRates:
    """People themselves, and the attacks by their species."""

    bona_fide: Group
    attacks: dict[str, Group]

    def worst(self, limit: float, /) -> str | None:
        """The species of the greatest APCER at the ``limit``, of equal ones that with the greater upper end; None where none had a response."""
        rates = {species: group.accepted(limit) for species, group in self.attacks.items()}
        known = {species: (rate.value, rate.high) for species, rate in rates.items() if not np.isnan(rate.value)}
        return max(known, key=lambda species: known[species], default=None)

    def at_apcer(self, wanted: float, /) -> OperatingPoint | None:
        """The operating point for an APCER of ``wanted``; None where no attack had a response.

        The limit is a value that was found, or lies just above all of them: chosen on the same presentations, its rates flatter a little.
        """
        attacks = [group.answered for group in self.attacks.values() if len(group.answered)]
        if not attacks:
            return None
        candidates = np.unique(np.concatenate([*attacks, self.bona_fide.answered]))
        candidates = np.append(candidates, np.nextafter(candidates[-1], np.inf))
        greatest = np.max([_shares(values, candidates) for values in attacks], axis=0)
        limit = float(candidates[np.argmax(greatest <= wanted)])
        worst = str(self.worst(limit))
        return OperatingPoint(wanted, limit, worst, self.attacks[worst].accepted(limit), self.bona_fide.rejected(limit))


def pad_rates(responses: Sequence[Response], /) -> PadRates:
    """The rates that ``responses`` give."""
    species = list(dict.fromkeys(one.presentation.species for one in responses))
    groups = {name: _group([one for one in responses if one.presentation.species == name]) for name in species}
    return PadRates(groups.get(None) or _group([]), {name: group for name, group in groups.items() if name is not None})


def draw_rates(rates: PadRates, /, *, limit: float, label: str) -> Drawing:
    """APCER of each species and BPCER over the limit, whose axis has the ``label``; the ``limit`` in use is marked."""
    values = np.concatenate([[limit], rates.bona_fide.answered, *(group.answered for group in rates.attacks.values())])
    limits = np.linspace(values.min(), values.max(), 200)
    lines = [
        Line(f"APCER, {species}", limits, _shares(group.answered, limits), COLOURS[i % len(COLOURS)])
        for i, (species, group) in enumerate(rates.attacks.items())
        if len(group.answered)
    ]
    if len(rates.bona_fide.answered):
        lines.append(Line("BPCER", limits, 1 - _shares(rates.bona_fide.answered, limits), "black", "--"))
    lines.append(Line(f"limit in use, {limit:g}", [limit, limit], [0.0, 1.0], GREY, ":"))
    return draw_lines(lines, x=Axis(label), y=Axis("share of presentations", low=-0.02, high=1.02, ticks="%"))


def _group(responses: Sequence[Response]) -> Group:
    subjects = np.unique([one.presentation.subject for one in responses], return_inverse=True)[1]
    values = [np.nan if one.value is None else one.value for one in responses]
    return Group(np.array(values, np.float64), np.asarray(subjects, np.int64))


def _shares(values: NDArray[np.float64], limits: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of ``values`` (n,), one or more, at or above each of ``limits`` (m,)."""
    return (len(values) - np.searchsorted(np.sort(values), limits)) / len(values)


def _rate(errors: NDArray[np.bool_], subjects: NDArray[np.int64]) -> Interval:
    """The share of ``errors`` (n,) with its interval.

    One presentation a subject: Clopper and Pearson's. Else presentations of one subject are not independent, and the subjects are drawn again
    (``calibration.bootstrap``); the interval is never narrower than Clopper and Pearson's, nor than the rule of three says for so many subjects.
    """
    exact = clopper_pearson(int(errors.sum()), len(errors))
    seen, place = np.unique(subjects, return_inverse=True)
    if len(seen) == len(errors):
        return exact
    wrong, total = np.bincount(place, weights=errors), np.bincount(place)
    rng = np.random.default_rng(0)
    drawn = [[float(times @ wrong) / float(times @ total)] for times in (draw_people(len(total), rng) for _ in range(DRAWS))]
    by_subject = widened(middle([exact.value], drawn)[0], len(total))
    return Interval(exact.value, max(0.0, min(exact.low, by_subject.low)), min(1.0, max(exact.high, by_subject.high)))
