"""Near vectors by blocks are those of plain loops, whatever the blocks; memory stays that of a block."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from facelite.evaluation import neighbours as module
from facelite.evaluation.neighbours import earlier_within, mutual_nearest, nearest_within


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def between(a, b):
    return 2 - 2 * float(np.dot(a.astype(float), b))


@pytest.fixture(params=[1, 3, 7, 2048])
def block(request, monkeypatch):
    """Blocks that the vectors fill, do not fill, and one that holds them all."""
    monkeypatch.setattr(module, "BLOCK", request.param)


def plain_nearest(query, vectors, limits):
    within = [(between(query, vector), i) for i, vector in enumerate(vectors) if between(query, vector) <= limits[i]]
    return min(within, default=(np.inf, -1))


def test_the_nearest_within_limits_are_those_of_a_plain_loop(block):
    rng = np.random.default_rng(0)
    queries, vectors = unit(rng.normal(size=(15, 4))), unit(rng.normal(size=(11, 4)))
    limits = rng.choice([-np.inf, 0.1, 0.3], size=(15, 11)).astype(np.float32)
    index, distance = nearest_within(queries, vectors, limit=lambda rows: limits[rows])
    expected = [plain_nearest(query, vectors, limit) for query, limit in zip(queries, limits, strict=True)]
    assert index.tolist() == [i for _, i in expected]
    assert 0 < (index < 0).sum() < 12
    np.testing.assert_allclose(distance, [far for far, _ in expected], atol=1e-6)


def test_of_equals_the_first_is_the_nearest_and_no_distance_is_negative(block):
    vectors = np.repeat(unit(np.random.default_rng(1).normal(size=(1, 128))), 5, axis=0)
    index, distance = nearest_within(vectors, vectors, limit=lambda rows: np.full((5, 5), 1, np.float32)[rows])
    assert index.tolist() == [0] * 5
    assert ((distance >= 0) & (distance < 1e-6)).all()


def test_nothing_is_near_nothing():
    index, distance = nearest_within(np.zeros((2, 4), np.float32), np.zeros((0, 4), np.float32), limit=lambda rows: np.zeros((2, 0), np.float32))
    assert (index.tolist(), distance.tolist()) == ([-1, -1], [np.inf, np.inf])
    assert mutual_nearest(np.zeros((0, 4), np.float32), limit=lambda rows: np.zeros((0, 0), np.float32))[0].shape == (0, 2)
    assert earlier_within(np.zeros((0, 4), np.float32), distance=1, kind=lambda first, second: first * 0)[0].shape == (0, 2)


def test_mutual_nearest_are_those_of_a_plain_loop(block):
    rng = np.random.default_rng(2)
    vectors = unit(rng.normal(size=(20, 3)))
    limits = np.where(np.eye(20, dtype=bool), -np.inf, 0.8).astype(np.float32)
    pairs, distance = mutual_nearest(vectors, limit=lambda rows: limits[rows])
    nearest = [plain_nearest(vector, vectors, limit)[1] for vector, limit in zip(vectors, limits, strict=True)]
    expected = [(i, j) for i, j in enumerate(nearest) if i < j and nearest[j] == i]
    assert 3 < len(expected) < 10
    assert [tuple(pair) for pair in pairs.tolist()] == expected
    np.testing.assert_allclose(distance, [between(vectors[i], vectors[j]) for i, j in expected], atol=1e-6)


def plain_earlier(vectors, distance, kind):
    found = {}
    for j in range(len(vectors)):
        for i in range(j):
            far = between(vectors[i], vectors[j])
            if far <= distance and far < found.get((j, kind(i, j)), (np.inf,))[0]:
                found[j, kind(i, j)] = far, i
    return found


@pytest.mark.parametrize("distance", [0.05, 0.5, 1.5])
def test_earlier_ones_are_those_of_a_plain_loop(block, distance):
    rng = np.random.default_rng(3)
    vectors, label = unit(rng.normal(size=(30, 4))), rng.integers(3, size=30)
    seen = []
    pairs, distances = earlier_within(
        vectors,
        distance=distance,
        kind=lambda first, second: np.abs(label[first] - label[second]),
        progress=lambda done, total: seen.append(done / total),
    )
    expected = plain_earlier(vectors, distance, lambda i, j: abs(label[i] - label[j]))
    found = {(j, abs(label[i] - label[j])): (far, i) for (i, j), far in zip(pairs.tolist(), distances, strict=True)}
    assert len(found) == len(pairs)
    assert {key: i for key, (_, i) in found.items()} == {key: i for key, (_, i) in expected.items()}
    assert all(far == pytest.approx(expected[key][0], abs=1e-6) for key, (far, _) in found.items())
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_of_many_equal_ones_each_is_paired_once(block):
    vectors = np.repeat(np.eye(2, dtype=np.float32), [6, 4], axis=0)
    pairs, _ = earlier_within(vectors, distance=0.1, kind=lambda first, second: first * 0)
    assert sorted(pairs.tolist()) == [[0, j] for j in range(1, 6)] + [[6, j] for j in range(7, 10)]


def test_memory_is_that_of_a_block(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 256)
    vectors = unit(np.random.default_rng(4).normal(size=(4000, 16)))
    limit = np.full(len(vectors), 0.01, np.float32)
    tracemalloc.start()
    earlier_within(vectors, distance=0.01, kind=lambda first, second: first * 0)
    nearest_within(vectors, vectors, limit=lambda rows: np.broadcast_to(limit, (rows.stop - rows.start, len(limit))))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 4 * 256**2 < peak < 16 * 256**2 + 400 * len(vectors) < len(vectors) ** 2
