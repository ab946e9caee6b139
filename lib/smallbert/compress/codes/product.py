"""Product quantisation: a vector is cut into pieces, and each piece stored as the number of the nearest codeword.

Jégou, Douze & Schmid (2011), doi 10.1109/TPAMI.2010.57. 256 codewords a piece make one byte a piece. The squared
distance of a query to a code is the sum of its pieces' distances to the codewords (their equation 13), which is the
distance to the decoded vector: scoring what decodes and looking it up in tables are the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from smallbert.arrays import matrix
from smallbert.compress.codes.kmeans import assign, kmeans
from smallbert.errors import DataError, UsageError

CODEWORDS = 256


@dataclass(frozen=True, eq=False)
class ProductQuantiser:
    """Codewords of every piece.

    Args:
        codewords: float32 (pieces, 256, width of a piece).
    """

    codewords: torch.Tensor

    @classmethod
    def fit(cls, numbers: np.ndarray, pieces: int, *, seed: int) -> ProductQuantiser:
        """K-means in every piece.

        Args:
            numbers: training rows (n, k).
            pieces: bytes of a code; consecutive numbers make a piece, all of one width.
            seed: of the first codewords.

        Raises:
            UsageError: pieces does not divide k.
            DataError: fewer rows than codewords.
        """
        width = numbers.shape[1]
        if pieces < 1 or width % pieces:
            raise UsageError(f"Expected a number of pieces that divides {width} numbers, got {pieces}.")
        if len(numbers) < CODEWORDS:
            raise DataError(f"Expected at least {CODEWORDS} rows for {CODEWORDS} codewords, got {len(numbers)}.")
        generator = torch.Generator().manual_seed(seed)
        found = [kmeans(piece, CODEWORDS, generator) for piece in _pieces(numbers, pieces)]
        return cls(torch.stack(found))

    @property
    def nbytes(self) -> int:
        """Bytes a vector: one a piece."""
        return len(self.codewords)

    def encode(self, numbers: np.ndarray) -> np.ndarray:
        """(n, k) to uint8 (n, pieces)."""
        pieces, _, width = self.codewords.shape
        parts = _pieces(matrix(numbers, width=pieces * width, what="numbers"), pieces)
        nearest = [assign(part, words) for part, words in zip(parts, self.codewords, strict=True)]
        return torch.stack(nearest, dim=1).to(torch.uint8).numpy()

    def decode(self, stored: np.ndarray) -> np.ndarray:
        """uint8 (n, pieces) to float32 (n, k)."""
        picked = [words[part] for words, part in zip(self.codewords.numpy(), stored.T, strict=True)]
        return np.concatenate(picked, axis=1)


def balanced(variances: np.ndarray, pieces: int) -> np.ndarray:
    """An order of principal components that gives every piece about the same product of variances.

    Components go, largest variance first, to the piece whose variances have the least product so far and that still
    has room: eigenvalue allocation, the optimum for a Gaussian (Ge et al. 2013, section 3.2, optimised product
    quantisation, parametric solution).

    Args:
        variances: shape (k,), falling.
        pieces: must divide k.

    Returns:
        Column numbers (k,), piece by piece.
    """
    room = len(variances) // pieces
    logs = np.log(np.maximum(variances, np.finfo(float).tiny))
    # Shifted, so that a product grows with every component: scaling all variances must change nothing.
    logs = logs - logs.min()
    loads = np.zeros(pieces)
    members: list[list[int]] = [[] for _ in range(pieces)]
    for column in range(room * pieces):
        free = [piece for piece in range(pieces) if len(members[piece]) < room]
        least = min(free, key=lambda piece: loads[piece])
        members[least].append(column)
        loads[least] += logs[column]
    return np.concatenate(members).astype(int)


def _pieces(numbers: np.ndarray, pieces: int) -> list[torch.Tensor]:
    """(n, k) as ``pieces`` contiguous tensors (n, k / pieces)."""
    rows = torch.from_numpy(np.ascontiguousarray(numbers, dtype=np.float32))
    return [part.contiguous() for part in rows.tensor_split(pieces, dim=1)]
