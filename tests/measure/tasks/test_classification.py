"""Classes and similarities: their definitions, and the cases in which one side is constant."""

import math

import numpy as np
import pytest

from smallbert.errors import DataError
from smallbert.measure.tasks.classification import classes, similarities


def test_matthews_of_two_classes_equals_its_closed_form(rng):
    gold, said = rng.random(300) < 0.3, rng.random(300) < 0.5
    tp, tn = int((gold & said).sum()), int((~gold & ~said).sum())
    fp, fn = int((~gold & said).sum()), int((gold & ~said).sum())
    expected = (tp * tn - fp * fn) / math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    names = np.array(["no", "yes"])
    scores = classes(names[gold.astype(int)].tolist(), names[said.astype(int)].tolist())
    assert scores.matthews == pytest.approx(expected)
    assert scores.accuracy == pytest.approx((tp + tn) / 300)
    assert scores.majority == pytest.approx((tn + fp) / 300) and scores.n == 300


def test_matthews_of_more_classes_is_the_correlation_of_indicators(rng):
    """Gorodkin (2004): covariance summed over the classes' indicators."""
    gold, said = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    said[:80] = gold[:80]

    def covariance(a, b):
        return sum(np.cov(a == k, b == k, ddof=0)[0, 1] for k in range(4))

    expected = covariance(gold, said) / math.sqrt(covariance(gold, gold) * covariance(said, said))
    assert classes(gold.astype(str), said.astype(str)).matthews == pytest.approx(expected)


def test_one_class_only_and_a_class_that_is_never_gold():
    assert classes(["a", "a"], ["a", "a"]) == classes(["b", "b"], ["b", "b"])
    assert (classes(["a"] * 3, ["a"] * 3).accuracy, classes(["a"] * 3, ["a"] * 3).matthews) == (1.0, 0.0)
    constant = classes(["a", "b", "a"], ["a", "a", "a"])
    assert (constant.accuracy, constant.matthews, constant.majority) == (
        pytest.approx(2 / 3),
        0.0,
        pytest.approx(2 / 3),
    )
    unseen = classes(["a", "b"], ["a", "new"])
    assert unseen.accuracy == 0.5 and -1 <= unseen.matthews <= 1


def test_correlations_equal_their_definitions(rng):
    gold = rng.integers(0, 6, 150).astype(float)  # scores tie, as those of STS do
    said = gold + rng.normal(0, 2, 150)
    scores = similarities(gold, said)
    assert scores.pearson == pytest.approx(np.corrcoef(gold, said)[0, 1])

    def ranks(x):
        return np.array([(x < value).sum() + ((x == value).sum() + 1) / 2 for value in x])

    assert scores.spearman == pytest.approx(np.corrcoef(ranks(gold), ranks(said))[0, 1]) and scores.n == 150


def test_constant_similarities_have_no_correlation():
    scores = similarities([1, 2, 3], [0.5, 0.5, 0.5])
    assert math.isnan(scores.pearson) and math.isnan(scores.spearman)


@pytest.mark.parametrize(("gold", "said"), [([], []), (["a"], ["a", "b"])])
def test_unequal_or_empty_lists_are_refused(gold, said):
    with pytest.raises(DataError, match=f"Expected as many predictions as gold values, and some, got {len(said)}"):
        classes(gold, said)


@pytest.mark.parametrize(("gold", "said"), [([1.0], [1.0]), ([1.0, 2.0], [1.0, math.nan])])
def test_similarities_must_be_pairs_of_numbers(gold, said):
    with pytest.raises(DataError, match="Expected at least two pairs of finite similarities"):
        similarities(gold, said)
