"""What every code for vectors is: bytes for a vector, and a way to score a query against them.

Documents are stored; queries are not, so a query keeps all its digits and only the documents are approximated
(*asymmetric* scoring: Jégou et al. 2011, section III-B). The score is a cosine everywhere, between what the query
becomes and what the stored bytes decode to.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from smallbert.arrays import Array, matrix
from smallbert.compress.codes.preprocessing import of_one_length
from smallbert.errors import DataError, UsageError

SHORTLIST = 40
"""Candidates that are scored again: four for each of ten results, twice sentence-transformers' default."""


class Code(ABC):
    """A fitted code of ``nbytes`` bytes a vector."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes a vector, exactly."""

    @abstractmethod
    def encode(self, vectors: Array) -> np.ndarray:
        """Vectors (n, d) to uint8 (n, nbytes)."""

    @abstractmethod
    def decode(self, stored: np.ndarray) -> np.ndarray:
        """uint8 (n, nbytes) to float32 (n, w), in the space in which queries are compared."""

    @abstractmethod
    def query(self, vectors: Array) -> np.ndarray:
        """Vectors (q, d) to float32 (q, w), with all their digits."""

    def scores(self, queries: Array, stored: np.ndarray) -> np.ndarray:
        """How near every stored code is to every query: (q, d) and (n, nbytes) to float32 (q, n), large is near."""
        return cosines(self.query(queries), self.decode(stored))


class Map(Protocol):
    """Vectors to fewer numbers, such as :class:`smallbert.compress.linear.AffineCode`."""

    @property
    def width(self) -> int:
        """Numbers a vector becomes."""

    def encode(self, vectors: Array) -> np.ndarray:
        """(n, d) to (n, width)."""


class Format(Protocol):
    """Numbers to bytes and back."""

    @property
    def nbytes(self) -> int:
        """Bytes a vector."""

    def encode(self, numbers: np.ndarray) -> np.ndarray:
        """(n, width) to uint8 (n, nbytes)."""

    def decode(self, stored: np.ndarray) -> np.ndarray:
        """uint8 (n, nbytes) to float32 (n, width)."""


@dataclass(frozen=True, eq=False)
class Mapped(Code):
    """A map to fewer numbers, then a format for these.

    Args:
        map: fitted.
        format: of as many numbers as the map gives.
    """

    map: Map
    format: Format

    @property
    def nbytes(self) -> int:
        """Bytes a vector."""
        return self.format.nbytes

    def encode(self, vectors: Array) -> np.ndarray:
        """See :class:`Code`."""
        return self.format.encode(self.map.encode(vectors))

    def decode(self, stored: np.ndarray) -> np.ndarray:
        """See :class:`Code`."""
        return self.format.decode(checked(stored, self.nbytes))

    def query(self, vectors: Array) -> np.ndarray:
        """See :class:`Code`."""
        return self.map.encode(vectors)


@dataclass(frozen=True, eq=False)
class Symmetric(Code):
    """The same code with queries stored too: of signs, cosine is then 1 - 2 h / k, with h the Hamming distance."""

    code: Code

    @property
    def nbytes(self) -> int:
        """Bytes a vector."""
        return self.code.nbytes

    def encode(self, vectors: Array) -> np.ndarray:
        """See :class:`Code`."""
        return self.code.encode(vectors)

    def decode(self, stored: np.ndarray) -> np.ndarray:
        """See :class:`Code`."""
        return self.code.decode(stored)

    def query(self, vectors: Array) -> np.ndarray:
        """See :class:`Code`."""
        return self.code.decode(self.code.encode(vectors))


