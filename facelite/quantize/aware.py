"""Quantisation-aware training: a trained network learns to give its own float embeddings with integer weights and activations.

Source: Jacob et al., arXiv:1712.05877, section 3, as the TensorFlow Model Optimization Toolkit (tfmot) does it. BatchNorm is folded before,
so that the convolutions that learn are those that the device computes. Three faults of tfmot give wrong embeddings without an error, and are
met here: it changes the order of a concatenation's inputs where some of them end in BatchNorm, it begins with ranges of about -6 to 6, and it
leaves a layer float that it does not know.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from facelite.errors import ExportError
from facelite.face import Floats, Pixels
from facelite.networks import Network, build, set_weights
from facelite.networks.layers import l2_pooling, response_norm
from facelite.networks.weights import Weights
from facelite.quantize.distil import Schedule, distil, inputs
from facelite.quantize.smaller import tied

RATE = 2e-5
"""Of the training. NNS2 (fourth release), 500 steps: cosine to float32, least and median, 0.994 and 0.999, and no loss of VAL at FMR 1e-3; at five
times that rate 0.667 and 0.829, and 12.8 points, since it first goes away from the float network.
"""

MIN_COSINE = 0.95
"""Least mean cosine, before the first step, to the embeddings of the network that it starts from, pruned and clustered or not: with ranges and offset
in place NNS2 has 0.998, and so it has half pruned and clustered; without ranges 0.3.
"""

RANGES = 400
"""Crops that the ranges of activations begin with."""


def train_aware(
    network: Network,
    weights: Weights,
    crops: Pixels,
    /,
    *,
    schedule: Schedule,
    start: Weights | None = None,
    batch: int = 1,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> Any:
    """A tf_keras model of this ``batch`` that a TFLite converter makes int8, its float in and out as the network's own.

    ``weights`` are the folded network's, whose embeddings are learnt; ``crops`` (n, height, width, 3) uint8, of nobody who is held out.
    ``start`` are those to begin with, if others: of a pruned or clustered network, which stays so.
    Raises ExportError where tfmot did not keep the network.
    """
    import tf_keras

    model = build(network, keras=tf_keras, folded=True)
    set_weights(model, start or weights)
    student = quantised(model)
    some = inputs(crops[:RANGES])
    set_ranges(student, model, some)
    set_offset(student, model, some)
    cosine = float(np.sum(_unit(student.predict(some, verbose=0)) * _unit(model.predict(some, verbose=0)), axis=1).mean())
    if not cosine >= MIN_COSINE:
        what = "to the network that it starts from, before training"
        raise ExportError(f"expected a mean cosine of {MIN_COSINE} or more {what}, got {cosine:.3f}; use int8 instead")
    set_weights(model, weights)
    hold = tied({name: (_kernel(student.get_layer(PREFIX + name)), values[0]) for name, values in (start or {}).items()})
    distil(student, model, crops, schedule=schedule, rate=RATE, after=hold, progress=partial(progress, "quantisation-aware training"))
    one = quantised(build(network, keras=tf_keras, folded=True, batch=batch))
    one.set_weights(student.get_weights())
    return one


def quantised(model: Any, /) -> Any:
    """``model`` (tf_keras, folded) with tfmot's fake quantisation in each layer. Raises ExportError where inputs of a layer changed places, and for a
    network with local response normalisation.
    """
    import tensorflow_model_optimization as tfmot
    import tf_keras
    from tensorflow_model_optimization.python.core.quantization.keras.default_8bit.default_8bit_quantize_configs import (
        Default8BitOutputQuantizeConfig,  # what tfmot itself gives to a pooling that it knows
    )

    keras, pooling = tfmot.quantization.keras, l2_pooling(tf_keras)

    unfit = [layer.name for layer in model.layers if isinstance(layer, response_norm(tf_keras))]
    if unfit:
        raise ExportError(
            f"expected layers that tfmot can train with integers, got local response normalisation ({', '.join(unfit)}) in {model.name}; "
            "train and export nns1 or nns2, or choose float16 or dynamic"
        )

    def annotate(layer: Any) -> Any:
        return keras.quantize_annotate_layer(layer, Default8BitOutputQuantizeConfig() if isinstance(layer, pooling) else None)

    with keras.quantize_scope({pooling.__name__: pooling}):
        made = keras.quantize_apply(tf_keras.models.clone_model(model, clone_function=annotate))
    for layer in model.layers:
        if isinstance(layer, tf_keras.layers.Concatenate | tf_keras.layers.Add):
            before, after = (_sources(one) for one in (layer, made.get_layer(PREFIX + layer.name)))
            if before != [name.removeprefix(PREFIX) for name in after]:
                raise ExportError(f"expected the inputs of {layer.name} in the order {before}, got {after} from tfmot; put its bare pooling first")
    return made


PREFIX = "quant_"
"""What tfmot puts before the name of a layer."""


def set_ranges(made: Any, model: Any, some: Floats, /) -> None:
    """Set each range of ``made`` to what the layer of that name in ``model`` gives for ``some`` inputs (n, height, width, 3), or its weights have."""
    import tf_keras

    layers = [layer for layer in model.layers if layer.name != "input"]
    outputs = tf_keras.Model(model.inputs, [layer.output for layer in layers]).predict(some, verbose=0)
    ends = {layer.name: (min(0.0, float(output.min())), max(0.0, float(output.max()))) for layer, output in zip(layers, outputs, strict=True)}
    own = made.layers[1].name  # tfmot's layer behind the input; its number counts up in a process
    ends[own] = float(some.min()), float(some.max())
    for layer in made.layers:
        variables = {variable.name.split("/")[-1].split(":")[0]: variable for variable in layer.weights}
        for name, variable in variables.items():
            if name.startswith("kernel_"):
                end = np.abs(variables["kernel"].numpy())
                end = end.reshape(-1, end.shape[-1]).max(axis=0) if variable.shape.rank else end.max()
                variable.assign(end if name == "kernel_max" else -end)
            elif name.endswith(("_min", "_max")):
                variable.assign(ends[layer.name.removeprefix(PREFIX)][name.endswith("_max")])


def set_offset(made: Any, model: Any, some: Floats, /) -> None:
    """Take out of the last bias of ``made`` by how much its outputs for ``some`` inputs are off from those of ``model`` on average.

    All weights of a cluster are rounded alike, so their errors add up, to nearly the same offset for every face: after 300 steps of pruning half of
    NNS2 and 300 of clustering it in 16 values, a mean cosine of 0.959 without this, 0.998 with it. Source: Nagel et al., arXiv:1906.04721, 4.2.
    """
    off = np.mean(model.predict(some, verbose=0) - made.predict(some, verbose=0), axis=0)
    made.get_layer(PREFIX + model.layers[-1].name).layer.bias.assign_add(off)


def _kernel(layer: Any) -> Any:
    """The kernel of a layer that tfmot has wrapped."""
    return next(variable for variable in layer.trainable_weights if variable.name.endswith("kernel:0"))


def _sources(layer: Any) -> list[str]:
    """The names of the layers that ``layer`` takes its inputs from."""
    return [source.name for source in layer.inbound_nodes[0].inbound_layers]


def _unit(vectors: Floats) -> Floats:
    unit: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit
