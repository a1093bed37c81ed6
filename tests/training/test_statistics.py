"""Statistics of a batch against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from facelite.training.losses import triplet_loss
from facelite.training.statistics import statistics


def batch(seed, n=32, d=5):
    rng = np.random.default_rng(seed)
    subjects = rng.integers(-1, 5, n)
    vectors = rng.normal(size=(7, d))[subjects] + 0.7 * rng.normal(size=(n, d))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), subjects, (rng.random(n) < 0.2).astype(int)


def distance(a, b):
    return sum((float(x) - float(y)) ** 2 for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("anchors", [16, 32])
def test_counts_and_quantiles_are_those_of_plain_loops(seed, anchors):
    vectors, subjects, numbering = batch(seed)
    margin, n = 0.2, len(vectors)
    known = [[subjects[a] >= 0 <= subjects[b] and numbering[a] == numbering[b] for b in range(n)] for a in range(n)]
    ap = [(a, p) for a in range(anchors) for p in range(anchors) if a != p and known[a][p] and subjects[a] == subjects[p]]
    an = [(a, b) for a in range(anchors) for b in range(n) if known[a][b] and subjects[a] != subjects[b]]
    gaps = [distance(vectors[a], vectors[b]) - distance(vectors[a], vectors[p]) for a, p in ap for other, b in an if other == a]
    found = statistics(vectors, subjects, numbering, anchors=anchors, margin=margin)
    assert found.active == pytest.approx(sum(gap < margin for gap in gaps) / len(gaps))
    assert found.semi_hard == sum(0 < gap < margin for gap in gaps) > 0
    positives, negatives = ([distance(vectors[a], vectors[b]) for a, b in pairs] for pairs in (ap, an))
    assert [found.positive_median, found.positive_90] == pytest.approx(list(np.quantile(positives, [0.5, 0.9])), abs=1e-5)
    assert [found.negative_median, found.negative_10] == pytest.approx(list(np.quantile(negatives, [0.5, 0.1])), abs=1e-5)
    assert found.spread == pytest.approx(np.mean([distance(a, b) for a in vectors for b in vectors]), abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_semi_hard_counts_the_triplets_of_the_loss(seed):
    """Each of them has its positive among the anchors: with one anchor there is none."""
    vectors, subjects, numbering = batch(seed)
    for anchors in (1, 16):
        found = statistics(vectors, subjects, numbering, anchors=anchors, margin=0.2)
        assert (found.semi_hard > 0) == (float(triplet_loss(vectors, subjects, numbering, anchors=anchors, margin=0.2)) > 0) == (anchors > 1)


def test_without_pairs_there_is_no_quantile():
    vectors = batch(0)[0]
    found = statistics(vectors, np.full(32, -1), np.zeros(32), anchors=32, margin=0.2)
    assert found.active == found.semi_hard == 0
    assert np.isnan([found.positive_median, found.positive_90, found.negative_median, found.negative_10]).all()


@pytest.mark.parametrize("vector", [(1, 0, 0), (0, 0, 0)])
def test_a_constant_embedding_has_no_spread(vector):
    vectors = np.tile(np.float32(vector), (8, 1))
    assert statistics(vectors, np.arange(8), np.zeros(8), anchors=8, margin=0.2).spread == 0


def test_the_spread_of_opposite_halves_is_two():
    vectors = np.repeat(np.float32([(1, 0), (-1, 0)]), 4, axis=0)
    assert statistics(vectors, np.arange(8), np.zeros(8), anchors=8, margin=0.2).spread == 2
