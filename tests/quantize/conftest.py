"""A small network with every kind of block, its weights before training, and pictures of many kinds."""

from __future__ import annotations

import os

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

from facelite.networks import build, fold, get_weights
from facelite.networks.table import Conv, Flatten, Inception, Network

NETWORK = Network(
    "small",
    height=32,
    width=32,
    rows=(
        Conv("conv1", 3, 8, stride=2),
        Inception("mixed", 0, (8, 8), (4, 8), "max", stride=2, five_as=(3, 3)),
        Inception("added", 8, (8, 8), None, "average", 8, residual=True),
        Inception("rooted", 8, None, None, "L2", 8),
        Flatten("flatten"),
    ),
    embedding=32,
)


@pytest.fixture(scope="session")
def network():
    return NETWORK


@pytest.fixture(scope="session")
def tf_keras():
    return pytest.importorskip("tf_keras")


@pytest.fixture(scope="session")
def weights(tf_keras):
    """Of the network before training, folded; the block that starts as nothing is given something to add."""
    tf_keras.utils.set_random_seed(0)
    values = get_weights(build(NETWORK, keras=tf_keras))
    values["added_linear_bn"][0] += 0.5
    return fold(values)


@pytest.fixture(scope="session")
def crops():
    """Smooth pictures of many kinds (40, 32, 32, 3)."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (40, 4, 4, 3)).astype(np.uint8)
    return small.repeat(8, axis=1).repeat(8, axis=2)


@pytest.fixture(scope="module")
def model(tf_keras, weights):
    made = build(NETWORK, keras=tf_keras, folded=True)
    for name, values in weights.items():
        made.get_layer(name).set_weights(values)
    return made
