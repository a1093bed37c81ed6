"""Embeddings of labelled pictures -> what to look at before training on them: wrong labels, copies, people under two names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from facelite.calibration import RULE_OF_THREE
from facelite.errors import InputError
from facelite.evaluation.findings import Finding, Kind, Labelled, duplicated, missing, outlying, same_people, scope_of, too_few
from facelite.evaluation.limits import WIDEST, Limit, Strangers, draw_strangers, model_limit
from facelite.evaluation.neighbours import earlier_within
from facelite.evaluation.outliers import Outliers, find_outliers
from facelite.face import Threshold

Flags = NDArray[np.bool_]

OUTLIER_FMR = 1e-2
"""A picture that lies farther from its person than this lets pass is an outlier.

By the released int8 bundle on 532 pictures of 96 held-out people (26 of celeba_crops with 14 each, 70 of celeba_small with 2 or 3), of which
5 % were given to other people by lot, ten times over: of people with 4 pictures or more 97 % of the wrong pictures were outliers and 3 % of the
right ones; of people with fewer 88 and 8 %. With 35 % given away 97 and 3 %, 87 and 30 %. At FMR 3e-3 and 5 %: 99 and 4 %, 93 and 13 %.
"""

SAME_FMR = 1e-3
"""Two people may be one where the mean distance of their pictures is no larger, and neither is nearer to anybody else.

Of those people of celeba_crops 8 were cut in two, four times over: 27 of the 32 pairs were found, and no other. The unit means of two people's
pictures would tell less: among thousands of people, those of many pictures come far nearer to each other than two pictures do.
"""

SAME_FEW_FMR = 1e-5
"""The FMR in its place where one of the two has few pictures."""


@dataclass(frozen=True, slots=True, eq=False)
class Cleaning:
    """``findings`` in the order of Kind, the surest of each kind first. ``outlier_by_others``: the limit where a person has so many others."""

    findings: list[Finding]
    limits: dict[str, Limit]
    outlier_by_others: dict[int, float]

    @property
    def counts(self) -> dict[str, int]:
        counted = Counter(finding.kind for finding in self.findings)
        return {kind.value: counted[kind] for kind in Kind}


def find_errors(
    labelled: Labelled,
    /,
    *,
    thresholds: Sequence[Threshold],
    copy: Limit,
    least: int = 2,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Cleaning:
    """What may be wrong with the ``labelled`` pictures.

    ``thresholds`` are the model's, perhaps none; those of a Siamese head tell no squared L2, by which all is judged here. Pictures within
    ``copy`` are taken for one. A person is reported of whom fewer than ``least`` pictures are left without outliers and copies. Raises InputError
    where no face was found, or nothing tells a limit.
    """
    found = labelled.found
    if not found.any():
        raise InputError(f"expected a face in one of {len(found):,} pictures at least, found none; check the pictures")
    thresholds = thresholds if labelled.decide == "squared-l2" else ()
    outliers, far = _judge(labelled, thresholds)
    strangers = _strangers(labelled, found & ~outliers.far)
    same, same_few = (_known(model_limit(fmr, thresholds) or strangers.limit(fmr)) for fmr in (SAME_FMR, SAME_FEW_FMR))
    copies, distances = earlier_within(labelled.vectors, distance=copy.distance, kind=partial(scope_of, labelled), progress=progress)
    findings = [
        *missing(labelled),
        *outlying(labelled, outliers, nearby=same.distance),
        *duplicated(labelled, copies, distances=distances),
        *same_people(labelled, outliers, near=same.distance, near_few=same_few.distance),
        *too_few(labelled, outliers, copies=copies, least=least),
    ]
    order = {kind: place for place, kind in enumerate(Kind)}
    others = np.array([1, 2, 4, 8, 16])
    by_others = dict(zip(others.tolist(), outliers.rule.limit(others).tolist(), strict=True))
    limits = {"outlier": far, "duplicate": copy, "same_person": same, "same_person_few": same_few}
    return Cleaning(sorted(findings, key=lambda finding: order[finding.kind]), limits, by_others)


def _judge(labelled: Labelled, thresholds: Sequence[Threshold]) -> tuple[Outliers, Limit]:
    """The outliers, at the smaller distance of the model's and the pictures': the model's is too wide where all show one group of people.

    A wrong label makes strangers of one person's pictures, so what strangers tell is told again without the outliers.
    """
    kept = labelled.found
    for _ in range(2):
        limits = (model_limit(OUTLIER_FMR, thresholds), _strangers(labelled, kept).limit(OUTLIER_FMR))
        limit = _known(min((one for one in limits if one), key=lambda one: one.distance, default=None))
        outliers = find_outliers(labelled.vectors, labelled.person, threshold=limit.distance)
        kept = labelled.found & ~outliers.far
    return outliers, limit


def _known(limit: Limit | None) -> Limit:
    if limit is None:
        raise InputError(
            f"expected a model with thresholds, or {RULE_OF_THREE / WIDEST:,.0f} pairs of people to measure one on, got neither; "
            "name a bundle, or give pictures of more people (a Siamese head's thresholds are no squared L2 and tell nothing here)"
        )
    return limit


def _strangers(labelled: Labelled, counted: Flags) -> Strangers:
    person = labelled.person[counted]
    return draw_strangers(labelled.vectors[counted], person, labelled.numbering[person])
