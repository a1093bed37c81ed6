"""Thresholds against what they promise, and refusals of what the people cannot show."""

from __future__ import annotations

import numpy as np
import pytest

from facelite.calibration import calibrate, compare_all, intervals, rates, supported
from facelite.errors import UnsupportedRate


def test_an_fmr_that_the_people_cannot_support_is_refused_with_the_number_it_would_take(people):
    comparisons = compare_all(*people(0, 20, 2, 0.3))
    with pytest.raises(UnsupportedRate, match=r"expected at least 3,000 pairs of distinct people \(78 people\) for an FMR of 0.001, got 190"):
        calibrate(comparisons, [0.1, 1e-3])


def test_one_picture_of_each_gives_no_threshold(people):
    with pytest.raises(UnsupportedRate, match="two pictures of a person"):
        calibrate(compare_all(*people(0, 60, 1, 0.3)), [0.1])


def test_calibrated_thresholds_carry_their_rates_and_counts(people):
    vectors, subjects = people(0, 60, 3, 0.4)
    comparisons = compare_all(vectors, subjects)
    wide, narrow = calibrate(comparisons, [0.1, 0.01])
    assert wide.distance > narrow.distance and wide.fnmr <= narrow.fnmr
    assert (narrow.genuine_pairs, narrow.impostor_pairs, narrow.people_pairs) == (180, 60 * 59 // 2 * 9, 60 * 59 // 2)
    distances = 2 - 2 * vectors @ vectors.T
    first, second = np.triu_indices(len(vectors), 1)
    same = subjects[first] == subjects[second]
    for one in (wide, narrow):
        assert np.mean(distances[first, second][~same] <= one.distance) <= one.fmr <= one.fmr_upper
        assert one.fnmr == pytest.approx(np.mean(distances[first, second][same] > one.distance), abs=1e-9)
        (interval,) = intervals(comparisons, lambda drawn, one=one: [drawn.fmr_at(one.distance)], trials=[1770])
        assert one.fmr_upper == interval.high >= 3 / 1770
        assert np.any(np.ceil(distances[first, second][~same] * 2**14) == one.distance * 2**14)  # the last match, not just below the next


def test_no_match_at_all_leaves_the_rule_of_three(people):
    """Impostors far beyond everything: an interval of zero would promise what so few people cannot show."""
    vectors = np.repeat(np.eye(40, dtype=np.float32), 2, axis=0)
    (one,) = calibrate(compare_all(vectors, np.repeat(np.arange(40), 2)), [0.01])
    assert rates(compare_all(vectors, np.repeat(np.arange(40), 2))).fmr_at(one.distance) == 0
    assert one.fmr_upper == 3 / 780


@pytest.mark.parametrize(("fmr", "pairs", "enough"), [(1e-3, 3000, True), (1e-3, 2999, False), (0.1, 30, True), (0.1, 29, False), (0.1, 0, False)])
def test_the_rule_of_three(fmr, pairs, enough):
    assert supported(fmr, pairs) is enough


def test_a_threshold_keeps_what_it_promises_on_other_people(people):
    """At 3 / N a threshold just below the next impostor would be a third too wide, on average."""
    others = rates(compare_all(*people(999, 2000, 1, 0.3, d=16)))
    wanted = 3 / 300
    real = [others.fmr_at(calibrate(compare_all(*people(seed, 25, 2, 0.3, d=16)), [wanted])[0].distance) for seed in range(60)]
    spread = np.std(real) / np.sqrt(len(real))
    assert np.mean(real) < wanted + 2 * spread
    assert np.mean(real) > 0.5 * wanted
