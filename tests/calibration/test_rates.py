"""Rates against scikit-learn and plain loops over the distances on the grid."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from facelite.calibration import STEPS, compare_all, compare_list, on_grid, rates


def test_auc_is_scikit_learns(listed):
    comparisons, distances, same = listed
    assert rates(comparisons).auc == pytest.approx(roc_auc_score(same, -on_grid(distances)), abs=1e-12)


def test_auc_counts_ties_half():
    found = compare_list(np.array([1.0, 2.0, 1.0, 3.0]), np.array([True, True, False, False]), np.array([(0, 0), (1, 1), (0, 1), (1, 2)]))
    assert rates(found).auc == pytest.approx((0.5 + 1 + 0 + 1) / 4)


def test_eer_is_where_the_rates_of_scikit_learn_meet(listed):
    comparisons, distances, same = listed
    fmr, val, _ = roc_curve(same, -on_grid(distances), drop_intermediate=False)
    nearest = np.argmin(np.abs(fmr - (1 - val)))
    assert rates(comparisons).eer == pytest.approx((fmr[nearest] + 1 - val[nearest]) / 2, abs=1e-12)


@pytest.mark.parametrize("fmr", [0.1, 0.01, 0.001])
def test_the_place_is_the_largest_threshold_within_the_fmr(listed, fmr):
    comparisons, distances, same = listed
    k = rates(comparisons).place(fmr)
    impostor = distances[~same]
    assert np.mean(impostor <= k / STEPS) <= fmr < np.mean(impostor <= (k + 1) / STEPS)


def test_no_threshold_is_allowed_a_tie_too_many():
    same = np.arange(1001) == 0
    found = rates(compare_list(np.full(1001, 0.5, np.float32), same, np.stack([np.arange(1001), np.arange(1001) + ~same], axis=1)))
    assert found.fmr_at(found.place(0.01) / STEPS) == 0 and found.val_at(0.01) == 0


def test_nothing_matches_below_zero():
    found = rates(compare_list(np.zeros(2, np.float32), np.array([True, False]), np.array([(0, 0), (0, 1)])))
    assert found.place(0.5) == -1
    assert (found.fmr_at(-1 / STEPS), found.fnmr_at(-1 / STEPS), found.val_at(0.5)) == (0, 1, 0)
    assert (found.fmr_at(0), found.fnmr_at(0)) == (1, 0)


@pytest.mark.parametrize("distance", [0.3, 0.8, 1.0, 1.55, 2.2, 4.0])
def test_rates_at_a_distance_are_the_plain_shares(listed, distance):
    comparisons, distances, same = listed
    distance = np.floor(distance * STEPS) / STEPS
    found = rates(comparisons)
    assert found.fmr_at(distance) == pytest.approx(np.mean(distances[~same] <= distance), abs=1e-12)
    assert found.fnmr_at(distance) == pytest.approx(np.mean(distances[same] > distance), abs=1e-12)


def test_a_pair_that_could_not_be_compared_is_no_match_at_any_distance():
    found = rates(compare_list(np.array([np.nan, 1.0, np.nan, 3.0]), np.arange(4) < 2, np.array([(0, 0), (1, 1), (0, 1), (1, 2)])))
    assert (found.fnmr_at(4.0), found.fmr_at(4.0)) == (0.5, 0.5)


def test_people_drawn_again_weigh_as_if_they_stood_there_so_often(people):
    """Drawn twice: the pictures are there twice, as two people who are not compared with each other."""
    vectors, subjects = people(5, 8, 3, 0.6)
    times = np.array([0, 1, 2, 1, 0, 3, 1, 0])
    found = rates(compare_all(vectors, subjects), times)
    genuine, impostor = [], []
    for a in range(8):
        for b in range(a + 1):
            points = on_grid(2 - 2 * vectors[subjects == a] @ vectors[subjects == b].T)
            if a == b:
                genuine += times[a] * points[np.triu_indices(3, 1)].tolist()
            else:
                impostor += times[a] * times[b] * points.ravel().tolist()
    for k in (STEPS // 2, STEPS, 3 * STEPS // 2, 2 * STEPS):
        assert found.fmr[k] == pytest.approx(np.mean(np.array(impostor) <= k), abs=2e-3)  # a block's product may round another way
        assert found.val[k] == pytest.approx(np.mean(np.array(genuine) <= k), abs=2e-2)


def test_without_comparisons_of_a_kind_its_rate_is_unknown(people):
    vectors, subjects = people(0, 5, 1, 0.3)
    found = rates(compare_all(vectors, subjects))
    assert np.isnan(found.fnmr_at(1.0)) and 0 <= found.fmr_at(1.0) <= 1
    found = rates(compare_all(vectors, np.zeros(5, np.int64)))
    assert np.isnan(found.fmr_at(1.0)) and 0 <= found.fnmr_at(1.0) <= 1
