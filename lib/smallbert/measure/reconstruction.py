"""How well vectors are reconstructed: FVU, raw MSE, and the angle lost.

FVU is SSE / SST on the same rows, SST about those rows' own mean; the closed forms of ``compress.linear``
use the same definition. All sums are float64 and gathered block by block.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from smallbert.arrays import Array, blocks, matrix, require_finite, require_same_rows
from smallbert.errors import DataError


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Sums over n rows of width d, and the measures that follow from them.

    Attributes:
        n: rows.
        sse: shape (d,); squared error summed over rows.
        sst: shape (d,); squared deviation from these rows' own mean, summed over rows.
        cosine_distortion: mean over rows of 1 - cos(x, x_hat). A large common mean keeps it small
            whatever becomes of the directions within the data: centre the vectors to see those.
    """

    n: int
    sse: np.ndarray
    sst: np.ndarray
    cosine_distortion: float

    @property
    def mse(self) -> float:
        """Raw mean squared error per element, what ``torch.nn.MSELoss`` computes."""
        return float(self.sse.sum() / (self.n * len(self.sse)))

    @property
    def fvu(self) -> float:
        """Fraction of variance unexplained.

        Raises:
            DataError: all rows are equal.
        """
        total = self.sst.sum()
        if total <= 0:
            raise DataError(f"All {self.n:,} rows are equal: the fraction of variance unexplained is 0/0.")
        return float(self.sse.sum() / total)


def reconstruction(x: Array, x_hat: Array) -> Reconstruction:
    """Compare vectors with their reconstructions, both of shape (n, d).

    Args:
        x: the vectors.
        x_hat: their reconstructions.

    Raises:
        DataError: no rows, shapes that differ, or a value that is not finite (its row is named).
    """
    require_same_rows(x=x, x_hat=x_hat)
    return reconstruction_of_blocks(zip(blocks(x), blocks(x_hat), strict=True))


def reconstruction_of_blocks(pairs: Iterable[tuple[Array, Array]]) -> Reconstruction:
    """The same for a stream of pairs (x, x_hat), each of shape (rows, d); one pair is held at a time.

    Raises:
        DataError: as :func:`reconstruction`.
    """
    n = 0
    for x, x_hat in pairs:
        x = matrix(x, what="x").astype(np.float64, copy=False)
        x_hat = matrix(x_hat, width=x.shape[1], what="x_hat").astype(np.float64, copy=False)
        require_same_rows(x=x, x_hat=x_hat)
        require_finite(x, n, what="x")
        require_finite(x_hat, n, what="x_hat")
        if n == 0:
            sse, spread, offset = np.zeros((3, x.shape[1]))
            pivot = x[0]
            cosine = 0.0
        error, deviation = x_hat - x, x - pivot
        sse += np.einsum("ij,ij->j", error, error)
        spread += np.einsum("ij,ij->j", deviation, deviation)
        offset += deviation.sum(axis=0)
        cosine += float(row_cosines(x, x_hat).sum())
        n += len(x)
    if n == 0:
        raise DataError("Expected at least one row to compare with its reconstruction, got none.")
    # Deviations are taken from the first row, so a large common mean cancels nothing here.
    sst = np.maximum(spread - offset**2 / n, 0.0)
    return Reconstruction(n, sse, sst, 1 - cosine / n)


def row_cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine of each row of ``a`` (n, d) with the same row of ``b``, float64, shape (n,).

    A zero vector has no direction; its cosine with anything counts as 0, as in scikit-learn.
    """
    a, b = a.astype(np.float64, copy=False), b.astype(np.float64, copy=False)
    products = np.einsum("ij,ij->i", a, b)
    norms = np.sqrt(np.einsum("ij,ij->i", a, a)) * np.sqrt(np.einsum("ij,ij->i", b, b))
    return np.divide(products, norms, out=np.zeros(len(a)), where=norms > 0)
