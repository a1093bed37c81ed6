"""The model that takes a training step, with a batch whole or in chunks."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import keras

from facelite.training.objective import Objective


class Trainer(keras.Model):  # type: ignore[misc]
    """``network`` and ``objective`` as one model that Keras can take steps with; it embeds as the network does.

    With a ``chunk`` the network takes so many pictures of a batch at a time and memory holds what it makes of these alone; the loss is that
    of the whole batch. All pictures are embedded, and nothing else is kept; the loss of the embeddings has a gradient at each of them; then each
    chunk is embedded once more, and hands its own on to the weights; their sum makes the step. BatchNorm goes by the statistics of each chunk, both
    times the same ones, and its moving ones move once, by each chunk. Source: GradCache, Gao et al., arXiv:2101.06983.
    """

    def __init__(self, network: Any, objective: Objective, /, *, chunk: int = 0) -> None:
        super().__init__(name="trainer")
        self.network, self.objective, self.chunk = network, objective, chunk
        self.built = True

    def call(self, x: Any, training: bool | None = None) -> Any:
        return self.network(x, training=training)

    def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True) -> Any:  # noqa: ARG002
        """What Keras asks for in each step, with ``y`` the packed labels and ``y_pred`` the embeddings."""
        return self.objective(y, y_pred)

    def train_step(self, *given: Any) -> Any:
        """Keras' step: of (data) on TensorFlow, of (state, data) on JAX."""
        if not self.chunk:
            return super().train_step(*given)
        return self._step_on_jax(*given) if keras.backend.backend() == "jax" else self._step_on_tensorflow(*given)

    def _step_on_tensorflow(self, data: Any) -> Any:
        """Loops of TensorFlow's, one round at a time: unrolled ones it may run all at once. Over numbers: of what they loop over they make a copy."""
        tf = import_module("tensorflow")
        chunks, y = self._chunks(data)
        learned, moving = self.network.trainable_variables, self.network.non_trainable_variables
        rounds = tf.range(chunks.shape[0])
        embeddings = tf.map_fn(lambda i: self(chunks[i], training=True), rounds, parallel_iterations=1, fn_output_signature=tf.float32)
        moved = [tf.identity(variable) for variable in moving]
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            loss = self.compute_loss(y=y, y_pred=tf.reshape(embeddings, (y.shape[0], -1)))
            scaled = self.optimizer.scale_loss(loss)
        slopes, *own = tape.gradient(scaled, [embeddings, *self.objective.trainable_variables])

        def add(sums: Any, i: Any) -> Any:
            with tf.GradientTape() as tape:
                again = self(chunks[i], training=True)
            return [one + more for one, more in zip(sums, tape.gradient(again, learned, slopes[i]), strict=True)]

        sums = tf.foldl(add, rounds, [tf.zeros_like(variable) for variable in learned], parallel_iterations=1)
        for variable, value in zip(moving, moved, strict=True):
            variable.assign(value)
        self.optimizer.apply_gradients(zip([*sums, *own], [*learned, *self.objective.trainable_variables], strict=True))
        (tracker,) = self.metrics
        tracker.update_state(loss)
        return {"loss": tracker.result()}

    def _step_on_jax(self, state: Any, data: Any) -> Any:
        jax = import_module("jax")
        chunks, y = self._chunks(data)
        learned, others, slots, metrics = state

        def embed(others: Any, chunk: Any) -> Any:
            embeddings, others = self.stateless_call(learned, others, chunk, training=True)
            return others, embeddings

        others, embeddings = jax.lax.scan(embed, others, chunks)

        def scaled(learned: Any, embeddings: Any) -> Any:
            given = {"x": None, "y": y, "y_pred": embeddings.reshape(len(y), -1), "training": True}
            loss, (_, moved, _) = self.stateless_compute_loss(learned, others, metrics, **given)
            return self.optimizer.scale_loss(loss), (loss, moved)

        (_, (loss, moved)), (own, slopes) = jax.value_and_grad(scaled, (0, 1), has_aux=True)(learned, embeddings)

        def add(sums: Any, part: Any) -> Any:
            back = jax.vjp(lambda learned: self.stateless_call(learned, others, part[0], training=True)[0], learned)[1]
            return jax.tree.map(jax.numpy.add, sums, back(part[1])[0]), None

        sums, _ = jax.lax.scan(add, own, (chunks, slopes))
        learned, slots = self.optimizer.stateless_apply(slots, sums, learned)
        (tracker,) = self.metrics
        metrics = tracker.stateless_update_state(metrics, loss)
        return {"loss": tracker.stateless_result(metrics)}, (learned, moved, slots, metrics)

    def _chunks(self, data: Any) -> tuple[Any, Any]:
        """The pictures (m, chunk, height, width, 3) and the packed labels of a batch."""
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        return keras.ops.reshape(x, (-1, self.chunk, *x.shape[1:])), y
