"""The command mix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from facelite.cli.models import open_model
from facelite.cli.output import bar, json_option, show
from facelite.cli.train import teaching

if TYPE_CHECKING:
    from facelite.face import Floats
    from facelite.training.dataset import FaceSet
    from facelite.training.taught import Taught


@click.command()
@click.argument("recipe", type=click.Path())
@click.option("--data", required=True, type=click.Path(), help="Folder of aligned crops: of the recipe's sets.")
@click.option(
    "--teacher", required=True, type=click.Path(), help="What embeds them: a bundle, a run folder or any .tflite embedder of aligned RGB faces."
)
@click.option("--folder", default="mixed", show_default=True, help="The set in --data that they become.")
@click.option("--pictures", type=click.IntRange(1), default=60_000, show_default=True, help="How many there are to be.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@json_option
def mix(recipe: str, data: str, teacher: str, folder: str, pictures: int, seed: int, as_json: bool) -> None:
    """Make pictures of nobody, each of two people that RECIPE trains on, and let a teacher say what they are: a network that learns a teacher's
    embeddings needs faces, not names.

    FOLDER/teacher.npz has them and the recipe's own pictures. A recipe takes them by [teacher] file = "FOLDER/teacher.npz" and one more
    [[data]] folder = "FOLDER", labelled = false. Who is held out is in none of them. An interrupted run goes on where it stopped.
    """
    from facelite.recipe import read_recipe
    from facelite.training.dataset import load
    from facelite.training.mix import write_mixtures
    from facelite.training.recipe import TrainingRecipe
    from facelite.training.teach import teach

    chosen, model, out = read_recipe(recipe, TrainingRecipe), open_model(teacher), Path(data, folder)
    faces = load(data, chosen.data, chosen.teacher, teach=teaching(model))
    known = _known(Path(data, chosen.teacher.file) if chosen.teacher and chosen.teacher.file else None, faces, teaching(model))
    with bar("mixing") as progress:
        new = write_mixtures(
            faces[0], out, teach=lambda mixed: teach(model.make, mixed), known=known, pictures=pictures, seed=seed, progress=progress
        )
    show({"folder": str(out), "pictures": pictures, "new": new}, as_json)


def _known(path: Path | None, parts: tuple[FaceSet, FaceSet], teach: Callable[[FaceSet], Floats]) -> Taught:
    """What the recipe's teacher made of its pictures, those of held-out people too: the file at ``path``, else what ``teach`` gives."""
    from facelite.training.taught import Taught, read_taught

    if path:
        return read_taught(path)
    return Taught([name for part in parts for name in part.names], np.concatenate([teach(part) for part in parts]))


COMMANDS: tuple[click.Command, ...] = (mix,)
