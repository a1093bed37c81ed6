"""People with pictures, as embeddings."""

from __future__ import annotations

import numpy as np
import pytest

from facelite.calibration import compare_list


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def people():
    """A function of (seed, people, pictures of each, spread) -> unit vectors and subjects."""

    def make(seed, count, pictures, spread, d=16):
        rng = np.random.default_rng(seed)
        subjects = np.repeat(np.arange(count), pictures)
        return unit(rng.normal(size=(count, d))[subjects] + spread * rng.normal(size=(len(subjects), d))), subjects

    return make


@pytest.fixture
def listed():
    """500 genuine and 4,000 impostor distances that overlap, each between people of its own."""
    rng = np.random.default_rng(3)
    distances = np.r_[rng.normal(0.8, 0.3, 500), rng.normal(1.8, 0.25, 4000)].clip(0, 4).astype(np.float32)
    same = np.arange(4500) < 500
    return compare_list(distances, same, np.stack([np.arange(4500), np.arange(4500) + 4500 * ~same], axis=1)), distances, same
