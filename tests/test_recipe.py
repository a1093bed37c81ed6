"""A TOML file becomes a frozen dataclass, or an error that names key and remedy in one line."""

from __future__ import annotations

import re
import tomllib
from dataclasses import FrozenInstanceError, asdict, dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from facelite.errors import RecipeError
from facelite.export.recipe import Recipe
from facelite.recipe import parse, read_recipe
from facelite.training.recipe import Loss, NetworkChoice, Schedule, Teacher, TrainingRecipe, TrainingSet, default_recipe

RELEASED = Path(__file__).parents[1] / "export/nns2/training.toml"


@dataclass(frozen=True)
class Part:
    size: int = 3
    kind: Literal["small", "large"] = "small"


@dataclass(frozen=True)
class Whole:
    name: str
    rate: float = 0.5
    on: bool = True
    part: Part = Part()
    parts: tuple[Part, ...] = ()
    table: dict[str, int] = field(default_factory=dict)
    maybe: Part | None = None


def refused(text, tmp_path, cls=Whole):
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(RecipeError) as caught:
        read_recipe(path, cls)
    message = str(caught.value)
    assert message.startswith(f"{path}: expected") and ("got" in message or "missing" in message)
    assert "\n" not in message
    return message


def test_a_whole_recipe(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text('name = "ä"\nrate = 1\non = false\n[part]\nsize = 4\n[[parts]]\nkind = "large"\n[[parts]]\n[table]\na = 1\n[maybe]\n')
    assert read_recipe(path, Whole) == Whole("ä", 1.0, False, Part(4), (Part(kind="large"), Part()), {"a": 1}, Part())
    assert type(read_recipe(path, Whole).rate) is float


def test_defaults_stand_where_nothing_is_said():
    assert parse({"name": "x"}, Whole) == Whole("x")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('nam = "x"', "'nam'"),
        ("rate = 1.0", "'name'"),
        ("name = 3", "name"),
        ('name = "x"\nrate = true', "rate"),
        ('name = "x"\nrate = nan', "rate"),
        ('name = "x"\nrate = inf', "rate"),
        ('name = "x"\non = 1', "on"),
        ('name = "x"\npart = 3', "part"),
        ('name = "x"\nparts = 3', "parts"),
        ('name = "x"\nparts = [3]', "parts[0]"),
        ('name = "x"\n[part]\nsize = 1.5', "part.size"),
        ('name = "x"\n[part]\nsize = true', "part.size"),
        ('name = "x"\n[part]\nkind = "medium"', "small, large"),
        ('name = "x"\n[part]\nsise = 1', "[part]"),
        ('name = "x"\n[[parts]]\n[[parts]]\nsise = 1', "[parts[1]]"),
        ('name = "x"\n[table]\na = "b"', "table.a"),
        ('name = "x"\n[maybe]\nsize = "b"', "maybe.size"),
        ("name = ", "TOML"),
        ('name = "x"\nname = "y"', "TOML"),
    ],
)
def test_a_mistake_is_named(tmp_path, text, named):
    assert named in refused(text, tmp_path)


@pytest.mark.parametrize("make", [lambda path: path / "none.toml", lambda path: path])
def test_a_path_without_a_recipe_is_named(tmp_path, make):
    with pytest.raises(RecipeError, match=f"^{make(tmp_path)}: expected a recipe, got .*; check the path$"):
        read_recipe(make(tmp_path), Whole)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "recipe.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(RecipeError, match="TOML"):
        read_recipe(tmp_path / "recipe.toml", Whole)


# the training recipe


def test_the_released_recipe_is_read():
    recipe = read_recipe(RELEASED, TrainingRecipe)
    assert recipe.network == NetworkChoice("nns2") and recipe.space == "facelite-2026"
    assert [one.folder for one in recipe.data if one.numbering == "celeba"] == ["celeba_crops", "celeba_wild", "celeba_small"]
    assert [one.folder for one in recipe.data if not one.labelled] == ["utkface", "more_faces"]
    assert recipe.teacher == Teacher("teacher.npz") and recipe.loss == Loss(triplet=0.5, embedding=1.0, pairwise=10.0)


