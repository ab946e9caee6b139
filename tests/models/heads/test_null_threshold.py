"""The threshold of "no answer" against brute force, and one that was planted."""

import numpy as np
import pytest

from smallbert.errors import DataError
from smallbert.models.heads import null_threshold


def brute_force(tau, margins, answered, silent):
    return np.where(margins > tau, answered, silent).mean()


def test_the_curve_equals_brute_force_everywhere(rng):
    margins = rng.integers(-6, 7, 200).astype(float)  # many ties
    answered, silent = rng.random(200), rng.integers(0, 2, 200).astype(float)
    found = null_threshold.choose(margins, answered, silent)
    expected = [brute_force(tau, margins, answered, silent) for tau in found.taus]
    np.testing.assert_allclose(found.scores, expected, atol=1e-12)
    assert len(found.taus) == len(np.unique(margins)) + 1  # one between any two, one beyond either end
    fine = [brute_force(tau, margins, answered, silent) for tau in np.linspace(-8, 8, 1601)]
    assert found.score == pytest.approx(max(fine)) == pytest.approx(brute_force(found.tau, margins, answered, silent))


@pytest.mark.parametrize("tau", [-3.0, 0.0, 1.7])
def test_a_planted_threshold_is_recovered(rng, tau):
    margins = rng.normal(tau, 4, 2000)
    answerable = margins > tau
    found = null_threshold.choose(margins, answerable * 0.8, (~answerable).astype(float))
    below, above = margins[margins <= tau].max(), margins[margins > tau].min()
    assert below < found.tau < above
    assert found.score == pytest.approx(np.where(answerable, 0.8, 1).mean())


def test_all_or_none_and_the_nearest_to_zero_of_equals():
    margins = np.array([-2.0, 3.0])
    assert null_threshold.choose(margins, np.ones(2), np.zeros(2)).tau == -3  # always answer
    assert null_threshold.choose(margins, np.zeros(2), np.ones(2)).tau == 4  # never
    assert null_threshold.choose(margins, np.ones(2), np.ones(2)).tau == 0.5


def test_margins_must_be_finite():
    with pytest.raises(DataError, match="Expected finite margins of at least one question"):
        null_threshold.choose(np.array([np.nan]), np.ones(1), np.ones(1))
    with pytest.raises(DataError, match="Expected finite margins of at least one question"):
        null_threshold.choose(np.array([]), np.array([]), np.array([]))
