"""The command mix."""

from __future__ import annotations

from pathlib import Path

import click

from facelite.cli.models import open_model
from facelite.cli.output import bar, json_option, no_cache_option, show
from facelite.cli.train import teaching
from facelite.errors import InputError


@click.command()
@click.argument("recipe", type=click.Path())
@click.option("--data", required=True, type=click.Path(), help="Folder of aligned crops: of the recipe's sets.")
@click.option("--folder", default="mixed", show_default=True, help="The set in --data that they become.")
@click.option("--pictures", type=click.IntRange(1), default=60_000, show_default=True, help="How many there are to be.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Another one gives others.")
@click.option(
    "--teacher", type=click.Path(), help="Where the recipe has no teacher's file and several sets: what finds who is held out under another name."
)
@no_cache_option
@json_option
def mix(recipe: str, data: str, folder: str, pictures: int, seed: int, teacher: str | None, no_cache: bool, as_json: bool) -> None:
    """Make pictures of nobody, each of two that RECIPE trains on: a network that learns a teacher's embeddings needs faces, not names.

    They are one more set for a recipe, [[data]] folder = "mixed", labelled = false; train --teacher MODEL says what they are. Who is held out is in
    none of them. An interrupted run goes on where it stopped.
    """
    from facelite.recipe import read_recipe
    from facelite.training.dataset import load
    from facelite.training.mix import is_mixed, write_mixtures
    from facelite.training.recipe import Teacher, TrainingRecipe

    chosen, out = read_recipe(recipe, TrainingRecipe), Path(data, folder)
    if folder in ("", ".", "..") or Path(folder).name != folder:
        raise click.UsageError(f"expected the name of a folder in --data, got {folder!r}")
    sets = [one for one in chosen.data if one.folder != folder and not one.of and not is_mixed(Path(data, one.folder))]  # which it may name already
    if not sets:
        raise InputError(f"{recipe}: expected a set of people, got mixtures alone; name what they are to be made of")
    known = chosen.teacher or Teacher()
    if len({one.numbering or one.folder for one in sets}) > 1 and known.leak and not known.file and not teacher:
        raise InputError(f"{recipe}: expected --teacher or a teacher's file, which find held-out people in other sets, got none; name the model")
    faces, _ = load(data, sets, known, teach=teaching(open_model(teacher), cached=not no_cache) if teacher else None)
    with bar("mixing") as progress:
        new = write_mixtures(faces, out, pictures=pictures, seed=seed, progress=progress)
    show({"folder": str(out), "pictures": sum(1 for _ in out.glob("*/*.jpg")), "new": new}, as_json)


COMMANDS: tuple[click.Command, ...] = (mix,)
