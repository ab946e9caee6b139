"""What is done to vectors before they are coded: centring, scaling, removing directions, unit length.

Anisotropic vectors share a large mean and a few large directions, which a cosine then mostly compares. Centring takes
off the mean; *all but the top* also removes the first components (Mu & Viswanath 2018, arXiv 1702.01417); a layer norm
without gain is the removal of the direction (1, ..., 1) and unit length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smallbert.arrays import Array, matrix
from smallbert.compress.linear import Pca
from smallbert.compress.moments import Moments
from smallbert.errors import UsageError

RAW, CENTRED, USUAL = "raw", "centred", "centred, unit length"
LAYER_NORM, STANDARDISED = "layer norm", "standardised, unit length"
TOP = "centred, less top "


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """``(x - centre) / scale``, less its part along ``removed``, and then of length sqrt(d) if ``unit``.

    That length makes numbers of about unit size whatever the width, which suits training and changes no cosine.

    Args:
        name: for tables.
        centre: shape (d,).
        scale: shape (d,).
        removed: orthonormal columns, shape (d, m).
        unit: whether vectors become equally long; a zero vector stays one.
    """

    name: str
    centre: np.ndarray
    scale: np.ndarray
    removed: np.ndarray
    unit: bool

    def __call__(self, vectors: Array) -> np.ndarray:
        """(n, d) to float32 (n, d)."""
        rows = matrix(vectors, width=len(self.centre)).astype(np.float64)
        rows = (rows - self.centre) / self.scale
        rows -= (rows @ self.removed) @ self.removed.T
        return (of_one_length(rows) if self.unit else rows).astype(np.float32)


def of_one_length(rows: np.ndarray) -> np.ndarray:
    """Vectors (n, d) at length sqrt(d), in their own float format; a zero vector stays one."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows * (np.sqrt(rows.shape[1], dtype=rows.dtype) / np.where(lengths > 0, lengths, lengths.dtype.type(1)))


def fit(name: str, train: Moments) -> Preprocessing:
    """A preprocessing by name.

    Args:
        name: ``raw``, ``centred``, ``centred, unit length``, ``layer norm``, ``standardised, unit length``, or
            ``centred, less top M``, which also ends in unit length.
        train: moments of the training vectors.

    Raises:
        UsageError: another name, or more directions than there are.
    """
    width = train.width
    centre, scale, removed = train.mean, np.ones(width), np.zeros((width, 0))
    if name in (RAW, LAYER_NORM):
        centre = np.zeros(width)
    if name == LAYER_NORM:
        removed = np.full((width, 1), width**-0.5)
    elif name == STANDARDISED:
        # Rounding can leave the variance of a constant dimension a little below zero.
        spread = np.sqrt(np.maximum(np.diag(train.covariance), 0.0))
        scale = np.where(spread > 0, spread, 1.0)
    elif name.startswith(TOP):
        removed = _top(name, train)
    elif name not in (RAW, CENTRED, USUAL):
        raise UsageError(
            f"Expected a preprocessing of {RAW}, {CENTRED}, {USUAL}, {LAYER_NORM}, {STANDARDISED} or {TOP}M, "
            f"got {name!r}."
        )
    return Preprocessing(name, centre, scale, removed, unit=name not in (RAW, CENTRED))


def _top(name: str, train: Moments) -> np.ndarray:
    count = name.removeprefix(TOP)
    if not count.isdecimal() or not 0 < int(count) < train.width:
        raise UsageError(f"Expected from 1 to {train.width - 1} components to remove, got {count!r}.")
    return Pca.fit(train).components[:, : int(count)]
