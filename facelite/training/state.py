"""What a training step changes: model, objective, optimizer, averaged weights, the step's number; as arrays, for a state on disk."""

from __future__ import annotations

from math import cos, isfinite, pi

import keras
import numpy as np

from facelite.errors import InputError, TrainingCollapsed
from facelite.face import Floats
from facelite.networks import build, set_weights
from facelite.networks.weights import Weights
from facelite.training.dataset import Integers
from facelite.training.judging import unit_rows
from facelite.training.muon import Muon
from facelite.training.objective import Objective
from facelite.training.pipeline import unpack
from facelite.training.precision import resolve
from facelite.training.recipe import Schedule, TrainingRecipe
from facelite.training.run import sized_network
from facelite.training.statistics import Statistics, statistics
from facelite.training.trainer import Trainer

Arrays = dict[str, np.ndarray]


class TrainingState:
    """Owns the Keras model, what its losses learn besides it, and the optimizer of both.

    ``people`` (c, 2) are the training part's, by numbering and subject. ``average`` are the averaged weights in the order of
    ``model.get_weights()``, and ``head`` is the Siamese head averaged with them, weights and bias, empty without one: a bundle may decide by it.
    What else the losses learn is not averaged and is no part of anything released.
    """

    def __init__(self, recipe: TrainingRecipe, people: Integers, /, *, per_epoch: int, steps: int) -> None:
        schedule, network = recipe.schedule, sized_network(recipe.network)
        self.recipe, self.per_epoch, self.steps, self.step = recipe, per_epoch, steps, 0
        keras.utils.set_random_seed(schedule.seed)
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(resolve(schedule.precision))
        try:
            self.model = build(network, keras=keras)
            self.objective = Objective(recipe.loss, people, embedding=network.embedding, anchors=schedule.labelled, seed=schedule.seed)
            self.trainer = Trainer(self.model, self.objective, chunk=schedule.chunk)
        finally:
            keras.config.set_dtype_policy(before)
        if schedule.optimizer == "muon":
            optimizer = Muon(schedule.rate, weight_decay=schedule.decay, adamw=(self.objective.name,))
        else:
            optimizer = keras.optimizers.AdamW(schedule.rate, weight_decay=schedule.decay)
        optimizer.exclude_from_weight_decay(var_list=self.objective.trainable_variables, var_names=["gamma", "beta", "bias"])
        compiled = {"jit_compile": False} if keras.backend.backend() == "tensorflow" else {}
        self.trainer.compile(optimizer=optimizer, **compiled)
        self.optimizer = self.trainer.optimizer  # in mixed_float16 Keras wraps it
        self.optimizer.build(self.trainer.trainable_variables)
        self.average = [np.array(value, np.float32) for value in self.model.get_weights()]
        self.head = self._head()

    def begin_with(self, weights: Weights) -> None:
        """Take ``weights`` by layer name in place of the random ones. Raises InputError for another network's."""
        begin(self.model, weights, network=self.recipe.network.name)
        self.average = [np.array(value, np.float32) for value in self.model.get_weights()]

    def take_step(self, x: Floats, y: Floats) -> float:
        """One update of the weights and of their average; the batch's loss. Raises TrainingCollapsed when that is not finite."""
        self.optimizer.learning_rate = rate(self.recipe.schedule, step=self.step, per_epoch=self.per_epoch, steps=self.steps)
        loss = float(self.trainer.train_on_batch(x, y))
        self.step += 1
        if not isfinite(loss):
            raise self._not_finite(f"a loss of {loss}")
        decay = min(self.recipe.schedule.average, (1 + self.step) / (10 + self.step))
        for mean, value in zip(self.average + self.head, self.model.get_weights() + self._head(), strict=True):
            mean += np.float32(1 - decay) * (np.asarray(value, np.float32) - mean)
        return loss

    def check_finite(self) -> None:
        """Raises TrainingCollapsed when a weight is or was not finite: the average remembers. To be called before anything is kept."""
        if not all(np.isfinite(mean).all() for mean in self.average + self.head):
            raise self._not_finite("weights that are not")

    def measure(self, x: Floats, y: Floats) -> Statistics:
        """What the current weights make of a batch."""
        parts = np.split(x, range(size, len(x), size)) if (size := self.recipe.schedule.chunk) else [x]
        vectors = unit_rows(np.concatenate([np.asarray(self.trainer.predict_on_batch(part), np.float32) for part in parts]))
        _, _, subjects, numbering = unpack(y)
        return statistics(vectors, subjects, numbering, anchors=self.recipe.schedule.labelled, margin=self.recipe.loss.margin)

    def arrays(self) -> Arrays:
        """Everything that the next step depends on."""
        arrays = {f"weights_{i:04d}": value for i, value in enumerate(self.model.get_weights())}
        arrays |= {f"average_{i:04d}": value for i, value in enumerate(self.average)}
        arrays |= {f"head_{i:04d}": value for i, value in enumerate(self.head)}
        arrays |= {f"optimizer_{i:04d}": keras.ops.convert_to_numpy(variable) for i, variable in enumerate(self.optimizer.variables)}
        arrays |= {f"objective_{variable.name}": keras.ops.convert_to_numpy(variable) for variable in self.objective.variables}
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
        for variable in self.objective.variables:
            variable.assign(arrays[f"objective_{variable.name}"])
        self.head = named(arrays, "head") or self._head()  # a state of before there was the average
        self.step = int(arrays["step"])

    def _head(self) -> list[Floats]:
        """The Siamese head as the last step has left it."""
        learned = (self.objective.siamese_weights, self.objective.siamese_bias) if self.recipe.loss.siamese else ()
        return [np.array(keras.ops.convert_to_numpy(variable), np.float32) for variable in learned]

    def _not_finite(self, what: str) -> TrainingCollapsed:
        return TrainingCollapsed(
            f"expected finite numbers, got {what} at step {self.step}; lower schedule.rate, raise schedule.warmup, "
            'or set schedule.precision = "float32", and begin anew in another folder'
        )


def begin(model: keras.Model, weights: Weights, /, *, network: str) -> None:
    """Put ``weights`` by layer name into the ``model`` of the ``network``. Raises InputError for another network's."""
    try:
        set_weights(model, weights)
    except ValueError as error:
        raise InputError(f"expected weights of the network {network} to begin with, got others: {error}; name others: --init") from None


def named(arrays: Arrays, name: str, /) -> list[Floats]:
    """The numbered ``arrays`` called ``name``, in their order."""
    return [arrays[key] for key in sorted(arrays) if key.startswith(f"{name}_")]


def rate(schedule: Schedule, /, *, step: int, per_epoch: int, steps: int) -> float:
    """The learning rate of ``step``, counted from 0, of ``steps``: a linear warm-up, then a cosine to zero."""
    warmup = max(1.0, schedule.warmup * per_epoch)
    if step < warmup:
        return schedule.rate * (step + 1) / warmup
    return schedule.rate * 0.5 * (1 + cos(pi * (step - warmup) / max(1.0, steps - warmup)))
