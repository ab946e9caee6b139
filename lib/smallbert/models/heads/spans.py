"""Questions answered by a span of a passage, as in SQuAD 1.1 and 2.0 (Devlin et al. 2019, sections 4.2 and 4.3)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from smallbert.errors import DataError, UsageError
from smallbert.models.heads.network import Head
from smallbert.models.heads.sequences import Reader, Sequences
from smallbert.models.heads.span_search import best_spans

WINDOWS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Span:
    """The best span for a question.

    Attributes:
        id: of the question.
        text: characters ``start`` to ``stop`` of the passage.
        score: S . T_i + E . T_j.
        null_score: s_null = S . C + E . C, the smallest of the passage's windows as in google-research/bert
            (run_squad.py): only a passage without an answer has none in any window.
    """

    id: str
    text: str
    start: int
    stop: int
    score: float
    null_score: float

    @property
    def margin(self) -> float:
        """How much the span beats "no answer" by."""
        return self.score - self.null_score

    def answer(self, tau: float) -> str:
        """The span, or ``""`` where it does not beat "no answer" by more than ``tau``."""
        return self.text if self.margin > tau else ""


@dataclass(frozen=True, eq=False)
class Windows(Sequences):
    """Questions, each with every window of its passage, as inputs.

    Args:
        questions: the examples (q).
        offsets: first and past-the-last character of each token of each passage, (P, 2) each.
        owners: number of the question of each window (n), ascending.
        first: place of the first passage token in each window (n).
        skipped: passage tokens before each window (n).
        held: passage tokens in each window (n).
    """

    questions: tuple[Any, ...]
    offsets: list[np.ndarray]
    owners: np.ndarray
    first: np.ndarray
    skipped: np.ndarray
    held: np.ndarray


@dataclass(frozen=True)
class SpanExtraction:
    """The first of ``answers`` to ``question`` in ``context``; [CLS] where a window holds none.

    Args:
        overlap: passage tokens two neighbouring windows share.
        longest_question: tokens of a question; a longer one loses its end.
        longest_answer: tokens of a predicted answer.
    """

    overlap: int = 128
    longest_question: int = 64
    longest_answer: int = 30
    head: ClassVar[Head] = "QuestionAnswering"
    per_example: ClassVar[int] = 1

    def labels(self, examples: Sequence[Any]) -> tuple[str, ...]:
        """None: the head gives a start and an end score to every token."""
        return ()

    def outputs(self, labels: tuple[str, ...]) -> int:
        """Start and end score of a token."""
        return 2

    def read(self, examples: Sequence[Any], reader: Reader) -> Windows:
        """All windows of all questions, in order."""
        for example in examples:
            if not example.context.strip():
                raise DataError(f"Expected a passage, got an empty one in question {example.id}.")
        asked = [ids[: self.longest_question] for ids in reader.ids([example.question for example in examples])]
        passages = reader.with_offsets([example.context for example in examples])
        pieces: list[tuple[int, int, int]] = []  # question, first passage token, passage tokens
        for owner, (question, (ids, _)) in enumerate(zip(asked, passages, strict=True)):
            room = reader.max_tokens - reader.specials(pair=True) - len(question)
            if room <= self.overlap:
                raise UsageError(
                    f"Expected windows longer than their overlap of {self.overlap} tokens, got {room} tokens beside "
                    f"question {examples[owner].id}.",
                    "Raise max_tokens or lower overlap.",
                )
            if not len(ids):
                raise DataError(
                    f"Expected a passage the tokenizer can read, got none in question {examples[owner].id}."
                )
            starts = range(0, max(len(ids) - self.overlap, 1), room - self.overlap)
            pieces += ((owner, start, min(room, len(ids) - start)) for start in starts)
        owners, skipped, held = np.array(pieces, np.int64).T
        inputs = reader.pairs(
            [asked[owner] for owner in owners],
            [passages[owner][0][start : start + count] for owner, start, count in pieces],
        )
        first = inputs.lengths - held - reader.suffix
        offsets = [places for _, places in passages]
        return Windows(
            **vars(inputs),
            questions=tuple(examples),
            offsets=offsets,
            owners=owners,
            first=first,
            skipped=skipped,
            held=held,
        )

    def targets(self, examples: Sequence[Any], inputs: Windows, labels: tuple[str, ...]) -> np.ndarray:
        """Whether a token starts and whether it ends the answer, bool (T, 2): one of each in every window."""
        spans = np.array([_token_span(*pair) for pair in zip(inputs.questions, inputs.offsets, strict=True)])
        wanted = spans[inputs.owners] - inputs.skipped[:, None]  # (n, 2), counted from the window's first token
        inside = (wanted[:, 0] >= 0) & (wanted[:, 1] < inputs.held) & (spans[inputs.owners, 0] >= 0)
        places = inputs.starts[:-1, None] + np.where(inside[:, None], inputs.first[:, None] + wanted, 0)
        targets = np.zeros((len(inputs.ids), 2), bool)
        targets[places[:, 0], 0] = targets[places[:, 1], 1] = True
        return targets

    def loss(self, outputs: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        """Mean cross-entropy of start and end over the tokens of their window, in nats."""
        padded = pad_sequence(outputs.split(lengths.tolist()), batch_first=True, padding_value=-torch.inf)  # (n, L, 2)
        return (padded.logsumexp(1).sum() - outputs[targets].sum()) / (2 * len(lengths))

    def predict(self, outputs: np.ndarray, inputs: Windows, labels: tuple[str, ...]) -> list[Span]:
        """The best span over all windows of each question, the first window's of equals."""
        starts, ends, scores = self._search(outputs, inputs)
        nulls = outputs[inputs.starts[:-1]].sum(1)  # the first token of a window is [CLS]
        spans = []
        bounds = np.searchsorted(inputs.owners, np.arange(len(inputs.questions) + 1))
        for owner, (low, high) in enumerate(pairwise(bounds)):
            best = low + scores[low:high].argmax()
            question, offsets = inputs.questions[owner], inputs.offsets[owner]
            start, stop = int(offsets[starts[best], 0]), _with_marks(question.context, int(offsets[ends[best], 1]))
            null = float(nulls[low:high].min())
            spans.append(Span(question.id, question.context[start:stop], start, stop, float(scores[best]), null))
        return spans

    def plain(self, predictions: list[Span]) -> list[dict[str, Any]]:
        """The span of each question, by field: ``Span(**entry)`` gives it back."""
        return [asdict(span) for span in predictions]

    def _search(self, outputs: np.ndarray, inputs: Windows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """First and last passage token and score of the best span of every window, (n) each."""
        found = []
        for begin in range(0, len(inputs), WINDOWS_AT_ONCE):
            rows = slice(begin, begin + WINDOWS_AT_ONCE)
            place = np.arange(inputs.held[rows].max())
            inside = place < inputs.held[rows, None]  # (n, L)
            where = (inputs.starts[:-1] + inputs.first)[rows, None] + place
            scores = np.where(inside[..., None], outputs[np.where(inside, where, 0)], -np.inf)  # (n, L, 2)
            first, last, best = best_spans(scores[..., 0], scores[..., 1], self.longest_answer)
            found.append((first + inputs.skipped[rows], last + inputs.skipped[rows], best))
        starts, ends, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return starts, ends, scores


def predictions(spans: Iterable[Span], tau: float = -np.inf) -> dict[str, str]:
    """Question id -> answer, the form the official scorers read; ``tau`` as in :meth:`Span.answer`."""
    return {span.id: span.answer(tau) for span in spans}


def _with_marks(text: str, stop: int) -> int:
    """The end of a span, marks on its last letter included: vowels and tones that uncased tokenizers drop."""
    while stop < len(text) and unicodedata.category(text[stop]).startswith("M"):
        stop += 1
    return stop


def _token_span(question: Any, offsets: np.ndarray) -> tuple[int, int]:
    """First and last passage token of the first answer; -1 for a question without one."""
    if not question.answers:
        return -1, -1
    answer = question.answers[0]
    stop = answer.start + len(answer.text)
    there = question.context[answer.start : stop] if answer.start >= 0 else ""
    if not answer.text or there != answer.text:
        raise DataError(
            f"Expected the answer {answer.text[:40]!r} at character {answer.start} of the passage, got {there[:40]!r} "
            f"in question {question.id}.",
            "Correct answer_start, or leave the question out.",
        )
    first = int(np.searchsorted(offsets[:, 1], answer.start, side="right"))
    last = int(np.searchsorted(offsets[:, 0], stop, side="left")) - 1
    if first > last:
        raise DataError(
            f"Expected an answer the tokenizer can read, got {answer.text[:40]!r} in question {question.id}."
        )
    return first, last
