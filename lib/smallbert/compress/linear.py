"""Linear compression: the affine code every linear method shares, and PCA, the floor under all of them.

**FVU**, the fraction of variance unexplained, is SSE / SST everywhere in the project: SSE is the sum of
squared reconstruction errors on a split, SST the sum of squares of the same split about its own mean. So
the mean predictor has FVU 1 on the split its mean comes from and a little more on any other.

No affine decoder of k inputs, behind whatever encoder, can have less SSE on a split than the PCA fitted
on that split (Eckart & Young 1936; Bourlard & Kamp 1988 for auto-association). PCA fitted on train and
evaluated there bounds training; PCA fitted on test (the *oracle*) bounds every test error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from smallbert.arrays import BLOCK, Array, blocks, matrix
from smallbert.compress.moments import Moments
from smallbert.errors import UsageError


@dataclass(frozen=True, eq=False)
class AffineCode:
    """A linear map to k numbers and an affine map back.

    ``codes = (x - centre) @ encoder`` and ``x_hat = codes @ decoder + bias``.

    Attributes:
        name: the method, for tables.
        centre: shape (d,); subtracted first, as a product with a large mean would cost digits.
        encoder: shape (d, k).
        decoder: shape (k, d).
        bias: shape (d,).
    """

    name: str
    centre: np.ndarray
    encoder: np.ndarray
    decoder: np.ndarray
    bias: np.ndarray

    @property
    def width(self) -> int:
        """Numbers per code, k."""
        return self.encoder.shape[1]

    def encode(self, vectors: Array) -> np.ndarray:
        """Codes of ``vectors``: (n, d) to (n, k), float32 (float64 for float64 vectors), in blocks.

        Raises:
            DataError: the vectors are not of width d.
        """
        return _apply(vectors, self.encoder, before=self.centre)

    def decode(self, codes: Array) -> np.ndarray:
        """Reconstructions of ``codes``: (n, k) to (n, d), in the codes' format.

        Raises:
            DataError: the codes are not of width k.
        """
        return _apply(codes, self.decoder, after=self.bias)

    def sse(self, on: Moments) -> float:
        """Sum of squared reconstruction errors over the rows ``on`` was taken from, in closed form.

        The error of x is (x - mean) @ B + e with B = I - encoder @ decoder and e the error at the mean, so
        the sum is tr(B^T scatter B) + n |e|^2: terms that are never negative, hence nothing cancels.
        """
        residual = np.eye(on.width) - self.encoder @ self.decoder
        at_mean = on.mean - (on.mean - self.centre) @ self.encoder @ self.decoder - self.bias
        spread = np.einsum("ij,ij->", residual, on.scatter @ residual)
        return max(float(spread), 0.0) + on.n * float(at_mean @ at_mean)

    def fvu(self, on: Moments) -> float:
        """Fraction of variance unexplained on the rows ``on`` was taken from (module docstring).

        Raises:
            DataError: those rows are all equal.
        """
        return self.sse(on) / on.sst


@dataclass(frozen=True, eq=False)
class Pca:
    """Principal components of a set of vectors: one eigendecomposition serves every bottleneck k.

    Attributes:
        mean: shape (d,), of the fitted vectors.
        components: shape (d, d); column j is the j-th principal direction, signed so that its entry of
            largest magnitude is positive (the first such entry, should several be equal).
        variances: shape (d,), falling: unbiased variance along each component.
    """

    mean: np.ndarray
    components: np.ndarray
    variances: np.ndarray

    @classmethod
    def fit(cls, moments: Moments) -> Pca:
        """Principal components from moments.

        Raises:
            DataError: fewer than two rows.
        """
        variances, components = linalg.eigh(moments.covariance, overwrite_a=True, driver="evd")
        variances, components = variances[::-1], components[:, ::-1]
        largest = np.abs(components).argmax(axis=0)
        signs = np.sign(components[largest, np.arange(len(largest))])
        # Rounding can leave a variance that is zero a little below it.
        return cls(moments.mean, np.ascontiguousarray(components * signs), np.maximum(variances, 0.0))

    def fvu(self, on: Moments) -> np.ndarray:
        """FVU on the rows ``on`` was taken from, for every bottleneck at once.

        Exact for any split: the fitted mean and directions stay, the sums of squares are those of ``on``.
        Given the moments it was fitted on this is PCA's own floor; ``Pca.fit(test).fvu(test)`` is the oracle.

        Returns:
            Shape (d + 1,): entry k is the FVU with k components. Entry 0 is the mean predictor's, entry d is 0.

        Raises:
            DataError: those rows are all equal.
        """
        along = np.einsum("ij,ij->j", self.components, on.scatter @ self.components)
        along = np.maximum(along, 0.0) + on.n * ((on.mean - self.mean) @ self.components) ** 2
        # Summed from the smallest end, so that small tails keep their digits.
        tails = np.cumsum(along[::-1])[::-1]
        return np.append(tails, 0.0) / on.sst

    def code(self, k: int) -> AffineCode:
        """The code of the first ``k`` components: the best reconstruction k numbers can give linearly.

        Raises:
            UsageError: k is not in 0..d.
        """
        require_width(k, len(self.mean))
        directions = self.components[:, :k]
        return AffineCode("PCA", self.mean, directions, directions.T, self.mean)


def principal_angles(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angles in degrees between the column spans of ``a`` (d, p) and ``b`` (d, q), largest first.

    Zero throughout for equal spans. Knyazev & Argentati (2002), exact for small angles too.
    """
    return np.degrees(linalg.subspace_angles(a, b))


def require_width(k: int, d: int, least: int = 0) -> None:
    """Check a bottleneck against the width of the vectors.

    Raises:
        UsageError: k is not in least..d.
    """
    if not least <= k <= d:
        raise UsageError(f"Expected a bottleneck k from {least} to {d} (the vectors' width), got {k}.")


def _apply(
    rows: Array, weight: np.ndarray, *, before: np.ndarray | None = None, after: np.ndarray | None = None
) -> np.ndarray:
    """(rows - before) @ weight + after in the rows' own float format, block by block."""
    rows = matrix(rows, width=len(weight))
    weight = weight.astype(rows.dtype)
    out = np.empty((len(rows), weight.shape[1]), rows.dtype)
    for block, into in zip(blocks(rows, BLOCK), blocks(out, BLOCK), strict=True):
        np.matmul(block if before is None else block - before.astype(rows.dtype), weight, out=into)
        if after is not None:
            into += after.astype(rows.dtype)
    return out
