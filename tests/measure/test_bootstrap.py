import numpy as np
import pytest
from scipy import stats

from smallbert.errors import DataError
from smallbert.measure.bootstrap import (
    p_value,
    percentiles,
    resampled_means,
    seeds_interval,
    seeds_p_value,
)


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


def grouped(rng, groups=300):
    """Values of queries in groups of 1 to 6 that have a common effect, larger in larger groups, and their groups."""
    sizes = rng.integers(1, 7, size=groups)
    common = rng.standard_normal(groups) + 0.3 * sizes
    return np.repeat(common, sizes) + 0.5 * rng.standard_normal(sizes.sum()), np.repeat(np.arange(groups), sizes)


def test_whole_groups_are_drawn_as_scipy_draws_them(rng):
    values, groups = grouped(rng)
    found = resampled_means(values, groups=groups, resamples=20_000)
    sums, sizes = np.bincount(groups, values), np.bincount(groups)
    theirs = stats.bootstrap(
        (sums, sizes), lambda s, n, axis: s.sum(axis=axis) / n.sum(axis=axis), paired=True, method="percentile",
        n_resamples=20_000, vectorized=True, rng=rng,
    )  # fmt: skip
    ours = percentiles(values, found)
    assert (ours.low, ours.high) == pytest.approx(theirs.confidence_interval, abs=0.01)
    assert ours.estimate == values.mean() and ours.n == len(values)
    # The linearised variance of a ratio (Cochran 1977, section 2.11), and that of independent queries is another.
    expected = np.square(sums - values.mean() * sizes).sum() / sizes.sum() ** 2
    assert found.var() == pytest.approx(expected, rel=0.05) and expected > 2 * values.var() / len(values)


def test_a_group_of_copies_counts_once(rng):
    once = rng.standard_normal((3, 80))
    copies, groups = np.repeat(once, 4, axis=1), np.repeat(np.arange(80), 4).astype(str)
    means = resampled_means(copies, groups=groups)
    order = np.unique(groups[::4], return_index=True)[1]  # groups stand in the order of their names
    np.testing.assert_allclose(means, resampled_means(once[:, order]))
    # Whichever way round the queries stand, and paired between methods.
    shuffled = rng.permutation(320)
    np.testing.assert_allclose(resampled_means(copies[:, shuffled], groups=groups[shuffled]), means)
    np.testing.assert_allclose(resampled_means(copies + 0.25, groups=groups) - means, 0.25)


@pytest.mark.parametrize("sds", [(1.0, 0.2), (0.02, 1.0), (0.3, 1.0)], ids=["seeds", "queries", "both"])
@pytest.mark.parametrize("seeds", [2, 3])
def test_the_interval_of_few_seeds_covers(sds, seeds):
    rng = np.random.default_rng([2027, seeds])
    covered, percentile = [], []
    for _ in range(600):
        values = sds[0] * rng.standard_normal((seeds, 1)) + sds[1] * rng.standard_normal((1, 40))
        resampled = resampled_means(values, resamples=1000)
        one, other = seeds_interval(values, resampled), percentiles(values, resampled)
        covered.append(one.low <= 0 <= one.high)
        percentile.append(other.low <= 0 <= other.high)
        assert one.low <= other.low and other.high <= one.high and (one.estimate, one.n) == (values.mean(), 40)
    # 600 draws of 95% have a standard error of 0.9%, and a bootstrap over 40 queries lacks 1% by itself.
    assert np.mean(covered) > 0.925
    assert sds[0] < sds[1] or np.mean(percentile) < 0.92


def test_seeds_that_differ_much_have_scipys_t_and_queries_that_do_the_bootstrap(rng):
    apart = np.array([[0.1], [0.5], [0.45]]) + 0.01 * rng.standard_normal((1, 200))
    found, means = seeds_interval(apart, resampled_means(apart)), apart.mean(axis=1)
    limits = stats.t.interval(0.95, 2, means.mean(), stats.sem(means))
    assert (found.low, found.high) == pytest.approx(limits)
    cut = seeds_interval(apart, resampled_means(apart), scale=(0, 0.6))
    assert limits[0] < 0 and limits[1] > 0.6 and (cut.low, cut.high) == (0, 0.6)
    assert seeds_p_value(apart, resampled_means(apart)) == pytest.approx(stats.ttest_1samp(means, 0).pvalue)
    near = np.array([[0.05], [0.051], [0.0505]]) + rng.standard_normal((1, 200))
    resampled = resampled_means(near)
    assert seeds_interval(near, resampled, scale=(-1, 1)) == percentiles(near, resampled)
    assert seeds_p_value(near, resampled) == p_value(resampled) > stats.ttest_1samp(near.mean(axis=1), 0).pvalue


def test_one_seed_has_the_bootstrap_alone(rng):
    values = rng.standard_normal((1, 50))
    resampled = resampled_means(values)
    assert seeds_interval(values, resampled, scale=(0, 0)) == percentiles(values, resampled)
    assert seeds_p_value(values, resampled) == p_value(resampled)


def test_what_has_no_group_is_refused():
    with pytest.raises(DataError, match=r"a group for each of 3 queries, got shape \(2,\)"):
        resampled_means(np.zeros((2, 3)), groups=[0, 1])


def test_what_is_not_finite_is_refused():
    with pytest.raises(DataError, match=r"finite values \(seeds, queries\), got shape \(1, 2\)"):
        resampled_means([1.0, np.nan])