@dataclass(frozen=True, eq=False)
class Rescored(Code):
    """Two ways to read the same bytes: a cheap one finds a shortlist, a better one puts it in order.

    What is not on the shortlist comes after it, in the cheap order (Yamada et al. 2021, arXiv 2106.00882).

    Args:
        cheap: scores everything.
        fine: scores the shortlist; encodes to the same bytes.
        shortlist: candidates a query.
    """

    cheap: Code
    fine: Code
    shortlist: int = SHORTLIST

    def __post_init__(self) -> None:
        if self.cheap.nbytes != self.fine.nbytes:
            raise UsageError(
                f"Expected two readings of one code, got {self.cheap.nbytes} and {self.fine.nbytes} bytes."
            )

    @property
    def nbytes(self) -> int:
        """Bytes a vector."""
        return self.fine.nbytes

    def encode(self, vectors: Array) -> np.ndarray:
        """See :class:`Code`."""
        return self.fine.encode(vectors)

    def decode(self, stored: np.ndarray) -> np.ndarray:
        """See :class:`Code`."""
        return self.fine.decode(stored)

    def query(self, vectors: Array) -> np.ndarray:
        """See :class:`Code`."""
        return self.fine.query(vectors)

    def scores(self, queries: Array, stored: np.ndarray) -> np.ndarray:
        """See :class:`Code`."""
        first, fine = self.cheap.scores(queries, stored), self.fine.scores(queries, stored)
        if self.shortlist >= first.shape[1]:
            return fine
        chosen = np.argpartition(-first, self.shortlist - 1, axis=1)[:, : self.shortlist]
        found = first - 4  # cosines span 2, so the whole rest lies below the shortlist
        np.put_along_axis(found, chosen, np.take_along_axis(fine, chosen, axis=1), axis=1)
        return found


@dataclass(frozen=True, eq=False)
class OfOneLength(Code):
    """A code that was trained on vectors of one length: all are brought to it first, which changes no cosine.

    Args:
        code: of vectors at length sqrt(d).
    """

    code: Code

    @property
    def nbytes(self) -> int:
        """Bytes a vector."""
        return self.code.nbytes

    def encode(self, vectors: Array) -> np.ndarray:
        """See :class:`Code`."""
        return self.code.encode(of_one_length(matrix(vectors)))

    def decode(self, stored: np.ndarray) -> np.ndarray:
        """See :class:`Code`."""
        return self.code.decode(stored)

    def query(self, vectors: Array) -> np.ndarray:
        """See :class:`Code`."""
        return self.code.query(of_one_length(matrix(vectors)))


def remapped(code: Code, change: Callable[[Any], Map]) -> Code:
    """The same code behind another map: ``change`` gives it for the one there is.

    Raises:
        UsageError: a code that is no map and format.
    """
    if isinstance(code, Mapped):
        return replace(code, map=change(code.map))
    if isinstance(code, Symmetric):
        return Symmetric(remapped(code.code, change))
    if isinstance(code, Rescored):
        return replace(code, cheap=remapped(code.cheap, change), fine=remapped(code.fine, change))
    raise _no_map(code)


def storing(code: Code) -> Mapped:
    """The map and the format that make a code's bytes.

    Raises:
        UsageError: a code that is no map and format.
    """
    if isinstance(code, Symmetric | Rescored):
        return storing(code.code if isinstance(code, Symmetric) else code.fine)
    if isinstance(code, Mapped):
        return code
    raise _no_map(code)


def _no_map(code: Code) -> UsageError:
    return UsageError(f"Expected a code of a map and a format, got {type(code).__name__}.")


def cosines(queries: np.ndarray, documents: np.ndarray) -> np.ndarray:
    """Cosine of every query (q, w) with every document (n, w): float32 (q, n); a zero vector is at 0 from all."""
    return _units(queries) @ _units(documents).T


def checked(stored: np.ndarray, nbytes: int) -> np.ndarray:
    """Stored codes as contiguous bytes.

    Raises:
        DataError: not uint8 of shape (n, nbytes).
    """
    if stored.dtype != np.uint8 or stored.ndim != 2 or stored.shape[1] != nbytes:
        raise DataError(f"Expected codes of {nbytes} bytes, got shape {stored.shape} of {stored.dtype}.")
    return np.ascontiguousarray(stored)


def _units(vectors: np.ndarray) -> np.ndarray:
    vectors = matrix(vectors).astype(np.float32, copy=False)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
