"""Planted curves get the word their shape deserves, for few layers and many."""

import numpy as np
import pytest

from smallbert.errors import DataError
from smallbert.measure.convergence import course

DEPTHS = (4, 6, 12, 24)
FALLS = {4: 0.5, 6: 0.6, 12: 0.8, 24: 0.9}
"""A decay that takes the last third to at most a quarter of the first."""


def noisy(y, scale=0.01, seed=0):
    return y * (1 + scale * np.random.default_rng(seed).standard_normal(len(y)))


@pytest.mark.parametrize("layers", DEPTHS)
def test_geometric_decay_converges(layers):
    y = 18 * FALLS[layers] ** np.arange(layers)
    found = course(y)
    assert found.verdict == "converges"
    assert (found.rate_low, found.rate, found.rate_high) == pytest.approx([FALLS[layers]] * 3)
    assert found.ahead == pytest.approx(FALLS[layers] ** layers)
    third = layers // 3
    assert found.level == pytest.approx(y[-third:].sum() / y[:third].sum())
    assert found.turns == 0
    assert course(noisy(y), 0.01 * y).verdict == "converges"


@pytest.mark.parametrize("layers", DEPTHS)
def test_slow_decay_does_not_yet_converge(layers):
    assert course(0.97 ** np.arange(layers)).verdict == "neither"


@pytest.mark.parametrize("layers", DEPTHS)
def test_alternation_oscillates(layers):
    y = 9 + 2 * (-1.0) ** np.arange(layers)
    found = course(noisy(y), 0.01 * y)
    assert found.verdict == "oscillates"
    assert found.turns == found.places == layers - 2
    assert course(y * 0.99 ** np.arange(layers)).verdict == "oscillates"


def test_a_slow_wave_oscillates_and_a_falling_ripple_converges():
    layer = np.arange(24)
    assert course(9 + 3 * np.sin(2 * np.pi * layer / 6)).verdict == "oscillates"
    falling = 9 * 0.8**layer * (1 + 0.1 * (-1.0) ** layer)
    assert course(falling).verdict == "converges"


@pytest.mark.parametrize("layers", DEPTHS)
@pytest.mark.parametrize("shape", ["constant", "u", "growing", "arch"])
def test_what_does_neither(layers, shape):
    x = np.linspace(-1, 1, layers)
    y = {"constant": 5 + 0 * x, "u": 2 + 6 * x**2, "growing": 3 + x, "arch": 8 - 6 * x**2}[shape]
    found = course(noisy(y, 0.005), 0.005 * y)
    assert found.verdict == "neither"
    assert found.turns == (shape in ("u", "arch"))


def test_falling_to_a_level_above_zero_is_not_convergence():
    y = 1 + 100 * 0.5 ** np.arange(24)
    found = course(y)
    assert found.level < 0.25
    assert found.rate_high < 1
    assert found.ahead > 0.9  # it has stopped falling
    assert found.verdict == "neither"


def test_swings_within_the_noise_are_no_turns():
    y = 9 + 2 * (-1.0) ** np.arange(12)
    assert course(y, np.full(12, 3.0)).turns == 0
    assert course(y, np.full(12, 3.0)).verdict == "neither"
    assert course(y, np.full(12, np.nan)).turns == 10  # unknown errors count as none
    assert course(9 + 0.1 * (-1.0) ** np.arange(12)).turns == 0  # ripples of 2 % of the mean


def test_turns_of_noise_are_as_many_as_theory_says(rng):
    """Bienayme: a curve in random order turns at two thirds of its inner places."""
    turns = [course(1000 + 900 * rng.uniform(-1, 1, 24), np.zeros(24)).turns for _ in range(300)]
    assert 0.75 * 44 / 3 < np.mean(turns) < 44 / 3  # fewer, as ripples are left out


def test_reaching_zero_is_convergence():
    assert course([8, 4, 1, 0.1, 0, 0]).verdict == "converges"


def test_roughness_is_the_mean_second_difference():
    assert course([1.0, 2, 3, 4]).roughness == 0
    assert course([1.0, 3, 1, 3]).roughness == pytest.approx(4 / 2)
    assert course([10.0, 30, 10, 30]).roughness == pytest.approx(2)  # free of scale


def test_few_layers_and_no_curve():
    assert course([3.0, 1.0, 0.2]).verdict == "too few layers"
    assert course([3.0, 1.0]).verdict == "too few layers"
    with pytest.raises(DataError, match="at least 2 values over layers"):
        course([1.0])
    with pytest.raises(DataError, match="not all 0"):
        course([0.0, 0.0, 0.0, 0.0])
    with pytest.raises(DataError, match=r"angles of 0 or more, not all 0, got \[1.0, -1.0"):
        course([1.0, -1.0, 1.0, 1.0])
