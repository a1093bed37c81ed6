"""A run folder seen from outside: its recipe and its network."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from facelite.errors import InputError
from facelite.networks import NETWORKS, Network
from facelite.recipe import parse
from facelite.training.recipe import NetworkChoice, TrainingRecipe

RECIPE = "recipe.json"
FACTS = "run.json"
LOG = "log.csv"
CURVES = "curves.png"
STATE = "state.npz"
HEAD = "best_head.npz"
INIT = "init.npz"
TEACHER = "teacher.npz"


def run_recipe(folder: str | Path, /) -> TrainingRecipe:
    """The recipe of the run in ``folder``. Raises InputError."""
    path = Path(folder) / RECIPE
    try:
        table = json.loads(path.read_text())
        return parse({key: value for key, value in table.items() if value is not None}, TrainingRecipe)
    except (OSError, ValueError, AttributeError, InputError) as error:
        what = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: expected the recipe of a run, got {what}; name a run folder") from None


def run_network(folder: str | Path, /) -> Network:
    """The network of the run in ``folder``, in the run's sizes. Raises InputError."""
    return sized_network(run_recipe(folder).network)


def sized_network(choice: NetworkChoice, /) -> Network:
    """The chosen table with the choice's sizes. Raises InputError for a network that there is not."""
    if choice.name not in NETWORKS:
        raise InputError(f"expected a network out of {', '.join(NETWORKS)}, got {choice.name!r}; correct the name")
    table = NETWORKS[choice.name]
    return replace(table, height=choice.height or table.height, width=choice.width or table.width, embedding=choice.embedding or table.embedding)
