"""Intervals of accuracies of few seeds, against scipy's and arithmetic by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from smallbert.errors import DataError
from smallbert.studies.accuracy_contrasts import accuracy, accuracy_contrast


def seeds(*rights, asked=32):
    """So many questions right of each seed, the first ones."""
    return pd.Series([tuple(place < right for place in range(asked)) for right in rights])


def test_seeds_that_differ_have_students_interval_cut_to_the_scale():
    right = [32, 20, 30]
    reference = stats.ttest_1samp(np.array(right) / 32, 0).confidence_interval()
    found = accuracy(seeds(*right), 96)
    assert reference.high > 1 and found.high == 1.0
    assert (found.estimate, found.low, found.n) == pytest.approx((82 / 96, reference.low, 96))


@pytest.mark.parametrize("right", [[32, 32, 32], [8, 8, 8], [0, 0, 0], [30]])
def test_seeds_that_agree_have_wilsons_interval_over_all_questions(right):
    total, n = sum(right), 32 * len(right)
    reference = stats.binomtest(total, n).proportion_ci(method="wilson")
    found = accuracy(seeds(*right), n)
    assert (found.estimate, found.low, found.high) == pytest.approx((total / n, reference.low, reference.high))


def test_a_contrast_of_seeds_that_differ_has_students_interval_and_p():
    a, b = [32, 10, 31], [10, 9, 8]
    found = accuracy_contrast(seeds(*a), seeds(*b), 96)
    reference = stats.ttest_rel(np.array(a) / 32, np.array(b) / 32)
    low, high = reference.confidence_interval()
    assert low < -0.4 and high > 1
    assert (found["low"], found["high"]) == pytest.approx((max(low, -1), 1))
    assert found["p"] == pytest.approx(reference.pvalue)
    assert (found["pairs"], found["questions"]) == (3, 96)


def test_one_question_more_in_every_seed_is_neither_certain_nor_equivalent():
    """Student's t calls it certain; McNemar's z is 3 / sqrt(3), whose two-sided p is 0.083."""
    found = accuracy_contrast(seeds(11, 11, 11), seeds(10, 10, 10), 96)
    assert found["difference"] == pytest.approx(1 / 32)
    assert found["low"] < 0 < 0.05 < found["high"]
    assert found["p"] == pytest.approx(0.0833, abs=1e-4)


def test_answers_that_never_differ_have_tangos_width():
    """Without discordant trials Tango's limits are z^2 / (n + z^2) to each side."""
    found = accuracy_contrast(seeds(16, 16, 16), seeds(16, 16, 16), 96)
    z = stats.norm.ppf(0.975)
    assert (found["low"], found["high"]) == pytest.approx((-(z**2) / (96 + z**2), z**2 / (96 + z**2)), abs=1e-6)
    assert found["p"] == 1.0


def test_swapping_the_arms_mirrors_the_interval():
    a, b = seeds(30, 25, 32), seeds(20, 24, 15)
    found, mirrored = accuracy_contrast(a, b, 96), accuracy_contrast(b, a, 96)
    assert (found["low"], found["high"]) == pytest.approx((-mirrored["high"], -mirrored["low"]))
    assert -1 <= found["low"] < found["difference"] < found["high"] <= 1


def test_a_single_seed_is_not_compared():
    found = accuracy_contrast(seeds(30), seeds(20), 32)
    assert np.isnan([found["difference"], found["low"], found["high"], found["p"]]).all()
    assert (found["pairs"], found["questions"]) == (1, 32)


def test_other_questions_are_no_pairs():
    with pytest.raises(DataError, match="same trials"):
        accuracy_contrast(seeds(3, 4, asked=32), seeds(3, 4, asked=31), 31)


def test_questions_asked_again_are_no_more_evidence():
    """Three seeds asked the same 32, all answered rightly: Wilson's of 32 of 32, not of 96 of 96."""
    found = accuracy(seeds(32, 32, 32), 32)
    assert found.low == pytest.approx(stats.binomtest(32, 32).proportion_ci(method="wilson").low)
    again = accuracy_contrast(seeds(12, 12, 12), seeds(10, 10, 10), 32)
    once = accuracy_contrast(seeds(12, 12), seeds(10, 10), 64)
    assert again["difference"] == once["difference"] and again["high"] > once["high"]
    # McNemar's z of the 2 questions that differ among 32.
    assert again["p"] == pytest.approx(2 * stats.norm.sf(2 / np.sqrt(2)))
    assert again["questions"] == 32
