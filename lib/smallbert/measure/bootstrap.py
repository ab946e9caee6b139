"""Bootstrap intervals over queries and seeds: what other queries and another fit would have given."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.stats import norm

from smallbert.errors import DataError
from smallbert.measure.stats import Interval

RESAMPLES = 2000


def resampled_means(values: np.ndarray, *, seed: int = 0, resamples: int = RESAMPLES) -> np.ndarray:
    """Means of ``values`` with queries, and seeds where there are several, drawn again with replacement.

    The draws of queries depend on their number, ``seed`` and ``resamples`` alone: methods measured on the same queries
    meet the same resamples, so the difference of two results of this function is a paired bootstrap of the difference
    (Efron & Tibshirani 1993, chapters 6 and 16). Means of S seeds drawn from S vary by (S - 1) / S of what other seeds
    would: seeds' distances from their mean are stretched by as much, for S is small.

    Args:
        values: (seeds, queries), finite.
        seed: of the draws.
        resamples: how many.

    Returns:
        Shape (resamples,), float64.

    Raises:
        DataError: no value, or one that is not finite.
    """
    values = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        raise DataError(f"Expected finite values (seeds, queries), got shape {values.shape}.")
    if len(values) > 1:
        own = values.mean(axis=1, keepdims=True)
        values = values + (np.sqrt(len(values) / (len(values) - 1)) - 1) * (own - own.mean())
    by_seed = values @ _shares(values.shape[1], seed, resamples).T  # (seeds, resamples)
    return (by_seed * _shares(len(values), seed + 1, resamples).T).sum(axis=0)


def percentiles(values: np.ndarray, resampled: np.ndarray, *, level: float = 0.95) -> Interval:
    """The mean of ``values`` with the percentile interval of its resampled means."""
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(np.mean(values)), float(low), float(high), np.shape(values)[-1], level)


def p_value(differences: np.ndarray) -> float:
    """Two-sided p of no difference, from a resampled difference taken as normal.

    Counting resamples beyond zero could not tell p below 1 / resamples, which a correction for many comparisons needs.
    A difference without any spread leaves no doubt: p is 1 where it is zero, else 0.
    """
    mean, spread = float(np.mean(differences)), float(np.std(differences, ddof=1))
    if spread == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * norm.sf(abs(mean) / spread))


@lru_cache(maxsize=8)
def _shares(n: int, seed: int, resamples: int) -> np.ndarray:
    """How often each of n was drawn, as shares: (resamples, n), rows adding up to 1."""
    drawn = np.random.default_rng([seed, n]).integers(n, size=(resamples, n))
    drawn += n * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=n * resamples).reshape(resamples, n) / n
