"""Matrices of vectors as the linear algebra and the measures take them: checked once, read in blocks.

Rows are vectors, columns are dimensions. Every function here names the offending row, so an error met
after a million rows can be looked up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias, TypeVar

import numpy as np
import torch

from smallbert.errors import DataError

Array: TypeAlias = np.ndarray | torch.Tensor
_Rows = TypeVar("_Rows", np.ndarray, torch.Tensor, np.ndarray | torch.Tensor)

BLOCK = 8192
"""Rows worked on at once: 25 MB at width 768 in float32, so memory does not grow with the rows."""


def matrix(vectors: Array, *, width: int | None = None, what: str = "vectors") -> np.ndarray:
    """``vectors`` as a numpy matrix in float32, or in float64 where they come in float64.

    No copy is made of float32 and float64 input (memory maps and CPU tensors included); 16-bit formats,
    which numpy lacks or computes slowly in, and integers become float32.

    Args:
        vectors: shape (n, d), any real dtype.
        width: the d that is expected, if one is.
        what: the name to use in errors.

    Raises:
        DataError: not a matrix, or not of the expected width.
    """
    if isinstance(vectors, torch.Tensor):
        wide = vectors.dtype == torch.float64
        array = vectors.detach().to("cpu", torch.float64 if wide else torch.float32).numpy()
    else:
        array = np.asarray(vectors)
        if array.dtype not in (np.float32, np.float64):
            array = array.astype(np.float32)
    if array.ndim != 2:
        raise DataError(f"Expected {what} of shape (rows, dimensions), got shape {tuple(array.shape)}.")
    if width is not None and array.shape[1] != width:
        raise DataError(f"Expected {what} of width {width}, got width {array.shape[1]}.")
    return array


def blocks(vectors: _Rows, size: int = BLOCK) -> Iterator[_Rows]:
    """Consecutive slices of at most ``size`` rows."""
    for start in range(0, len(vectors), size):
        yield vectors[start : start + size]


def require_finite(vectors: np.ndarray, first_row: int = 0, what: str = "vectors") -> None:
    """Stop at the first row that holds NaN or an infinity.

    Args:
        vectors: shape (n, d).
        first_row: number of the first row, where ``vectors`` is a block of something longer.
        what: the name to use in errors.

    Raises:
        DataError: naming row and dimension.
    """
    # A sum is finite if all its terms are, and far cheaper than looking at each.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(vectors.sum(axis=0, dtype=np.float64)).all():
            return
    bad = np.argwhere(~np.isfinite(vectors))
    if len(bad):
        row, dimension = bad[0]
        value = vectors[row, dimension]
        raise DataError(
            f"Expected finite {what}, got {value} in row {first_row + row}, dimension {dimension}.",
            "Verify the embeddings and extract the damaged rows again.",
        )


def require_same_rows(**named: Array) -> None:
    """Check that all named arrays have the same number of rows.

    Raises:
        DataError: naming each and its number of rows.
    """
    if len({len(array) for array in named.values()}) > 1:
        sizes = ", ".join(f"{name} {len(array):,}" for name, array in named.items())
        raise DataError(f"Expected the same number of rows everywhere, got {sizes}.")
