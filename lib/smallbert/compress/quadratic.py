"""Quadratic decoders: the smallest step beyond an affine one, in closed form, and what it costs in training rows.

The encoder stays PCA's. The decoder adds to PCA's reconstruction a linear map of the quadratic monomials of the code, a
*quadratic manifold* (Geelen, Wright & Willcox 2023, Comput. Methods Appl. Mech. Eng. 403, 115717). Least squares finds
it exactly; ridge regression, its penalty chosen on the training rows alone, ends at PCA where curvature cannot be told
from noise.

**What it costs.** With n training rows, code width k and m = k(k+1)/2 monomials, estimating the weights of least
squares adds m / (n - k - m - 2) of the error that is left (exact for Gaussian features, to first order for these). If a
share s of PCA's error is quadratic in the code, the gain relative to PCA's error is (1 - s)(1 + m / (n - k - m - 2)) -
1, below zero once n exceeds k + 2 + m / s: :func:`expected_gain` and :func:`break_even_rows`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smallbert.compress.linear import AffineCode

PENALTIES = (*np.geomspace(1e-6, 1e3, 28), np.inf)
"""Ridge penalties tried, in units of the largest squared singular value; infinity is PCA."""


def count(k: int) -> int:
    """Quadratic monomials of k numbers, k(k+1)/2."""
    return k * (k + 1) // 2


def monomials(codes: np.ndarray) -> np.ndarray:
    """Quadratic monomials of standardised codes: (n, k) to (n, k(k+1)/2), float64.

    ``z_i z_j`` for i < j and ``(z_i^2 - 1) / sqrt 2``: for independent standard normal codes these have mean 0,
    variance 1 and no correlation with one another or with the codes (Hermite polynomials of degree 2).
    """
    z = np.asarray(codes, dtype=np.float64)
    i, j = np.triu_indices(z.shape[1])
    return (z[:, i] * z[:, j] - (i == j)) / np.where(i == j, np.sqrt(2.0), 1.0)


def expected_gain(curved: float, k: int, rows: int) -> float:
    """Error of the least-squares quadratic decoder relative to PCA's, less 1; infinite where rows do not determine it.

    Args:
        curved: share of PCA's error that is quadratic in the code.
        k: code width.
        rows: training rows.
    """
    spare = rows - k - count(k) - 2
    return (1 - curved) * (1 + count(k) / spare) - 1 if spare > 0 else np.inf


def break_even_rows(curved: float, k: int) -> float:
    """Training rows from which least squares is expected to pay: k + 2 + m / s; infinite at s = 0."""
    return k + 2 + count(k) / curved if curved > 0 else np.inf


def curved_share(relative_gain: float, k: int, rows: int) -> float:
    """The share of PCA's error that is quadratic in the code, from a measured gain: inverse of :func:`expected_gain`.

    Not-a-number where the rows do not determine the decoder. An estimate, so it can fall below 0.
    """
    spare = rows - k - count(k) - 2
    return 1 - (1 + relative_gain) / (1 + count(k) / spare) if spare > 0 else np.nan


@dataclass(frozen=True, eq=False)
class Quadratic:
    """PCA's reconstruction plus a linear map of the code's quadratic monomials.

    Attributes:
        code: PCA.
        scale: shape (k,); standard deviations of the training codes.
        affine: shape (k + 1, m); what an affine map of the code already says of the monomials.
        weights: shape (m, d).
        penalty: ridge penalty as a multiple of the largest squared singular value; 0 is least squares.
    """

    code: AffineCode
    scale: np.ndarray
    affine: np.ndarray
    weights: np.ndarray
    penalty: float

    def correction(self, codes: np.ndarray) -> np.ndarray:
        """What is added to PCA's reconstruction: (n, k) to (n, d), float64."""
        return _curved(codes / self.scale, self.affine) @ self.weights

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Reconstructions: (n, k) to (n, d), float64."""
        return self.code.decode(np.asarray(codes, dtype=np.float64)) + self.correction(codes)


def fit(code: AffineCode, vectors: np.ndarray) -> tuple[Quadratic, Quadratic]:
    """The quadratic decoder of PCA codes by least squares, and by ridge regression.

    The penalty minimises generalised cross-validation (Golub, Heath & Wahba 1979, Technometrics 21) on the training
    rows. Where rows do not determine the weights, least squares takes those of least norm.

    Args:
        code: PCA of these vectors.
        vectors: training rows, (n, d).

    Returns:
        By least squares and by ridge.
    """
    codes = np.asarray(code.encode(vectors), dtype=np.float64)
    scale = codes.std(axis=0)
    z = codes / scale
    # Regressing the monomials on the code first leaves the affine part to PCA (Frisch & Waugh 1933), and a penalty
    # then bends towards PCA, not towards zero.
    affine = np.linalg.lstsq(_with_one(z), monomials(z), rcond=None)[0]
    left = vectors - code.decode(codes)
    u, s, vt = np.linalg.svd(_curved(z, affine), full_matrices=False)
    kept = s > s[0] * max(vectors.shape[0], len(s)) * np.finfo(np.float64).eps
    u, s, vt = u[:, kept], s[kept], vt[kept]
    along = u.T @ left
    penalty = _penalty(s, (along**2).sum(axis=1), float((left**2).sum()), len(codes) - codes.shape[1] - 1)

    def decoder(penalty: float) -> Quadratic:
        shrunk = 1 / (s + penalty * s[0] ** 2 / s)
        return Quadratic(code, scale, affine, (vt.T * shrunk) @ along, penalty)

    return decoder(0.0), decoder(penalty)


def _penalty(s: np.ndarray, explained: np.ndarray, total: float, rows: int) -> float:
    """The penalty with the smallest generalised cross-validation: ``rows`` less what PCA's affine part has used up."""
    best, least = np.inf, np.inf
    for penalty in PENALTIES[::-1]:
        share = s**2 / (s**2 + penalty * s[0] ** 2)
        spare = rows - share.sum()
        if spare < 1:
            continue
        score = (total - ((2 - share) * share * explained).sum()) / spare**2
        if score < least:
            best, least = penalty, score
    return float(best)


def _curved(z: np.ndarray, affine: np.ndarray) -> np.ndarray:
    return monomials(z) - _with_one(z) @ affine


def _with_one(z: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(z)), z])
