"""LFW's protocol against a plain loop, and what a failure to detect costs."""

from __future__ import annotations

import numpy as np
import pytest

from facelite.calibration import all_pairs
from facelite.errors import InputError
from facelite.evaluation.all_pairs import verify_all_pairs
from facelite.evaluation.embed import Embedded
from facelite.evaluation.pairs import PairList
from facelite.evaluation.verification import best_threshold, fold_accuracies, verify_pairs


def protocol(seed=0, folds=5, each=40, found=None):
    """Pairs of random unit vectors, the genuine ones near each other."""
    rng = np.random.default_rng(seed)
    count = 2 * folds * each
    a = rng.normal(size=(count, 8))
    same = np.tile(np.r_[np.ones(each, bool), np.zeros(each, bool)], folds)
    b = np.where(same[:, None], a + 0.9 * rng.normal(size=a.shape), rng.normal(size=a.shape))
    vectors = np.concatenate([a, b]).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = np.ones(2 * count, bool) if found is None else found
    names = [f"{i}.jpg" for i in range(2 * count)]
    pairs = PairList(names, np.arange(count), np.arange(count) + count, same, np.arange(count) // (2 * each))
    return pairs, Embedded(names, vectors, found)


def plain_accuracy(distances, same, threshold):
    return sum((d <= threshold) == s for d, s in zip(distances, same, strict=True)) / len(same)


def test_best_threshold_is_as_good_as_any_in_a_plain_search():
    rng = np.random.default_rng(1)
    distances = rng.uniform(0, 2, 60).round(1).astype(np.float32)  # with ties
    same = rng.random(60) < 0.5
    best = max(plain_accuracy(distances, same, cut) for cut in [-1, *distances, *(distances + 0.01), 5])
    assert plain_accuracy(distances, same, best_threshold(distances, same)) == best


def test_each_fold_is_tested_at_the_threshold_of_the_others():
    pairs, embedded = protocol()
    distances = np.sum((embedded.vectors[pairs.first] - embedded.vectors[pairs.second]) ** 2, axis=1)
    accuracies, thresholds = fold_accuracies(distances, pairs.same, pairs.fold, np.ones(len(distances), bool))
    for fold in range(5):
        others, own = pairs.fold != fold, pairs.fold == fold
        assert thresholds[fold] == best_threshold(distances[others], pairs.same[others])
        assert accuracies[fold] == plain_accuracy(distances[own], pairs.same[own], thresholds[fold])


def test_rates_of_the_whole_protocol():
    result = verify_pairs(*protocol())
    assert (result.pairs, result.images, result.failed_to_detect) == (400, 800, 0)
    assert 0.7 < result.accuracy < 1
    assert set(result.val_at_fmr) == {"1e-1", "1e-2"}  # 200 impostor pairs support no less
    assert result.val_at_fmr["1e-2"] <= result.val_at_fmr["1e-1"]


def test_a_picture_without_a_face_is_a_wrong_answer_in_either_kind_of_pair():
    pairs, embedded = protocol()
    whole = verify_pairs(pairs, embedded)
    for kind in (True, False):
        found = np.ones(len(embedded.names), bool)
        found[pairs.first[pairs.same == kind][:20]] = False
        result = verify_pairs(*protocol(found=found))
        assert result.failed_to_detect == 20
        assert result.accuracy <= whole.accuracy - 20 / 400 * 0.5
    assert verify_pairs(*protocol(found=np.zeros(800, bool) | (np.arange(800) < 399))).accuracy == pytest.approx(0, abs=0.01)


def test_all_pairs_need_somebody_twice_and_somebody_else():
    vectors = np.eye(3, dtype=np.float32)
    for subjects in ([0, 0, 0], [0, 1, 2]):
        with pytest.raises(InputError, match="expected two people or more"):
            verify_all_pairs(all_pairs(vectors, np.array(subjects)), images=3, failed_to_detect=0)


def test_all_pairs_go_down_to_the_fmr_that_the_people_support():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(80, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    result = verify_all_pairs(all_pairs(vectors, np.arange(80) // 2), images=80, failed_to_detect=0)
    assert (result.people, result.people_pairs, result.genuine_pairs) == (40, 780, 40)
    assert set(result.val_at_fmr) == {"1e-1", "1e-2"}  # 3 / 780 is above 1e-3
