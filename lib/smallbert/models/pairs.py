"""Pairs of segments as batches: which stand together, in which order, and how a model reads them.

The same documents, the same segments and the same masked tokens make the batches of every task; only the arrangement of
the segments differs. What an arm gains is then its task's and nothing else's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np

from smallbert.models.masking import generator
from smallbert.models.segments import SegmentRows

Task = Literal["none", "nsp", "sop"]
"""None, next-sentence prediction (Devlin et al. 2019, task 2), or sentence order (Lan et al. 2020, section 3.1)."""

TASKS: tuple[Task, ...] = get_args(Task)

ORDER_STREAM = 1

SPECIALS = 3
"""Special tokens of a pair: [CLS] and two [SEP]."""

WIDTH_MULTIPLE = 8
"""Rows are padded to a multiple of this many tokens, since kernels are made anew for every shape they meet."""


@dataclass(frozen=True)
class Arrangement:
    """Which segment stands first and which second in each of n pairs.

    Args:
        first, second: rows of :class:`SegmentRows`, where pair ``i`` has its own segments in rows ``i`` and ``n + i``.
        labels: 0 where the pair is as in its document, 1 where it is not, (n,).
    """

    first: np.ndarray
    second: np.ndarray
    labels: np.ndarray


def arrange(
    task: Task, lengths: np.ndarray, random: np.random.Generator, strata: np.ndarray | None = None
) -> Arrangement:
    """Leave half of the pairs as they are and, by task, give the others a foreign second segment or swap their own.

    Negatives of ``nsp`` exchange second segments of nearest length two by two, so that lengths tell nothing and a batch
    holds the same tokens whatever the task.

    Args:
        task: for ``none`` all pairs stay as they are.
        lengths: tokens of each second segment, (n,).
        random: decides which half, and who exchanges with whom among equals.
        strata: negatives of ``nsp`` come from the same stratum, (n,); a pair that finds none there stays as it is. By
            default any other document will do, as for BERT.
    """
    count = len(lengths)
    # On average half of the pairs, and always an even number, since they exchange two by two.
    changed = random.permutation(count)[: 2 * int(count / 4 + random.random())]
    first, second = np.arange(count), np.arange(count, 2 * count)
    if task == "sop":
        first[changed], second[changed] = changed + count, changed
    elif task == "nsp":
        strata = np.zeros(count, np.int64) if strata is None else np.unique(strata, return_inverse=True)[1]
        changed = changed[np.lexsort((lengths[changed], strata[changed]))]  # stable: equals stay in random order
        for of_stratum in np.split(changed, np.flatnonzero(np.diff(strata[changed])) + 1):
            one, other = of_stratum[: len(of_stratum) // 2 * 2].reshape(-1, 2).T
            second[one], second[other] = other + count, one + count
    return Arrangement(first, second, (second != np.arange(count, 2 * count)).astype(np.int64))


@dataclass(frozen=True)
class Layout:
    """Pairs as a model reads them, ``[CLS] first [SEP] second [SEP]``, one a row, padded.

    Args:
        places: where each token but [CLS] stands in the flattened segment rows, (n, L - 1).
        types: int64, 0 up to the first [SEP], 1 after it, (n, L).
    """

    places: np.ndarray
    types: np.ndarray

    @classmethod
    def of(cls, rows: SegmentRows, first: np.ndarray, second: np.ndarray) -> Layout:
        """Set out pairs of segments, given by their rows, (n,) each."""
        a, b = rows.lengths[first, None], rows.lengths[second, None]
        longest = (a + b).max() + SPECIALS
        column = np.arange(longest + -longest % WIDTH_MULTIPLE - 1)
        in_first, padding = column <= a, rows.ids.shape[1] - 1
        row = np.where(in_first, first[:, None], second[:, None])
        places = row * (padding + 1) + np.where(in_first, column, np.minimum(column - a - 1, padding))
        types = ~in_first & (column <= a + b + 1)
        return cls(places, np.pad(types.astype(np.int64), ((0, 0), (1, 0))))

    def take(self, values: np.ndarray, start: int) -> np.ndarray:
        """Values of the segment rows' shape in this layout, ``start`` in place of [CLS]; int64, (n, L)."""
        return np.pad(values.ravel()[self.places].astype(np.int64), ((0, 0), (1, 0)), constant_values=start)


class PairOrder:
    """Which pairs make the batch of a step: each once an epoch, pairs of about one length together.

    Args:
        lengths: tokens of each pair, special ones included, (n,).
        batch_tokens: tokens of a batch, padding aside; as pairs are whole, a batch may have up to almost one pair more.
        seed: of the order.
    """

    def __init__(self, lengths: np.ndarray, batch_tokens: int, seed: int) -> None:
        self.lengths, self.batch_tokens, self.seed = lengths, batch_tokens, seed
        self._epoch = lru_cache(maxsize=2)(self._draw)

    def __len__(self) -> int:
        """Batches of an epoch."""
        return math.ceil(self.lengths.sum() / self.batch_tokens)

    def batch(self, step: int) -> np.ndarray:
        """The pairs of a step: a pure function of its number."""
        epoch, place = divmod(step, len(self))
        return self._epoch(epoch)[place]

    def _draw(self, epoch: int) -> list[np.ndarray]:
        random = generator(self.seed, ORDER_STREAM, epoch)
        batches = by_length(self.lengths, random.permutation(len(self.lengths)), self.batch_tokens)
        return [batches[place] for place in random.permutation(len(batches))]


def by_length(lengths: np.ndarray, order: np.ndarray, batch_tokens: int) -> list[np.ndarray]:
    """Pairs sorted by length in batches of equally many tokens; pairs of one length stay in ``order``."""
    order = order[np.argsort(lengths[order], kind="stable")]
    tokens = lengths[order].cumsum()
    count = math.ceil(tokens[-1] / batch_tokens)
    return np.split(order, np.searchsorted(tokens, np.arange(1, count) * tokens[-1] / count))
