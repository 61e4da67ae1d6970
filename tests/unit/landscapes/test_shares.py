"""Shares and their intervals against the binomial distribution."""

import numpy as np
import pytest
from scipy import stats

from optiinr_jax.landscapes import difference_of, is_optimal, share_of


def test_interval_of_independent_runs_is_the_binomial_one():
    rng = np.random.default_rng(0)
    found = share_of(rng.random(400) < 0.3)
    low, high = stats.binom(400, found.mean).ppf([0.025, 0.975]) / 400
    assert found.low == pytest.approx(low, abs=0.008)
    assert found.high == pytest.approx(high, abs=0.008)


def test_runs_of_one_target_are_no_independent_runs():
    """Targets that succeed or fail as a whole: the interval is that of as many targets."""
    successes = np.repeat(np.arange(10)[:, None] < 4, 50, axis=1)
    found = share_of(successes)
    assert found.high - found.low == pytest.approx(4 * np.sqrt(0.4 * 0.6 / 10), rel=0.15)


def test_differences_are_paired():
    rng = np.random.default_rng(0)
    hard = rng.random((8, 50)) < 0.3
    better = np.stack([hard | (rng.random((8, 50)) < 0.1)] * 3)
    found = difference_of(better, hard)
    assert found.mean == pytest.approx(better.mean() - hard.mean())
    assert 0.0 < found.low < found.high < 0.15
    assert difference_of(hard, hard) == (0.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="same or its last axes"):
        difference_of(hard, better)


def test_optimal_is_near_and_low():
    optimum, x = np.zeros((4, 2)), np.array([[0.01, 0.0], [0.01, 0.03], [0.0, 0.0], [0.0, 0.0]])
    loss = np.array([0.05, 0.0, 0.2, 0.0])
    found = is_optimal(x, loss, optimum, np.full(4, 10.0))
    assert found.tolist() == [True, False, False, True]
