"""A trained autoencoder as a code: its bottleneck is stored, and queries meet what the decoder makes of it.

Or as a map alone, to the numbers of its bottleneck, which then meet each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from smallbert.arrays import Array, blocks, matrix
from smallbert.compress.autoencoder import Autoencoder
from smallbert.compress.codes.code import Code, Format, checked


@dataclass(frozen=True, eq=False)
class Autoencoded(Code):
    """The bottleneck in a number format.

    Distances between bottlenecks mean little, for nothing in the training gives its numbers a common scale. What was
    trained is the reconstruction, so that is what a query, as it is, is compared with.

    Args:
        module: trained on centred vectors.
        centre: shape (d,), what was taken off them.
        format: of as many numbers as the bottleneck has.
    """

    module: Autoencoder
    centre: np.ndarray
    format: Format

    @property
    def nbytes(self) -> int:
        """Bytes a vector."""
        return self.format.nbytes

    def encode(self, vectors: Array) -> np.ndarray:
        """See :class:`smallbert.compress.codes.code.Code`."""
        return self.format.encode(_applied(self.module.encoder, matrix(vectors) - self.centre))

    def decode(self, stored: np.ndarray) -> np.ndarray:
        """See :class:`smallbert.compress.codes.code.Code`: vectors of the original width."""
        return _applied(self.module.decoder, self.format.decode(checked(stored, self.nbytes))) + self.centre

    def query(self, vectors: Array) -> np.ndarray:
        """See :class:`smallbert.compress.codes.code.Code`: the vectors themselves."""
        return matrix(vectors)


@dataclass(frozen=True, eq=False)
class Bottleneck:
    """An autoencoder's encoder as a map (:class:`smallbert.compress.codes.code.Map`).

    Args:
        module: trained on vectors less ``centre``.
        centre: shape (d,).
    """

    module: Autoencoder
    centre: np.ndarray

    @property
    def width(self) -> int:
        """Numbers a vector becomes."""
        return self.module.architecture.bottleneck

    def encode(self, vectors: Array) -> np.ndarray:
        """(n, d) to float32 (n, width)."""
        return _applied(self.module.encoder, matrix(vectors) - self.centre)


def _applied(module: torch.nn.Module, rows: Array) -> np.ndarray:
    parts = [torch.from_numpy(np.ascontiguousarray(block, dtype=np.float32)) for block in blocks(matrix(rows))]
    with torch.inference_mode():
        return torch.cat([module(part) for part in parts]).numpy()
