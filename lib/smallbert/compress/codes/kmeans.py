"""Lloyd's k-means (1982), plain: random rows to start from, a fixed number of rounds."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

ROUNDS = 10
"""25 rounds, faiss's default, leave at most about one per cent less squared error on held-out vectors of ours."""

CACHED_ROWS = 512


def kmeans(rows: Tensor, count: int, generator: torch.Generator, rounds: int = ROUNDS) -> Tensor:
    """Centres of ``count`` clusters.

    Args:
        rows: float32 (n, w), n >= count.
        count: clusters.
        generator: draws the rows that are the first centres.
        rounds: assignments and means, each at most as bad as the one before.

    Returns:
        float32 (count, w). A cluster that loses all its rows keeps its centre.
    """
    centres = rows[torch.randperm(len(rows), generator=generator)[:count]].clone()
    for _ in range(rounds):
        nearest = assign(rows, centres)
        sizes = torch.bincount(nearest, minlength=count)
        sums = torch.zeros_like(centres).index_add_(0, nearest, rows)
        held = sizes > 0
        centres[held] = sums[held] / sizes[held, None]
    return centres


def assign(rows: Tensor, centres: Tensor) -> Tensor:
    """The nearest centre of every row, by Euclidean distance: int64 (n,)."""
    # |x - c|^2 less |x|^2, which all centres share. numpy's argmin takes a tenth of the time of torch's on rows this
    # short, and a block of them stays in the processor's cache.
    squares = centres.square().sum(dim=1)
    nearest = [
        torch.addmm(squares, block, centres.T, alpha=-2).numpy().argmin(axis=1) for block in rows.split(CACHED_ROWS)
    ]
    return torch.from_numpy(np.concatenate(nearest))
