"""Rows without padding: documents lie end to end, rows are cut from the stream, attention stays inside a document.

Cutting the stream is RoBERTa's FULL-SENTENCES packing (Liu et al. 2019, section 4.2). There a row's documents see each
other; here a block-diagonal mask and positions that restart keep them apart, so that the encoder is trained on what it
will read later, one text at a time.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from smallbert.models.masking import generator
from smallbert.models.tokenizer import CLS, PAD

ORDER_STREAM = 1


class PackedRows:
    """A token stream as rows of equal length, read in a new random order each epoch.

    Every token lies in exactly one row; only the last row is filled up with [PAD].

    Args:
        tokens: the flat stream of documents ``[CLS] ids [SEP]``, memory-mapped or not.
        sequence_length: tokens of a row.
        seed: of the order.
    """

    def __init__(self, tokens: np.ndarray, sequence_length: int, seed: int = 0) -> None:
        self.tokens, self.sequence_length, self.seed = tokens, sequence_length, seed
        self._order = lru_cache(maxsize=2)(self._draw_order)

    def __len__(self) -> int:
        return -(-len(self.tokens) // self.sequence_length)

    def row(self, index: int) -> np.ndarray:
        """Row ``index`` in the order of the stream, int64, (sequence_length,)."""
        cut = self.tokens[index * self.sequence_length : (index + 1) * self.sequence_length]
        return np.pad(cut.astype(np.int64), (0, self.sequence_length - len(cut)), constant_values=PAD)

    def batch(self, step: int, rows: int) -> np.ndarray:
        """The rows of a step, a pure function of its number: int64, (rows, sequence_length).

        Epochs follow each other without a gap, so a batch may hold the end of one and the start of the next.
        """
        places = (divmod(place, len(self)) for place in range(step * rows, (step + 1) * rows))
        return np.stack([self.row(self._order(epoch)[place]) for epoch, place in places])

    def _draw_order(self, epoch: int) -> np.ndarray:
        return generator(self.seed, ORDER_STREAM, epoch).permutation(len(self))


def document_positions(ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Where each token of packed rows stands in its document, and which tokens it may attend to.

    Args:
        ids: unmasked packed rows, (B, L). A document starts at [CLS]; one cut by the row's border starts again at 0.

    Returns:
        Positions, int64, (B, L), and the block-diagonal mask, bool, (B, 1, L, L): true inside a document. A [PAD]
        is a document of its own.
    """
    starts = (ids == CLS) | (ids == PAD)
    document = starts.cumsum(1)  # (B, L)
    place = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
    first = torch.where(starts, place, 0).cummax(1).values
    return place - first, (document[:, None, :, None] == document[:, None, None, :])
