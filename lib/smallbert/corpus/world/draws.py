"""Random draws that belong to a position: draw k of event i is a pure function of (seed, purpose, i, k).

Nothing is carried from one event to the next, so any slice of the world can be made alone, in any order.
"""

from __future__ import annotations

import hashlib

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def key(seed: int, purpose: str) -> int:
    """A 64-bit key for one use of randomness under one seed."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest(), "big")


def uniform(stream: int, positions: np.ndarray, count: int) -> np.ndarray:
    """Uniform numbers in [0, 1), float64 of shape (len(positions), count).

    SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) read at the counter ``position * count + k``.

    Args:
        stream: a key from :func:`key`.
        positions: non-negative integers, any order, shape (n,).
        count: draws per position.
    """
    counters = positions.astype(np.uint64)[:, None] * np.uint64(count) + np.arange(1, count + 1, dtype=np.uint64)
    state: np.ndarray = np.uint64(stream) + counters * _GOLDEN
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((state ^ (state >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53


class Zipf:
    """Ranks 0 .. size-1 with probability proportional to 1 / (rank + 1) ** exponent."""

    def __init__(self, size: int, exponent: float = 1.0) -> None:
        weights = np.arange(1, size + 1) ** -exponent
        self._cumulative = np.cumsum(weights / weights.sum())
        self._cumulative[-1] = 1.0

    def rank(self, uniforms: np.ndarray) -> np.ndarray:
        """The rank that each uniform number in [0, 1) falls on, int64, same shape."""
        return np.searchsorted(self._cumulative, uniforms, side="right")
