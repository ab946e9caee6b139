"""Does a curve over layers converge to zero, oscillate, or neither? The word, and the numbers behind it.

ALBERT's authors write that their layers' distances oscillate rather than converge, and "do not converge to 0 even
after 24 layers" (Lan et al. 2020, section 3.1); no definition is given. Ours, for a curve y of L >= 4 layers:

**converges**: it falls to zero, or heads there. All three of

- *level*: the mean of the last third is at most a quarter of the mean of the first third;
- *rate*: log y falls along a straight line, the 95% interval of its slope (least squares, Student's t) below zero;
- *ahead*: at the rate of its second half, as many layers again would bring it down to at most a quarter of where it
  ends. A curve that falls to a level above zero and stays there fails this.

**oscillates**: it does not converge, and turns at least twice and at no fewer than a quarter of the L - 2 places
where it could. A turn counts only between two swings that are real: larger than 5 % of the curve's mean and beyond the
95% interval of the difference of their two ends. A monotone curve has no turn, a U one, a strict alternation L - 2, a
curve in random order two thirds of L - 2 on average (Bienayme 1874).

**neither**: anything else: constant, growing, falling to a level above zero, or U-shaped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from smallbert.errors import DataError
from smallbert.measure.stats import sample

Word = Literal["converges", "oscillates", "neither", "too few layers"]

LEAST_LAYERS = 4
SHARE = 0.25
"""Of the first third, or of the last layer: small enough to count as going to zero."""
OFTEN = 0.25
"""Of the places where a curve can turn: often enough to count as oscillating, a period of up to 8 layers."""
RIPPLE = 0.05
"""Share of the curve's mean below which a swing is no swing."""


@dataclass(frozen=True)
class Course:
    """What a curve does, in numbers.

    Attributes:
        verdict: the word, by the definitions of this module.
        layers: L.
        level: mean of the last third over mean of the first third.
        rate: factor from one layer to the next, by the straight line through log y; 1 is a constant.
        rate_low: lower limit of its 95% interval.
        rate_high: upper limit.
        ahead: factor that as many layers again would bring, at the rate of the second half.
        turns: real changes of direction.
        places: where a turn is possible, L - 2.
        roughness: mean |y[l + 1] - 2 y[l] + y[l - 1]| over the curve's mean; 0 for a straight line, less is smoother.
    """

    verdict: Word
    layers: int
    level: float
    rate: float
    rate_low: float
    rate_high: float
    ahead: float
    turns: int
    places: int
    roughness: float


def course(values: ArrayLike, sem: ArrayLike | None = None) -> Course:
    """Judge a curve over layers.

    Args:
        values: shape (L,), L >= 2, none negative: distances or angles.
        sem: their standard errors, shape (L,); none, or not-a-number, counts as exact.

    Raises:
        DataError: fewer than two layers, a value that is negative or not finite, or only zeros.
    """
    y = sample(values, "values over layers")
    if (y < 0).any() or not y.any():
        raise DataError(f"Expected distances or angles of 0 or more, not all 0, got {y.tolist()}.")
    noise = np.zeros(len(y)) if sem is None else np.nan_to_num(np.asarray(sem, dtype=np.float64))
    layers, third = len(y), max(1, len(y) // 3)
    level = _ratio(y[-third:].mean(), y[:third].mean())
    logs = np.log(np.maximum(y, 1e-12 * y.max()))  # zero, reached, has no logarithm
    low, slope, high = _slope(logs)
    ahead = math.exp(_slope(logs[layers // 2 :])[1] * layers) if layers >= LEAST_LAYERS else math.nan
    turns = _turns(y, noise)
    verdict: Word = "neither"
    if layers < LEAST_LAYERS:
        verdict = "too few layers"
    elif level <= SHARE and high < 0 and ahead <= SHARE:
        verdict = "converges"
    elif turns >= max(2, OFTEN * (layers - 2)):
        verdict = "oscillates"
    return Course(
        verdict=verdict,
        layers=layers,
        level=level,
        rate=math.exp(slope),
        rate_low=math.exp(low),
        rate_high=math.exp(high),
        ahead=ahead,
        turns=turns,
        places=layers - 2,
        roughness=float(np.abs(np.diff(y, 2)).mean() / y.mean()) if layers > 2 else 0.0,
    )


def _ratio(a: float, b: float) -> float:
    return float(a / b) if b > 0 else math.inf


def _slope(y: np.ndarray) -> tuple[float, float, float]:
    """Slope by least squares with its 95% interval: low, slope, high; no interval from two points."""
    if len(y) < 3:
        return -math.inf, float(y[1] - y[0]), math.inf
    found = stats.linregress(np.arange(len(y)), y)
    half = stats.t.ppf(0.975, len(y) - 2) * found.stderr
    return found.slope - half, found.slope, found.slope + half


def _turns(y: np.ndarray, sem: np.ndarray) -> int:
    """Changes of direction between real swings, walking from one extreme to the next."""
    least = RIPPLE * y.mean()

    def real(a: int, b: int) -> bool:
        return abs(y[a] - y[b]) > max(least, 1.96 * math.hypot(sem[a], sem[b]))

    direction = count = top = bottom = 0
    for here in range(1, len(y)):
        top = here if y[here] > y[top] else top
        bottom = here if y[here] < y[bottom] else bottom
        if direction >= 0 and y[here] < y[top] and real(top, here):
            count += direction > 0
            direction, bottom = -1, here
        elif direction <= 0 and y[here] > y[bottom] and real(bottom, here):
            count += direction < 0
            direction, top = 1, here
    return count
