"""Baselines of equal width: what a bottleneck of k numbers is worth without learning, or with little.

Each returns an :class:`~smallbert.compress.linear.AffineCode`, so codes, reconstructions and the closed-form
FVU come the same way as PCA's. Truncation and random projection look at no data when they encode, so their
codes are not centred; the decoder is fitted on train moments.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import linalg

from smallbert.compress.linear import AffineCode, Pca, require_width
from smallbert.compress.moments import Moments
from smallbert.errors import DataError, UsageError


def mean_predictor(moments: Moments) -> AffineCode:
    """No code at all: every vector is reconstructed as the mean. FVU is 1 on the fitted rows."""
    none = np.zeros((moments.width, 0))
    return AffineCode("mean", moments.mean, none, none.T, moments.mean)


def truncation(moments: Moments, k: int, decoder: Literal["mean", "least squares"] = "mean") -> AffineCode:
    """The first ``k`` dimensions, as Matryoshka embeddings are cut (Kusupati et al. 2022).

    Args:
        moments: of the train split.
        k: numbers kept.
        decoder: how the dropped dimensions are filled: with their ``mean``, or by ``least squares`` from the
            kept ones, which is the fair comparison with methods that have a fitted decoder.

    Raises:
        UsageError: k is not in 0..d, or the decoder is neither.
    """
    if decoder not in ("mean", "least squares"):
        raise UsageError(f"Expected decoder 'mean' or 'least squares', got {decoder!r}.")
    require_width(k, moments.width)
    first = np.eye(moments.width)[:, :k]
    if decoder == "least squares":
        return with_least_squares_decoder("truncation, least squares", moments, first)
    bias = np.where(np.arange(moments.width) < k, 0.0, moments.mean)
    return AffineCode("truncation", np.zeros(moments.width), first, first.T, bias)


def random_projection(moments: Moments, k: int, *, seed: int) -> AffineCode:
    """``k`` random directions with a least-squares decoder.

    Entries are drawn from N(0, 1/k), which keeps squared distances in expectation (Johnson & Lindenstrauss 1984).

    Args:
        moments: of the train split, for the decoder only.
        k: numbers kept.
        seed: of the directions. The first j columns do not depend on k but for their scale.

    Raises:
        UsageError: k is not in 1..d.
    """
    require_width(k, moments.width, least=1)
    directions = np.random.default_rng(seed).standard_normal((k, moments.width)).T
    return with_least_squares_decoder("random projection, gaussian", moments, directions / np.sqrt(k))


def whitening(moments: Moments, k: int) -> AffineCode:
    """PCA to ``k`` components, each scaled to unit variance (Su et al. 2021; their W is U sqrt(L^-1)).

    Reconstructs exactly as PCA does; what changes is the distance between codes.

    Raises:
        UsageError: k is not in 1..d.
        DataError: the fitted rows vary in fewer than k directions, so there is nothing to scale up.
    """
    require_width(k, moments.width, least=1)
    pca = Pca.fit(moments)
    variances, directions = pca.variances[:k], pca.components[:, :k]
    # The rank a matrix in double precision can be said to have, as numpy.linalg.matrix_rank decides it.
    rank = int((pca.variances > pca.variances[0] * moments.width * np.finfo(float).eps).sum())
    if k > rank:
        raise DataError(
            f"Expected vectors that vary in at least k={k} directions, got {rank}.",
            "Whiten to fewer dimensions or fit on more rows.",
        )
    scale = np.sqrt(variances)
    return AffineCode("whitening", pca.mean, directions / scale, (directions * scale).T, pca.mean)


def with_least_squares_decoder(name: str, moments: Moments, encoder: np.ndarray) -> AffineCode:
    """The affine code of ``encoder`` with the decoder that minimises SSE on the fitted rows.

    With scatter S and encoder W the decoder is (W^T S W)^+ W^T S; the bias makes the error zero at the mean.

    Args:
        name: of the method, for tables.
        moments: of the train split.
        encoder: shape (d, k), any rank; codes are x @ encoder, not centred.
    """
    cross = encoder.T @ moments.scatter
    decoder = linalg.pinvh(cross @ encoder) @ cross if encoder.shape[1] else cross
    bias = moments.mean - (moments.mean @ encoder) @ decoder
    return AffineCode(name, np.zeros(moments.width), encoder, decoder, bias)
