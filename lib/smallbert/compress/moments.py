"""First and second moments of vectors, in one pass and exact: all that linear compression needs to know.

Every linear method of the report (PCA, whitening, random projection, truncation) and its reconstruction
error on any split follow in closed form from ``n``, the mean and the scatter matrix. These are gathered
block by block, so memory does not grow with the rows, and parts gathered apart can be added.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from smallbert.arrays import BLOCK, Array, blocks, matrix, require_finite
from smallbert.errors import DataError
from smallbert.storage import atomic_write

ROWS = 2 * BLOCK
"""Rows of one product: fewer cost more sums in float64, more cost memory."""

GROUP = 64
"""Products that are summed before their means are brought in."""

RUN = 64
"""Rows whose sum float32 holds well enough."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Number of rows, mean and scatter of a set of vectors of width d.

    Attributes:
        n: number of rows.
        mean: shape (d,), float64.
        scatter: shape (d, d), float64: the sum over rows of (x - mean)(x - mean)^T. Its trace is SST, the
            total sum of squares about the set's own mean, which is the denominator of FVU everywhere.
    """

    n: int
    mean: np.ndarray
    scatter: np.ndarray

    @classmethod
    def of(cls, vectors: Array) -> Moments:
        """Moments of the rows of ``vectors``, shape (n, d), read in blocks.

        Raises:
            DataError: no rows, or a value that is not finite (row and dimension are named).
        """
        return cls.of_chunks(blocks(vectors, ROWS))

    @classmethod
    def of_chunks(cls, chunks: Iterable[Array]) -> Moments:
        """Moments of all rows of all chunks, each of shape (rows, d); a chunk is held one at a time.

        Chunks in float64 are multiplied in float64, all others in float32 after subtracting the chunk's
        mean; sums over chunks are float64. FVU computed from float32 chunks is within 1e-8 of the float64
        result (tests/compress/test_moments.py, on 40,000 vectors of width 96).

        Raises:
            DataError: no rows, chunks of different widths, or a value that is not finite.
        """
        total: Moments | None = None
        group: _Group | None = None
        for chunk in chunks:
            for block in blocks(chunk, ROWS):
                rows = matrix(block, width=group.width if group else None)
                group = group or _Group(rows.shape[1])
                group.add(rows)
                if len(group.counts) == GROUP:
                    total = group.moments() if total is None else total + group.moments()
                    group = _Group(group.width, group.seen)
        if group is None:
            raise DataError("Expected at least one row to take moments of, got none.")
        if not group.counts:
            assert total is not None  # a full group has just gone into it
            return total
        return group.moments() if total is None else total + group.moments()

    def __add__(self, other: Moments) -> Moments:
        """Moments of both sets together (Chan, Golub & LeVeque 1979, eq. 2.1, for vectors).

        Raises:
            DataError: the widths differ.
        """
        if self.width != other.width:
            raise DataError(f"Cannot add moments of width {other.width} to moments of width {self.width}.")
        n = self.n + other.n
        shift = other.mean - self.mean
        scatter = self.scatter + other.scatter
        scatter += np.outer(shift * (self.n * other.n / n), shift)
        return Moments(n, self.mean + shift * (other.n / n), scatter)

    def about_zero(self) -> Moments:
        """The same rows about an origin that was chosen, not estimated: mean 0, scatter the sum of x x^T."""
        return Moments(self.n, np.zeros_like(self.mean), self.scatter + self.n * np.outer(self.mean, self.mean))

    @property
    def width(self) -> int:
        """Number of dimensions d."""
        return len(self.mean)

    @property
    def sst(self) -> float:
        """Total sum of squares about the mean, the trace of the scatter.

        Raises:
            DataError: all rows are equal, so that FVU is not defined.
        """
        total = float(np.trace(self.scatter))
        if total <= 0:
            raise DataError(f"All {self.n:,} rows are equal: the fraction of variance unexplained is 0/0.")
        return total

    @property
    def covariance(self) -> np.ndarray:
        """Unbiased covariance, shape (d, d): scatter / (n - 1).

        Raises:
            DataError: fewer than two rows.
        """
        if self.n < 2:
            raise DataError(f"Expected at least 2 rows for a covariance, got {self.n}.")
        return self.scatter / (self.n - 1)

    @property
    def second_moments(self) -> np.ndarray:
        """Mean square of every dimension about zero, shape (d,)."""
        return np.diag(self.scatter) / self.n + self.mean**2

    def save(self, path: Path) -> None:
        """Write an ``.npz`` file (three plain arrays, no pickle), atomically."""
        with atomic_write(path) as file:
            np.savez(file, allow_pickle=False, n=np.int64(self.n), mean=self.mean, scatter=self.scatter)

    @classmethod
    def open(cls, path: Path) -> Moments:
        """Read what :meth:`save` wrote.

        Raises:
            DataError: the file is missing, damaged or holds something else.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                n, mean, scatter = int(file["n"]), file["mean"], file["scatter"]
        except FileNotFoundError as error:
            raise DataError(f"Expected moments at {path}, which does not exist.") from error
        except Exception as error:  # zipfile, zlib and numpy each raise their own on a damaged file
            raise DataError(f"{path} holds no readable moments: {error}.", "Delete it and run again.") from error
        if mean.ndim != 1 or scatter.shape != (len(mean), len(mean)):
            raise DataError(f"{path} holds a mean of shape {mean.shape} and a scatter of shape {scatter.shape}.")
        return cls(n, mean, scatter)


