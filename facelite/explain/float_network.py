"""A trained network in float, in the Keras that gives gradients: of a recipe that converts it, or of a run."""

from __future__ import annotations

from pathlib import Path

from facelite.errors import InputError, RecipeError
from facelite.export.host import import_tensorflow, quiet
from facelite.export.master import choose_network
from facelite.export.recipe import Recipe
from facelite.networks import Network, build, fold, set_weights
from facelite.networks.weights import read_weights
from facelite.preprocess import Preprocessing
from facelite.recipe import read_recipe
from facelite.training.run import run_network


def open_float_network(path: str | Path, /) -> FloatNetwork:
    """The network that the recipe ``path`` converts, or the best of the run in the folder ``path``. Raises RecipeError, InputError, ExportError."""
    path = Path(path)
    if path.is_dir():
        return FloatNetwork(run_network(path), path)
    if path.suffix != ".toml":
        raise InputError(f"{path}: expected the recipe of an export (.toml) or a run folder, got another file; name one of those")
    recipe = read_recipe(path, Recipe)
    network = choose_network(recipe, path)
    if network is None or recipe.decide != "squared-l2":
        raise RecipeError(f"{path}: expected a network of facelite's that decides by squared L2, got another; name another recipe")
    return FloatNetwork(network, path.parent / recipe.weights, mirrored=recipe.mirrored)


class FloatNetwork:
    """The folded ``network`` as a ``model`` of ``tf``'s Keras, with the weights of a file or a run; ``mirrored`` says that an embedding is the mean
    of what the model makes of a crop and of its mirror image. Raises InputError, ExportError.
    """

    def __init__(self, network: Network, weights: str | Path, /, *, mirrored: bool = False) -> None:
        with quiet():
            self.tf, self.keras = import_tensorflow()
            self.model = build(network, keras=self.keras, folded=True)
            try:
                set_weights(self.model, fold(read_weights(weights)))
            except (ValueError, IndexError) as error:
                raise InputError(f"{weights}: expected weights of the network {network.name}, got others: {error}; correct the recipe") from None
        self.network, self.mirrored, self.preprocessing = network, mirrored, Preprocessing(network.height, network.width)
