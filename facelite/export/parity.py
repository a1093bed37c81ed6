"""What a conversion costs: the float32 network against the artefact on the same crops of held-out people, and the budget for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facelite.calibration import BEYOND, STEPS, Comparisons, Interval, Rates, differences, draw_people, middle, rates
from facelite.calibration.bootstrap import DRAWS
from facelite.calibration.comparisons import Integers
from facelite.distance import Distance
from facelite.errors import BudgetBroken
from facelite.evaluation.embed import Embedded
from facelite.evaluation.people import People
from facelite.export.recipe import Recipe
from facelite.face import Floats

PICTURES = 1000
"""Of whose impostor pairs, up to half a million, each is followed from float32's distance to the artefact's."""


@dataclass(frozen=True, slots=True)
class Shift:
    """Of ``pairs`` pairs the artefact's distance less float32's: ``median`` and ``high`` (the 95th percentile) of its size, and its ``mean``, which a
    threshold feels, with its interval by people.
    """

    pairs: int
    median: float
    high: float
    mean: Interval


@dataclass(frozen=True, slots=True)
class Parity:
    """float32 against the artefact on ``crops`` crops of held-out people.

    ``cosine_min``, ``cosine_median``: of the two embeddings of a crop. VAL is of all pairs, at the FMR ``fmr``, each by the threshold that has it:
    ``val_float32``, ``val_artefact``, and ``val_mixed`` where float32 has enrolled and the artefact verifies. ``val_loss`` is the first less the
    second, both drawn together, by people. ``genuine`` and ``impostor``: how far the distances of such pairs have moved; None where there are no such
    pairs, or where that was not measured.
    """

    crops: int
    cosine_min: float
    cosine_median: float
    fmr: float
    val_float32: float
    val_artefact: float
    val_mixed: float
    val_loss: Interval
    genuine: Shift | None = None
    impostor: Shift | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Shifts:
    """The artefact's distance less float32's of some pairs (n,), and the one or two people of each, (n, 1) or (n, 2)."""

    by: Floats
    people: Integers


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """What a parity is measured on: ``cosines`` (n,) of the two embeddings of each face found, and all comparisons, of which ``mixed`` are those of
    float32's templates with the artefact's probes. ``genuine`` and ``impostor``: of all such pairs, and of those of PICTURES pictures.
    """

    cosines: Floats
    float32: Comparisons
    artefact: Comparisons
    mixed: Comparisons
    genuine: Shifts
    impostor: Shifts


def compare(held_out: People, float32: Embedded, artefact: Embedded, /, *, distance: Distance) -> Compared:
    """``float32`` and ``artefact`` are the embeddings of all pictures of ``held_out``, in the order of its names."""
    one, other = (held_out.comparisons(embedded, distance=distance) for embedded in (float32, artefact))
    made = np.maximum(one.genuine, other.genuine) < BEYOND
    return Compared(
        cosines=np.sum(float32.vectors[float32.found] * artefact.vectors[float32.found], axis=1),
        float32=one,
        artefact=other,
        mixed=held_out.comparisons(float32, probes=artefact, distance=distance),
        genuine=Shifts(((other.genuine - one.genuine)[made] / STEPS).astype(np.float32), one.genuine_person[made, None]),
        impostor=_impostor(held_out, float32, artefact, distance),
    )


def _impostor(held_out: People, float32: Embedded, artefact: Embedded, distance: Distance) -> Shifts:
    """Of the impostor pairs of up to PICTURES pictures, drawn by lot."""
    drawn = np.random.default_rng(0).permutation(np.flatnonzero(float32.found & artefact.found))[:PICTURES]
    numbering, subjects = np.unique(held_out.numbering, return_inverse=True)[1][drawn], held_out.subjects[drawn]
    pairs = np.triu((numbering[:, None] == numbering) & (subjects[:, None] != subjects))
    before, after = (distance.table(vectors, vectors)[pairs] for vectors in (float32.vectors[drawn], artefact.vectors[drawn]))
    return Shifts(after - before, np.stack([subjects[places] for places in np.nonzero(pairs)], axis=1))


def _shift(shifts: Shifts) -> Shift | None:
    if not len(shifts.by):
        return None
    size, people = np.abs(shifts.by), int(shifts.people.max()) + 1

    def mean(times: Integers) -> list[float]:
        weights = times[shifts.people].prod(axis=1)
        return [float(shifts.by @ weights) / (float(weights.sum()) or np.nan)]

    rng = np.random.default_rng(0)
    drawn = [mean(draw_people(people, rng)) for _ in range(DRAWS)]
    return Shift(len(size), float(np.median(size)), float(np.quantile(size, 0.95)), middle(mean(np.ones(people, np.int64)), drawn)[0])


def parity_of(compared: Compared, /, *, fmr: float) -> Parity:
    """The numbers of ``compared`` at ``fmr``."""

    def val(found: Rates) -> list[float]:
        return [found.val_at(fmr)]

    return Parity(
        crops=len(compared.cosines),
        cosine_min=float(compared.cosines.min()),
        cosine_median=float(np.median(compared.cosines)),
        fmr=fmr,
        val_float32=rates(compared.float32).val_at(fmr),
        val_artefact=rates(compared.artefact).val_at(fmr),
        val_mixed=rates(compared.mixed).val_at(fmr),
        val_loss=differences(compared.artefact, compared.float32, statistics=(val, val))[0],
        genuine=_shift(compared.genuine),
        impostor=_shift(compared.impostor),
    )


def check_parity(parity: Parity, recipe: Recipe, what: str, /) -> None:
    """Hold ``what`` to the recipe's ``min_cosine``, ``max_loss`` and ``max_loss_high``. Raises BudgetBroken."""
    if not parity.cosine_min >= recipe.min_cosine:
        raise BudgetBroken(
            f"expected a cosine of {recipe.min_cosine:g} or more between float32 and {what}, got {parity.cosine_min:.4f}; "
            "give more varied --faces, or allow it: min_cosine in the recipe"
        )
    loss = parity.val_loss
    if not loss.value <= recipe.max_loss:
        raise BudgetBroken(
            f"expected {what} to lose at most {100 * recipe.max_loss:g} points of VAL at FMR {parity.fmr:g} against float32, "
            f"got {100 * loss.value:.2f} ({100 * loss.low:.2f} to {100 * loss.high:.2f}); "
            "give more varied --faces, take another precision, or allow it: max_loss in the recipe"
        )
    if not loss.high <= recipe.max_loss_high:
        raise BudgetBroken(
            f"expected {what} to lose surely no more than {100 * recipe.max_loss_high:g} points of VAL at FMR {parity.fmr:g} against float32, "
            f"got {100 * loss.value:.2f} ({100 * loss.low:.2f} to {100 * loss.high:.2f}); "
            "give faces of more people, take another precision, or allow it: max_loss_high in the recipe"
        )
