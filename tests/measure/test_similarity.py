import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics.pairwise import cosine_similarity

from smallbert.errors import DataError, UsageError
from smallbert.measure.similarity import pair_cosines, random_pairs, spearman


def test_pairs_are_seeded_distinct_and_even():
    pairs = random_pairs(5, 40_000, seed=3)
    assert (pairs == random_pairs(5, 40_000, seed=3)).all()
    assert (pairs != random_pairs(5, 40_000, seed=4)).any()
    assert (pairs[:, 0] != pairs[:, 1]).all()
    counts = np.zeros((5, 5))
    np.add.at(counts, tuple(pairs.T), 1)
    off = counts[~np.eye(5, dtype=bool)]
    assert ((off - 2000) ** 2 / 2000).sum() < 43.8  # chi-squared, 19 degrees of freedom, p = 0.001


def test_cosines_equal_scikit_learn(rng):
    x = rng.standard_normal((50, 7)).astype(np.float32)
    pairs = random_pairs(50, 9000, seed=0)
    expected = cosine_similarity(x.astype(np.float64))[tuple(pairs.T)]
    np.testing.assert_allclose(pair_cosines(x, pairs), expected, atol=1e-12)


def test_spearman_equals_scipy_and_its_extremes(rng):
    a, b = rng.standard_normal(500), rng.integers(0, 9, 500).astype(float)
    assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert spearman(a, np.exp(a)) == pytest.approx(1)
    assert spearman(a, -(a**3)) == pytest.approx(-1)


def test_a_rotation_keeps_the_order_of_pairs(rng):
    x = rng.standard_normal((300, 6))
    pairs = random_pairs(300, 2000, seed=1)
    turned = x @ np.linalg.qr(rng.standard_normal((6, 6)))[0]
    assert spearman(pair_cosines(x, pairs), pair_cosines(turned, pairs)) > 1 - 1e-6
    assert spearman(pair_cosines(x, pairs), pair_cosines(x[:, :3], pairs)) < 0.95


@pytest.mark.parametrize("value", [0, 0.1, 1])
def test_collapsed_codes_have_no_order(rng, value):
    pairs = random_pairs(300, 2000, seed=1)
    whole = pair_cosines(rng.standard_normal((300, 33)), pairs)
    collapsed = pair_cosines(np.full((300, 33), value, np.float32), pairs)
    assert np.isnan(spearman(whole, collapsed)) and np.isnan(spearman(collapsed, whole))


def test_errors(rng):
    with pytest.raises(UsageError, match="got 1 rows and 5 pairs"):
        random_pairs(1, 5, seed=0)
    with pytest.raises(DataError, match="one length"):
        spearman(np.arange(3.0), np.arange(4.0))
    x = rng.standard_normal((4, 2))
    x[2, 0] = np.nan
    with pytest.raises(DataError, match="nan in row 2, dimension 0"):
        pair_cosines(x, np.array([[0, 2]]))
