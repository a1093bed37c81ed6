"""The one builder: a table becomes a Keras model, in keras 3 (on TensorFlow or JAX) or in tf_keras.

A trained network has BatchNorm behind every convolution; a folded one has bias and ReLU in the convolution
and is what is counted, exported and quantised. Both give the same embedding. The graph ends at the embedding's
fully connected layer: unit length is made outside it, by the loss in training and by ``Embedding`` on the device.

A block's bare pooling branch stands first in its concatenation, because tfmot moves it there without a word.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facelite.networks.layers import batch_norm, l2_pooling, response_norm
from facelite.networks.table import AveragePool, Conv, Flatten, Inception, Maxout, Network, Norm, Pool, PoolKind, Row

BN_EPSILON = 1e-3
BN_MOMENTUM = 0.97
"""Remembers about 33 batches: short, since held-out people are judged every few hundred steps."""


def build(
    network: Network,
    /,
    *,
    keras: ModuleType,
    height: int | None = None,
    width: int | None = None,
    embedding: int | None = None,
    folded: bool = False,
    batch: int | None = None,
) -> Any:
    """A Keras model of ``network``: (batch, height, width, 3) float32 -> (batch, embedding) float32, not of unit length.

    ``keras`` is the module ``keras`` or ``tf_keras``. Sizes not given are the table's.
    """
    shape = (height or network.height, width or network.width, 3)
    inputs = keras.layers.Input(shape, batch_size=batch, name="input")
    block = _Block(keras, folded)
    x = inputs
    for row in network.rows:
        x = block.row(row, x)
    if len(x.shape) > 2:
        x = keras.layers.Flatten(name="embedding_flatten")(x)
    x = keras.layers.Dense(embedding or network.embedding, use_bias=folded, name="embedding", dtype="float32")(x)
    if not folded:
        x = block.norm("embedding", x, dtype="float32")
    return keras.Model(inputs, x, name=network.name)


class _Block:
    """The rows of a table as layers of one Keras."""

    def __init__(self, keras: ModuleType, folded: bool) -> None:
        self.keras, self.layers, self.folded = keras, keras.layers, folded

    def row(self, row: Row, x: Any) -> Any:
        if isinstance(row, Conv):
            return self.conv(row.name, x, row.kernel, row.filters, row.stride)
        if isinstance(row, Inception):
            return self.inception(row, x)
        if isinstance(row, Pool):
            return self.pool(row.name, x, row.kind, row.size, row.stride)
        if isinstance(row, Norm):
            return response_norm(self.keras)(name=row.name)(x)
        if isinstance(row, AveragePool):
            return self.layers.GlobalAveragePooling2D(name=row.name)(x)
        if isinstance(row, Flatten):
            return self.layers.Flatten(name=row.name)(x)
        return self.maxout(row, x)

    def conv(self, name: str, x: Any, kernel: int, filters: int, stride: int = 1) -> Any:
        if self.folded:
            return self.layers.Conv2D(filters, kernel, stride, padding="same", activation="relu", name=name)(x)
        x = self.layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, name=name)(x)
        return self.layers.ReLU(name=f"{name}_relu")(self.norm(name, x))

    def added(self, name: str, x: Any, y: Any) -> Any:
        """``x`` plus what a linear 1x1 convolution makes of ``y``: at first nothing, since its BatchNorm begins with a gamma of zero."""
        y = self.layers.Conv2D(x.shape[-1], 1, use_bias=self.folded, name=f"{name}_linear")(y)
        if not self.folded:
            y = self.norm(f"{name}_linear", y, gamma_initializer="zeros")
        return self.layers.ReLU(name=f"{name}_relu")(self.layers.Add(name=f"{name}_add")([x, y]))

    def norm(self, name: str, x: Any, **options: Any) -> Any:
        return batch_norm(self.keras)(epsilon=BN_EPSILON, momentum=BN_MOMENTUM, name=f"{name}_bn", **options)(x)

    def pool(self, name: str, x: Any, kind: PoolKind, size: int, stride: int) -> Any:
        if kind == "max":
            return self.layers.MaxPooling2D(size, stride, "same", name=name)(x)
        layer = self.layers.AveragePooling2D if kind == "average" else l2_pooling(self.keras)
        return layer(size, stride, "same", name=name)(x)

    def inception(self, row: Inception, x: Any) -> Any:
        branches = []
        pooled = self.pool(f"{row.name}_pool", x, row.pool, 3, row.stride) if row.pool else None
        if pooled is not None and not row.projection:
            branches.append(pooled)
        if row.one:
            branches.append(self.conv(f"{row.name}_1x1", x, 1, row.one, row.stride))
        for side, pair, kernels in (("3x3", row.three, (3,)), ("5x5", row.five, row.five_as)):
            if pair:
                y = self.conv(f"{row.name}_{side}_reduce", x, 1, pair[0])
                for i, kernel in enumerate(kernels):
                    name = f"{row.name}_{side}" if len(kernels) == 1 else f"{row.name}_{side}_{i + 1}"
                    y = self.conv(name, y, kernel, pair[1], row.stride if i == 0 else 1)
                branches.append(y)
        if pooled is not None and row.projection:
            branches.append(self.conv(f"{row.name}_projection", pooled, 1, row.projection))
        y = branches[0] if len(branches) == 1 else self.layers.Concatenate(name=row.name)(branches)
        return self.added(row.name, x, y) if row.residual else y

    def maxout(self, row: Maxout, x: Any) -> Any:
        if len(x.shape) > 2:
            x = self.layers.Flatten(name=f"{row.name}_flatten")(x)
        x = self.layers.Dense(row.units * row.pieces, name=row.name)(x)
        x = self.layers.Reshape((row.pieces, row.units), name=f"{row.name}_pieces")(x)
        return self.layers.GlobalMaxPooling1D(name=f"{row.name}_maximum")(x)


def fold(weights: dict[str, list[NDArray[np.float32]]], /) -> dict[str, list[NDArray[np.float32]]]:
    """The folded network's weights by layer name, from a trained network's by layer name.

    A layer followed by BatchNorm (gamma, beta, mean, variance) has its kernel scaled by gamma / sqrt(variance + epsilon)
    and gets the bias beta - mean * that; others are handed on.
    """
    folded = {}
    for name, values in weights.items():
        if name.endswith("_bn"):
            continue
        if f"{name}_bn" in weights:
            gamma, beta, mean, variance = (value.astype(np.float64) for value in weights[f"{name}_bn"])
            factor = gamma / np.sqrt(variance + BN_EPSILON)
            values = [(values[0] * factor).astype(np.float32), (beta - mean * factor).astype(np.float32)]
        folded[name] = values
    return folded


def get_weights(model: Any, /) -> dict[str, list[NDArray[np.float32]]]:
    """The weights of a Keras model by layer name, as float32 arrays in Keras' order."""
    return {layer.name: [np.asarray(w, np.float32) for w in layer.get_weights()] for layer in model.layers if layer.weights}


def set_weights(model: Any, weights: dict[str, list[NDArray[np.float32]]], /) -> None:
    """Put ``weights`` by layer name into ``model``. Raises ValueError when names differ."""
    names = [layer.name for layer in model.layers if layer.weights]
    if set(names) != set(weights):
        raise ValueError(f"expected weights of {sorted(names)}, got {sorted(weights)}")
    for name in names:
        model.get_layer(name).set_weights(weights[name])
