"""Every code of the study by name: when a number of bytes fits it, and how it is fitted to that number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from smallbert.arrays import matrix
from smallbert.compress.baselines import random_projection, truncation, whitening
from smallbert.compress.codes import matryoshka, sparse
from smallbert.compress.codes.code import Code, Mapped, Rescored, Symmetric
from smallbert.compress.codes.formats import Binary, Floats, Int8
from smallbert.compress.codes.product import ProductQuantiser, balanced
from smallbert.compress.linear import AffineCode, Pca
from smallbert.compress.moments import Moments

PIECE = 4
"""Least width of a piece in product quantisation. A code of more bytes than d / 4 stores numbers one by one."""

PRODUCT_ROWS = 65536
"""Rows that codewords are fitted to at most, 256 for each, as in faiss."""

SPARSE = 16
"""A code of more than d / 16 entries is not called sparse."""


class Training:
    """Vectors that codes are fitted to; what several codes need of them is computed once.

    Args:
        vectors: (n, d), preprocessed, entries of about unit size.
        budgets: bytes of the codes that will be asked for.
        epochs: of the codes that are trained.
    """

    def __init__(self, vectors: np.ndarray, budgets: Sequence[int], *, epochs: int) -> None:
        self.vectors, self.budgets, self.epochs = matrix(vectors), sorted(budgets), epochs
        self._heads: dict[int, AffineCode] = {}
        self._dictionaries: dict[int, sparse.Dictionary] = {}

    @property
    def width(self) -> int:
        """Numbers a vector, d."""
        return self.vectors.shape[1]

    @cached_property
    def moments(self) -> Moments:
        """Second moments about the origin that preprocessing chose.

        Vectors that were centred and then brought to length 1 have a small mean again. Taking that off too would
        change the inner products that a search ranks by, even at full width.
        """
        return Moments.of(self.vectors).about_zero()

    @cached_property
    def pca(self) -> Pca:
        """Principal components."""
        return Pca.fit(self.moments)

    def head(self, seed: int) -> AffineCode:
        """The Matryoshka head of all budgets, in 16-bit numbers."""
        if seed not in self._heads:
            ks = [nbytes // 2 for nbytes in self.budgets if _in_16_bits(self.width, nbytes)]
            self._heads[seed] = matryoshka.train(self.vectors, self.pca, ks=ks, epochs=self.epochs, seed=seed)
        return self._heads[seed]

    def dictionary(self, seed: int) -> sparse.Dictionary:
        """The sparse dictionary of all budgets, twice as many entries as numbers in a vector."""
        if seed not in self._dictionaries:
            ks = [nbytes // sparse.ENTRY_BYTES for nbytes in self.budgets if _in_entries(self.width, nbytes)]
            self._dictionaries[seed] = sparse.train(
                self.vectors, entries=2 * self.width, ks=ks, epochs=self.epochs, seed=seed
            )
        return self._dictionaries[seed]


@dataclass(frozen=True)
class Method:
    """A kind of code.

    Args:
        name: in tables and figures.
        group: ``maps`` (fewer numbers, all in 16 bits) or ``formats`` (how numbers are stored, stacks included).
        random: whether a seed decides the fit.
        fits: whether vectors of width d can have such a code of so many bytes.
        fit: the code of so many bytes.
    """

    name: str
    group: str
    random: bool
    fits: Callable[[int, int], bool]
    fit: Callable[[Training, int, int], Code]


def whole(width: int) -> Code:
    """The vector as it is, in 32-bit numbers."""
    return Mapped(identity(width), Floats(width, 32))


def identity(width: int) -> AffineCode:
    """The map that changes nothing."""
    one, zero = np.eye(width), np.zeros(width)
    return AffineCode("whole", zero, one, one, zero)


# Whether a budget fits: numbers of 32, 16 and 8 bits, bits, pieces of a product, entries of a dictionary.


def _in_32_bits(width: int, nbytes: int) -> bool:
    return nbytes % 4 == 0 and nbytes <= 4 * width


def _in_16_bits(width: int, nbytes: int) -> bool:
    return nbytes % 2 == 0 and nbytes <= 2 * width


def _in_8_bits(width: int, nbytes: int) -> bool:
    return nbytes <= width


def _in_bits(width: int, nbytes: int) -> bool:
    return 8 * nbytes <= width


def _in_pieces(width: int, nbytes: int) -> bool:
    return width % nbytes == 0 and PIECE * nbytes <= width


def _in_entries(width: int, nbytes: int) -> bool:
    return nbytes % sparse.ENTRY_BYTES == 0 and nbytes // sparse.ENTRY_BYTES <= width // SPARSE


def _whole_in_8_bits(width: int, nbytes: int) -> bool:
    return nbytes == width


def _whole_in_bits(width: int, nbytes: int) -> bool:
    return 8 * nbytes == width


# Fits: of a map to fewer numbers in 16 bits, then of other formats behind a map.


def _pca(training: Training, nbytes: int, seed: int) -> Code:
    return _narrowed(training.pca.code(nbytes // 2))


def _whitening(training: Training, nbytes: int, seed: int) -> Code:
    return _narrowed(whitening(training.moments, nbytes // 2))


def _truncation(training: Training, nbytes: int, seed: int) -> Code:
    return _narrowed(truncation(training.moments, nbytes // 2))


def _random_projection(training: Training, nbytes: int, seed: int) -> Code:
    return _narrowed(random_projection(training.moments, nbytes // 2, seed=seed))


def _matryoshka(training: Training, nbytes: int, seed: int) -> Code:
    return _narrowed(matryoshka.prefix(training.head(seed), nbytes // 2))


def _sparse(training: Training, nbytes: int, seed: int) -> Code:
    return sparse.Sparse(training.dictionary(seed), nbytes // sparse.ENTRY_BYTES)


def _pca_32(training: Training, nbytes: int, seed: int) -> Code:
    return Mapped(training.pca.code(nbytes // 4), Floats(nbytes // 4, 32))


def _pca_int8(training: Training, nbytes: int, seed: int) -> Code:
    return _int8(training, training.pca.code(nbytes))


def _pca_binary(training: Training, nbytes: int, seed: int) -> Code:
    return _hamming(training.pca.code(8 * nbytes))


def _pca_rescored(training: Training, nbytes: int, seed: int) -> Code:
    return _rescored(training, training.pca.code(8 * nbytes))


def _pca_product(training: Training, nbytes: int, seed: int) -> Code:
    """PCA to four components a piece, so allotted that all pieces vary alike."""
    width = PIECE * nbytes
    map = training.pca.code(width)
    directions = map.encoder[:, balanced(training.pca.variances[:width], nbytes)]
    return _in_product(training, AffineCode("PCA", map.centre, directions, directions.T, map.bias), nbytes, seed)


def _whole_int8(training: Training, nbytes: int, seed: int) -> Code:
    return _int8(training, identity(training.width))


def _whole_binary(training: Training, nbytes: int, seed: int) -> Code:
    return _hamming(identity(training.width))


def _whole_rescored(training: Training, nbytes: int, seed: int) -> Code:
    return _rescored(training, identity(training.width))


def _product(training: Training, nbytes: int, seed: int) -> Code:
    return _in_product(training, identity(training.width), nbytes, seed)


def _narrowed(map: AffineCode) -> Code:
    return Mapped(map, Floats(map.width, 16))


def _int8(training: Training, map: AffineCode) -> Code:
    return Mapped(map, Int8.fit(map.encode(training.vectors)))


def _hamming(map: AffineCode) -> Code:
    return Symmetric(Mapped(map, Binary.signs(map.width)))


def _rescored(training: Training, map: AffineCode) -> Code:
    return Rescored(_hamming(map), Mapped(map, Binary.fit(map.encode(training.vectors))))


def _in_product(training: Training, map: AffineCode, nbytes: int, seed: int) -> Code:
    numbers = map.encode(training.vectors[:PRODUCT_ROWS])
    return Mapped(map, ProductQuantiser.fit(numbers, nbytes, seed=seed))


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("PCA", "maps", False, _in_16_bits, _pca),
        Method("whitening", "maps", False, _in_16_bits, _whitening),
        Method("truncation", "maps", False, _in_16_bits, _truncation),
        Method("random projection", "maps", True, _in_16_bits, _random_projection),
        Method("Matryoshka head", "maps", True, _in_16_bits, _matryoshka),
        Method("k-sparse", "maps", True, _in_entries, _sparse),
        Method("PCA, 32 bits", "formats", False, _in_32_bits, _pca_32),
        Method("PCA, int8", "formats", False, _in_8_bits, _pca_int8),
        Method("PCA, binary", "formats", False, _in_bits, _pca_binary),
        Method("PCA, binary, rescored", "formats", False, _in_bits, _pca_rescored),
        Method("PCA, product", "formats", True, _in_pieces, _pca_product),
        Method("int8", "formats", False, _whole_in_8_bits, _whole_int8),
        Method("binary", "formats", False, _whole_in_bits, _whole_binary),
        Method("binary, rescored", "formats", False, _whole_in_bits, _whole_rescored),
        Method("product", "formats", True, _in_pieces, _product),
    )
}
"""All codes but the autoencoders, which the grid trains. A ``fit`` takes the training, bytes and a seed."""


def offers(width: int, budgets: Sequence[int]) -> list[tuple[Method, list[int]]]:
    """What can be had for vectors of this width: every method with the budgets that fit it.

    The whole vector in 8 bits and in 1 bit a number has one size each, which is offered whether it is a budget or not.
    """
    found = []
    for method in METHODS.values():
        sizes = {*budgets, width, width // 8} if method.fits in (_whole_in_8_bits, _whole_in_bits) else budgets
        found.append((method, sorted(size for size in sizes if method.fits(width, size))))
    return [(method, sizes) for method, sizes in found if sizes]
