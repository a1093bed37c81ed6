"""Muon against the iteration written plainly, and against AdamW where it must be that."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from facelite.training.muon import MATRIX_STEP, Muon, orthogonal


def plain(matrix: np.ndarray) -> np.ndarray:
    """Newton-Schulz on the whole matrix, as Jordan et al. write it."""
    x = matrix / np.linalg.norm(matrix)
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (5, 5), (200, 16)])
def test_orthogonal_is_the_plain_iteration(shape: tuple[int, int]) -> None:
    matrix = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    got = keras.ops.convert_to_numpy(orthogonal(keras.ops.convert_to_tensor(matrix)))
    np.testing.assert_allclose(got, plain(matrix.astype(np.float64)), atol=2e-4)


def test_orthogonal_draws_singular_values_to_one_and_keeps_the_directions() -> None:
    rng = np.random.default_rng(2)
    matrix = (rng.normal(size=(64, 12)) * np.geomspace(0.05, 1, 12)).astype(np.float32)
    got = keras.ops.convert_to_numpy(orthogonal(keras.ops.convert_to_tensor(matrix)))
    singular = np.linalg.svd(got, compute_uv=False)
    assert singular.min() > 0.6 and singular.max() < 1.25
    u, _, v = np.linalg.svd(matrix, full_matrices=False)
    turned = u.T @ got @ v.T
    np.testing.assert_allclose(turned, np.diag(np.diag(turned)), atol=1e-3)


def test_orthogonal_of_nothing_is_nothing() -> None:
    assert not keras.ops.convert_to_numpy(orthogonal(keras.ops.zeros((3, 5)))).any()


def step(optimizer: keras.optimizers.Optimizer, value: np.ndarray, gradient: np.ndarray, name: str = "kernel") -> np.ndarray:
    variable = keras.Variable(value, name=name)
    optimizer.build([variable])
    optimizer.apply([keras.ops.convert_to_tensor(gradient)])
    return keras.ops.convert_to_numpy(variable) - value


def test_a_convolution_steps_by_its_matrix() -> None:
    rng = np.random.default_rng(3)
    value, gradient = (rng.normal(size=(3, 3, 4, 8)).astype(np.float32) for _ in range(2))
    got = step(Muon(0.01, weight_decay=0.0), value, gradient)
    np.testing.assert_allclose(got.reshape(36, 8), -0.01 * MATRIX_STEP * 6 * plain(gradient.reshape(36, 8)), atol=1e-5)


@pytest.mark.parametrize(("shape", "name"), [((8,), "bias"), ((6, 5), "classifier")])
def test_vectors_and_named_matrices_step_as_adamw_does(shape: tuple[int, ...], name: str) -> None:
    rng = np.random.default_rng(4)
    value, gradient = (rng.normal(size=shape).astype(np.float32) for _ in range(2))
    ours = step(Muon(0.01, weight_decay=0.1, adamw=("classifier",)), value, gradient, name)
    np.testing.assert_allclose(ours, step(keras.optimizers.AdamW(0.01, weight_decay=0.1), value, gradient, name), atol=1e-6)


def test_matrices_decay_by_rate_and_decay() -> None:
    value = np.ones((4, 4), np.float32)
    np.testing.assert_allclose(step(Muon(0.01, weight_decay=0.5), value, np.zeros((4, 4), np.float32)), -0.005, rtol=1e-4)
