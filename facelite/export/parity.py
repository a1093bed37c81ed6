"""What a conversion costs: the float32 network against the artefact on the same crops of held-out people, and the budget for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facelite.calibration import Comparisons, Interval, Rates, differences, rates
from facelite.distance import Distance
from facelite.errors import BudgetBroken
from facelite.evaluation.embed import Embedded
from facelite.evaluation.people import People
from facelite.export.recipe import Recipe
from facelite.face import Floats


@dataclass(frozen=True, slots=True)
class Parity:
    """float32 against the artefact on ``crops`` crops of held-out people.

    ``cosine_min``, ``cosine_median``: of the two embeddings of a crop. VAL is of all pairs, at the FMR ``fmr``, each by the threshold that has it:
    ``val_float32``, ``val_artefact``, and ``val_mixed`` where float32 has enrolled and the artefact verifies. ``val_loss`` is the first less the
    second, both drawn together, by people.
    """

    crops: int
    cosine_min: float
    cosine_median: float
    fmr: float
    val_float32: float
    val_artefact: float
    val_mixed: float
    val_loss: Interval


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """What a parity is measured on: ``cosines`` (n,) of the two embeddings of each face found, and all comparisons, of which ``mixed`` are those of
    float32's templates with the artefact's probes.
    """

    cosines: Floats
    float32: Comparisons
    artefact: Comparisons
    mixed: Comparisons


def compare(held_out: People, float32: Embedded, artefact: Embedded, /, *, distance: Distance) -> Compared:
    """``float32`` and ``artefact`` are the embeddings of all pictures of ``held_out``, in the order of its names."""
    return Compared(
        cosines=np.sum(float32.vectors[float32.found] * artefact.vectors[float32.found], axis=1),
        float32=held_out.comparisons(float32, distance=distance),
        artefact=held_out.comparisons(artefact, distance=distance),
        mixed=held_out.comparisons(float32, probes=artefact, distance=distance),
    )


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
