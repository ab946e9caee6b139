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
        width = self.module.architecture.bottleneck
        return self.format.encode(_applied(self.module.encoder, matrix(vectors) - self.centre, width))

    def decode(self, stored: np.ndarray) -> np.ndarray:
        """See :class:`smallbert.compress.codes.code.Code`: vectors of the original width."""
        codes = self.format.decode(checked(stored, self.nbytes))
        return _applied(self.module.decoder, codes, len(self.centre)) + self.centre

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
        return _applied(self.module.encoder, matrix(vectors) - self.centre, self.width)


def _applied(module: torch.nn.Module, rows: np.ndarray, width: int) -> np.ndarray:
    out = np.empty((len(rows), width), np.float32)
    with torch.inference_mode():
        for block, into in zip(blocks(rows), blocks(out), strict=True):
            into[:] = module(torch.from_numpy(np.ascontiguousarray(block, dtype=np.float32))).numpy()
    return out
