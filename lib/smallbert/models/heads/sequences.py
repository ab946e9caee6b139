"""Texts as token ids with an encoder's special tokens around them, many inputs in one flat array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np

from smallbert.errors import DataError


@dataclass(frozen=True, eq=False)
class Sequences:
    """Token ids of n inputs, one after another.

    Args:
        ids: token ids with special tokens, int32 (T).
        types: token types, int8 (T): 0, and 1 in the second text of a pair where the family tells them apart.
        starts: place of each input's first token, then T, int64 (n + 1).
        truncated: inputs that were cut to fit.
    """

    ids: np.ndarray
    types: np.ndarray
    starts: np.ndarray
    truncated: int

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each input, (n)."""
        return np.diff(self.starts)

    def flat(self, rows: np.ndarray) -> np.ndarray:
        """Places of all tokens of some inputs, input by input."""
        lengths = self.lengths[rows]
        shift = self.starts[rows] - np.cumsum(lengths) + lengths
        return np.repeat(shift, lengths) + np.arange(lengths.sum())


class Reader:
    """Puts token ids together as an encoder's tokenizer would, from texts tokenised once each.

    A passage that many questions share, or a context with four endings, is tokenised once.

    Args:
        tokenizer: a fast tokenizer.
        max_tokens: tokens of an input at most, special ones included.

    Raises:
        DataError: the tokenizer sets no special tokens around a text or a pair.
    """

    def __init__(self, tokenizer: Any, max_tokens: int) -> None:
        self.max_tokens = max_tokens
        self._backend = tokenizer.backend_tokenizer
        self._backend.no_padding()
        self._backend.no_truncation()
        self._backend.encode_special_tokens = True  # "[SEP]" in a text is text
        self._single, self._pair = self._template("a"), self._template("a", "a")

    def _template(self, *texts: str) -> list[tuple[np.ndarray, int]]:
        """Pieces before, of, between and after the texts: ids of the special ones, and each piece's token type."""
        encoding = self._backend.encode(*texts)
        tokens = zip(encoding.sequence_ids, encoding.ids, encoding.type_ids, strict=True)
        pieces = [(text, list(piece)) for text, piece in groupby(tokens, key=itemgetter(0))]
        if [text for text, _ in pieces] != [None, 0, None, 1, None][: 2 * len(texts) + 1]:
            raise DataError(
                f"Expected a tokenizer that sets special tokens around {len(texts)} texts, got {encoding.tokens}.",
                "Save it with the post-processor of its family, which sets [CLS] and [SEP].",
            )
        return [(np.array([token for _, token, _ in piece], np.int32), piece[0][2]) for _, piece in pieces]

    @property
    def prefix(self) -> int:
        """Special tokens before the first text."""
        return len(self._single[0][0])

    @property
    def suffix(self) -> int:
        """Special tokens behind a pair."""
        return len(self._pair[-1][0])

    def specials(self, pair: bool) -> int:
        """Special tokens of an input."""
        return sum(len(ids) for ids, _ in (self._pair if pair else self._single)[::2])

    def ids(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Token ids of each text without special tokens, uncut; equal texts share an array."""
        distinct = list(dict.fromkeys(texts))
        encodings = self._backend.encode_batch_fast(distinct, add_special_tokens=False)
        known = {text: np.array(e.ids, np.int32) for text, e in zip(distinct, encodings, strict=True)}
        return [known[text] for text in texts]

    def with_offsets(self, texts: Sequence[str]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Token ids of each text, (P), and first and past-the-last character of each token, (P, 2)."""
        distinct = list(dict.fromkeys(texts))
        encodings = self._backend.encode_batch(distinct, add_special_tokens=False)
        known = {
            text: (np.array(e.ids, np.int32), np.array(e.offsets, np.int64).reshape(-1, 2))
            for text, e in zip(distinct, encodings, strict=True)
        }
        return [known[text] for text in texts]

    def singles(self, texts: Sequence[np.ndarray]) -> Sequences:
        """Inputs of one text; a longer one loses its end."""
        room = self.max_tokens - self.specials(pair=False)
        cut = sum(len(text) > room for text in texts)
        return self._join(self._single, [(text[:room],) for text in texts], cut)

    def pairs(self, first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> Sequences:
        """Inputs of two texts; the longer one loses tokens first, as in google-research/bert (run_classifier.py)."""
        room = self.max_tokens - self.specials(pair=True)
        texts, cut = [], 0
        for a, b in zip(first, second, strict=True):
            keep = min(len(b), max(room // 2, room - len(a)))
            texts.append((a[: room - keep], b[:keep]))
            cut += len(a) + len(b) > room
        return self._join(self._pair, texts, cut)

    def _join(
        self, template: list[tuple[np.ndarray, int]], inputs: Sequence[tuple[np.ndarray, ...]], truncated: int
    ) -> Sequences:
        pieces: list[np.ndarray] = []
        for texts in inputs:
            for (special, _), text in zip(template[::2], texts, strict=False):
                pieces += (special, text)
            pieces.append(template[-1][0])
        sizes = np.array([len(piece) for piece in pieces], np.int64)
        ends = np.cumsum(sizes.reshape(-1, len(template)).sum(1))
        return Sequences(
            ids=np.concatenate(pieces) if pieces else np.zeros(0, np.int32),
            types=np.repeat(np.tile(np.array([kind for _, kind in template], np.int8), len(inputs)), sizes),
            starts=np.concatenate([[0], ends]).astype(np.int64),
            truncated=truncated,
        )
