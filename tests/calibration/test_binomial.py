"""Clopper and Pearson's interval against SciPy's beta distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from facelite.calibration.binomial import clopper_pearson


@pytest.mark.parametrize("trials", [1, 2, 3, 10, 59, 300, 5000, 100_000])
def test_the_ends_are_quantiles_of_the_beta_distribution(trials):
    for errors in {0, 1, trials // 3, trials // 2, trials - 1, trials}:
        found = clopper_pearson(errors, trials)
        low = beta.ppf(0.025, errors, trials - errors + 1) if errors else 0
        high = beta.ppf(0.975, errors + 1, trials - errors) if errors < trials else 1
        assert found.value == errors / trials
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)


def test_nothing_was_counted_and_misuse():
    nothing = clopper_pearson(0, 0)
    assert (np.isnan(nothing.value), nothing.low, nothing.high) == (True, 0, 1)
    for errors, trials in ((-1, 3), (4, 3), (0, -1)):
        with pytest.raises(ValueError, match="expected 0 <= errors <= trials"):
            clopper_pearson(errors, trials)
