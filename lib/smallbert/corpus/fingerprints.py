"""Fingerprints of texts: 8 bytes to find exact copies, 96 bytes to find near copies. See duplicates.py.

What is compared is the text's letters, marks, digits and symbols after Unicode NFKC and case folding:
punctuation, blanks and control characters are dropped, so that layout makes no difference and scripts
without blanks (Thai, Chinese) are treated like all others.

Near copies are found by one permutation hashing (Li, Owen and Zhang 2012, arXiv 1208.1259): every
5-character shingle is hashed once, to one of 96 bins and a value, and each bin keeps its least value;
of that 8 bits are kept (b-bit minwise hashing, Li and König 2010, arXiv 0910.3349). Two texts agree in
a bin that is filled in either with probability J + (1 - J) / 255, where J is the Jaccard similarity of
their shingle sets, so J is estimated without bias from the share of agreeing bins; its standard
deviation is about sqrt(J (1 - J) / 96), 0.04 at J = 0.8.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import blake2b
from itertools import pairwise
from typing import NamedTuple

import numpy as np

BINS = 96
SHINGLE = 5
SHORTEST = 100
"""Characters (after normalising) below which a text gets no near fingerprint: two short reviews can
share most of their shingles without one being a copy, and most of their bins would be empty."""

_PIECE = 1 << 20  # characters hashed at a time: the arrays of a piece stay in the processor's cache
_EMPTY = np.uint32(0xFFFFFFFF)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


class Fingerprints(NamedTuple):
    """Of n texts.

    Attributes:
        exact: (n,) uint64, equal for texts that are equal once normalised.
        near: (n, 96) uint8, 0 where a bin is empty; a row of zeros where the text is too short.
    """

    exact: np.ndarray
    near: np.ndarray


def fingerprint(texts: Sequence[str], *, near: bool = True) -> Fingerprints:
    """Fingerprints of n texts, in their order.

    Args:
        texts: must hold no NUL character.
        near: False leaves the near fingerprints at zero.
    """
    exact = np.zeros(len(texts), np.uint64)
    signatures = np.zeros((len(texts), BINS), np.uint8)
    for start, stop in _pieces(texts):
        codes, bounds = _normalise(texts[start:stop])
        raw = codes.tobytes()
        exact[start:stop] = np.frombuffer(
            b"".join(blake2b(raw[4 * a : 4 * b], digest_size=8).digest() for a, b in pairwise(bounds)),
            np.uint64,
        )
        if near:
            signatures[start:stop] = _signatures(codes, bounds)
    return Fingerprints(exact, signatures)


def similarity(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Estimated Jaccard similarity of n pairs of texts.

    Args:
        one: (n, 96) uint8, near fingerprints.
        other: (n, 96) uint8, those of their partners.

    Returns:
        (n,) float32; at most 1, slightly below 0 for texts that share nothing.
    """
    filled = ((one != 0) | (other != 0)).sum(axis=1)
    agree = ((one == other) & (one != 0)).sum(axis=1)
    share = agree / np.maximum(filled, 1)
    return ((share - 1 / 255) / (1 - 1 / 255)).astype(np.float32)


def _pieces(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    start = size = 0
    for i, text in enumerate(texts):
        size += len(text)
        if size >= _PIECE:
            yield start, i + 1
            start, size = i + 1, 0
    if start < len(texts):
        yield start, len(texts)


@cache
def _kept() -> np.ndarray:
    """(1114112,) bool: code points that are compared. NUL is kept too: it separates the texts."""
    kept = np.fromiter(
        (unicodedata.category(chr(point))[0] not in "PZC" for point in range(sys.maxunicode + 1)),
        bool,
        sys.maxunicode + 1,
    )
    kept[0] = True
    return kept


def _normalise(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """All characters that are compared, as code points, and the n + 1 bounds of the texts in them."""
    joined = unicodedata.normalize("NFKC", "\0".join(texts) + "\0").casefold()
    # Case folding can leave NFKC (U+0345 and its like); the second pass is a scan for all other text.
    joined = unicodedata.normalize("NFKC", joined)
    codes = np.frombuffer(joined.encode("utf-32-le"), np.uint32)
    codes = codes[_kept()[codes]]
    ends = np.flatnonzero(codes == 0)
    bounds = np.concatenate([[0], ends - np.arange(len(ends))])
    return codes[codes != 0], bounds


def _signatures(codes: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    n = len(bounds) - 1
    lengths = np.diff(bounds)
    owner = np.repeat(np.arange(n, dtype=np.int32), lengths)
    windows = max(len(codes) - SHINGLE + 1, 0)
    hashed = np.zeros(windows, np.uint64)
    for i in range(SHINGLE):
        hashed = hashed * _MULTIPLIER + codes[i : i + windows]
    # Mixing as in MurmurHash3's finaliser: the polynomial alone leaves the high bits correlated.
    hashed ^= hashed >> np.uint64(33)
    hashed *= np.uint64(0xFF51AFD7ED558CCD)
    hashed ^= hashed >> np.uint64(33)
    hashed *= np.uint64(0xC4CEB9FE1A85EC53)
    hashed ^= hashed >> np.uint64(33)
    first = owner[:windows]
    inside = (first == owner[SHINGLE - 1 :]) & (lengths >= SHORTEST)[first]
    hashed, first = hashed[inside], first[inside]
    bins = ((hashed >> np.uint64(32)) * np.uint64(BINS)) >> np.uint64(32)
    least = np.full(n * BINS, _EMPTY)
    np.minimum.at(least, first * np.int64(BINS) + bins.astype(np.int64), hashed.astype(np.uint32))
    return np.where(least == _EMPTY, 0, 1 + least % np.uint32(255)).astype(np.uint8).reshape(n, BINS)
