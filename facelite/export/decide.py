"""What a bundle decides by, as its recipe wants it: squared L2, or the Siamese head that was trained with its weights."""

from __future__ import annotations

from pathlib import Path

from facelite.distance import SQUARED_L2, Distance, Siamese, scaled, unpack_head
from facelite.errors import InputError, RecipeError
from facelite.export.recipe import Recipe
from facelite.export.release import read_named


def deciding_distance(recipe: Recipe, folder: Path, embedding: int, run: Path | None, /) -> Distance:
    """The distance that decides in a bundle of ``recipe``, a file in ``folder``, between embeddings of so many numbers.

    A head fits the weights that it was trained with: where these come from a ``run``, it is the run's own, else the one in the file that the recipe
    names beside them. Raises RecipeError, InputError.
    """
    if recipe.decide == "squared-l2":
        return SQUARED_L2
    if run is None and not recipe.head:
        raise RecipeError(f"expected weights of a run with a Siamese head, or head, its file, got the file {recipe.weights} alone; name the run")
    path = run or folder / recipe.head
    try:
        head = _trained_head(run) if run else unpack_head(read_named(path))
    except ValueError as error:
        raise InputError(f"{path}: expected a Siamese head to decide by, got {error}; train with loss.siamese") from None
    if len(head.weights) != embedding:
        raise InputError(f"{path}: expected a Siamese head of {embedding} numbers, got one of {len(head.weights)}; correct the recipe")
    return head


def _trained_head(run: Path) -> Siamese:
    from facelite.training.siamese import siamese_head  # imports Keras, which the released road does without

    head = siamese_head(run)
    return scaled(head.weights, form=head.form)
