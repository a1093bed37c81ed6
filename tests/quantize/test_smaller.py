"""Pruned and clustered: as sparse and as uniform as asked, near the network it came from, and still so in the int8 file after training on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facelite.errors import ExportError
from facelite.export.convert import convert
from facelite.export.layers import WEIGHTED
from facelite.face import FaceCrop
from facelite.networks import build, set_weights
from facelite.quantize.aware import train_aware
from facelite.quantize.distil import Schedule
from facelite.quantize.smaller import BLOCK, Smaller, make_smaller, tied
from facelite.runtime.model import read_model

SCHEDULE = Schedule(steps=12, batch=16, rate=1e-3)


def zeros(weights):
    """The share of zeros in each kernel."""
    return {name: float((values[0] == 0).mean()) for name, values in weights.items()}


def outputs(tf_keras, network, weights, crops):
    model = build(network, keras=tf_keras, folded=True)
    set_weights(model, weights)
    vectors = model.predict((crops.astype(np.float32) - 127.5) / 128, verbose=0)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def made(network, weights, crops):
    """Each kind of smaller network, and what it told of its steps."""
    kinds = {
        "pruned": Smaller(0.5),
        "2:4": Smaller(0.5, "2:4"),
        "blocks": Smaller(0.5, "blocks"),
        "clustered": Smaller(clusters=8),
        "both": Smaller(0.5, clusters=8),
    }
    told = {kind: [] for kind in kinds}
    return {
        kind: make_smaller(network, weights, crops, one, schedule=SCHEDULE, progress=lambda *told_of, kind=kind: told[kind].append(told_of))
        for kind, one in kinds.items()
    }, told


def test_half_of_each_kernel_is_zero(made):
    for kind in ("pruned", "blocks"):
        for share in zeros(made[0][kind]).values():
            assert share == pytest.approx(0.5, abs=0.03)


def test_two_of_four_in_a_row_are_zero(made):
    for values in made[0]["2:4"].values():
        kernel = values[0].reshape(-1, *values[0].shape[-2:]) if values[0].ndim == 4 else values[0][None]
        rows = kernel.transpose(0, 2, 1)  # what goes into one output
        whole = rows[..., : rows.shape[-1] // 4 * 4].reshape(-1, 4)
        assert (whole == 0).sum(1).min(initial=2) >= 2


def test_blocks_of_the_fully_connected_layer_are_zero_as_a_whole(made):
    kernel = made[0]["blocks"]["embedding"][0]
    blocks = kernel.reshape(kernel.shape[0] // BLOCK[0], BLOCK[0], kernel.shape[1] // BLOCK[1], BLOCK[1]).transpose(0, 2, 1, 3)
    empty = (blocks == 0).all((2, 3))
    assert 0.4 < empty.mean() < 0.6
    assert (blocks[~empty] != 0).all()


def test_a_kernel_takes_no_more_values_than_clusters_and_zeros_stay(made):
    for kind in ("clustered", "both"):
        assert max(len(np.unique(values[0])) for values in made[0][kind].values()) <= 8
    assert all(share >= 0.5 for share in zeros(made[0]["both"]).values())
    assert max(zeros(made[0]["clustered"]).values()) < 0.5


def test_every_step_of_every_training_is_told(made):
    assert made[1]["pruned"] == [("pruning", step, 12) for step in range(1, 13)]
    assert made[1]["both"] == [(stage, step, 12) for stage in ("pruning", "clustering") for step in range(1, 13)]


def test_the_last_look_of_pruning_takes_all_that_shall_go(network, weights, crops):
    """Whatever the number of steps: tfmot looks at every so many, and the one at which all shall be zero must be among them."""
    made = make_smaller(network, weights, crops, Smaller(0.5), schedule=Schedule(steps=45, batch=4))
    assert zeros(made)["embedding"] == pytest.approx(0.5, abs=0.01)


def test_training_makes_up_for_what_pruning_took(tf_keras, network, weights, crops):
    wanted = outputs(tf_keras, network, weights, crops)
    few, many = (make_smaller(network, weights, crops, Smaller(0.8), schedule=Schedule(steps=steps, batch=16, rate=1e-3)) for steps in (1, 80))
    short, long = ((outputs(tf_keras, network, one, crops) * wanted).sum(1).mean() for one in (few, many))
    assert zeros(many)["embedding"] == pytest.approx(0.8, abs=0.02)
    assert long > short


def kernels(file):
    model = read_model(file, foreign=True)
    return [model.tensors[operator.inputs[1]].data for operator in model.operators if operator.name in WEIGHTED]


@pytest.mark.parametrize("kind", ["pruned", "clustered", "both"])
def test_int8_that_was_trained_on_is_as_sparse_and_as_uniform(made, network, weights, crops, kind):
    """tfmot's own schemes lose it in the layers before a concatenation: of these, kernels come out with a fifth of zeros."""
    import tensorflow as tf

    start = made[0][kind]
    model = train_aware(network, weights, crops, schedule=SCHEDULE, start=start)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    with pytest.warns(UserWarning, match="Statistics for quantized inputs"):
        found = kernels(converter.convert())
    assert len(found) == len(start)
    wanted = sorted((values[0].size, zeros(start)[name]) for name, values in start.items())
    for kernel, (size, share) in zip(sorted(found, key=lambda one: (one.size, (one == 0).mean())), wanted, strict=True):
        assert kernel.size == size
        assert (kernel == 0).mean() >= share - 1e-6
        if kind != "pruned":
            assert max(len(np.unique(channel)) for channel in kernel.reshape(kernel.shape[0], -1)) <= 8


