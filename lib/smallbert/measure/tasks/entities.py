"""Entity-level precision, recall and F1 of BIO tags, equal to seqeval's (Nakayama 2018).

An entity counts where its type, its first and its last word are all right. seqeval reads tags in two ways, and so
does this: its default, which it takes from the script of CoNLL-2000, forgives an entity that starts with ``I-``;
its strict mode with IOB2 ignores one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from smallbert.errors import DataError


@dataclass(frozen=True)
class Scores:
    """Precision, recall and F1, 0 to 1 (0 where there is nothing to divide by), and the number of true entities."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Report:
    """Scores of a tagging.

    Attributes:
        types: by entity type, in alphabetical order; types that are only predicted are among them.
        micro: of all entities together, the usual F1.
        macro: the mean over ``types``.
    """

    types: dict[str, Scores]
    micro: Scores
    macro: Scores


def entities(tags: Sequence[str], *, strict: bool = False) -> list[tuple[str, int, int]]:
    """The entities of one sentence.

    Args:
        tags: ``O``, ``B-TYPE`` or ``I-TYPE``, one a word.
        strict: an entity starts with ``B-`` only (IOB2); else also with an ``I-`` that continues nothing.

    Returns:
        (type, index of the first word, index after the last), in order.

    Raises:
        DataError: another tag.
    """
    found: list[tuple[str, int, int]] = []
    inside, start = "", 0  # the type of the entity that is open
    for i, tag in enumerate([*tags, "O"]):
        mark, dash, kind = tag.partition("-")
        if not (tag == "O" or (mark in ("B", "I") and dash and kind)):
            raise DataError(f"Expected the tags O, B-TYPE or I-TYPE, got {tag!r} at position {i}.")
        if mark == "I" and kind == inside:
            continue
        if inside:
            found.append((inside, start, i))
        inside, start = ("" if strict and mark == "I" else kind), i
    return found


def score(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], *, strict: bool = False) -> Report:
    """Compare predicted tags with gold ones.

    Args:
        gold, predicted: tags of the same sentences, each of the same length in both.
        strict: see :func:`entities`.

    Raises:
        DataError: other numbers of sentences or words, or a tag that is not BIO.
    """
    if [len(tags) for tags in gold] != [len(tags) for tags in predicted]:
        raise DataError(
            f"Expected predicted tags for {len(gold):,} sentences of {sum(map(len, gold)):,} words, one each, got "
            f"{len(predicted):,} sentences of {sum(map(len, predicted)):,} words."
        )
    true: Counter[str] = Counter()
    said: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for ours, theirs in zip(gold, predicted, strict=True):
        wanted, given = set(entities(ours, strict=strict)), set(entities(theirs, strict=strict))
        for counter, found in ((true, wanted), (said, given), (right, wanted & given)):
            counter.update(kind for kind, _, _ in found)
    types = {kind: _scores(right[kind], said[kind], true[kind]) for kind in sorted(true.keys() | said.keys())}
    micro = _scores(right.total(), said.total(), true.total())
    per_type = [(one.precision, one.recall, one.f1) for one in types.values()]
    precision, recall, f1 = [sum(column) / len(types) for column in zip(*per_type, strict=True)] or [0.0] * 3
    return Report(types, micro, Scores(precision, recall, f1, true.total()))


def _scores(right: int, said: int, true: int) -> Scores:
    return Scores(right / max(said, 1), right / max(true, 1), 2 * right / max(said + true, 1), true)
