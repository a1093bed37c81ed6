"""What a training step changes: model, optimizer, averaged weights, the step's number; as arrays, for a state on disk."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, isfinite, pi
from typing import Any

import keras
import numpy as np

from facelite.errors import InputError, TrainingCollapsed
from facelite.face import Floats
from facelite.networks import build, set_weights
from facelite.networks.weights import Weights
from facelite.training.judging import unit_rows
from facelite.training.losses import embedding_loss, pairwise_loss, triplet_loss, unit
from facelite.training.pipeline import unpack
from facelite.training.recipe import Schedule, TrainingRecipe
from facelite.training.run import sized_network
from facelite.training.statistics import Statistics, statistics

Arrays = dict[str, np.ndarray]


class TrainingState:
    """Owns the Keras model and its optimizer; ``average`` are the averaged weights in the order of ``model.get_weights()``."""

    def __init__(self, recipe: TrainingRecipe, /, *, per_epoch: int, steps: int) -> None:
        schedule = recipe.schedule
        self.recipe, self.per_epoch, self.steps, self.step = recipe, per_epoch, steps, 0
        keras.utils.set_random_seed(schedule.seed)
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(schedule.precision)
        try:
            self.model = build(sized_network(recipe.network), keras=keras)
        finally:
            keras.config.set_dtype_policy(before)
        optimizer = keras.optimizers.AdamW(schedule.rate, weight_decay=schedule.decay)
        optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
        compiled = {"jit_compile": False} if keras.backend.backend() == "tensorflow" else {}
        self.model.compile(optimizer=optimizer, loss=packed_loss(recipe), **compiled)
        self.optimizer = self.model.optimizer  # in mixed_float16 Keras wraps it
        self.optimizer.build(self.model.trainable_variables)
        self.average = [np.array(value, np.float32) for value in self.model.get_weights()]

    def begin_with(self, weights: Weights) -> None:
        """Take ``weights`` by layer name in place of the random ones. Raises InputError for another network's."""
        try:
            set_weights(self.model, weights)
        except ValueError as error:
            name = self.recipe.network.name
            raise InputError(f"expected weights of the network {name} to begin with, got others: {error}; name others: --init") from None
        self.average = [np.array(value, np.float32) for value in self.model.get_weights()]

    def take_step(self, x: Floats, y: Floats) -> float:
        """One update of the weights and of their average; the batch's loss. Raises TrainingCollapsed when that is not finite."""
        self.optimizer.learning_rate = rate(self.recipe.schedule, step=self.step, per_epoch=self.per_epoch, steps=self.steps)
        loss = float(self.model.train_on_batch(x, y))
        self.step += 1
        if not isfinite(loss):
            raise self._not_finite(f"a loss of {loss}")
        decay = min(self.recipe.schedule.average, (1 + self.step) / (10 + self.step))
        for mean, value in zip(self.average, self.model.get_weights(), strict=True):
            mean += np.float32(1 - decay) * (np.asarray(value, np.float32) - mean)
        return loss

    def check_finite(self) -> None:
        """Raises TrainingCollapsed when a weight is or was not finite: the average remembers. To be called before anything is kept."""
        if not all(np.isfinite(mean).all() for mean in self.average):
            raise self._not_finite("weights that are not")

    def measure(self, x: Floats, y: Floats) -> Statistics:
        """What the current weights make of a batch."""
        vectors = unit_rows(np.asarray(self.model.predict_on_batch(x), np.float32))
        _, _, subjects, numbering = unpack(y)
        return statistics(vectors, subjects, numbering, anchors=self.recipe.schedule.labelled, margin=self.recipe.loss.margin)

    def arrays(self) -> Arrays:
        """Everything that the next step depends on."""
        arrays = {f"weights_{i:04d}": value for i, value in enumerate(self.model.get_weights())}
        arrays |= {f"average_{i:04d}": value for i, value in enumerate(self.average)}
        arrays |= {f"optimizer_{i:04d}": keras.ops.convert_to_numpy(variable) for i, variable in enumerate(self.optimizer.variables)}
        return arrays | {"step": np.array(self.step)}

    def restore(self, arrays: Arrays) -> None:
        """Take up the state that ``arrays`` returned. Raises KeyError or ValueError for one of another network or Keras."""
        average = named(arrays, "average")
        if [value.shape for value in average] != [value.shape for value in self.average]:
            raise ValueError("averaged weights of other shapes")
        self.model.set_weights(named(arrays, "weights"))
        self.average = average
        for variable, value in zip(self.optimizer.variables, named(arrays, "optimizer"), strict=True):
            variable.assign(value)
        self.step = int(arrays["step"])

    def _not_finite(self, what: str) -> TrainingCollapsed:
        return TrainingCollapsed(
            f"expected finite numbers, got {what} at step {self.step}; lower schedule.rate, raise schedule.warmup, "
            'or set schedule.precision = "float32", and begin anew in another folder'
        )


def named(arrays: Arrays, name: str, /) -> list[Floats]:
    """The numbered ``arrays`` called ``name``, in their order."""
    return [arrays[key] for key in sorted(arrays) if key.startswith(f"{name}_")]


def packed_loss(recipe: TrainingRecipe, /) -> Callable[[Any, Any], Any]:
    """The recipe's terms as Keras calls a loss: packed labels (n, d + 3), embeddings (n, d) -> a number."""
    weights = recipe.loss

    def loss(packed: Any, embeddings: Any) -> Any:
        vectors = unit(embeddings)
        targets, has_target, subjects, numbering = unpack(packed)
        value = 0.0
        if weights.triplet:
            value += weights.triplet * triplet_loss(vectors, subjects, numbering, anchors=recipe.schedule.labelled, margin=weights.margin)
        if weights.embedding:
            value += weights.embedding * embedding_loss(vectors, targets, has_target)
        if weights.pairwise:
            value += weights.pairwise * pairwise_loss(vectors, targets, has_target)
        return value

    return loss


def rate(schedule: Schedule, /, *, step: int, per_epoch: int, steps: int) -> float:
    """The learning rate of ``step``, counted from 0, of ``steps``: a linear warm-up, then a cosine to zero."""
    warmup = max(1.0, schedule.warmup * per_epoch)
    if step < warmup:
        return schedule.rate * (step + 1) / warmup
    return schedule.rate * 0.5 * (1 + cos(pi * (step - warmup) / max(1.0, steps - warmup)))
