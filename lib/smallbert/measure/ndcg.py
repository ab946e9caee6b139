"""Normalised discounted cumulative gain: how high a search ranks what was asked for."""

from __future__ import annotations

import numpy as np

from smallbert.errors import DataError

QUERY_BLOCK = 256


def ndcg(scores: np.ndarray, relevant: np.ndarray, k: int = 10) -> np.ndarray:
    """nDCG of the first ``k`` results of every query, with relevance 0 or 1 (Järvelin & Kekäläinen 2002).

    The gain of a relevant document at rank r is 1 / log2(1 + r); their sum is divided by that of the best order. A
    document that scores exactly as high as a relevant one ranks before it, so scores that are all the same get nothing
    for it. A document at minus infinity is no candidate.

    Args:
        scores: (q, n), large is near.
        relevant: bool (q, n); every query needs a relevant document.
        k: results looked at.

    Returns:
        Shape (q,), from 0 to 1.

    Raises:
        DataError: shapes that differ, or a query without a relevant document (it is named).
    """
    if scores.shape != relevant.shape or scores.ndim != 2:
        raise DataError(
            f"Expected scores and relevance of one shape (queries, n), got {scores.shape}, {relevant.shape}."
        )
    wanted = relevant.sum(axis=1)
    if not wanted.all():
        raise DataError(f"Expected a relevant document for every query, query {int(wanted.argmin())} has none.")
    queries, documents = np.nonzero(relevant)
    own = scores[queries, documents]
    discounts = 1 / np.log2(np.arange(2, max(k, wanted.max()) + 2))
    gains = np.zeros(len(scores))
    for start in range(0, len(queries), QUERY_BLOCK):
        part = slice(start, start + QUERY_BLOCK)
        rows = scores[queries[part]]
        others = ((rows >= own[part, None]) & ~relevant[queries[part]]).sum(axis=1)
        # Relevant documents are ranked among themselves by score, then by place.
        before = (rows > own[part, None]) | (
            (rows == own[part, None]) & (np.arange(scores.shape[1]) < documents[part, None])
        )
        ranks = others + (before & relevant[queries[part]]).sum(axis=1)  # from 0
        seen = (ranks < k) & np.isfinite(own[part])
        np.add.at(gains, queries[part][seen], discounts[ranks[seen]])
    return gains / np.cumsum(discounts)[np.minimum(wanted, k) - 1]