def test_a_recipe_survives_the_run_folder():
    """asdict and back, as recipe.json does it: lists in place of tuples, null in place of a table."""
    recipe = read_recipe(RELEASED, TrainingRecipe)
    table = asdict(recipe) | {"data": [asdict(one) for one in recipe.data]}
    assert parse(table, TrainingRecipe) == recipe


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[schedule]\nepoch = 3", "'epoch'"),
        ("[schedule]\nbatch = 8\nlabelled = 9", "labelled <= batch"),
        ("[schedule]\npictures = 1", "pictures >= 2"),
        ("[schedule]\nrate = 0", "rate > 0"),
        ("[schedule]\nrate = -1e-3", "rate > 0"),
        ("[schedule]\naverage = 1.0", "average < 1"),
        ("[schedule]\nepochs = 0", "epochs"),
        ('[schedule]\nprecision = "bfloat16"', "mixed_bfloat16"),
        ("[loss]\ntriplet = 0", "one of them"),
        ("[loss]\nmargin = 0", "margin"),
        ("[loss]\npairwise = 1", "[teacher]"),
        ("[network]\nheight = -1", "sizes"),
        ("[network]\nwidth = 31", "width of 32 or more"),
        ("[network]\nembedding = -1", "sizes"),
        ("[teacher]\nleak = -5", "leak from 0 to 4"),
        ("[schedule]\nseed = -1", "seed from 0 to 4294967295"),
        ("[schedule]\nseed = 4294967296", "seed from 0 to 4294967295"),
        ("[augmentation]\nmirror = 2.0", "shares from 0 to 1"),
        ("[augmentation]\njpeg = -3", "shares from 0 to 1"),
        ("[augmentation]\nturn = -0.1", "deviations >= 0"),
        ('[[data]]\nfolder = "a"', "each folder once"),
    ],
)
def test_an_impossible_training_recipe_is_refused(tmp_path, text, named):
    network = "" if "[network]" in text else '[network]\nname = "nns2"\n'
    named_network = text.replace("[network]\n", '[network]\nname = "nns2"\n')
    assert named in refused(f'space = "x"\n{network}[[data]]\nfolder = "a"\n{named_network}', tmp_path, TrainingRecipe)


def test_a_recipe_without_data_is_refused(tmp_path):
    assert "[[data]]" in refused('space = "x"\ndata = []\n[network]\nname = "nns2"', tmp_path, TrainingRecipe)


def test_the_default_recipe_trains_on_one_folder_by_triplets_alone():
    recipe = default_recipe("nns1", "mine")
    assert recipe.data == (TrainingSet("."),) and recipe.teacher is None and recipe.loss == Loss() and recipe.schedule == Schedule()
    with pytest.raises(FrozenInstanceError):
        recipe.space = "other"


# the page of recipes

PAGE = (Path(__file__).parents[1] / "docs/recipes.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("place", "cls"), [(0, TrainingRecipe), (1, Recipe)])
def test_the_page_names_every_key_and_its_value(place, cls):
    """Its recipes name all keys, and are those that one gets by the needed ones alone."""
    block = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[place]
    told = tomllib.loads(block)
    whole = parse(told, cls)
    assert keys(told) == keys(asdict(whole))
    needed = [line for line in block.splitlines() if "# needed" in line or line.startswith(("[", "folder", "weights"))]
    assert parse(tomllib.loads("\n".join(needed)), cls) == whole


def keys(table):
    """The names of all keys, of tables inside it too."""
    tables = [inner for value in table.values() for inner in (value if isinstance(value, list | tuple) else [value]) if isinstance(inner, dict)]
    return set(table).union(*map(keys, tables))


@pytest.mark.parametrize("text", ["name = " + "[" * 5000, "name = " + "{a = " * 5000, "rate = " + "9" * 5000], ids=["brackets", "braces", "digits"])
def test_what_python_s_reader_of_toml_stumbles_over_is_refused(tmp_path, text):
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=r"expected TOML, got .+; correct it"):
        read_recipe(path, Whole)


@pytest.mark.parametrize("table", [{"name": "a\ud800"}, {"name": "a", "table": {"\udcff": 1}}])
def test_half_a_letter_is_no_text(table):
    """JSON can say it, and nothing can be printed of it."""
    with pytest.raises(RecipeError, match=r"expected .* to be text, got '"):
        parse(table, Whole)
