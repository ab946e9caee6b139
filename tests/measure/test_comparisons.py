from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from smallbert.errors import DataError
from smallbert.measure.comparisons import holm, paired_t, sign_flip


@pytest.fixture
def pair(rng):
    a = rng.standard_normal(9)
    return a, a - 0.4 + 0.5 * rng.standard_normal(9)


def test_paired_tests_equal_scipy(pair):
    a, b = pair
    assert paired_t(a, b) == pytest.approx(stats.ttest_rel(a, b).pvalue)
    exact = stats.permutation_test(
        (a - b,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    )
    assert sign_flip(a, b) == pytest.approx(exact.pvalue)


def test_five_seeds_cannot_reach_five_per_cent():
    a = np.array([1.0, 2, 3, 4, 5])
    assert sign_flip(a, a - 1) == 2 / 32


def test_drawn_patterns_approach_the_exact_answer(rng):
    d = rng.standard_normal(16) + 0.5
    patterns = 1 - 2 * (np.arange(2**16)[:, None] >> np.arange(16) & 1)
    exact = (np.abs(patterns @ d) >= abs(d.sum()) - 1e-12).mean()
    found = sign_flip(d, np.zeros(16), seed=3)
    assert found == pytest.approx(exact, abs=4 * np.sqrt(exact / 99_999))
    assert found == sign_flip(d, np.zeros(16), seed=3)


def test_sign_flip_is_even_under_no_difference(rng):
    p = [sign_flip(rng.standard_normal(8), rng.standard_normal(8)) for _ in range(600)]
    assert np.mean(np.array(p) <= 0.125) == pytest.approx(0.125, abs=4 * np.sqrt(0.125 * 0.875 / 600))


def test_differences_without_spread():
    a = np.array([1.0, 2, 3])
    assert paired_t(a, a) == sign_flip(a, a) == 1
    assert paired_t(a, a - 1) == 0


def test_holm_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.5, 0.9]), [1, 1])
    assert holm([]).shape == (0,)


def test_holm_is_the_closed_testing_procedure_of_bonferroni(rng):
    p = rng.uniform(0, 0.3, 5)
    subsets = [s for size in range(1, 6) for s in combinations(range(5), size)]
    closed = [max(min(1, len(s) * p[list(s)].min()) for s in subsets if i in s) for i in range(5)]
    np.testing.assert_allclose(holm(p), closed)


def test_errors():
    for test in (paired_t, sign_flip):
        with pytest.raises(DataError, match="finite values of b, got nan at position 1"):
            test([1.0, 2], [1.0, np.nan])
    with pytest.raises(DataError, match=r"p-values from 0 to 1, got \[1\.5\]"):
        holm([1.5])
