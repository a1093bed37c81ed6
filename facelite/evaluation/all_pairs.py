"""Verification over all pairs of labelled pictures: VAL down to the FMR that the number of people supports."""

from __future__ import annotations

from dataclasses import dataclass

from facelite.calibration import RULE_OF_THREE, Pairs, area_under_curve, equal_error_rate, val_at
from facelite.errors import InputError


@dataclass(frozen=True, slots=True)
class AllPairs:
    """Rates in [0, 1]. ``people_pairs`` counts pairs of distinct people, which bounds the FMRs in ``val_at_fmr``."""

    images: int
    failed_to_detect: int
    people: int
    genuine_pairs: int
    impostor_pairs: int
    people_pairs: int
    eer: float
    auc: float
    val_at_fmr: dict[str, float]


def verify_all_pairs(pairs: Pairs, /, *, images: int, failed_to_detect: int) -> AllPairs:
    """Rates over ``pairs``, made of those of the ``images`` in which a face was found. Raises InputError for no genuine or no impostor pair."""
    if not len(pairs.genuine) or not len(pairs.impostor):
        raise InputError(
            f"expected two people or more, one of them with two pictures in which a face is found, "
            f"got {len(pairs.genuine)} genuine and {len(pairs.impostor)} impostor pairs; give pictures of more people"
        )
    supported = [power for power in range(1, 9) if 10.0**-power >= RULE_OF_THREE / max(pairs.people_pairs, 1)]
    return AllPairs(
        images=images,
        failed_to_detect=failed_to_detect,
        people=pairs.people,
        genuine_pairs=len(pairs.genuine),
        impostor_pairs=len(pairs.impostor),
        people_pairs=pairs.people_pairs,
        eer=equal_error_rate(pairs.genuine, pairs.impostor),
        auc=area_under_curve(pairs.genuine, pairs.impostor),
        val_at_fmr={f"1e-{power}": val_at(pairs.genuine, pairs.impostor, 10.0**-power) for power in supported},
    )
