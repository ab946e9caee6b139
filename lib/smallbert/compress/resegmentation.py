"""What becomes of texts when their vocabulary is trimmed: tokens unchanged, cut smaller, or lost to [UNK]."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass

import numpy as np
from tokenizers import Encoding

from smallbert.compress.vocabulary import Vocabulary, batches


@dataclass(frozen=True)
class Changes:
    """Texts and their token occurrences, special tokens around a text left out.

    Attributes:
        texts: texts compared.
        texts_unchanged: those whose tokens are all the same.
        occurrences: tokens before, unknown ones included.
        unchanged: those that are the same token at the same place after.
        resegmented: those whose place is taken by other known tokens.
        lost: those whose place is unknown now and was not before.
        occurrences_after: tokens after; more of them cost time.
    """

    texts: int = 0
    texts_unchanged: int = 0
    occurrences: int = 0
    unchanged: int = 0
    resegmented: int = 0
    lost: int = 0
    occurrences_after: int = 0

    def summary(self) -> str:
        """What a user wants to know: ``53.3% of 2,000 held-out texts are unchanged; of their tokens ...``."""
        if not self.occurrences:
            return "no held-out text to compare"
        share = {name: count / self.occurrences for name, count in vars(self).items()}
        return (
            f"{self.texts_unchanged / self.texts:.1%} of {self.texts:,} held-out texts are unchanged; of their tokens "
            f"{share['unchanged']:.2%} are unchanged, {share['resegmented']:.2%} cut otherwise and {share['lost']:.4%} "
            "lost to an unknown token"
        )

    def __add__(self, other: Changes) -> Changes:
        return Changes(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


def changes(
    before: Vocabulary,
    after: Vocabulary,
    texts: Iterable[str],
    *,
    advance: Callable[[int], None] = lambda texts: None,
) -> Changes:
    """Cut texts with both vocabularies and compare, streaming.

    Args:
        before: of the encoder that was trimmed.
        after: of the trimmed encoder.
        texts: texts that were not counted for the trimming, to learn what it costs on others.
        advance: called with the number of texts after each batch.
    """
    new_ids, total = before.renumbering(after), Changes()
    for batch in batches(texts):
        old, new = (one.tokenizer.encode_batch(batch, add_special_tokens=False) for one in (before, after))
        for text, was, now in zip(batch, old, new, strict=True):
            total += _change(len(text), was, now, new_ids, before.unknown, after.unknown)
        advance(len(batch))
    return total


def _change(
    length: int, was: Encoding, now: Encoding, new_ids: np.ndarray, unknown_before: int | None, unknown: int | None
) -> Changes:
    """One text of ``length`` characters."""
    ids = new_ids[was.ids].tolist()
    if ids == now.ids:
        return Changes(1, 1, len(ids), len(ids), 0, 0, len(ids))
    places = set(zip(now.ids, now.offsets, strict=True))
    is_lost = np.zeros(length + 1, bool)
    for id, (start, stop) in zip(now.ids, now.offsets, strict=True):
        if id == unknown:
            is_lost[start:stop] = True
    unchanged = lost = 0
    for old, id, place in zip(was.ids, ids, was.offsets, strict=True):
        if (id, place) in places:
            unchanged += 1
        elif is_lost[place[0]] and old != unknown_before:
            lost += 1
    return Changes(1, 0, len(ids), unchanged, len(ids) - unchanged - lost, lost, len(now.ids))
