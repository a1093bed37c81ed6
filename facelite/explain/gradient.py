"""Which pixels of two faces made their distance, by the network's gradients: integrated from a grey picture to the face.

What the pixels are given sums up to the difference of the distances of face and grey picture (completeness). Source: Sundararajan, Taly and Yan,
Axiomatic Attribution for Deep Networks, arXiv:1703.01365, equations 1 and 3. It needs the float weights, and TensorFlow.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from facelite.explain.float_network import FloatNetwork
from facelite.face import FaceCrop, Floats
from facelite.preprocess import to_input

STEPS = 128
"""Places between grey picture and face at which the gradient is taken, denser near to grey, where the direction of the output turns fast."""

_TOGETHER = 16


class Gradients:
    """Those of a float network."""

    def __init__(self, network: FloatNetwork, /) -> None:
        self._tf, self._network, self.preprocessing = network.tf, network, network.preprocessing

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
        vectors = self._network.model(values)
        if self._network.mirrored:
            vectors += self._network.model(self._tf.reverse(values, axis=[2]))
        return self._tf.math.l2_normalize(vectors, axis=1)
