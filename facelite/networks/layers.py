"""The two layers that Keras lacks and FaceNet's tables need, made for whichever Keras hosts the network."""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

EPSILON = 1e-6
"""Keeps the gradient of the square root finite at zero."""


@cache
def l2_pooling(keras: ModuleType, /) -> Any:
    """The layer class of L2 pooling: the root of the mean of squares in each window."""
    ops = _ops(keras)

    @keras.saving.register_keras_serializable("facelite")
    class L2Pooling(keras.layers.AveragePooling2D):  # type: ignore[misc, name-defined]
        def call(self, inputs: Any) -> Any:
            return ops.sqrt(super().call(ops.square(inputs)) + EPSILON)

    return L2Pooling


@cache
def response_norm(keras: ModuleType, /) -> Any:
    """The layer class of local response normalisation (Krizhevsky et al. 2012, section 3.3, with its constants)."""
    ops = _ops(keras)
    size, bias, alpha, beta = 5, 2.0, 1e-4, 0.75

    @keras.saving.register_keras_serializable("facelite")
    class ResponseNorm(keras.layers.Layer):  # type: ignore[misc, name-defined]
        def call(self, inputs: Any) -> Any:
            channels = inputs.shape[-1]
            side = size // 2
            squares = ops.pad(ops.square(inputs), [[0, 0], [0, 0], [0, 0], [side, side]])
            near = sum(squares[..., i : i + channels] for i in range(size))
            return inputs / (bias + alpha * near) ** beta

        def compute_output_shape(self, input_shape: Any) -> Any:
            return input_shape

    return ResponseNorm


def _ops(keras: ModuleType) -> Any:
    """``square``, ``sqrt`` and ``pad``: keras.ops in Keras 3, TensorFlow itself in tf_keras, which has no ops."""
    if hasattr(keras, "ops"):
        return keras.ops
    import tensorflow

    return tensorflow
