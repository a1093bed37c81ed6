"""Which pixels of two faces made their distance, by the network's gradients: integrated from a grey picture to the face.

What the pixels are given sums up to the difference of the distances of face and grey picture (completeness). Source: Sundararajan, Taly and Yan,
Axiomatic Attribution for Deep Networks, arXiv:1703.01365, equations 1 and 3. It needs the float weights, and TensorFlow.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from facelite.errors import RecipeError
from facelite.export.host import import_tensorflow, quiet
from facelite.export.master import choose_network
from facelite.export.recipe import Recipe
from facelite.face import FaceCrop, Floats
from facelite.networks import Network, build, fold, set_weights
from facelite.networks.weights import read_weights
from facelite.preprocess import Preprocessing, to_input
from facelite.recipe import read_recipe

STEPS = 128
"""Places between grey picture and face at which the gradient is taken, denser near to grey, where the direction of the output turns fast."""

_TOGETHER = 16


def open_gradients(recipe_path: str | Path, /) -> Gradients:
    """Those of the float network that a recipe converts. Raises RecipeError, InputError, ExportError."""
    recipe = read_recipe(recipe_path, Recipe)
    network = choose_network(recipe, recipe_path)
    if network is None or recipe.decide != "squared-l2":
        raise RecipeError(f"{recipe_path}: expected a network of facelite's that decides by squared L2, got another; leave --weights out")
    return Gradients(network, Path(recipe_path).parent / recipe.weights)


class Gradients:
    """The float ``network`` whose weights are in the file ``weights``, or those of a run. Raises InputError, ExportError."""

    def __init__(self, network: Network, weights: str | Path, /) -> None:
        with quiet():
            self._tf, tf_keras = import_tensorflow()
            self._model = build(network, keras=tf_keras, folded=True)
            set_weights(self._model, fold(read_weights(weights)))
        self.preprocessing = Preprocessing(network.height, network.width)

    def change(self, crop: FaceCrop, other: FaceCrop, /) -> tuple[Floats, float]:
        """What each pixel (h, w) of ``crop`` takes off the squared L2 distance to ``other``: above 0 where it makes the faces alike.

        And by how much the sum misses what it should be.
        """
        tf = self._tf
        target = self._unit(tf.constant(to_input(other.pixels, self.preprocessing)))
        x = to_input(crop.pixels, self.preprocessing)
        total = np.zeros_like(x[0])
        for start in range(0, STEPS, _TOGETHER):
            places = ((np.arange(start, min(start + _TOGETHER, STEPS)) + 0.5) / STEPS)[:, None, None, None].astype(np.float32)
            points = tf.constant(places**2 * x)
            with tf.GradientTape() as tape:
                tape.watch(points)
                distances = tf.reduce_sum((self._unit(points) - target) ** 2, axis=1)
            total += (2 * places * tape.gradient(distances, points).numpy()).sum(axis=0)
        change = -(total / STEPS * x[0]).sum(axis=-1)
        ends = tf.reduce_sum((self._unit(tf.constant(np.concatenate([np.zeros_like(x), x]))) - target) ** 2, axis=1).numpy()
        return change, float(abs(change.sum() - (ends[0] - ends[1])))

    def unit(self, crop: FaceCrop, /) -> Floats:
        """The float network's embedding (d,) of a crop."""
        vector: Floats = self._unit(to_input(crop.pixels, self.preprocessing)).numpy()[0]
        return vector

    def _unit(self, values: Any) -> Any:
        return self._tf.math.l2_normalize(self._model(values), axis=1)
