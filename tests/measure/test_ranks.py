from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from smallbert.errors import DataError, UsageError
from smallbert.measure.ranks import order_agreement, rank_stability


def test_one_order_in_all_seeds(rng):
    table = pd.DataFrame(np.arange(4) + 0.01 * rng.standard_normal((5, 4)))
    found = rank_stability(table)
    assert (found.tau.estimate, found.tau.low, found.tau.high, found.w) == (1, 1, 1, 1)
    assert found.p < 0.01


def test_tau_is_the_mean_over_pairs_of_seeds_with_its_jackknife(rng):
    x = rng.standard_normal((6, 5)) + np.arange(5) * 0.7

    def tau(seeds):
        return np.mean([stats.kendalltau(x[i], x[j]).statistic for i, j in combinations(seeds, 2)])

    pseudo = np.array([6 * tau(range(6)) - 5 * tau([j for j in range(6) if j != i]) for i in range(6)])
    low, high = stats.ttest_1samp(pseudo, 0).confidence_interval()
    found = rank_stability(pd.DataFrame(x)).tau
    assert found.estimate == pytest.approx(tau(range(6)))
    assert (found.low, found.high) == pytest.approx((max(low, -1), min(high, 1)))


@pytest.mark.parametrize("ties", [False, True])
def test_w_is_friedmans_statistic(rng, ties):
    x = rng.integers(0, 4, (7, 5)).astype(float) if ties else rng.standard_normal((7, 5))
    found, friedman = rank_stability(pd.DataFrame(x)), stats.friedmanchisquare(*x.T)
    assert found.w == pytest.approx(friedman.statistic / (7 * 4))
    assert found.p == pytest.approx(friedman.pvalue)


def test_orders_without_agreement(rng):
    taus = [rank_stability(pd.DataFrame(rng.standard_normal((5, 4)))).tau.estimate for _ in range(200)]
    assert abs(np.mean(taus)) < 0.1


def test_all_arms_equal_order_nothing():
    found = rank_stability(pd.DataFrame(np.ones((3, 4))))
    assert (found.w, found.p) == (0, 1) and found.tau.estimate == 0


def test_agreement_with_a_published_order():
    table = pd.DataFrame({2: [3.0, 3.1], 3: [4.0, 2.0], 4: [1.0, 1.1], 5: [2.0, 2.1], 6: [9.0, 9.0]})
    found = order_agreement((3, 2, 5, 4), table)  # means 3.0, 3.05, 2.05, 1.05 of arms 3, 2, 5, 4
    assert found.order == (2, 3, 5, 4)
    assert found.tau == pytest.approx(4 / 6)  # one of six pairs is turned round
    assert found.p == pytest.approx(4 / 24)  # our own order and the three that one swap of neighbours makes of it


def test_the_only_perfect_order_has_p_one_in_factorial():
    table = pd.DataFrame([[4.0, 3, 2, 1]], columns=list("abcd"))
    assert order_agreement(list("abcd"), table).p == pytest.approx(1 / 24)
    assert order_agreement(list("dcba"), table).p == 1


def test_errors():
    table = pd.DataFrame(np.ones((2, 3)), columns=list("abc"))
    with pytest.raises(DataError, match="at least 3 seeds and 3 arms, got 2 and 3"):
        rank_stability(table)
    with pytest.raises(UsageError, match=r"published arms among \['a', 'b', 'c'\], got \['a', 'z'\]"):
        order_agreement(["a", "z"], table)
    with pytest.raises(DataError, match="nan in row 0, arm 'b'"):
        order_agreement(["a", "b"], table.assign(b=np.nan))
