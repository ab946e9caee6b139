import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from smallbert.errors import DataError, UsageError
from smallbert.measure.stats import (
    Interval,
    half_width,
    mean_interval,
    paired_interval,
    verdict,
    wilson_interval,
)


def test_mean_interval_equals_scipy_and_the_textbook(rng):
    x = rng.standard_normal(7)
    found = mean_interval(x, level=0.9)
    low, high = stats.ttest_1samp(x, 0).confidence_interval(0.9)
    assert (found.estimate, found.low, found.high) == pytest.approx((x.mean(), low, high))
    assert (found.n, found.level) == (7, 0.9)
    five = mean_interval([1, 2, 3, 4, 5])  # t(4) = 2.776, standard error sqrt(2.5 / 5)
    assert five.high - five.estimate == pytest.approx(2.7764451 * np.sqrt(0.5))


def test_paired_interval_equals_scipy(rng):
    a = rng.standard_normal(6)
    b = a + 0.1 * rng.standard_normal(6) + 1
    low, high = stats.ttest_rel(a, b).confidence_interval()
    found = paired_interval(a, b)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.high - found.low < mean_interval(a).high - mean_interval(a).low  # pairing is what narrows it


def test_the_t_interval_covers_the_mean_as_often_as_it_says(rng):
    trials = [mean_interval(rng.standard_normal(5)) for _ in range(2000)]
    covered = np.mean([t.low <= 0 <= t.high for t in trials])
    assert covered == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 2000))


def test_half_widths_equal_scipy_and_are_zero_without_an_interval(rng):
    samples = [rng.standard_normal(n) for n in (2, 5, 40)]
    sem, count = [stats.sem(x) for x in samples], [len(x) for x in samples]
    for level in (0.95, 0.8):
        low, high = np.transpose([stats.t.interval(level, len(x) - 1, x.mean(), stats.sem(x)) for x in samples])
        np.testing.assert_allclose(half_width(sem, count, level=level), (high - low) / 2)
    np.testing.assert_array_equal(half_width([np.nan, 0.3, np.nan, 0.0], [0, 1, 1, 5]), 0)
    assert half_width([], []).shape == (0,)
    assert half_width(sem[1], 5) == mean_interval(samples[1]).high - mean_interval(samples[1]).estimate


def test_figures_may_import_it_without_torch():
    code = "import sys, smallbert.measure.stats; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (3, 10), (10, 10), (480, 1000)])
def test_wilson_interval_equals_its_formula(successes, n):
    found, z, p = wilson_interval(successes, n), stats.norm.ppf(0.975), successes / n
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert (found.estimate, found.low, found.high) == pytest.approx((p, middle - half, middle + half), abs=1e-12)


@pytest.mark.parametrize(("successes", "n", "each"), [(12, 12, 8), (3, 10, 4), (0, 7, 3)])
def test_trials_that_repeat_others_are_no_more_evidence(successes, n, each):
    found, alone = wilson_interval(successes * each, n * each, independent=n), wilson_interval(successes, n)
    assert (found.estimate, found.low, found.high) == pytest.approx((alone.estimate, alone.low, alone.high))
    assert found.n == n * each


@pytest.mark.parametrize(
    ("low", "high", "margin", "p", "word"),
    [
        (-3, -1, 0, None, "lower"),
        (1, 3, 0, None, "higher"),
        (-1, 3, 0, None, "no difference shown"),
        (0, 3, 0, None, "no difference shown"),
        (1, 3, 0, 0.2, "no difference shown"),  # not after correction
        (1, 3, 0, 0.04, "higher"),
        (-1, 1, 2, None, "equivalent"),
        (1, 1.5, 2, None, "equivalent"),  # real and too small to matter
        (1, 3, 2, None, "higher"),
        (-1, 3, 2, None, "no difference shown"),
    ],
)
def test_verdict(low, high, margin, p, word):
    assert verdict(Interval((low + high) / 2, low, high, 5, 0.95), margin=margin, p=p) == word


def test_errors():
    with pytest.raises(DataError, match=r"at least 2 values in a list, got shape \(1,\)"):
        mean_interval([1.0])
    with pytest.raises(DataError, match="finite values, got nan at position 1"):
        mean_interval([1.0, np.nan])
    with pytest.raises(DataError, match="Expected pairs, got 2 values of a and 3 of b"):
        paired_interval([1, 2], [1, 2, 3])
    with pytest.raises(DataError, match="got 4 of 3"):
        wilson_interval(4, 3)
    with pytest.raises(DataError, match="got 0 of 0"):
        wilson_interval(0, 0)
    with pytest.raises(DataError, match="Expected 1 to 3 independent trials, got 4"):
        wilson_interval(1, 3, independent=4)
    with pytest.raises(UsageError, match="margin of 0 or more, got -1"):
        verdict(mean_interval([1, 2]), margin=-1)
