"""A step in chunks is the step of the whole batch: its loss, its gradients, what the losses own; only BatchNorm goes by the chunk."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from facelite.errors import RecipeError
from facelite.recipe import parse
from facelite.training import fit
from facelite.training.objective import Objective
from facelite.training.recipe import Loss, Schedule
from facelite.training.state import TrainingState
from facelite.training.trainer import Trainer

PEOPLE = np.array([(0, i) for i in range(6)])
EVERYTHING = Loss(contrastive=1, verification=1, softmax=1, centre=1, siamese=1, harmonic=1, embedding=1, pairwise=1)


def batch(n=24, side=8, d=16):
    """Six people with four pictures each, and a teacher; noise, so that no gradient is zero."""
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(n, d))
    targets /= np.linalg.norm(targets, axis=1, keepdims=True)
    y = np.concatenate([targets, np.ones((n, 1)), np.repeat(np.arange(n // 4), 4)[:, None], np.zeros((n, 1))], axis=1)
    return rng.normal(size=(n, side, side, 3)).astype(np.float32), y.astype(np.float32)


def trainer(chunk, *, norm=False, precision="float32", loss=EVERYTHING):
    """A convolution and an embedding, with BatchNorm between them or not; plain descent, so that a weight moves by its gradient."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Conv2D(4, 3, dtype=precision), *[keras.layers.BatchNormalization(momentum=0.5)] * norm, keras.layers.ReLU()]
    network = keras.Sequential([keras.Input((8, 8, 3)), *layers, keras.layers.Flatten(), keras.layers.Dense(16, dtype="float32")])
    model = Trainer(network, Objective(loss, PEOPLE, embedding=16, anchors=16, seed=0), chunk=chunk)
    optimizer = keras.optimizers.SGD(0.1)
    model.compile(optimizer=keras.optimizers.LossScaleOptimizer(optimizer) if precision == "mixed_float16" else optimizer, jit_compile=False)
    return model


@pytest.mark.parametrize(("precision", "near"), [("float32", 1e-4), ("mixed_float16", 0.05)])
@pytest.mark.parametrize("chunk", [4, 24])
def test_without_batch_norm_a_chunked_step_is_the_whole_one(chunk, precision, near):
    """Loss, weights, and what the terms own: the centres too, which move once."""
    whole, chunked = trainer(0, precision=precision), trainer(chunk, precision=precision)
    before = chunked.get_weights()
    for _ in range(2):
        assert chunked.train_on_batch(*batch()) == pytest.approx(whole.train_on_batch(*batch()), rel=near)
    assert len(chunked.objective.variables) == 6
    for variable, other, start in zip(chunked.weights, whole.weights, before, strict=True):
        moved = np.abs(np.asarray(other) - start).max()
        assert moved > 1e-3, variable.path
        np.testing.assert_allclose(variable, other, atol=near * moved, err_msg=variable.path)


def test_batch_norm_goes_by_each_chunk_and_moves_once():
    """Oracle: the chunks one after the other within one tape."""
    chunked, plain = trainer(6, norm=True), trainer(0, norm=True)
    x, y = batch()
    loss = chunked.train_on_batch(x, y)
    with tf.GradientTape() as tape:
        expected = plain.objective(y, tf.concat([plain.network(part, training=True) for part in np.split(x, 4)], 0))
    assert loss == pytest.approx(float(expected), rel=1e-5)
    plain.optimizer.apply_gradients(zip(tape.gradient(expected, plain.trainable_variables), plain.trainable_variables, strict=True))
    for variable, other in zip(chunked.weights, plain.weights, strict=True):
        np.testing.assert_allclose(variable, other, atol=1e-5, err_msg=variable.path)


@pytest.mark.parametrize("chunk", [0, 8])
def test_the_network_never_sees_more_than_a_chunk(small_network, recipe, chunk):
    """In a step, and where the batch is measured."""
    state = TrainingState(recipe(chunk=chunk), PEOPLE, per_epoch=3, steps=12)
    seen, call = set(), state.trainer.network.call
    state.trainer.network.call = lambda x, *given, **told: seen.add(x.shape[0]) or call(x, *given, **told)
    x, y = batch(side=32)
    state.take_step(x, y)
    state.measure(x, y)
    assert seen == {chunk or 24}


def test_a_chunked_run_measures_whole_batches(small_network, recipe):
    whole, chunked = (TrainingState(recipe(chunk=chunk), PEOPLE, per_epoch=3, steps=12) for chunk in (0, 8))
    one, other = (vars_of(state.measure(*batch(side=32))) for state in (whole, chunked))
    assert one == pytest.approx(other, rel=1e-4)


def vars_of(statistics):
    return [getattr(statistics, name) for name in statistics.__dataclass_fields__]


def test_a_chunked_run_learns(small_network, tmp_path, faces, recipe):
    lines = []
    result = fit.train(recipe(epochs=20.0, judge=4.0, chunk=12), faces, tmp_path, progress=lines.append)
    assert result.steps == 60 and result.val > 0.8  # an untrained network has 0.6
    assert lines[-1].statistics.active < lines[0].statistics.active


@pytest.mark.parametrize("chunk", [-8, 7, 48])
def test_a_chunk_must_divide_the_batch(chunk):
    with pytest.raises(RecipeError, match="chunk that divides the batch"):
        parse({"batch": 24, "labelled": 16, "chunk": chunk}, Schedule)
