"""Exact nearest neighbours, and how many of them survive compression.

The neighbours in the original space are found once and compared with those among any number of codes:

    truth = nearest(vectors, queries, 10)
    kept = overlap(truth, nearest(codes, queries, 10)).mean()
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

from smallbert.arrays import Array, matrix, require_finite
from smallbert.errors import DataError, UsageError

Metric = Literal["cosine", "l2"]

QUERY_BLOCK, DATABASE_BLOCK = 512, 32768
"""Rows per tile of the score matrix: 64 MB of float32, whatever the size of the database."""


def nearest(
    vectors: Array,
    queries: np.ndarray,
    k: int,
    *,
    metric: Metric = "cosine",
    device: torch.device | str = "cpu",
) -> np.ndarray:
    """The k nearest rows of every query row, nearest first, the query itself left out.

    Exact search by tiles of one matrix product. For ``l2`` the mean is subtracted first, which changes no
    distance and saves the digits a common offset would cost in float32. Rows at equal distance (copies of
    one text) come in no particular order.

    Args:
        vectors: shape (n, d), the database; computed in float32.
        queries: shape (q,), row numbers in the database.
        k: neighbours each, 1..n-1.
        metric: ``cosine`` (a zero vector is at cosine 0 from all) or ``l2``.
        device: where to compute.

    Returns:
        Row numbers, shape (q, k), int64.

    Raises:
        UsageError: k or a query out of range, or an unknown metric.
        DataError: a value that is not finite (its row is named).
    """
    data = matrix(vectors)
    queries = np.asarray(queries, dtype=np.int64)
    _check(data, queries, k, metric)
    # Both metrics rank by one product plus a bias: for l2, |x - y|^2 = |x|^2 - 2 (x.y - |y|^2 / 2).
    rows = torch.as_tensor(data, dtype=torch.float32, device=device)
    if metric == "cosine":
        rows = torch.nn.functional.normalize(rows, eps=torch.finfo(torch.float32).tiny)
        bias = rows.new_zeros(len(rows))
    else:
        rows = rows - rows.mean(dim=0)
        bias = rows.square().sum(dim=1).div_(-2)
    wanted = torch.as_tensor(queries, device=device)
    return torch.cat([_best(rows, bias, part, k) for part in wanted.split(QUERY_BLOCK)]).cpu().numpy()


def overlap(reference: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Share of each query's reference neighbours that are among its other neighbours.

    The expected overlap of a random ranking of n rows is k / (n - 1).

    Args:
        reference: shape (q, k), from :func:`nearest` on the original vectors.
        other: shape (q, k), from :func:`nearest` on codes, same queries.

    Returns:
        Shape (q,), from 0 to 1.

    Raises:
        DataError: the shapes differ.
    """
    if reference.shape != other.shape:
        raise DataError(f"Expected neighbours of one shape, got {reference.shape} and {other.shape}.")
    found = (reference[:, :, None] == other[:, None, :]).any(axis=2)
    return found.mean(axis=1)


def _best(rows: torch.Tensor, bias: torch.Tensor, queries: torch.Tensor, k: int) -> torch.Tensor:
    """Row numbers of the k best scores of each query, tile after tile: (q,) to (q, k)."""
    asked = rows[queries]
    scores, indices = [], []
    for start in range(0, len(rows), DATABASE_BLOCK):
        tile = slice(start, start + DATABASE_BLOCK)
        score = torch.addmm(bias[tile], asked, rows[tile].T)  # (q, rows of the tile)
        own = ((queries >= start) & (queries < start + score.shape[1])).nonzero().squeeze(1)
        score[own, queries[own] - start] = -torch.inf
        best = score.topk(min(k, score.shape[1]), dim=1)
        scores.append(best.values)
        indices.append(best.indices + start)
    order = torch.cat(scores, dim=1).topk(k, dim=1).indices
    return torch.cat(indices, dim=1).gather(1, order)


def _check(data: np.ndarray, queries: np.ndarray, k: int, metric: str) -> None:
    if metric not in ("cosine", "l2"):
        raise UsageError(f"Expected metric 'cosine' or 'l2', got {metric!r}.")
    if not 1 <= k < len(data):
        raise UsageError(f"Expected k from 1 to {len(data) - 1} (the other rows), got {k}.")
    if queries.ndim != 1 or not len(queries):
        raise UsageError(f"Expected queries as a list of row numbers, got shape {queries.shape}.")
    if queries.min() < 0 or queries.max() >= len(data):
        raise UsageError(f"Expected queries from 0 to {len(data) - 1}, got {queries.min()} to {queries.max()}.")
    require_finite(data)
