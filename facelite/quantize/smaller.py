"""Fewer different weights: zeros (pruning) and few values a kernel (clustering), by tfmot. A file does not shrink by it, but compresses better.

Sources: Zhu and Gupta, arXiv:1710.01878 (pruning by magnitude, little by little); Han et al., arXiv:1510.00149 (clustering).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from facelite.face import Floats, Pixels
from facelite.networks import Network, build, get_weights, set_weights
from facelite.networks.weights import Weights
from facelite.quantize.distil import Schedule, distil

Pattern = Literal["any", "2:4", "blocks"]

RATE = 1e-4
"""Of the training. NNS2 (fourth release) with half of its weights pruned in 500 steps loses 14.8 points of VAL at FMR 1e-3; at a fifth of that
rate 25.
"""

PRUNED_BY = 0.6
"""Share of the steps after which all is zero that shall be; the rest heals."""

EVERY = 20
"""Steps between two looks at which weights are smallest."""

MOST_VALUES = 256
"""A kernel of more different values is not clustered."""

BLOCK = (1, 16)
"""Weights of a row that are pruned together in a fully connected layer."""


@dataclass(frozen=True, slots=True)
class Smaller:
    """``sparsity``: the share of each kernel's weights that become zero.

    ``pattern``: any of them; "2:4", two of each four in a row, so that ``sparsity`` is 0.5; "blocks" of BLOCK in fully connected layers, which are
    all that tfmot prunes so, and any in the others. ``clusters``: how many values each kernel's weights take, zero being one of them where
    some are pruned; 0 for as many as they like.
    """

    sparsity: float = 0.0
    pattern: Pattern = "any"
    clusters: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.sparsity < 1 or (self.pattern == "2:4" and self.sparsity != 0.5) or (self.pattern == "blocks" and not self.sparsity):
            raise ValueError(f"expected a sparsity below 1, of 0.5 with 2:4 and above 0 with blocks, got {self.sparsity:g} with {self.pattern}")
        least = 3 if self.sparsity else 2
        if self.clusters and not least <= self.clusters <= MOST_VALUES:
            raise ValueError(f"expected {least} to {MOST_VALUES} clusters, or 0, got {self.clusters}")

    def __bool__(self) -> bool:
        return bool(self.sparsity or self.clusters)

    def __str__(self) -> str:
        pruned = f"{100 * self.sparsity:g} % pruned" + (f" ({self.pattern})" if self.pattern != "any" else "")
        return ", ".join([*([pruned] if self.sparsity else []), *([f"{self.clusters} clusters"] if self.clusters else [])])


def make_smaller(
    network: Network,
    weights: Weights,
    crops: Pixels,
    smaller: Smaller,
    /,
    *,
    schedule: Schedule,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> Weights:
    """The folded ``weights``, pruned, then clustered, each by a training of its own towards the embeddings that they gave before.

    ``crops`` (n, height, width, 3) uint8 are of nobody who is held out. ``progress`` is told what is done, and of its steps.
    """
    import tf_keras

    teacher, model = (build(network, keras=tf_keras, folded=True) for _ in range(2))
    set_weights(teacher, weights)
    set_weights(model, weights)
    if smaller.sparsity:
        model = _prune(model, teacher, crops, smaller, schedule, partial(progress, "pruning"))
    if smaller.clusters:
        model = _cluster(model, teacher, crops, smaller, schedule, partial(progress, "clustering"))
    return get_weights(model)


def _prune(model: Any, teacher: Any, crops: Pixels, smaller: Smaller, schedule: Schedule, progress: Callable[[int, int], None]) -> Any:
    import tensorflow_model_optimization as tfmot
    import tf_keras

    sparsity, layers = tfmot.sparsity.keras, tf_keras.layers
    last = max(1, int(PRUNED_BY * schedule.steps))
    every = min(EVERY, last)
    course = sparsity.PolynomialDecay(0.0, smaller.sparsity, 0, last - last % every, frequency=every)  # its last look must be one of them
    options = {"2:4": {"sparsity_m_by_n": (2, 4)}, "blocks": {"block_size": BLOCK}}.get(smaller.pattern, {})

    def wrap(layer: Any) -> Any:
        if not isinstance(layer, layers.Conv2D | layers.Dense):
            return layer
        fits = "block_size" not in options or (isinstance(layer, layers.Dense) and layer.units > BLOCK[1])  # tfmot fails on a single block a row
        return sparsity.prune_low_magnitude(layer, pruning_schedule=course, **(options if fits else {}))

    student = tf_keras.models.clone_model(model, clone_function=wrap)
    start = sparsity.UpdatePruningStep()
    start.set_model(student)
    start.on_train_begin()
    distil(student, teacher, crops, schedule=schedule, rate=RATE, progress=progress)
    start.on_epoch_end(0)
    return sparsity.strip_pruning(student)


def _cluster(model: Any, teacher: Any, crops: Pixels, smaller: Smaller, schedule: Schedule, progress: Callable[[int, int], None]) -> Any:
    """Of a pruned model the zeros stay: they are a cluster of their own."""
    import tensorflow_model_optimization as tfmot
    import tf_keras
    from tensorflow_model_optimization.python.core.clustering.keras.experimental.cluster import cluster_weights  # knows sparsity

    clustering, layers = tfmot.clustering.keras, tf_keras.layers

    def wrap(layer: Any) -> Any:
        if not isinstance(layer, layers.Conv2D | layers.Dense):
            return layer
        start, preserve = clustering.CentroidInitialization.KMEANS_PLUS_PLUS, bool(smaller.sparsity)
        return cluster_weights(layer, number_of_clusters=smaller.clusters, cluster_centroids_init=start, preserve_sparsity=preserve)

    student = tf_keras.models.clone_model(model, clone_function=wrap)
    distil(student, teacher, crops, schedule=schedule, rate=RATE, progress=progress)
    return clustering.strip_clustering(student)


def tied(kernels: Mapping[str, tuple[Any, Floats]], /) -> Callable[[], None]:
    """What keeps kernels as they are made: zeros stay zero, and weights of one value stay equal, each the mean of what its own became.

    ``kernels`` are variables of TensorFlow's, and the values that say what stays. tfmot's own way (Default8BitPrunePreserveQuantizeScheme and its
    like) passes over the layers before a concatenation without a word.
    """
    import tensorflow as tf

    ties: list[tuple[Any, Any, Any, int]] = []
    for variable, values in kernels.values():
        found, groups = np.unique(values, return_inverse=True)
        ties.append((variable, tf.constant(values != 0, tf.float32), groups.reshape(-1) if len(found) <= MOST_VALUES else None, len(found)))

    def hold() -> None:
        for variable, mask, groups, count in ties:
            kept = variable * mask
            if groups is not None:
                means = tf.math.unsorted_segment_mean(tf.reshape(kept, (-1,)), groups, count)
                kept = tf.reshape(tf.gather(means, groups), variable.shape)
            variable.assign(kept)

    return hold
