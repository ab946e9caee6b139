"""Whether pairs keep their order of similarity: Spearman's rank correlation over random pairs."""

from __future__ import annotations

import numpy as np
from scipy import stats

from smallbert.arrays import BLOCK, Array, blocks, matrix, require_finite
from smallbert.errors import DataError, UsageError
from smallbert.measure.reconstruction import row_cosines


def random_pairs(n: int, count: int, *, seed: int) -> np.ndarray:
    """``count`` pairs of two different rows out of n, drawn independently: shape (count, 2), int64.

    Raises:
        UsageError: fewer than two rows or no pair.
    """
    if n < 2 or count < 1:
        raise UsageError(f"Expected at least 2 rows and 1 pair, got {n} rows and {count} pairs.")
    generator = np.random.default_rng(seed)
    first = generator.integers(n, size=count)
    # A step of 1..n-1 around the circle reaches every other row with equal probability.
    return np.stack([first, (first + generator.integers(1, n, size=count)) % n], axis=1)


def pair_cosines(vectors: Array, pairs: np.ndarray) -> np.ndarray:
    """Cosine of each pair of rows, float64: vectors (n, d) and pairs (m, 2) to (m,).

    Raises:
        DataError: a value that is not finite (its row is named).
    """
    data = matrix(vectors)
    require_finite(data)
    # Half a block, as two rows are gathered for every pair.
    cosines = [row_cosines(data[part[:, 0]], data[part[:, 1]]) for part in blocks(pairs, BLOCK // 2)]
    return np.concatenate(cosines)


def spearman(reference: np.ndarray, other: np.ndarray) -> float:
    """Spearman's rank correlation of two lists of similarities; ties share their mean rank.

    Args:
        reference: shape (m,), from :func:`pair_cosines` on the original vectors.
        other: shape (m,), on codes, same pairs.

    Returns:
        -1 to 1; NaN where one list is constant, as a dead layer's codes make it: it has no order.

    Raises:
        DataError: the lengths differ.
    """
    if reference.shape != other.shape:
        raise DataError(f"Expected two lists of one length, got {reference.shape} and {other.shape}.")
    if np.ptp(reference) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(stats.spearmanr(reference, other).statistic)
