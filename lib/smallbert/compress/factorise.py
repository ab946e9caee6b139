"""A table of word vectors as the product of two narrow ones: the best factorisation of every rank at once.

ALBERT (Lan et al. 2020, section 3.1) replaces the table V x H by V x E times E x H. Of all such products the one
nearest to a given table keeps its first E right singular vectors (Eckart & Young 1936). With rows weighted, the
nearest is another product: the singular vectors are then those of the table whose rows are scaled by the square
roots of the weights. Weighted by how often a token occurs, a rare token's row costs what it matters.

The singular values come from the triangle of a QR decomposition gathered block by block (Demmel et al. 2012, TSQR):
memory does not grow with V, and small singular values keep the digits that squaring the table would cost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from smallbert.arrays import Array, blocks, matrix, require_finite
from smallbert.errors import DataError, UsageError

STEPS = 1000
RATE = 0.05
"""Of :func:`train_factors`: within 0.01 % of the least error on a real table (all-MiniLM-L6-v2, ranks 16, 64, 256)."""


@dataclass(frozen=True, eq=False)
class Truncation:
    """The best factorisations of a table of V word vectors of width H.

    Attributes:
        words: the table, shape (V, H).
        triangle: shape (H, H): |triangle @ x| = |weighted table @ x| for every x, so it stands for the table in
            every squared error.
        singular_values: shape (H,), falling: of the weighted table.
        directions: shape (H, H); column j is the right singular vector of value j.
    """

    words: np.ndarray
    triangle: np.ndarray
    singular_values: np.ndarray
    directions: np.ndarray

    def factors(self, rank: int) -> tuple[np.ndarray, np.ndarray]:
        """The two tables (V, rank) and (rank, H) whose product is nearest to the words, in the words' format.

        Raises:
            UsageError: the rank is not in 1..H.
        """
        if not 1 <= rank <= len(self.directions):
            raise UsageError(f"Expected a rank from 1 to {len(self.directions)} (the table's width), got {rank}.")
        right = self.directions[:, :rank].astype(self.words.dtype)
        return self.words @ right, np.ascontiguousarray(right.T)

    def errors(self) -> np.ndarray:
        """Weighted Frobenius norm of what every rank leaves out: shape (H + 1,), entry E for rank E, the last 0."""
        return np.sqrt(_tails(self.singular_values**2))

    def lost(self, triangle: np.ndarray | None = None) -> np.ndarray:
        """Share of the squared norm every rank leaves out: shape (H + 1,), from 1 at rank 0 down to 0.

        Args:
            triangle: of the same table under other weights, to measure in a norm this truncation does not minimise;
                its own by default.
        """
        along = np.square((self.triangle if triangle is None else triangle) @ self.directions).sum(axis=0)
        tails = _tails(along)
        return tails / tails[0]

    def cosines(self, weights: np.ndarray | None = None) -> np.ndarray:
        """Mean cosine of a word vector with its truncation, at every rank: shape (H + 1,), from 0 up to 1.

        Args:
            weights: of the mean over words, shape (V,); equal by default. A zero vector, which has no direction,
                is left out.
        """
        weights = np.ones(len(self.words)) if weights is None else np.asarray(weights, dtype=np.float64)
        words, weights = _weighty(self.words, weights)
        total, counted = np.zeros(words.shape[1]), 0.0
        for block, weight in zip(blocks(words), blocks(weights), strict=True):
            # A projection's cosine with its original is the share of the length it keeps.
            kept = np.cumsum(np.square(block.astype(np.float64) @ self.directions), axis=1)
            known = kept[:, -1] > 0
            total += weight[known] @ np.sqrt(kept[known] / kept[known, -1:])
            counted += weight[known].sum()
        return np.append(0.0, total / counted)


def truncate(words: Array, weights: np.ndarray | None = None) -> Truncation:
    """Decompose a table once for every rank.

    Args:
        words: shape (V, H).
        weights: shape (V,), what each row's squared error counts (a token's frequency); equal by default. Rows of
            weight 0 are still truncated, with directions they had no say in.

    Raises:
        DataError: a value that is not finite, a table of zeros, or weights that are no weights of these rows.
    """
    words = matrix(words, what="word vectors")
    require_finite(words, what="word vectors")
    if weights is not None:
        weights = np.asarray(weights, dtype=np.float64)
        if weights.shape != (len(words),) or not (np.isfinite(weights).all() and (weights >= 0).all()):
            raise DataError(f"Expected {len(words):,} finite weights of 0 or more, got shape {weights.shape}.")
    width = words.shape[1]
    told, scales = (words, np.ones(len(words))) if weights is None else _weighty(words, np.sqrt(weights))
    triangle: np.ndarray = np.zeros((width, width))
    for block, scale in zip(blocks(told), blocks(scales), strict=True):
        triangle = np.asarray(np.linalg.qr(np.concatenate([triangle, block * scale[:, None]]), mode="r"))
    _left, values, right = np.linalg.svd(triangle)
    if not values[0] > 0:
        raise DataError("Expected a word vector of positive weight that is not zero, got none.")
    return Truncation(words, triangle, values, right.T)


def train_factors(truncation: Truncation, rank: int, *, seed: int, steps: int = STEPS, rate: float = RATE) -> float:
    """Train both factors by gradient descent from random numbers, as a network would, and measure what they lose.

    The left factor is trained in coordinates of the table's column space: with Q of the QR decomposition, table = Q R,
    the product (Q u) v misses the table by |R - u v| exactly, so H rows stand for V. Adam (Kingma & Ba 2015) at a rate
    that falls to zero as a cosine, on the whole table at each step.

    Args:
        truncation: of the table; its triangle is what is factorised.
        rank: inner width.
        seed: of the random start.
        steps: updates.
        rate: first learning rate, in units of the root mean square of the triangle's entries.

    Returns:
        Share of the squared norm lost, as in :meth:`Truncation.lost`, in float64.
    """
    width = len(truncation.triangle)
    scale = np.linalg.norm(truncation.triangle) / width
    exact = torch.from_numpy(truncation.triangle / scale)
    table = exact.float()
    generator = torch.Generator().manual_seed(seed)
    left = torch.randn(width, rank, generator=generator).mul_(rank**-0.5)
    right = torch.randn(rank, width, generator=generator).mul_(rank**-0.5)
    optimizer = torch.optim.Adam([left, right], lr=rate, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        # The gradient of |table - left right|^2 multiplied out: no matrix of the table's size is made.
        left.grad = 2 * (left @ (right @ right.T) - table @ right.T)
        right.grad = 2 * ((left.T @ left) @ right - left.T @ table)
        optimizer.step()
        schedule.step()
    missed = (exact - left.double() @ right.double()).square().sum() / exact.square().sum()
    return float(missed)


def _weighty(words: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows that have any weight, and their weights: of a large table a corpus uses a small part."""
    if weights.all():
        return words, weights
    used = np.flatnonzero(weights)
    return words[used], weights[used]


def _tails(squares: np.ndarray) -> np.ndarray:
    """Sum of all entries from each on, and 0 after the last; from the smallest end, so that small tails keep digits."""
    return np.append(np.cumsum(squares[::-1])[::-1], 0.0)
