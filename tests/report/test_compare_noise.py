"""Real or noise: against printed intervals, the t-test, and many pairs of runs that differ by chance alone."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from smallbert.measure.stats import Interval, mean_interval, wilson_interval
from smallbert.report.compare_noise import Limits, beyond_noise, difference, limits


def test_proportions_have_newcombes_interval():
    # Newcombe (1998), Interval estimation for the difference between independent proportions, Table II, method 10.
    found, p = difference(wilson_interval(48, 80), wilson_interval(56, 70))
    assert (round(found.estimate, 4), round(found.low, 4), round(found.high, 4)) == (0.2, 0.0524, 0.3339)
    assert p < 0.05


def test_symmetric_intervals_add_as_squares():
    found, p = difference(Interval(1.0, 0.7, 1.3, 0, 0.95), Interval(1.6, 1.2, 2.0, 0, 0.95))
    assert (found.low, found.high) == pytest.approx((0.1, 1.1))
    assert p == pytest.approx(2 * stats.norm.sf(0.6 / (0.5 / stats.norm.ppf(0.975))))


@pytest.mark.parametrize("n", [0, 3, 5])
@pytest.mark.parametrize("sign", [-1, 1])
def test_p_is_005_where_a_limit_touches_zero(n, sign):
    found, p = difference(
        Interval(0.0, -0.3, 0.3, n, 0.95), Interval(sign * 0.5, *sorted((sign * 0.1, sign * 0.9)), n, 0.95)
    )
    assert min(abs(found.low), abs(found.high)) == pytest.approx(0, abs=1e-12)
    assert p == pytest.approx(0.05)


def test_fewer_repetitions_leave_more_doubt():
    def p(n):
        return difference(Interval(0.0, -0.3, 0.3, n, 0.95), Interval(2.0, 1.6, 2.4, n, 0.95))[1]

    assert p(3) > p(5) > p(50) > p(0)


def test_limits_are_found_with_what_they_belong_to():
    one = pd.DataFrame({"arm": ["a"], "gain": [0.5], "low": [0.4], "high": [0.6], "pairs": [3]})
    assert limits(one) == [Limits("gain", "low", "high")]
    two = pd.DataFrame(
        {"x": [0.5], "y": [0.9], "n": [7], "x low": [0.4], "x high": [0.6], "y low": [0.8], "y high": [1.0]}
    )
    assert limits(two) == [Limits("x", "x low", "x high"), Limits("y", "y low", "y high")]
    assert limits(pd.DataFrame({"mean": [0.5], "half": [0.1]})) == [Limits("mean", "half", "half")]
    assert limits(pd.DataFrame({"mean": [5.0], "low": [0.1], "high": [0.2]})) == []


def test_an_interval_is_read_with_its_repetitions():
    row = pd.Series({"gain": 0.5, "low": 0.4, "high": 0.6, "pairs": 3})
    assert Limits("gain", "low", "high").interval(row, None) == Interval(0.5, 0.4, 0.6, 3, 0.95)
    bare = row.drop("pairs")
    assert Limits("gain", "low", "high").interval(bare, 5).n == 5
    half = Limits("gain", "half", "half").interval(pd.Series({"gain": 0.5, "half": 0.25}), None)
    assert (half.low, half.high) == (0.25, 0.75)
    for no_width in ({"low": 0.5, "high": 0.5}, {"low": math.nan, "high": math.nan}):
        assert Limits("gain", "low", "high").interval(pd.Series({**row, **no_width}), None) is None


def judged(p, low=0.1, high=0.2):
    p = pd.Series(p, dtype=float)
    return beyond_noise(pd.Series(low, p.index), pd.Series(high, p.index), p).tolist()


def test_the_false_discovery_rate_is_controlled_over_all_cells():
    assert judged([0.001, 0.02, 0.03, 0.2]) == [True, True, True, False]  # 0.03 * 4 / 3 = 0.04
    assert judged([0.04, *[0.5] * 9, 0.6, 0.7]) == [False] * 12
    assert judged([0.01], low=-0.1) == [False]  # an interval over zero says nothing
    assert judged([math.nan, 0.01]) == [False, True]
    assert judged([]) == []


def test_the_same_cells_behind_several_figures_count_once():
    assert judged([0.02, *[0.9] * 20]) == [True, *[False] * 20]  # 0.02 * 2


def test_runs_that_differ_by_chance_alone_pass_in_95_of_100_cases():
    rng = np.random.default_rng(20261121)
    alarms = 0
    for _ in range(100):
        pairs = [(mean_interval(x), mean_interval(y)) for x, y in rng.normal(size=(10, 2, 5))]
        found = pd.DataFrame([(one.low, one.high, p) for one, p in (difference(*pair) for pair in pairs)])
        alarms += beyond_noise(found[0], found[1], found[2]).any()
    assert alarms <= 100 * 0.05 + 3 * math.sqrt(100 * 0.05 * 0.95)
