from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from smallbert.errors import DataError
from smallbert.measure.comparisons import holm, paired_t


@pytest.fixture
def pair(rng):
    a = rng.standard_normal(9)
    return a, a - 0.4 + 0.5 * rng.standard_normal(9)


def test_the_paired_test_equals_scipy(pair):
    a, b = pair
    assert paired_t(a, b) == pytest.approx(stats.ttest_rel(a, b).pvalue)


def test_differences_without_spread():
    a = np.array([1.0, 2, 3])
    assert paired_t(a, a) == 1
    # As the sign test has it: three of three the same way.
    assert paired_t(a, a - 1) == stats.binomtest(3, 3).pvalue == 0.25
    tenths = np.array([1, 2, 3]) / 10
    assert np.ptp(tenths - (tenths + 0.1)) > 0  # by rounding alone
    assert paired_t(tenths, tenths + 0.1) == 0.25
    assert paired_t(np.zeros(2), np.zeros(2)) == 1


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
    with pytest.raises(DataError, match="finite values of b, got nan at position 1"):
        paired_t([1.0, 2], [1.0, np.nan])
    with pytest.raises(DataError, match=r"p-values from 0 to 1, got \[1\.5\]"):
        holm([1.5])
