"""Error rates against scikit-learn and plain loops; thresholds against what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from facelite.calibration import all_pairs, area_under_curve, calibrate, equal_error_rate, fmr_interval, threshold_at, val_at
from facelite.errors import UnsupportedRate


@pytest.fixture
def distances():
    rng = np.random.default_rng(3)
    return rng.normal(0.8, 0.3, 500).astype(np.float32), rng.normal(1.8, 0.25, 4000).astype(np.float32)


def people(rng, count, pictures, spread, d=16):
    centres = rng.normal(size=(count, d))
    vectors = np.repeat(centres, pictures, axis=0) + spread * rng.normal(size=(count * pictures, d))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), np.repeat(np.arange(count), pictures)


def test_auc_is_scikit_learns(distances):
    genuine, impostor = distances
    labels = np.r_[np.ones(len(genuine)), np.zeros(len(impostor))]
    expected = roc_auc_score(labels, -np.concatenate(distances))
    assert area_under_curve(genuine, impostor) == pytest.approx(expected, abs=1e-12)


def test_auc_counts_ties_half():
    assert area_under_curve(np.array([1.0, 2.0]), np.array([1.0, 3.0])) == pytest.approx((0.5 + 1 + 0 + 1) / 4)


def test_eer_is_where_the_rates_of_scikit_learn_meet(distances):
    genuine, impostor = distances
    fmr, val, _ = roc_curve(np.r_[np.ones(len(genuine)), np.zeros(len(impostor))], -np.concatenate(distances), drop_intermediate=False)
    nearest = np.argmin(np.abs(fmr - (1 - val)))
    assert equal_error_rate(genuine, impostor) == pytest.approx((fmr[nearest] + 1 - val[nearest]) / 2, abs=1e-12)


@pytest.mark.parametrize("fmr", [0.1, 0.01, 0.001])
def test_threshold_is_the_largest_distance_within_the_fmr(distances, fmr):
    impostor = distances[1]
    threshold = threshold_at(impostor, fmr)
    assert np.mean(impostor <= threshold) <= fmr
    just_beyond = impostor[impostor > threshold].min()
    assert np.mean(impostor <= just_beyond) > fmr


def test_threshold_never_matches_a_tie_too_many():
    impostor = np.full(1000, 0.5, np.float32)
    assert np.mean(impostor <= threshold_at(impostor, 0.01)) == 0


def test_val_is_one_minus_fnmr(distances):
    genuine, impostor = distances
    threshold = threshold_at(impostor, 0.01)
    assert val_at(genuine, impostor, 0.01) == sum(d <= threshold for d in genuine) / len(genuine)


def test_all_pairs_is_the_plain_double_loop():
    rng = np.random.default_rng(0)
    vectors, subjects = people(rng, 6, 3, 0.5)
    numbering = np.array([0, 0, 0, 1, 1, 1]).repeat(3)
    genuine, impostor, couples = [], [], set()
    for i in range(len(vectors)):
        for j in range(i + 1, len(vectors)):
            distance = np.sum((vectors[i] - vectors[j]) ** 2)
            if subjects[i] == subjects[j]:
                genuine.append(distance)
            elif numbering[i] == numbering[j]:
                impostor.append(distance)
                couples.add((subjects[i], subjects[j]))
    pairs = all_pairs(vectors, subjects, numbering)
    np.testing.assert_allclose(np.sort(pairs.genuine), np.sort(genuine), atol=1e-5)
    np.testing.assert_allclose(np.sort(pairs.impostor), np.sort(impostor), atol=1e-5)
    assert pairs.people == 6
    assert pairs.people_pairs == len(couples) == 6


def test_one_name_in_two_numberings_is_two_people():
    vectors, _ = people(np.random.default_rng(0), 2, 2, 0.1)
    pairs = all_pairs(vectors, np.zeros(4, np.int64), np.array([0, 0, 1, 1]))
    assert (len(pairs.genuine), len(pairs.impostor), pairs.people) == (2, 0, 2)


def test_an_fmr_that_the_people_cannot_support_is_refused_with_the_number_it_would_take():
    pairs = all_pairs(*people(np.random.default_rng(0), 20, 2, 0.3))
    assert pairs.people_pairs == 190
    with pytest.raises(UnsupportedRate, match=r"expected at least 3,000 pairs of distinct people for an FMR of 0.001, got 190"):
        calibrate(pairs, [0.1, 1e-3])


def test_calibrated_thresholds_carry_their_counts():
    pairs = all_pairs(*people(np.random.default_rng(0), 60, 3, 0.4))
    wide, narrow = calibrate(pairs, [0.1, 0.01])
    assert wide.distance > narrow.distance
    assert wide.fnmr <= narrow.fnmr
    assert (narrow.genuine_pairs, narrow.impostor_pairs, narrow.people_pairs) == (180, 60 * 59 // 2 * 9, 60 * 59 // 2)
    assert np.mean(pairs.impostor <= narrow.distance) <= 0.01 <= narrow.fmr_upper


def test_the_interval_holds_the_true_fmr_about_as_often_as_it_says():
    """People whose impostor rates differ: the interval by people must cover, one by pairs would be far too narrow."""
    distance, truth = 1.2, np.mean([_fmr(np.random.default_rng(1000 + i), 40, 1.2) for i in range(300)])
    covered = 0
    for seed in range(60):
        pairs = all_pairs(*people(np.random.default_rng(seed), 40, 4, 0.3, d=8))
        low, high = fmr_interval(pairs, distance, seed=seed)
        covered += low <= truth <= high
    assert covered >= 50  # 95 % of 60 is 57; fewer than 50 would come once in a thousand


def _fmr(rng, count, distance):
    pairs = all_pairs(*people(rng, count, 1, 0.3, d=8))
    return np.mean(pairs.impostor <= distance)
