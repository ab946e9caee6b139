"""The Pareto front: what nothing else beats at once in cost and in worth."""

from __future__ import annotations

import numpy as np

from smallbert.errors import DataError


def front(cost: np.ndarray, worth: np.ndarray) -> np.ndarray:
    """Which points no other point dominates: none costs at most as much and is worth at least as much, one strictly.

    Args:
        cost: (n,), small is good.
        worth: (n,), large is good.

    Returns:
        Bool, shape (n,). Equal points stand or fall together.

    Raises:
        DataError: unequal shapes or a value that is not a number.
    """
    cost, worth = np.asarray(cost, dtype=np.float64), np.asarray(worth, dtype=np.float64)
    if cost.shape != worth.shape or cost.ndim != 1 or np.isnan(cost).any() or np.isnan(worth).any():
        raise DataError(f"Expected costs and worths of one length without gaps, got {cost.shape} and {worth.shape}.")
    as_good = (cost[None, :] <= cost[:, None]) & (worth[None, :] >= worth[:, None])
    better = (cost[None, :] < cost[:, None]) | (worth[None, :] > worth[:, None])
    return np.asarray(~(as_good & better).any(axis=1))
