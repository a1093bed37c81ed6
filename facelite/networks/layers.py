"""The layers that Keras lacks and FaceNet's tables need, or does slowly, made for whichever Keras hosts the network."""

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


@cache
def batch_norm(keras: ModuleType, /) -> Any:
    """The layer class of batch normalisation over the last axis of images.

    Keras 3 makes it of single operations, each a pass over memory in float32; on TensorFlow this one trains with the fused kernel instead,
    in bfloat16 where the channels come in sixteens: for other counts that kernel is slower than the passes, and in float32 it is not.
    Its moving variance is the sample's, n / (n - 1) times Keras'.
    """
    own = keras.layers.BatchNormalization
    if not hasattr(keras, "ops") or keras.backend.backend() != "tensorflow":
        return own
    import tensorflow as tf

    class BatchNorm(own):  # type: ignore[misc, valid-type]
        def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
            if not training or not self.trainable or len(inputs.shape) != 4:
                return super().call(inputs, training=training, mask=mask)
            x = inputs if inputs.dtype == tf.bfloat16 and inputs.shape[-1] % 16 == 0 else tf.cast(inputs, tf.float32)
            outputs, mean, variance, *_ = tf.compat.v1.nn.fused_batch_norm(x, self.gamma, self.beta, epsilon=self.epsilon, is_training=True)
            for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * self.momentum + now * (1 - self.momentum))
            return tf.cast(outputs, self.compute_dtype)

    return BatchNorm


def _ops(keras: ModuleType) -> Any:
    """``square``, ``sqrt`` and ``pad``: keras.ops in Keras 3, TensorFlow itself in tf_keras, which has no ops."""
    if hasattr(keras, "ops"):
        return keras.ops
    import tensorflow

    return tensorflow
