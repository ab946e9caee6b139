"""Rows of whole texts: each document from its start, cut where an encoder would cut it, several to a row."""

from __future__ import annotations

import numpy as np

from smallbert.models.masking import generator
from smallbert.models.packing import ORDER_STREAM
from smallbert.models.tokenizer import CLS, PAD, SEP


class WholeTexts:
    """A token stream as rows of equal length that hold whole texts; what is left of a row is [PAD].

    :class:`smallbert.models.packing.PackedRows` cuts texts at the border of a row, which is right for predicting words;
    the embedding of a text needs the text.

    Args:
        tokens: the flat stream of documents ``[CLS] ids [SEP]``, memory-mapped or not.
        sequence_length: tokens of a row; a longer document is cut there and ends with [SEP].
        seed: of the order in which rows are read.
    """

    def __init__(self, tokens: np.ndarray, sequence_length: int, seed: int = 0) -> None:
        self.tokens, self.sequence_length, self.seed = tokens, sequence_length, seed
        self._starts = np.flatnonzero(tokens == CLS)
        self._lengths = np.diff(self._starts, append=len(tokens))
        self._rows = fill(np.minimum(self._lengths, sequence_length), sequence_length)

    def __len__(self) -> int:
        return len(self._rows)

    def row(self, index: int) -> np.ndarray:
        """Row ``index``, int64, (sequence_length,)."""
        row, place = np.full(self.sequence_length, PAD, dtype=np.int64), 0
        for text in self._rows[index]:
            length = min(self._lengths[text], self.sequence_length)
            row[place : place + length] = self.tokens[self._starts[text] : self._starts[text] + length]
            row[place + length - 1] = SEP
            place += length
        return row

    def numbers(self, step: int, rows: int) -> np.ndarray:
        """Which rows a step reads, (rows,): each epoch in a new random order, epochs without a gap."""
        epochs, places = np.divmod(np.arange(step * rows, (step + 1) * rows), len(self))
        orders = {
            epoch: generator(self.seed, ORDER_STREAM, epoch).permutation(len(self)) for epoch in set(epochs.tolist())
        }
        return np.array([orders[epoch][place] for epoch, place in zip(epochs.tolist(), places, strict=True)])


def fill(lengths: np.ndarray, space: int) -> list[list[int]]:
    """Put texts into rows: the longest that is left, then always the longest that still fits.

    Args:
        lengths: tokens of each text, none above ``space``.
        space: tokens of a row.

    Returns:
        The texts of each row; every text once.
    """
    waiting: list[list[int]] = [[] for _ in range(space + 1)]
    for text in np.argsort(lengths, kind="stable")[::-1].tolist():
        waiting[lengths[text]].append(text)
    rows, left, longest = [], len(lengths), space
    while left:
        while not waiting[longest]:
            longest -= 1
        row, free, length = [], space, longest
        while length:
            if waiting[length]:
                row.append(waiting[length].pop())
                free -= length
                length = min(length, free)
            else:
                length -= 1
        rows.append(row)
        left -= len(row)
    return rows
