"""Number formats: how the numbers of a code are stored. 32 or 16 bits as they are, 8 bits or 1 bit by calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from smallbert.arrays import matrix, require_finite
from smallbert.errors import DataError

LEVELS = 256


@dataclass(frozen=True)
class Floats:
    """Floating-point numbers, little-endian.

    Args:
        width: numbers a vector.
        bits: 32 or 16.
    """

    width: int
    bits: Literal[32, 16]

    @property
    def nbytes(self) -> int:
        """Bytes a vector: width x bits / 8."""
        return self.width * self.bits // 8

    def encode(self, numbers: np.ndarray) -> np.ndarray:
        """(n, width) to uint8 (n, nbytes).

        Raises:
            DataError: another width, or a number beyond the format's range (65,504 in 16 bits).
        """
        numbers = matrix(numbers, width=self.width, what="numbers")
        with np.errstate(over="ignore"):  # told below, with the row
            rounded = np.ascontiguousarray(numbers, dtype=f"<f{self.bits // 8}")
        require_finite(rounded, what=f"numbers in {self.bits} bits")
        return rounded.view(np.uint8).reshape(len(numbers), self.nbytes)

    def decode(self, stored: np.ndarray) -> np.ndarray:
        """uint8 (n, nbytes) to float32 (n, width)."""
        return stored.view(f"<f{self.bits // 8}").astype(np.float32)


@dataclass(frozen=True, eq=False)
class Int8:
    """One byte a number: 256 equal steps between the least and the greatest value of each dimension in training.

    What lies beyond that range is clipped; within it no error exceeds half a step. This is what sentence-transformers'
    ``quantize_embeddings`` calls int8, but rounded to the nearest step.

    Args:
        low: shape (k,), value of step 0.
        step: shape (k,), positive.
    """

    low: np.ndarray
    step: np.ndarray

    @classmethod
    def fit(cls, numbers: np.ndarray) -> Int8:
        """Calibrate on training numbers (n, k)."""
        low, high = (edge.astype(np.float64) for edge in (numbers.min(axis=0), numbers.max(axis=0)))
        step = (high - low) / (LEVELS - 1)
        return cls(low, np.where(step > 0, step, 1.0))

    @property
    def nbytes(self) -> int:
        """Bytes a vector: one a number."""
        return len(self.low)

    def encode(self, numbers: np.ndarray) -> np.ndarray:
        """(n, k) to uint8 (n, k).

        Raises:
            DataError: another width, or a number that is not finite.
        """
        numbers = matrix(numbers, width=len(self.low), what="numbers")
        require_finite(numbers, what="numbers")
        steps = (numbers - self.low) / self.step
        return np.rint(steps).clip(0, LEVELS - 1).astype(np.uint8)

    def decode(self, stored: np.ndarray) -> np.ndarray:
        """uint8 (n, k) to float32 (n, k)."""
        return (stored * self.step + self.low).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Binary:
    """One bit a number: whether it is above zero.

    Args:
        below: shape (k,), what a 0 decodes to.
        above: shape (k,), what a 1 decodes to.
    """

    below: np.ndarray
    above: np.ndarray

    @classmethod
    def signs(cls, width: int) -> Binary:
        """Bits that decode to -1 and 1, so that cosine orders by Hamming distance."""
        return cls(-np.ones(width, np.float32), np.ones(width, np.float32))

    @classmethod
    def fit(cls, numbers: np.ndarray) -> Binary:
        """Bits that decode to the mean of each side in training (n, k): of all values the ones of least squared error.

        A side on which training has no number decodes to 0.

        Raises:
            DataError: no rows.
        """
        if not len(numbers):
            raise DataError("Expected numbers to fit a binary code to, got none.")
        positive = numbers > 0
        above, below = (
            (numbers * side).sum(axis=0) / np.maximum(side.sum(axis=0), 1) for side in (positive, ~positive)
        )
        return cls(below.astype(np.float32), above.astype(np.float32))

    @property
    def nbytes(self) -> int:
        """Bytes a vector: width / 8, rounded up."""
        return -(-len(self.above) // 8)

    def encode(self, numbers: np.ndarray) -> np.ndarray:
        """(n, k) to uint8 (n, nbytes), the first number in the highest bit.

        Raises:
            DataError: another width, or a number that is not finite.
        """
        numbers = matrix(numbers, width=len(self.above), what="numbers")
        require_finite(numbers, what="numbers")
        return np.packbits(numbers > 0, axis=1)

    def decode(self, stored: np.ndarray) -> np.ndarray:
        """uint8 (n, nbytes) to float32 (n, k)."""
        bits = np.unpackbits(stored, axis=1, count=len(self.above))
        return np.where(bits, self.above, self.below)
