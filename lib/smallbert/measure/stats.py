"""Intervals, and what an interval lets one say.

With five seeds no exact sign test can reach 0.05 (two patterns of 32 are as extreme), so the report shows intervals
first, and says "no difference shown" where that is all there is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from smallbert.errors import DataError, UsageError

Verdict = Literal["lower", "higher", "equivalent", "no difference shown"]


@dataclass(frozen=True)
class Interval:
    """An estimate between two limits.

    Attributes:
        estimate: the value itself.
        low: lower limit.
        high: upper limit.
        n: observations behind it.
        level: confidence level, such as 0.95.
    """

    estimate: float
    low: float
    high: float
    n: int
    level: float


def half_width(sem: ArrayLike, count: ArrayLike, *, level: float = 0.95) -> np.ndarray:
    """Half the width of Student's t interval of each of several means.

    Args:
        sem: their standard errors, any shape.
        count: number of values behind each, same shape.
        level: confidence level.

    Returns:
        Same shape, float64; 0 where fewer than two values have no interval, whatever their standard error.
    """
    sem, count = np.asarray(sem, dtype=np.float64), np.asarray(count, dtype=np.float64)
    return np.where(count < 2, 0.0, sem * stats.t.ppf((1 + level) / 2, np.maximum(count - 1, 1)))


def mean_interval(values: ArrayLike, *, level: float = 0.95) -> Interval:
    """Mean with Student's t interval, for values over seeds.

    Raises:
        DataError: fewer than two values, or one that is not finite.
    """
    x = sample(values, "values")
    mean, half = float(x.mean()), float(half_width(x.std(ddof=1) / math.sqrt(len(x)), len(x), level=level))
    return Interval(mean, mean - half, mean + half, len(x), level)


def paired_interval(a: ArrayLike, b: ArrayLike, *, level: float = 0.95) -> Interval:
    """Mean of a - b with Student's t interval; a[i] and b[i] share seed, split and order.

    Raises:
        DataError: unequal lengths, fewer than two pairs, or a value that is not finite.
    """
    return mean_interval(differences(a, b), level=level)


def wilson_interval(successes: int, n: int, *, level: float = 0.95, independent: int | None = None) -> Interval:
    """Share of successes with Wilson's score interval (1927), sound near 0 and 1 and for small n.

    Args:
        successes: of the trials.
        n: trials.
        level: confidence level.
        independent: so many of the trials are independent, and the others repeat them: the interval is that of this
            share of so many, as if repeats always agreed. None where all are.

    Raises:
        DataError: n is not positive, successes is not in 0..n or independent not in 1..n.
    """
    if n < 1 or not 0 <= successes <= n:
        raise DataError(f"Expected 0 to n successes of n >= 1 trials, got {successes} of {n}.")
    m = n if independent is None else independent
    if not 1 <= m <= n:
        raise DataError(f"Expected 1 to {n} independent trials, got {m}.")
    share, z2 = successes / n, float(stats.norm.ppf((1 + level) / 2)) ** 2
    centre = (share + z2 / (2 * m)) / (1 + z2 / m)
    half = math.sqrt(z2 * (share * (1 - share) / m + z2 / (4 * m**2))) / (1 + z2 / m)
    # At the ends of the scale the limit is the share itself, which the sums miss by a rounding error.
    low, high = 0.0 if not successes else centre - half, 1.0 if successes == n else centre + half
    return Interval(share, low, high, n, level)


def verdict(difference: Interval, *, margin: float = 0.0, p: float | None = None) -> Verdict:
    """What the interval of a paired difference a - b says about a: the word the report prints.

    Args:
        difference: from :func:`paired_interval`.
        margin: a difference this small does not matter. An interval within -margin..margin is ``equivalent``,
            whichever side of zero it lies on and whatever p is: that word is not corrected.
        p: a p-value corrected for all comparisons made; ``lower`` and ``higher`` then also need p < 1 - level.

    Returns:
        ``lower``, ``higher``, ``equivalent``, or ``no difference shown``, which is not the same as none.

    Raises:
        UsageError: a negative margin.
    """
    if margin < 0:
        raise UsageError(f"Expected a margin of 0 or more, got {margin}.")
    if margin and -margin <= difference.low and difference.high <= margin:
        return "equivalent"
    if p is None or p < 1 - difference.level:
        if difference.high < 0:
            return "lower"
        if difference.low > 0:
            return "higher"
    return "no difference shown"


def sample(values: ArrayLike, what: str, least: int = 2) -> np.ndarray:
    """``values`` as float64, shape (n,), n >= least.

    Raises:
        DataError: not a list of numbers, too few, or one is not finite.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or len(x) < least:
        raise DataError(f"Expected at least {least} {what} in a list, got shape {x.shape}.")
    if not np.isfinite(x).all():
        position = int(np.flatnonzero(~np.isfinite(x))[0])
        raise DataError(f"Expected finite {what}, got {x[position]} at position {position}.")
    return x


def differences(a: ArrayLike, b: ArrayLike) -> np.ndarray:
    """Paired differences a - b, float64.

    Raises:
        DataError: unequal lengths, fewer than two pairs, or a value that is not finite.
    """
    x, y = sample(a, "values of a"), sample(b, "values of b")
    if len(x) != len(y):
        raise DataError(f"Expected pairs, got {len(x)} values of a and {len(y)} of b.")
    return x - y
