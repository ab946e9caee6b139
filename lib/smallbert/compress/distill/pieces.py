"""Rows taken apart into the pieces of text that a model reads on their own, and put together again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smallbert.compress.distill.inputs import Seen
from smallbert.models.tokenizer import CLS, PAD


@dataclass(frozen=True, eq=False)
class Pieces:
    """The pieces of some rows: a piece starts at [CLS] or at the start of a row and ends before the next one or [PAD].

    Places are those of the flattened rows. A piece that starts with [CLS] is a text; one that does not is the rest of a
    document which the border of the row cut.

    Args:
        read: what the model reads, (n L,).
        is_place: which tokens' logits are wanted, bool, (n L,).
        row_tokens: L.
        lengths: tokens of each piece, (P,).
        is_text: which pieces are texts, bool, (P,).
        first: place of each piece's first token, (P,).
    """

    read: np.ndarray
    is_place: np.ndarray
    row_tokens: int
    lengths: np.ndarray
    is_text: np.ndarray
    first: np.ndarray

    @classmethod
    def of(cls, seen: list[Seen]) -> Pieces:
        """The pieces of the rows of some units, in their order."""
        ids = np.concatenate([one.ids for one in seen])
        starts = ids == CLS
        starts[:, 0] = True
        starts = (starts & (ids != PAD)).reshape(-1)
        tokens = np.flatnonzero(ids.reshape(-1) != PAD)
        first = np.flatnonzero(starts)
        is_place = np.zeros(ids.size, dtype=bool)
        offset = 0
        for one in seen:
            is_place[offset + one.places] = True
            offset += one.ids.size
        return cls(
            read=np.concatenate([one.read for one in seen]).reshape(-1),
            is_place=is_place,
            row_tokens=ids.shape[1],
            lengths=np.bincount(np.cumsum(starts[tokens]) - 1, minlength=len(first)),
            is_text=ids.reshape(-1)[first] == CLS,
            first=first,
        )

    @property
    def texts_a_row(self) -> np.ndarray:
        """Texts of each row, (n,)."""
        return np.bincount(self.first[self.is_text] // self.row_tokens, minlength=len(self.read) // self.row_tokens)

    @property
    def places_a_row(self) -> np.ndarray:
        """Places of each row, (n,)."""
        return self.is_place.reshape(-1, self.row_tokens).sum(1)

    def tokens_of(self, pieces: np.ndarray) -> np.ndarray:
        """Places of the tokens of some pieces, one piece after the other."""
        return np.concatenate(
            [np.arange(self.first[piece], self.first[piece] + self.lengths[piece]) for piece in pieces]
        )

    def entry_count(self, kind: str) -> int:
        """Rows of an array that has one for each of ``tokens`` ([PAD] included), ``texts`` or ``places``."""
        return {"tokens": len(self.read), "texts": self.is_text.sum(), "places": self.is_place.sum()}[kind]

    def entries(self, kind: str, pieces: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray | slice]:
        """Where the outputs of some pieces go in such an array, and which of the outputs these are.

        Args:
            kind: ``tokens``, ``texts`` or ``places``.
            pieces: the pieces, in the order in which they were read.
            at: their :meth:`tokens_of`.
        """
        if kind == "tokens":
            return at, slice(None)
        if kind == "places":
            return (np.cumsum(self.is_place) - 1)[at[self.is_place[at]]], slice(None)
        chosen = self.is_text[pieces]
        return (np.cumsum(self.is_text) - 1)[pieces[chosen]], chosen
