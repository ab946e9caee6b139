"""One tag a word, read off its first sub-token (Devlin et al. 2019, section 5.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, ClassVar

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from smallbert.errors import DataError
from smallbert.models.heads.network import Head
from smallbert.models.heads.sequences import Reader, Sequences
from smallbert.models.heads.task import classes, index

IGNORED = -100
"""Target of tokens without a tag, as in ``torch`` and ``transformers``."""


@dataclass(frozen=True, eq=False)
class Sentences(Sequences):
    """Sentences as inputs, and where their words are.

    Args:
        tokens: for each sentence the token that covers the start of each word, counted from the input's first token;
            -1 where there is none (cut off, or nothing the tokenizer sees, such as a blank).
        leads: for each sentence whether that token starts with the word, rather than with an earlier one.
        unseen: words with no token, over all sentences.
    """

    tokens: list[np.ndarray]
    leads: list[np.ndarray]
    unseen: int


@dataclass(frozen=True)
class Tagging:
    """``tags`` of ``words``: parts of speech, or entities as BIO.

    The sentence is tokenised as it is written, ``space`` between the words, so that the encoder reads what it was
    pretrained on. Where the words are single characters (``space`` empty) a token covers several, and speaks for all
    of them: the first takes its tag, the others carry it on (``I-`` after ``B-``).
    """

    head: ClassVar[Head] = "TokenClassification"
    per_example: ClassVar[int] = 1

    def labels(self, examples: Sequence[Any]) -> tuple[str, ...]:
        """Tags by falling frequency; at least two."""
        return classes((tag for example in examples for tag in example.tags), "words")

    def outputs(self, labels: tuple[str, ...]) -> int:
        """One logit a tag."""
        return len(labels)

    def read(self, examples: Sequence[Any], reader: Reader) -> Sentences:
        """One input a sentence; the end of a long one is cut off and counted."""
        for example in examples:
            if not len(example.words) == len(example.tags) > 0:
                raise DataError(
                    f"Expected a tag for each word and at least one word, got {len(example.words)} words and "
                    f"{len(example.tags)} tags in example {example.id}."
                )
        texts = reader.with_offsets([example.space.join(example.words) for example in examples])
        inputs = reader.singles([ids for ids, _ in texts])
        tokens, leads = [], []
        kept = inputs.lengths - reader.specials(pair=False)
        for example, (_, offsets), limit in zip(examples, texts, kept, strict=True):
            token, lead = align(example.words, example.space, offsets[:limit])
            tokens.append(np.where(token >= 0, token + reader.prefix, -1))
            leads.append(lead)
        unseen = sum(int((token < 0).sum()) for token in tokens)
        return Sentences(**vars(inputs), tokens=tokens, leads=leads, unseen=unseen)

    def targets(self, examples: Sequence[Any], inputs: Sentences, labels: tuple[str, ...]) -> np.ndarray:
        """Number of the tag at each word's first token, :data:`IGNORED` elsewhere, int64 (T)."""
        targets = np.full(len(inputs.ids), IGNORED, np.int64)
        for example, start, tokens, leads in zip(
            examples, inputs.starts[:-1], inputs.tokens, inputs.leads, strict=True
        ):
            numbers = np.array([index(labels, tag, example.id) for tag in example.tags])
            targets[start + tokens[leads]] = numbers[leads]
        return targets

    def loss(self, outputs: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        """Mean cross-entropy over the tokens that have a tag, in nats; 0 where none has."""
        total = F.cross_entropy(outputs, targets, ignore_index=IGNORED, reduction="sum")
        return total / (targets != IGNORED).sum().clamp(min=1)

    def predict(self, outputs: np.ndarray, inputs: Sentences, labels: tuple[str, ...]) -> list[tuple[str, ...]]:
        """A tag for every word of every sentence; words without a token take the most frequent tag of training.

        Such a word amid an entity (the blank in a name of two words) belongs to it.
        """
        best = outputs.argmax(1)
        return [
            tuple(_tags(best[start + tokens], tokens, leads, labels))
            for start, tokens, leads in zip(inputs.starts[:-1], inputs.tokens, inputs.leads, strict=True)
        ]

    def plain(self, predictions: list[tuple[str, ...]]) -> list[list[str]]:
        """The tags of each sentence."""
        return [list(tags) for tags in predictions]


def align(words: Sequence[str], space: str, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The token that covers the start of each word.

    Args:
        words: of a sentence (w).
        space: what stands between them.
        offsets: first and past-the-last character of each token, (P, 2), in order.

    Returns:
        Number of the token, -1 for none, int64 (w); and whether the token starts with this word, bool (w).
    """
    starts = np.array([0, *accumulate(len(word) + len(space) for word in words)])[:-1]
    stops = starts + [len(word) for word in words]
    # The first token that reaches past the word's start: it covers the word if it starts before the word ends.
    token = np.searchsorted(offsets[:, 1], starts, side="right")
    fenced = np.append(offsets[:, 0], np.iinfo(np.int64).max)
    covered = fenced[token] < stops
    # A token's own word is the first that ends behind the token's start.
    own = np.searchsorted(stops, fenced[token], side="right")
    return np.where(covered, token, -1), covered & (own == np.arange(len(words)))


def _tags(best: np.ndarray, tokens: np.ndarray, leads: np.ndarray, labels: tuple[str, ...]) -> Iterator[str]:
    found = [labels[number] if token >= 0 else None for number, token in zip(best, tokens, strict=True)]
    found = [tag if lead or tag is None else _carried_on(tag) for tag, lead in zip(found, leads, strict=True)]
    before = ""
    for place, tag in enumerate(found):
        if tag is None:
            after = next((later for later in found[place:] if later), "")
            inside = after[:2] == "I-" and after[2:] == before[2:] and before[:2] in ("B-", "I-")
            tag = after if inside else labels[0]
        before = tag
        yield tag


def _carried_on(tag: str) -> str:
    return f"I-{tag[2:]}" if tag.startswith("B-") else tag
