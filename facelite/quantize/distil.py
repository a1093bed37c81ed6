"""The training that a conversion does: a changed network learns to give the embeddings of the float network that it was made from.

Source of the terms: the recipes of the released networks (``facelite.training.losses.embedding_loss`` and ``pairwise_loss``), here in
TensorFlow, since tfmot's layers are tf_keras'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from facelite.face import Floats, Pixels
from facelite.preprocess import Preprocessing, to_input

PAIRWISE = 10.0
"""Weight of the batch's cosines beside the embeddings' own, as in the recipes of the released networks."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """``steps`` of ``batch`` crops by Adam, its rate falling from ``rate`` to zero on a cosine, 0: from what suits the change. ``pictures``: how many
    crops to learn from.
    """

    steps: int = 1000
    batch: int = 64
    rate: float = 0.0
    pictures: int = 10_000

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.pictures) < 1 or not self.rate >= 0:
            raise ValueError(f"expected steps, batch, pictures of at least 1 and a rate of 0 or more, got {self}")


def distil(
    student: Any,
    teacher: Any,
    crops: Pixels,
    /,
    *,
    schedule: Schedule,
    rate: float,
    after: Callable[[], None] = lambda: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Train ``student`` towards the embeddings of ``teacher``, both tf_keras models, on ``crops`` (n, height, width, 3) uint8.

    ``rate`` is what a ``schedule`` without one begins with.
    ``after`` each step something more may change, as a part of the step's graph.
    """
    import tensorflow as tf
    import tf_keras

    optimizer = tf_keras.optimizers.Adam(tf_keras.optimizers.schedules.CosineDecay(schedule.rate or rate, schedule.steps))

    @tf.function  # type: ignore[untyped-decorator]
    def step(x: Any) -> None:
        targets = tf.math.l2_normalize(teacher(x, training=False), axis=-1)
        with tf.GradientTape() as tape:
            embeddings = tf.math.l2_normalize(student(x, training=True), axis=-1)
            own = tf.reduce_mean(1.0 - tf.reduce_sum(embeddings * targets, -1))
            cosines = tf.matmul(embeddings, embeddings, transpose_b=True) - tf.matmul(targets, targets, transpose_b=True)
            loss = own + PAIRWISE * tf.reduce_mean(tf.square(cosines))
        variables = student.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        after()

    for done, x in enumerate(_batches(crops, schedule), 1):
        step(x)
        progress(done, schedule.steps)


def inputs(crops: Pixels, /) -> Floats:
    """What a network of ours takes for ``crops`` (n, height, width, 3)."""
    preprocessing = Preprocessing(*crops.shape[1:3])
    return np.concatenate([to_input(pixels, preprocessing) for pixels in crops])


def _batches(crops: Pixels, schedule: Schedule) -> Iterator[Floats]:
    """``schedule.steps`` batches, each picture as it is or mirrored, all of them before any comes again."""
    rng = np.random.default_rng(0)
    order: list[int] = []
    for _ in range(schedule.steps):
        while len(order) < schedule.batch:
            order += rng.permutation(len(crops)).tolist()
        chosen, order = order[: schedule.batch], order[schedule.batch :]
        mirrored = rng.random(len(chosen)) < 0.5
        yield inputs(np.where(mirrored[:, None, None, None], crops[chosen][:, :, ::-1], crops[chosen]))
