"""One table, two hosts: the same names, the same weights, the same embeddings; and the layers against plain loops."""

from dataclasses import replace
from functools import cache

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from facelite.networks import NETWORKS, Network, build, fold, get_weights, set_weights
from facelite.networks.layers import batch_norm, l2_pooling, response_norm
from facelite.networks.table import Conv, Inception, Maxout

HOSTS = {"keras": keras, "tf_keras": tf_keras}
SIDE = 64
NEAR = 1e-4
"""The largest difference of two embeddings over the largest value of either."""


@cache
def model(network, host, folded=False):
    HOSTS[host].utils.set_random_seed(7)
    return build(NETWORKS[network], keras=HOSTS[host], height=SIDE, width=SIDE, folded=folded)


@cache
def trained(network):
    """Weights as after training: BatchNorm at its start would hide a wrong order of its values, and let the signal fade."""
    generator = np.random.default_rng(7)
    one = model(network, "keras")
    for layer in one.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.gamma.assign(generator.uniform(0.5, 1.5, layer.gamma.shape))
            layer.beta.assign(generator.normal(0.5, 0.2, layer.beta.shape))
            layer.momentum = 0.0  # the next batch's mean and variance replace the moving ones
    one(pictures(16), training=True)
    return get_weights(one)


@cache
def pictures(n):
    return np.random.default_rng(1).uniform(-1, 1, (n, SIDE, SIDE, 3)).astype(np.float32)


def embeddings(network, host, folded=False):
    one = model(network, host, folded)
    set_weights(one, fold(trained(network)) if folded else trained(network))
    return np.asarray(one(pictures(2), training=False))


def difference(a, b):
    return np.abs(a - b).max() / np.abs(a).max()


@pytest.mark.parametrize("network", NETWORKS)
def test_hosts_and_folding_agree(network):
    ours = embeddings(network, "keras")
    assert difference(ours[0], ours[1]) > 0.1, "the pictures must matter"
    for host, folded in (("tf_keras", False), ("keras", True), ("tf_keras", True)):
        assert difference(ours, embeddings(network, host, folded)) < NEAR, (host, folded)


RESIDUAL = Inception("block", 8, (4, 8), None, None, residual=True)


@pytest.fixture
def residual(monkeypatch):
    """The name of a network with a residual block, known while the test runs."""
    monkeypatch.setitem(NETWORKS, "residual", Network("residual", SIDE, SIDE, (Conv("conv", 3, 16, stride=8), RESIDUAL), embedding=8))
    for cached in (model, trained):
        cached.cache_clear()
    yield "residual"
    for cached in (model, trained):
        cached.cache_clear()


def test_a_residual_block_agrees_too(residual):
    test_hosts_and_folding_agree(residual)


@pytest.mark.parametrize("host", HOSTS)
def test_a_new_residual_block_hands_its_input_on(residual, host):
    whole = model(residual, host)
    parts = [whole.get_layer(name).output for name in ("conv_relu", "block_relu", "block")]
    before, after, branches = HOSTS[host].Model(whole.input, parts)(pictures(2))
    assert np.asarray(branches).max() > 0
    np.testing.assert_array_equal(np.asarray(before), np.asarray(after))


def test_what_is_halved_has_no_input_to_be_added_to():
    with pytest.raises(ValueError, match="expected stride 1"):
        replace(RESIDUAL, stride=2)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("embedding", [64, 128, 256, 512])
def test_sizes_are_arguments(host, embedding):
    ours = build(NETWORKS["nns2"], keras=HOSTS[host], height=96, width=80, embedding=embedding, batch=1, folded=True)
    assert (tuple(ours.inputs[0].shape), tuple(ours.outputs[0].shape)) == ((1, 96, 80, 3), (1, embedding))


@pytest.mark.parametrize("host", HOSTS)
def test_sizes_are_the_tables_unless_told(host):
    ours = build(NETWORKS["nns2"], keras=HOSTS[host])
    assert (tuple(ours.inputs[0].shape), tuple(ours.outputs[0].shape)) == ((None, 112, 96, 3), (None, 128))


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("network", NETWORKS)
def test_bare_pooling_comes_first(network, host, folded):
    bare = {row.name for row in NETWORKS[network].rows if isinstance(row, Inception) and row.pool and not row.projection}
    for layer in model(network, host, folded).layers:
        if type(layer).__name__ == "Concatenate":
            pools = [name.endswith("_pool") for name in inputs_of(layer)]
            assert not any(pools[1:])
            assert pools[0] == (layer.name in bare)
            bare.discard(layer.name)
    assert not bare, "every block with bare pooling was seen"


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("network", NETWORKS)
def test_names_are_unique_and_the_tables(network, folded):
    """No name is made up by a host: such names count up, and differ from one building to the next."""
    ours, theirs = ([layer.name for layer in model(network, host, folded).layers] for host in HOSTS)
    assert ours == theirs
    assert len(set(ours)) == len(ours)
    known = ["input", *(row.name for row in NETWORKS[network].rows), "embedding"]
    assert [name for name in ours if not any(name == row or name.startswith(f"{row}_") for row in known)] == []


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("host", HOSTS)
def test_nns2_keeps_the_names_and_the_order_of_released_weights(host, folded):
    reduction = ["5x5_reduce", "3x3_reduce", "5x5_1", "3x3", "5x5_2"]
    block = ["3x3_reduce", "1x1", "3x3", "linear"]
    blocks = {"inception3a": reduction, "inception3b": block, "inception3c": block, "inception4a": reduction, "inception4b": block}
    names = [name for name in get_weights(model("nns2", host, folded)) if not name.endswith("_bn")]
    assert names == ["conv1", "conv2", *(f"{row}_{part}" for row, parts in blocks.items() for part in parts), "embedding"]


