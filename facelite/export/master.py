"""What a recipe converts: a network of ours with trained weights, or a Keras model of one's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from facelite.errors import InputError, RecipeError
from facelite.export.convert import convert, convert_keras
from facelite.export.host import import_tensorflow, quiet
from facelite.export.keras_model import load_keras
from facelite.export.recipe import Recipe
from facelite.networks import Network
from facelite.networks.weights import Weights, halved, read_weights
from facelite.preprocess import Preprocessing, parse_preprocessing
from facelite.training.recipe import NetworkChoice
from facelite.training.run import RECIPE, run_network, run_recipe, sized_network


@dataclass(frozen=True, slots=True, eq=False)
class Master:
    """The float network that all precisions are made from.

    ``convert`` gives its TFLite file by keywords: ``precision``, ``io``, ``representative`` and, of a network of ours, ``smaller``,
    ``pictures``, ``tuning`` and ``progress`` as in ``convert.convert``.
    """

    preprocessing: Preprocessing
    convert: Callable[..., bytes]


def choose_network(recipe: Recipe, path: str | Path, /) -> Network | None:
    """The network of ours that the recipe at ``path`` names, in its sizes; None where it names a Keras model. Raises RecipeError."""
    if recipe.is_keras:
        return None
    try:
        return sized_network(NetworkChoice(recipe.network, recipe.height, recipe.width, recipe.embedding))
    except InputError as error:
        raise RecipeError(f"{path}: {error}") from None


def open_master(recipe: Recipe, network: Network | None, source: Path, /, *, half: bool = False) -> Master:
    """What ``source`` holds: a run or weights of ``network``, a Keras model where that is None. ``half``: weights as a release keeps them.

    Raises RecipeError where the run is of another space than the recipe, since a bundle of its weights cannot claim another, or of a network of
    another name or size: weights do not say which input they were trained for.
    """
    run = source if source.is_dir() else source.parent
    if (run / RECIPE).exists():
        if (space := run_recipe(run).space) != recipe.space:
            raise RecipeError(f"expected the space {space!r} of the run {run}, got {recipe.space!r}; correct the recipe")
        if network and (trained_as := _words(run_network(run))) != _words(network):
            raise RecipeError(f"expected the network of the run {run}, {trained_as}, got {_words(network)}; set them in the recipe")
    if network is None:
        return keras_model(recipe, source)
    weights = read_weights(source)
    return trained(network, halved(weights) if half else weights, mirrored=recipe.mirrored)


def _words(network: Network) -> str:
    return f"{network.name} with height {network.height}, width {network.width} and embedding {network.embedding}"


def trained(network: Network, weights: Weights, /, *, mirrored: bool = False) -> Master:
    """``network`` with its ``weights``, of a crop alone or, ``mirrored``, of it and its mirror image."""
    return Master(Preprocessing(network.height, network.width), partial(convert, network, weights, mirrored=mirrored))


def keras_model(recipe: Recipe, path: Path, /) -> Master:
    """The Keras model in ``path``. Raises InputError, ExportError."""
    with quiet():
        import_tensorflow()
        model = load_keras(path, height=recipe.height, width=recipe.width)
    preprocessing = parse_preprocessing(recipe.preprocess, model.height, model.width)
    return Master(preprocessing, partial(convert_keras, model, preprocessing))
