"""Outliers against plain loops and a closed form; wrong labels among people drawn at random, of whom it is known which they are."""

from __future__ import annotations

import numpy as np
import pytest

from facelite.evaluation.outliers import Rule, find_outliers, person_means


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def faces(seed, people=40, pictures=8, cosine=0.55, size=128):
    """Unit vectors (n, d) whose pictures of a person have about the mutual ``cosine``, of two people none; and the person of each."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), pictures)
    spread = np.sqrt((1 / cosine - 1) / size)
    return unit(unit(rng.normal(size=(people, size)))[person] + spread * rng.normal(size=(len(person), size))), person


def given_away(person, share, seed):
    """Labels of which this share is another person's, and which pictures these are."""
    chosen = np.random.default_rng(seed).permutation(len(person))[: round(share * len(person))]
    label = person.copy()
    label[chosen] = person[np.roll(chosen, 1)]
    return label, label != person


def plain_round(vectors, person, kept):
    """By the definition, picture by picture: distance to the unit mean of the others that are kept, else of all; mean cosine; number."""
    rows = []
    for i in range(len(vectors)):
        others = [j for j in range(len(vectors)) if j != i and person[j] == person[i] and vectors[j].any()]
        others = [j for j in others if kept[j]] or others
        if not others or not vectors[i].any():
            rows.append((np.nan, np.nan, 1))
            continue
        mean = np.mean([vectors[j].astype(float) for j in others], axis=0)
        rows.append((2 - 2 * vectors[i] @ mean / np.linalg.norm(mean), vectors[i] @ mean, len(others)))
    return np.array(rows).T


def plain_outliers(vectors, person, threshold):
    """Rounds until nothing changes, ten at most: distances, limits, outliers."""
    far = [False] * len(vectors)
    for _ in range(10):
        distance, cosine, others = plain_round(vectors, person, [not one and vector.any() for one, vector in zip(far, vectors, strict=True)])
        judged = [one for one, out in zip(cosine, far, strict=True) if not out and not np.isnan(one)]
        c = max(0, np.median(judged)) if judged else 1
        limit = [threshold + 2 * c**0.5 - 2 * c * (n / (1 + (n - 1) * c)) ** 0.5 for n in others]
        before, far = far, [one > most for one, most in zip(distance, limit, strict=True)]
        if far == before:
            break
    return distance, limit, far


@pytest.mark.parametrize("seed", range(6))
def test_outliers_are_those_of_the_definition(seed):
    rng = np.random.default_rng(seed)
    vectors, person = faces(seed, people=6, pictures=5, size=16)
    person = rng.permutation(np.concatenate([person[:-2], [6, 6]]))  # labels at random: many outliers, which come and go
    vectors[rng.integers(len(vectors), size=4)] = 0
    found = find_outliers(vectors, person, threshold=0.9)
    distance, limit, far = plain_outliers(vectors, person, 0.9)
    assert sum(far) > 3
    assert found.far.tolist() == far
    np.testing.assert_allclose(found.distance, distance, atol=1e-5)
    judged = ~np.isnan(distance)
    np.testing.assert_allclose(found.limit[judged], np.array(limit)[judged], atol=1e-5)


def test_what_few_others_cost_is_the_closed_form():
    """Vectors with the mutual cosine c exactly, by a Cholesky factor of their Gram matrix."""
    c = 0.4
    vectors = np.linalg.cholesky(np.full((101, 101), c) + (1 - c) * np.eye(101))
    rule, middle = Rule(1.0, c), 2 - 2 * np.sqrt(c)
    for others in (1, 2, 5, 100):
        mean = vectors[1 : 1 + others].mean(0)
        distance = 2 - 2 * vectors[0] @ mean / np.linalg.norm(mean)
        assert rule.limit(np.array([others]))[0] == pytest.approx(1.0 + distance - middle)
    assert rule.limit(np.array([10**9]))[0] == pytest.approx(1.0)


def test_c_is_the_median_of_the_mean_cosines():
    vectors, person = faces(0, people=5, pictures=4, size=16)
    found = find_outliers(vectors, person, threshold=4.0)  # no outliers
    cosines = [np.mean([vectors[i] @ vectors[j] for j in range(20) if j != i and person[j] == person[i]]) for i in range(20)]
    assert found.rule.cosine == pytest.approx(np.median(cosines), abs=1e-6)
    assert not found.far.any()


@pytest.mark.parametrize(("share", "recall"), [(0.02, 1.0), (0.1, 1.0), (0.35, 0.97)])
def test_wrong_labels_are_found_and_right_ones_left(share, recall):
    vectors, person = faces(1)
    label, wrong = given_away(person, share, 2)
    found = find_outliers(vectors, label, threshold=1.2)
    assert (found.far & wrong).sum() >= recall * wrong.sum() > 0
    assert (found.far & ~wrong).sum() <= 0.02 * (~wrong).sum()


def test_a_wrong_picture_does_not_hide_another():
    """Two fifths of another person draw the mean towards them; once they do not count, they lie where they belong."""
    mixed = faces(3, people=2, pictures=30, cosine=0.8)[0][:50]
    label = np.zeros(50, int)
    assert plain_round(mixed, label, np.ones(50, bool))[0].max() < 1.3
    found = find_outliers(mixed, label, threshold=0.8)
    assert found.far.tolist() == [False] * 30 + [True] * 20
    assert (found.distance[30:] > 1.5).all()


def test_two_pictures_that_disagree_are_both_doubtful_and_one_alone_is_not():
    vectors = np.eye(4, dtype=np.float32)
    found = find_outliers(vectors, np.array([0, 0, 1, 2]), threshold=1.2)
    assert found.far.tolist() == [True, True, False, False]
    assert found.distance[:2] == pytest.approx([2, 2])
    assert np.isnan(found.distance[2:]).all()


def test_nobody_s_pictures():
    found = find_outliers(np.zeros((0, 8), np.float32), np.zeros(0, int), threshold=1.2)
    assert len(found.far) == 0
    assert found.rule.limit(np.array([1, 9])) == pytest.approx([1.2, 1.2])


def test_means_are_of_the_pictures_that_are_kept():
    vectors, person = faces(4, people=3, pictures=4, size=8)
    kept = np.array([True, False, True, True] + [False] * 4 + [True] * 4)
    means, count = person_means(vectors, person, kept, people=4)
    assert count.tolist() == [3, 0, 4, 0]
    np.testing.assert_allclose(means[0], vectors[[0, 2, 3]].mean(0), atol=1e-6)
    np.testing.assert_allclose(means[2], vectors[8:].mean(0), atol=1e-6)
    assert not means[[1, 3]].any()