class _Group:
    """Moments of some blocks of rows, by the analysis of variance: scatter within the blocks and between them.

    A block costs one product and one sum in float64; what corrects for the means waits until the group is whole.

    Args:
        width: d of the rows.
        seen: rows before the first block, to name a bad one.
    """

    def __init__(self, width: int, seen: int = 0) -> None:
        self.width, self.seen = width, seen
        self.counts: list[int] = []
        self._means: list[np.ndarray] = []
        self._left: list[np.ndarray] = []
        self._scatter = np.zeros((width, width))
        self._room = np.empty((0, width))

    def add(self, block: np.ndarray) -> None:
        """Take in a block, shape (rows, d)."""
        # Any centre near the block's mean will do, so a sixteenth of the rows is enough to find one: it keeps a
        # large common mean out of the product, where float32 would lose the variance. What it leaves over is
        # corrected in float64. The product of a matrix with its own transpose is one syrk in numpy, half the work of
        # a general product. One room for all blocks: touching fresh memory costs as much as subtracting.
        n = len(block)
        if self._room.dtype != block.dtype or len(self._room) < n:
            self._room = np.empty_like(block, order="C")
        with np.errstate(over="ignore", invalid="ignore"):  # told below, with the row
            centre = block[::16].mean(axis=0)
            centred = np.subtract(block, centre, out=self._room[:n])
            left = _sum(centred) / n
            product = centred.T @ centred
        if not np.isfinite(left).all() or not np.isfinite(np.trace(product)):
            require_finite(block, self.seen)
            raise DataError(f"The rows from {self.seen} on are too large to square in their format {block.dtype}.")
        self._scatter += product
        self.counts.append(n)
        self._means.append(centre + left)
        self._left.append(left)
        self.seen += n

    def moments(self) -> Moments:
        """Of all rows taken in."""
        counts, means = np.array(self.counts, np.float64), np.stack(self._means)
        mean = counts @ means / counts.sum()
        within, between = np.stack(self._left), means - mean
        scatter = self._scatter
        scatter += (between.T * counts) @ between - (within.T * counts) @ within
        return Moments(sum(self.counts), mean, scatter)


def _sum(rows: np.ndarray) -> np.ndarray:
    """Sum of the rows, shape (d,), float64: runs of :data:`RUN` in their own format, as products, which are fast."""
    whole = len(rows) - len(rows) % RUN
    runs = np.ones((1, RUN), rows.dtype) @ rows[:whole].reshape(-1, RUN, rows.shape[1])
    return runs.sum(axis=(0, 1), dtype=np.float64) + rows[whole:].sum(axis=0, dtype=np.float64)