def test_weights_are_tied_as_a_plain_loop_ties_them():
    import tensorflow as tf

    rng = np.random.default_rng(0)
    values = rng.choice([-1.0, 0.0, 0.5, 2.0], (3, 3, 4, 5)).astype(np.float32)
    moved = rng.normal(size=values.shape).astype(np.float32)
    variable = tf.Variable(moved)
    tied({"layer": (variable, values)})()
    expected = np.zeros_like(moved)
    for value in (-1.0, 0.5, 2.0):
        expected[values == value] = moved[values == value].mean()
    np.testing.assert_allclose(variable.numpy(), expected, atol=1e-6)
    free = rng.normal(size=1000).astype(np.float32) * (rng.random(1000) < 0.5)
    variable = tf.Variable(np.ones(1000, np.float32))
    tied({"layer": (variable, free)})()
    np.testing.assert_array_equal(variable.numpy(), free != 0)


def test_int8_after_training_and_float16_are_pruned_too_from_pictures_alone(network, weights, crops):
    *rows, rooted, flatten = network.rows
    network = replace(network, rows=(*rows, replace(rooted, pool="average"), flatten))  # int8 refuses L2 pooling
    faces = [FaceCrop(pixels, np.zeros((4, 2))) for pixels in np.concatenate([crops, crops[:10, ::-1]])]
    with pytest.raises(ExportError, match="expected at least 50 representative images, got 0"):
        convert(network, _with_norms(weights), precision="float16", smaller=Smaller(0.5))
    for precision in ("int8", "float16"):
        file = convert(
            network, _with_norms(weights), precision=precision, representative=faces, pictures=faces, smaller=Smaller(0.5), tuning=SCHEDULE
        )
        model = read_model(file, foreign=True)
        stored = [tensor.data for tensor in model.tensors if tensor.data is not None and tensor.data.size > 500 and tensor.data.ndim > 1]
        assert stored
        assert all((one == 0).mean() >= 0.45 for one in stored)


def _with_norms(folded):
    """The folded weights as a trained network's, whose BatchNorms do nothing but add the bias."""
    values = {}
    for name, (kernel, bias) in folded.items():
        values[name] = [kernel]
        ones = np.ones_like(bias)
        values[f"{name}_bn"] = [ones, bias, 0 * bias, ones - np.float32(1e-3)]
    return values


@pytest.mark.parametrize(
    "wrong", [{"sparsity": 1.0}, {"sparsity": -0.1}, {"sparsity": 0.4, "pattern": "2:4"}, {"pattern": "2:4"}, {"pattern": "blocks"}]
)
def test_a_sparsity_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match=r"expected a sparsity below 1, of 0\.5 with 2:4 and above 0 with blocks, got"):
        Smaller(**wrong)


@pytest.mark.parametrize(("clusters", "sparsity", "least"), [(1, 0.0, 2), (-1, 0.0, 2), (257, 0.0, 2), (2, 0.5, 3)])
def test_a_number_of_clusters_that_makes_no_sense_is_refused(clusters, sparsity, least):
    with pytest.raises(ValueError, match=f"expected {least} to 256 clusters, or 0, got {clusters}"):
        Smaller(sparsity, clusters=clusters)


def test_what_was_done_is_said_in_words():
    said = [str(one) for one in (Smaller(), Smaller(0.5), Smaller(0.5, "2:4"), Smaller(clusters=16), Smaller(0.25, clusters=8))]
    assert said == ["", "50 % pruned", "50 % pruned (2:4)", "16 clusters", "25 % pruned, 8 clusters"]
