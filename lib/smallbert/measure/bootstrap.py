"""Bootstrap intervals over queries and seeds: what other queries and another fit would have given.

Two or three seeds are too few to be resampled: their spread is mended, but not that it is itself a guess, for which
Student's t allows. t over seeds in turn does not know that other queries would differ. So of several seeds each end of
an interval is the farther out of the two, and p the larger: both hold wherever one of the two does.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from smallbert.errors import DataError
from smallbert.measure.comparisons import paired_t
from smallbert.measure.stats import Interval, mean_interval

RESAMPLES = 2000


def resampled_means(
    values: np.ndarray, *, groups: ArrayLike | None = None, seed: int = 0, resamples: int = RESAMPLES
) -> np.ndarray:
    """Means of ``values`` with queries, and seeds where there are several, drawn again with replacement.

    Queries that come in groups are not independent: whole groups are drawn then, and a mean is the sum of their values
    over the sum of their sizes (Davison & Hinkley 1997, section 3.8; Field & Welsh 2007).

    The draws of queries, or of groups, depend on their number, ``seed`` and ``resamples`` alone: methods measured on
    the same queries meet the same resamples, so the difference of two results of this function is a paired bootstrap of
    the difference (Efron & Tibshirani 1993, chapters 6 and 16). Means of S seeds drawn from S vary by (S - 1) / S of
    what other seeds would: seeds' distances from their mean are stretched by as much, for S is small.

    Args:
        values: (seeds, queries), finite.
        groups: the group of every query, (queries,); None where each stands for itself.
        seed: of the draws.
        resamples: how many.

    Returns:
        Shape (resamples,), float64.

    Raises:
        DataError: no value, or one that is not finite; other than one group a query.
    """
    values = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        raise DataError(f"Expected finite values (seeds, queries), got shape {values.shape}.")
    if len(values) > 1:
        own = values.mean(axis=1, keepdims=True)
        values = values + (np.sqrt(len(values) / (len(values) - 1)) - 1) * (own - own.mean())
    by_seed = (
        _over_queries(values, seed, resamples) if groups is None else _over_groups(values, groups, seed, resamples)
    )
    return (by_seed * _shares(len(values), seed + 1, resamples).T).sum(axis=0)


def percentiles(values: np.ndarray, resampled: np.ndarray, *, level: float = 0.95) -> Interval:
    """The mean of ``values`` with the percentile interval of its resampled means."""
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(np.mean(values)), float(low), float(high), np.shape(values)[-1], level)


def seeds_interval(
    values: np.ndarray,
    resampled: np.ndarray,
    *,
    scale: tuple[float, float] = (-math.inf, math.inf),
    level: float = 0.95,
) -> Interval:
    """:func:`percentiles`, and of several seeds as far out as Student's t interval over the seeds' own means.

    Args:
        values: (seeds, queries).
        resampled: their resampled means, from :func:`resampled_means`.
        scale: least and most that a mean can be; either interval of several seeds can end beyond and is cut there.
        level: confidence level.
    """
    asked = percentiles(values, resampled, level=level)
    if len(values) < 2:
        return asked
    seeds = mean_interval(np.mean(values, axis=1), level=level)
    low, high = max(min(asked.low, seeds.low), scale[0]), min(max(asked.high, seeds.high), scale[1])
    return Interval(asked.estimate, low, high, asked.n, level)


def p_value(differences: np.ndarray) -> float:
    """Two-sided p of no difference, from a resampled difference taken as normal.

    Counting resamples beyond zero could not tell p below 1 / resamples, which a correction for many comparisons needs.
    A difference without any spread leaves no doubt: p is 1 where it is zero, else 0.
    """
    mean, spread = float(np.mean(differences)), float(np.std(differences, ddof=1))
    if spread == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * norm.sf(abs(mean) / spread))


def seeds_p_value(differences: np.ndarray, resampled: np.ndarray) -> float:
    """:func:`p_value`, and of several seeds the larger of it and the t-test's over the seeds' own means.

    Args:
        differences: (seeds, queries).
        resampled: their resampled means.
    """
    p = p_value(resampled)
    own = np.mean(differences, axis=1)
    return p if len(own) < 2 else max(p, paired_t(own, np.zeros_like(own)))


def _over_queries(values: np.ndarray, seed: int, resamples: int) -> np.ndarray:
    """Means of every seed over resampled queries: (seeds, resamples)."""
    return values @ _shares(values.shape[1], seed, resamples).T


def _over_groups(values: np.ndarray, groups: ArrayLike, seed: int, resamples: int) -> np.ndarray:
    """Means of every seed over resampled groups of queries: (seeds, resamples)."""
    if np.shape(groups) != values.shape[1:]:
        raise DataError(f"Expected a group for each of {values.shape[1]} queries, got shape {np.shape(groups)}.")
    _, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    sums = np.stack([np.bincount(place, row) for row in values])  # (seeds, groups)
    drawn = _shares(len(sizes), seed, resamples).T  # (groups, resamples)
    return (sums @ drawn) / (sizes @ drawn)


@lru_cache(maxsize=8)
def _shares(n: int, seed: int, resamples: int) -> np.ndarray:
    """How often each of n was drawn, as shares: (resamples, n), rows adding up to 1."""
    drawn = np.random.default_rng([seed, n]).integers(n, size=(resamples, n))
    drawn += n * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=n * resamples).reshape(resamples, n) / n