@pytest.mark.parametrize("host", HOSTS)
def test_set_weights_refuses_other_names(host):
    with pytest.raises(ValueError, match="expected weights of"):
        set_weights(model("nns2", host), get_weights(model("nns2", host, True)))


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("side", [(7, 6), (8, 8)])
@pytest.mark.parametrize("stride", [1, 2])
def test_l2_pooling_is_the_plain_loop(host, side, stride):
    x = np.random.default_rng(2).normal(0, 3, (2, *side, 3)).astype(np.float32)
    ours = l2_pooling(HOSTS[host])(3, stride, "same", name="pool")
    np.testing.assert_allclose(np.asarray(ours(x)), plain_l2_pooling(x, 3, stride), rtol=1e-5)


def plain_l2_pooling(x, size, stride):
    """The root of the mean of squares of what lies inside the picture; of an odd padding the smaller half comes first."""
    batch, height, width, channels = x.shape
    rows, columns = -(-height // stride), -(-width // stride)
    top = max((rows - 1) * stride + size - height, 0) // 2
    left = max((columns - 1) * stride + size - width, 0) // 2
    out = np.zeros((batch, rows, columns, channels))
    for b, i, j, c in np.ndindex(out.shape):
        y, z = i * stride - top, j * stride - left
        window = x[b, max(y, 0) : y + size, max(z, 0) : z + size, c].astype(np.float64)
        out[b, i, j, c] = np.sqrt((window**2).mean())
    return out


@pytest.mark.parametrize("host", HOSTS)
def test_l2_pooling_has_a_gradient_at_zero(host):
    x = tf.Variable(tf.zeros((1, 4, 4, 2)))
    layer = l2_pooling(HOSTS[host])(3, 1, "same")
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(layer(x))
    assert np.isfinite(tape.gradient(y, x).numpy()).all()


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("channels", [2, 5, 9])
def test_response_norm_is_the_plain_loop(host, channels):
    x = np.random.default_rng(3).normal(0, 100, (2, 3, 4, channels)).astype(np.float32)  # large, so that alpha's sum counts
    np.testing.assert_allclose(np.asarray(response_norm(HOSTS[host])(name="norm")(x)), plain_response_norm(x), rtol=1e-5)


def plain_response_norm(x):
    """Krizhevsky et al. 2012, section 3.3: k = 2, n = 5, alpha = 1e-4, beta = 0.75."""
    out = np.zeros(x.shape)
    for place in np.ndindex(x.shape[:-1]):
        values = x[place].astype(np.float64)
        for c in range(len(values)):
            near = sum(values[d] ** 2 for d in range(max(0, c - 2), min(len(values), c + 3)))
            out[place][c] = values[c] / (2 + 1e-4 * near) ** 0.75
    return out


@pytest.mark.parametrize("host", HOSTS)
def test_maxout_is_the_larger_of_its_linear_pieces(host):
    tiny = Network("tiny", height=2, width=3, embedding=4, rows=(Maxout("fc", 5, pieces=2),))
    ours = build(tiny, keras=HOSTS[host], folded=True)
    generator = np.random.default_rng(4)
    for weight in ours.weights:
        weight.assign(generator.normal(size=weight.shape))
    x = generator.normal(size=(3, 2, 3, 3)).astype(np.float32)
    weights = get_weights(ours)
    (kernel, bias), (last, last_bias) = weights["fc"], weights["embedding"]
    linear = x.reshape(3, -1) @ kernel + bias  # (batch, 2 * 5)
    expected = np.maximum(linear[:, :5], linear[:, 5:]) @ last + last_bias
    np.testing.assert_allclose(np.asarray(ours(x)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("host", HOSTS)
def test_own_layers_survive_saving(host):
    hosted = HOSTS[host]
    for layer in (l2_pooling(hosted)(3, 2, "same", name="pool"), response_norm(hosted)(name="norm")):
        again = hosted.layers.deserialize(hosted.layers.serialize(layer))
        assert (type(again), again.get_config()) == (type(layer), layer.get_config())


def inputs_of(layer):
    """The names of the layers whose outputs go into ``layer``, in order."""
    return [tensor._keras_history[0].name for tensor in layer.input]


def normalised(layer, images, towards):
    """The outputs, the gradients of their product with ``towards``, and the moving values after one step of training."""
    x = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.cast(layer(x, training=True), tf.float32)
        value = tf.reduce_sum(y * towards)
    gradients = tape.gradient(value, [x, layer.gamma, layer.beta])
    return [np.asarray(one, np.float32) for one in (y, *gradients, layer.moving_mean, layer.moving_variance)]


@pytest.mark.parametrize(("dtype", "near"), [("float32", 1e-3), ("mixed_bfloat16", 2e-2)])  # the kernel's variance: n - 1
@pytest.mark.parametrize("channels", [16, 28])
def test_the_fused_normalisation_is_keras_own(channels, dtype, near):
    generator = np.random.default_rng(3)
    images = generator.normal(1, 2, (8, 12, 12, channels)).astype(np.float32)
    towards = generator.normal(size=images.shape).astype(np.float32)
    layers = [kind(momentum=0.9, epsilon=1e-3, dtype=dtype) for kind in (batch_norm(keras), keras.layers.BatchNormalization)]
    assert type(layers[0]) is not type(layers[1])
    for layer in layers:
        layer.build(images.shape)
        layer.gamma.assign(np.linspace(0.5, 1.5, channels))
        layer.beta.assign(np.linspace(-1, 1, channels))
    for ours, theirs in zip(*(normalised(layer, images, towards) for layer in layers), strict=True):
        assert difference(ours, theirs) < near
    judged = [np.asarray(layer(images, training=False), np.float32) for layer in layers]
    assert difference(*judged) < near
