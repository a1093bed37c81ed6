"""Intervals hold the truth about as often as they say, and a difference of two embedders is told apart from noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from facelite.calibration import Comparisons, compare_all, compare_list, differences, intervals, rates

DISTANCE = 1.2

TRIALS = pytest.mark.parametrize("trials", [40, pytest.param(400, marks=pytest.mark.slow)])


def covered_often_enough(covered, trials):
    """95 % is what is said; a bootstrap of few people falls a little short of it, and below 88 % nothing would be left of it.

    Forty trials tell a rough error only, as an interval by pairs would be; 400 tell 88 % from 80 %.
    """
    return covered >= binom.ppf(0.001, trials, 0.88)


@TRIALS
def test_the_interval_of_the_fmr_covers(people, trials):
    """People differ in how often they are matched: an interval drawn by pairs would be far too narrow."""
    truth = np.mean([rates(compare_all(*people(10_000 + seed, 60, 1, 0.3, d=8))).fmr_at(DISTANCE) for seed in range(200)])
    covered, by_pairs = 0, 0
    for seed in range(trials):
        comparisons = compare_all(*people(seed, 60, 4, 0.3, d=8))
        (interval,) = intervals(comparisons, lambda drawn: [drawn.fmr_at(DISTANCE)], trials=[1770], seed=seed, draws=100)
        covered += interval.low <= truth <= interval.high
        spread = 1.96 * np.sqrt(interval.value * (1 - interval.value) / comparisons.impostor_pairs)
        by_pairs += abs(interval.value - truth) <= spread
    assert covered_often_enough(covered, trials)
    assert by_pairs < 0.66 * trials


@TRIALS
def test_the_interval_of_val_at_fmr_covers(people, trials):
    """The threshold is measured on the same people: its uncertainty is in the interval too."""

    def statistic(drawn):
        return [drawn.val_at(0.02)]

    truth = statistic(rates(compare_all(*people(999, 2500, 2, 0.45, d=8))))[0]
    covered = 0
    for seed in range(trials):
        (interval,) = intervals(compare_all(*people(seed, 80, 3, 0.45, d=8)), statistic, trials=[80], seed=seed, draws=100)
        covered += interval.low <= truth <= interval.high
    assert covered_often_enough(covered, trials)


@TRIALS
def test_the_fmr_of_a_calibrated_threshold_lies_within_its_interval_as_often_as_it_says(people, trials):
    """Thresholds are taken where the FMR seems to be 2 %; what it is shows on very many others."""
    others = rates(compare_all(*people(999, 3000, 1, 0.3, d=8)))
    covered = 0
    for seed in range(trials):
        comparisons = compare_all(*people(seed, 80, 3, 0.3, d=8))
        distance = rates(comparisons).place(0.02) / 2**14
        (interval,) = intervals(comparisons, lambda drawn, distance=distance: [drawn.fmr_at(distance)], trials=[3160], seed=seed, draws=100)
        covered += interval.low <= others.fmr_at(distance) <= interval.high
    assert covered_often_enough(covered, trials)


def noisy(comparisons_of, seed, noise):
    vectors, subjects = comparisons_of
    worse = vectors + noise * np.random.default_rng(seed).normal(size=vectors.shape)
    return compare_all((worse / np.linalg.norm(worse, axis=1, keepdims=True)).astype(np.float32), subjects)


def test_a_paired_difference_is_narrower_than_two_intervals_apart(people):
    made = people(1, 100, 4, 0.5)

    def statistic(drawn):
        return [drawn.val_at(0.01), drawn.eer]

    one, other = compare_all(*made), noisy(made, 2, 0.03)
    (val, eer) = differences(one, other, statistics=(statistic, statistic))
    apart = intervals(one, statistic, trials=[100, 100])[0]
    assert val.high - val.low < 0.7 * (apart.high - apart.low)
    assert val.low <= val.value <= val.high
    assert eer.value == pytest.approx(rates(other).eer - rates(one).eer)


def test_a_clear_difference_is_seen_and_none_is_not_made_up(people):
    made = people(1, 100, 4, 0.5)
    one = compare_all(*made)

    def statistic(drawn):
        return [drawn.val_at(0.01)]

    (worse,) = differences(one, noisy(made, 2, 0.3), statistics=(statistic, statistic))
    assert worse.high < 0
    (same,) = differences(one, compare_all(*made), statistics=(statistic, statistic))
    assert (same.low, same.value, same.high) == (0, 0, 0)


def test_other_people_are_not_paired(people):
    with pytest.raises(ValueError, match="the same people, got 20 and 21"):
        differences(compare_all(*people(0, 20, 2, 0.3)), compare_all(*people(0, 21, 2, 0.3)), statistics=(lambda drawn: [drawn.eer],) * 2)


def test_nobody_compared_has_no_interval():
    none, no_pairs = np.zeros(0, np.int64), np.zeros((0, 2), np.int64)
    nobody = Comparisons(none, none, np.zeros(65538, np.int64), none, no_pairs, np.zeros(0, np.float32), 0, 0)
    (found,) = intervals(nobody, lambda drawn: [drawn.fmr_at(1.0)], trials=[0], draws=3)
    assert np.isnan([found.value, found.low, found.high]).all()


def test_without_an_error_the_interval_is_what_the_rule_of_three_leaves_open():
    """Each of 40 people twice alike, and all far from each other: no draw has an error, and so few people show no rate of 0."""
    comparisons = compare_all(np.repeat(np.eye(40, dtype=np.float32), 2, axis=0), np.repeat(np.arange(40), 2))
    fmr, val = intervals(comparisons, lambda drawn: [drawn.fmr_at(1.0), drawn.val_at(0.1)], trials=[780, 40], draws=20)
    assert (fmr.low, fmr.value, fmr.high) == (0, 0, 3 / 780)
    assert (val.low, val.value, val.high) == (1 - 3 / 40, 1, 1)


def test_pairs_that_share_nobody_get_intervals_that_are_too_wide_and_by_how_much():
    """1,000 pairs of 2,000 people at an FMR of 5 %: the exact standard deviation is known, and ours is up to the root of three of it."""
    rng = np.random.default_rng(0)
    different = np.r_[np.zeros(1, bool), np.ones(1000, bool)]
    distances = np.r_[0.5, np.where(rng.random(1000) < 0.05, 1.0, 2.0)].astype(np.float32)
    people = np.r_[[(0, 0)], np.arange(1, 2001).reshape(1000, 2)]
    comparisons = compare_list(distances, ~different, people)
    (interval,) = intervals(comparisons, lambda drawn: [drawn.fmr_at(1.5)], trials=[1000])
    exact = 2 * 1.96 * np.sqrt(interval.value * (1 - interval.value) / 1000)
    assert 1.2 * exact < interval.high - interval.low < 1.9 * exact
