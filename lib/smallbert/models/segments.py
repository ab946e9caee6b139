"""Documents cut into two consecutive segments, at a sentence end where there is one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer

from smallbert.models.tokenizer import CLS, PAD, SEP, UNK

FINAL = frozenset(".!?…‥。．｡！？।॥؟۔።፧፨։။៕᠃།")
"""Characters that end a sentence, in the scripts that have one (Thai and Lao set a blank instead)."""

CLOSING = frozenset("\"'”’»›)]）］】」』》〉")
"""Characters that may follow the end and still belong to the sentence."""

SHORTEST = 5
"""Tokens of a segment, at least: fewer hold no sentence in any language."""

DOCUMENTS_AT_ONCE = 8192


@dataclass(frozen=True)
class SegmentRows:
    """Some segments, one a row: ``ids [SEP] [PAD] ...``.

    Args:
        ids: int64, (n, width); the last column is always [PAD].
        lengths: tokens of each segment without its [SEP], (n,).
    """

    ids: np.ndarray
    lengths: np.ndarray

    @classmethod
    def gather(cls, tokens: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> SegmentRows:
        """Read the segments that begin at ``starts`` of a flat stream."""
        place = np.arange(lengths.max(initial=0) + 2)
        ids = tokens[np.minimum(starts[:, None] + place, len(tokens) - 1)].astype(np.int64)
        ids[place > lengths[:, None]] = PAD
        ids[np.arange(len(ids)), lengths] = SEP
        return cls(ids, lengths)


@dataclass(frozen=True)
class Segments:
    """Pairs of consecutive segments, at most one a document: ``tokens[start:cut]`` and ``tokens[cut:stop]``.

    Args:
        tokens: the flat stream of documents ``[CLS] ids [SEP]``, memory-mapped or not.
        starts, cuts, stops: places in the stream, (n,).
        documents: number of each pair's document in the stream, ascending, (n,).
        at_sentences: whether both cut and stop are sentence ends, bool, (n,).
        left_out: documents too short for two segments.
    """

    tokens: np.ndarray
    starts: np.ndarray
    cuts: np.ndarray
    stops: np.ndarray
    documents: np.ndarray
    at_sentences: np.ndarray
    left_out: int

    @classmethod
    def cut(cls, tokens: np.ndarray, tokenizer: Tokenizer, sequence_length: int) -> Segments:
        """Cut every document near the middle of what a row can hold of it.

        Each segment fits into half a row, so that any two make a pair. The cut is the sentence end nearest to the
        middle, and the second segment stops at a sentence end as well: a segment broken off in mid-sentence would tell
        which of the two came last. A document without two such ends is cut and stopped between words.

        Args:
            tokens: documents ``[CLS] ids [SEP]``, one after another.
            tokenizer: a WordPiece tokenizer, to tell from a token what it is.
            sequence_length: tokens of a row.
        """
        roles, half = _Roles.of(tokenizer), (sequence_length - 3) // 2
        first = np.flatnonzero(tokens == CLS)
        blocks = [np.zeros((5, 0), np.int64)]
        for begin in range(0, len(first), DOCUMENTS_AT_ONCE):
            own = first[begin : begin + DOCUMENTS_AT_ONCE]
            end = first[begin + len(own)] if begin + len(own) < len(first) else len(tokens)
            block = _cut(np.asarray(tokens[own[0] : end]), own - own[0], roles, half)
            blocks.append(block + np.array([own[0], own[0], own[0], begin, 0])[:, None])
        starts, cuts, stops, documents, at_sentences = np.concatenate(blocks, axis=1)
        return cls(tokens, starts, cuts, stops, documents, at_sentences == 1, len(first) - len(documents))

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of first and second segments, (2, n)."""
        return np.stack([self.cuts - self.starts, self.stops - self.cuts])

    def rows(self, pairs: np.ndarray) -> SegmentRows:
        """The segments of some pairs: all first ones, then all second ones."""
        starts = np.concatenate([self.starts[pairs], self.cuts[pairs]])
        return SegmentRows.gather(self.tokens, starts, self.lengths[:, pairs].ravel())


@dataclass(frozen=True)
class _Roles:
    """What a token can be to a sentence, by id; bool, (V,) each.

    Args:
        word: begins a word.
        final: ends a sentence.
        full_stop: is a full stop, which after an initial (``U . S .``) ends nothing.
        initial: is a capital letter, or a Thai consonant, alone.
        closing: may follow the end of a sentence and still belong to it.
        opening: may open a sentence: neither a digit nor a small letter comes first.
    """

    word: np.ndarray
    final: np.ndarray
    full_stop: np.ndarray
    initial: np.ndarray
    closing: np.ndarray
    opening: np.ndarray

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> _Roles:
        vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
        names = ["##" if token in (CLS, PAD) else name for name, token in vocabulary]
        word = np.array([not name.startswith("##") for name in names])
        final = np.array([name in FINAL for name in names])
        closing = np.array([name in CLOSING for name in names])
        inner = np.array([name[0].islower() or name[0].isdigit() for name in names])
        initial = np.array([len(name) == 1 and (name.isupper() or "ก" <= name <= "ฮ") for name in names])
        opening = word & ~final & ~closing & ~inner
        opening[[SEP, UNK]] = True
        return cls(word, final, np.array([name == "." for name in names]), initial, closing, opening)

    def sentence_starts(self, ids: np.ndarray) -> np.ndarray:
        """Places where a sentence may start or the document ends, ascending."""
        before, after = ids[:-1], ids[1:]
        ends = self.final[ids]
        ends[1:] &= ~(self.full_stop[after] & self.initial[before])
        ends[1:] |= self.closing[after] & ends[:-1]
        return np.flatnonzero(ends[:-1] & self.opening[after]) + 1

    def word_starts(self, ids: np.ndarray) -> np.ndarray:
        """Places where a word starts or the document ends, ascending."""
        return np.flatnonzero(self.word[ids])


def _cut(ids: np.ndarray, first: np.ndarray, roles: _Roles, half: int) -> np.ndarray:
    """Cut a block of documents that begin at ``first``: starts, cuts, stops, documents, at_sentences, (5, n)."""
    starts = first + 1
    ends = np.append(first[1:], len(ids)) - 1  # the place of [SEP]
    by_sentence, by_word = (
        _places(allowed, starts, ends, half) for allowed in (roles.sentence_starts(ids), roles.word_starts(ids))
    )
    at_sentences = by_sentence[0] >= 0
    cuts, stops = np.where(at_sentences, by_sentence, by_word)
    kept = np.flatnonzero(cuts >= 0)
    return np.stack([starts, cuts, stops, np.arange(len(first)), at_sentences])[:, kept]


def _places(allowed: np.ndarray, starts: np.ndarray, ends: np.ndarray, half: int) -> np.ndarray:
    """The allowed cut nearest to the middle and the last allowed stop of each document, (2, n); -1 where none is."""
    fenced = np.concatenate([[-1], allowed, [-1]])  # so that a search may run off either end
    low, high = starts + SHORTEST, np.minimum(starts + half, ends - SHORTEST)
    middle = np.minimum((starts + ends) // 2, high)
    after = np.searchsorted(allowed, middle)
    below, above = fenced[after], fenced[after + 1]  # below < middle <= above
    below_fits, above_fits = (below >= low), (above >= low) & (above <= high)
    cuts = np.where(above_fits & ~(below_fits & (middle - below < above - middle)), above, below)
    stops = fenced[np.searchsorted(allowed, np.minimum(ends, cuts + half), side="right")]
    return np.where((below_fits | above_fits) & (stops - cuts >= SHORTEST), [cuts, stops], -1)
