"""The shape of a cloud of vectors: how many directions it fills, how far off centre it is, who dominates it."""

from __future__ import annotations

import numpy as np

from smallbert.arrays import Array, blocks, matrix, require_finite
from smallbert.errors import DataError


def second_moment_shares(second_moments: np.ndarray) -> np.ndarray:
    """Share of every dimension in the total mean square about zero, shape (d,), summing to 1.

    A dimension with far more than the even share 1/d is an outlier dimension: raw MSE weighs it the more. From
    which share on is the caller's choice. Whether multilingual BERT has one is contested (Rajaee & Pilehvar
    2022: no; Haemmerl et al. 2023: yes).

    Args:
        second_moments: shape (d,), mean squares, as ``Moments.second_moments``.

    Raises:
        DataError: all are zero.
    """
    return _shares(second_moments, "second moments")


def effective_rank(variances: np.ndarray) -> float:
    """exp of the entropy of the variance shares: 1 for one direction, d for a round cloud.

    Roy & Vetterli (2007) take shares of singular values; ours are of variances, their squares, as a PCA
    scree plot shows them.

    Args:
        variances: shape (d,), along the principal components.

    Raises:
        DataError: all are zero.
    """
    shares = _shares(variances, "variances")
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))


def participation_ratio(variances: np.ndarray) -> float:
    """(sum of variances)^2 / sum of squared variances: like :func:`effective_rank`, with less weight on the tail.

    Args:
        variances: shape (d,), along the principal components.

    Raises:
        DataError: all are zero.
    """
    return float(1 / (_shares(variances, "variances") ** 2).sum())


def anisotropy(vectors: Array) -> float:
    """Mean cosine of two different vectors: 0 for a cloud without preferred direction, towards 1 for a cone.

    Ethayarajh (2019) estimates it from random pairs. It is exact here at the cost of one pass, for the sum of
    all n^2 cosines is the squared length of the sum of the unit vectors.

    Args:
        vectors: shape (n, d); a zero vector has cosine 0 with every other.

    Raises:
        DataError: fewer than two rows, or a value that is not finite (its row is named).
    """
    n, pointing, total = 0, 0, 0.0
    for block in blocks(vectors):
        block = matrix(block).astype(np.float64)
        require_finite(block, n)
        lengths = np.linalg.norm(block, axis=1, keepdims=True)
        units = np.divide(block, lengths, out=np.zeros_like(block), where=lengths > 0)
        total = total + units.sum(axis=0)
        pointing += int((lengths > 0).sum())
        n += len(block)
    if n < 2:
        raise DataError(f"Expected at least 2 vectors to compare, got {n}.")
    return float((np.dot(total, total) - pointing) / (n * (n - 1)))


def _shares(values: np.ndarray, what: str) -> np.ndarray:
    values = np.maximum(np.asarray(values, dtype=np.float64), 0.0)
    if not values.sum() > 0:
        raise DataError(f"Expected {what} of which one at least is positive, got only zeros.")
    return values / values.sum()
