import numpy as np
import pytest
from scipy import stats

from smallbert.errors import DataError
from smallbert.measure.bootstrap import p_value, percentiles, resampled_means


def test_interval_agrees_with_scipys(rng):
    values = rng.exponential(size=400)
    found = percentiles(values, resampled_means(values, resamples=20_000))
    theirs = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=20_000, rng=rng).confidence_interval
    assert found.estimate == values.mean() and found.n == 400
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.005)


def test_spread_of_queries_and_of_seeds_add_up(rng):
    # Means of s seeds and q queries with effects of either: variances of both, that of so few seeds without its bias.
    seeds, queries = rng.standard_normal((8, 1)), rng.standard_normal((1, 500))
    found = resampled_means(seeds + queries, resamples=40_000).var()
    assert found == pytest.approx(seeds.var(ddof=1) / 8 + queries.var() / 500, rel=0.05)
    assert resampled_means(queries, resamples=40_000).var() == pytest.approx(queries.var() / 500, rel=0.05)


def test_methods_meet_the_same_queries():
    values = np.random.default_rng(0).standard_normal(100)
    shift = resampled_means(values + 0.25) - resampled_means(values)
    np.testing.assert_allclose(shift, 0.25)
    assert (resampled_means(values) == resampled_means(values)).all()
    assert (resampled_means(values) != resampled_means(values, seed=5)).any()


def test_p_agrees_with_the_t_test_on_many_queries(rng):
    values = rng.standard_normal(2000) + 0.05
    found = p_value(resampled_means(values, resamples=20_000))
    assert found == pytest.approx(stats.ttest_1samp(values, 0).pvalue, rel=0.2)
    assert p_value(np.zeros(5)) == 1 and p_value(np.ones(5)) == 0


def test_what_is_not_finite_is_refused():
    with pytest.raises(DataError, match=r"finite values \(seeds, queries\), got shape \(1, 2\)"):
        resampled_means([1.0, np.nan])
