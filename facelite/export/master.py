"""What a recipe converts: a network of ours with trained weights, or a Keras model of one's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from facelite.export.convert import convert, convert_keras
from facelite.export.host import import_tensorflow, quiet
from facelite.export.keras_model import load_keras
from facelite.export.recipe import Recipe
from facelite.networks import Network
from facelite.networks.weights import Weights
from facelite.preprocess import Preprocessing, parse_preprocessing


@dataclass(frozen=True, slots=True, eq=False)
class Master:
    """The float network that all precisions are made from.

    ``convert`` gives its TFLite file by keywords: ``precision``, ``io``, ``representative`` and, of a network of ours, ``smaller``,
    ``pictures``, ``tuning`` and ``progress`` as in ``convert.convert``.
    """

    preprocessing: Preprocessing
    convert: Callable[..., bytes]


def trained(network: Network, weights: Weights, /) -> Master:
    """``network`` with its ``weights``."""
    return Master(Preprocessing(network.height, network.width), partial(convert, network, weights))


def keras_model(recipe: Recipe, path: Path, /) -> Master:
    """The Keras model in ``path``. Raises InputError, ExportError."""
    with quiet():
        import_tensorflow()
        model = load_keras(path, height=recipe.height, width=recipe.width)
    preprocessing = parse_preprocessing(recipe.preprocess, model.height, model.width)
    return Master(preprocessing, partial(convert_keras, model, preprocessing))
