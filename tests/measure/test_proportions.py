"""Tango's interval equals the score test solved by brute likelihood, covers, and is no point where nothing differs."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from smallbert.errors import DataError
from smallbert.measure.proportions import paired_difference

Z = norm.ppf(0.975)


def trials(both, only_a, only_b, neither):
    counts = [both, only_a, only_b, neither]
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


def score(n, only_a, only_b, difference):
    """The same score with the likelihood maximised by search, not by formula."""
    same = n - only_a - only_b
    low, high = max(0.0, -difference), (1 - difference) / 2

    def loss(share):
        parts = [(only_a, share + difference), (only_b, share), (same, 1 - 2 * share - difference)]
        return -sum(count * np.log(max(chance, 1e-300)) for count, chance in parts if count)

    share = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
    return (only_a - only_b - n * difference) / np.sqrt(n * (2 * share + difference - difference**2))


@pytest.mark.parametrize("counts", [(43, 7, 3, 20), (10, 1, 9, 0), (30, 12, 0, 5), (100, 0, 4, 96)])
def test_at_its_limits_the_score_is_as_far_as_the_level_says(counts):
    found = paired_difference(*trials(*counts))
    n, only_a, only_b = sum(counts), *counts[1:3]
    assert found.estimate == pytest.approx((only_a - only_b) / n) and found.n == n
    assert score(n, only_a, only_b, found.low) == pytest.approx(Z, abs=1e-3)
    assert score(n, only_a, only_b, found.high) == pytest.approx(-Z, abs=1e-3)


@pytest.mark.parametrize("n", [1, 50, 200])
def test_where_nothing_differs_the_limits_have_a_closed_form(n):
    found = paired_difference(*trials(n, 0, 0, 0))
    assert (found.low, found.estimate, found.high) == pytest.approx((-(Z**2) / (n + Z**2), 0, Z**2 / (n + Z**2)))


def test_trials_that_repeat_others_are_no_more_evidence():
    a, b = trials(5, 8, 2, 4)
    alone = paired_difference(a, b)
    found = paired_difference(np.tile(a, 8), np.tile(b, 8), independent=len(a))
    assert (found.estimate, found.low, found.high) == pytest.approx((alone.estimate, alone.low, alone.high))
    with pytest.raises(DataError, match="Expected 1 to 19 independent trials, got 20"):
        paired_difference(a, b, independent=20)


def test_order_and_extremes():
    a, b = trials(5, 8, 2, 4)
    one, other = paired_difference(a, b), paired_difference(b, a)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    every = paired_difference(*trials(0, 9, 0, 0))
    assert every.estimate == every.high == 1 and 0 < every.low < 1
    assert paired_difference(*trials(0, 0, 9, 0)).low == -1


def test_it_covers_about_as_often_as_it_says():
    rng = np.random.default_rng(11)
    chances = [0.5, 0.1, 0.05, 0.35]
    held = 0
    for _ in range(400):
        found = paired_difference(*trials(*rng.multinomial(60, chances)))
        held += found.low <= 0.05 <= found.high
    assert 0.92 <= held / 400 <= 0.98


def test_what_is_not_paired_is_refused():
    with pytest.raises(DataError, match="Expected the same trials"):
        paired_difference(np.ones(3), np.ones(4))
    with pytest.raises(DataError, match="at least one"):
        paired_difference(np.ones(0), np.ones(0))
