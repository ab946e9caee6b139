"""Two shares of the same trials, compared: how often only one of two classifiers is right."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from smallbert.errors import DataError
from smallbert.measure.stats import Interval


def paired_difference(a: np.ndarray, b: np.ndarray, *, level: float = 0.95, independent: int | None = None) -> Interval:
    """Share of trials that ``a`` gets right less the share that ``b`` does, with Tango's score interval.

    Tango (1998), doi 10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B. Only trials on which the two
    differ tell anything; where there are none the interval still has a width, about 4 / n to each side at 95%, while a
    bootstrap would call the difference certain.

    Args:
        a: which trials were right, bool (n,).
        b: the same trials, bool (n,).
        level: confidence level.
        independent: so many of the trials are independent, and the others repeat them: the interval is that of these
            shares of so many, as if repeats always agreed. None where all are.

    Raises:
        DataError: no trials, not the same number, or independent is not in 1..n.
    """
    a, b = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    if a.shape != b.shape or a.ndim != 1 or not len(a):
        raise DataError(f"Expected the same trials, at least one, got shapes {a.shape} and {b.shape}.")
    n = len(a)
    m = n if independent is None else independent
    if not 1 <= m <= n:
        raise DataError(f"Expected 1 to {n} independent trials, got {m}.")
    only_a, only_b = (float(one.sum()) * m / n for one in (a & ~b, b & ~a))
    z = float(norm.ppf((1 + level) / 2))
    estimate = (only_a - only_b) / m

    def beyond(difference: float, side: int) -> float:
        return side * _score(m, only_a, only_b, difference) - z

    # At the estimate the score is zero, at -1 and 1 beyond all bounds.
    edge = 1 - 1e-9
    low = -1.0 if beyond(-edge, 1) < 0 or estimate <= -edge else brentq(beyond, -edge, estimate, args=(1,))
    high = 1.0 if beyond(edge, -1) < 0 or estimate >= edge else brentq(beyond, estimate, edge, args=(-1,))
    return Interval(estimate, float(low), float(high), n, level)


def _score(n: int, only_a: float, only_b: float, difference: float) -> float:
    """How many standard errors the observed difference lies above a supposed one (Tango's equation 2)."""
    linear = (2 * n - only_a + only_b) * difference - only_a - only_b
    constant = -only_b * difference * (1 - difference)
    # The share of trials that only b gets right, by maximum likelihood under the supposed difference.
    share = (math.sqrt(linear**2 - 8 * n * constant) - linear) / (4 * n)
    variance = n * (2 * share + difference * (1 - difference))
    missed = only_a - only_b - n * difference
    return missed / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, missed) if missed else 0.0
