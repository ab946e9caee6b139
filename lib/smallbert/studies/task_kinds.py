"""The kinds of task of page 6: what BERT puts on top for each, and by which official metric it is judged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from smallbert.measure.tasks import classification, entities, spans
from smallbert.models.heads.choice import MultipleChoice
from smallbert.models.heads.classification import Classification, Similarity
from smallbert.models.heads.null_threshold import NullThreshold, choose
from smallbert.models.heads.spans import Span, SpanExtraction, predictions
from smallbert.models.heads.tagging import Tagging
from smallbert.models.heads.task import Task


@dataclass(frozen=True)
class Kind:
    """One kind of task.

    Attributes:
        title: what it is.
        metric: what it is judged by, from 0 to 1.
        formula: parameters of its head with K classes on an encoder of width H.
        share: of the examples a study takes: kinds whose examples have many tokens take fewer.
    """

    title: str
    metric: str
    formula: str
    share: float


KINDS = {
    "sentence": Kind("single sentence", "accuracy", "K (H + 1)", 1.0),
    "pair": Kind("sentence pair", "accuracy", "K (H + 1)", 0.5),
    "similarity": Kind("sentence pair, graded", "Spearman", "H + 1", 0.5),
    "tagging": Kind("tagging of words", "accuracy", "K (H + 1)", 1.0),
    "entities": Kind("tagging of entities", "entity F1", "K (H + 1)", 1.0),
    "questions": Kind("span of a passage", "F1", "2 H", 0.3),
    "choice": Kind("multiple choice", "accuracy", "H", 0.5),
}

SILENCE = math.inf
"""The threshold above every margin: no question is answered."""


def head(kind: str, max_tokens: int) -> Task:
    """The head of a kind of task, on inputs of at most so many tokens."""
    match kind:
        case "sentence" | "pair":
            return Classification()
        case "similarity":
            return Similarity()
        case "tagging" | "entities":
            return Tagging()
        case "choice":
            return MultipleChoice()
    # BERT's limits at 512 tokens, shrunk with the window.
    return SpanExtraction(overlap=min(128, max_tokens // 8), longest_question=min(64, max_tokens // 2))


def new_parameters(kind: str, classes: int, width: int) -> int:
    """Parameters of a head, by its formula; a pooler that an encoder does not bring comes on top."""
    return {"similarity": width + 1, "questions": 2 * width, "choice": width}.get(kind, classes * (width + 1))


def score(kind: str, examples: Sequence[Any], said: Sequence[Any], tau: float | None = None) -> dict[str, float]:
    """What predictions are worth.

    Args:
        kind: of the task.
        examples: with what is true.
        said: a prediction for each, as :meth:`smallbert.models.heads.task.Task.plain` gives it.
        tau: of questions that may have no answer: where the margin of a span is larger, it is the answer. None where
            every question has one.

    Returns:
        ``score``, the metric of :data:`KINDS`; of classes also ``matthews``; of similarities ``pearson``; of questions
        ``exact`` and, where some have no answer, ``answerable``, ``answerable exact`` and ``unanswerable`` (F1).
    """
    match kind:
        case "sentence" | "pair":
            found = classification.classes([example.label for example in examples], said)
            return {"score": found.accuracy, "matthews": found.matthews}
        case "choice":
            return {
                "score": float(np.mean([example.label == best for example, best in zip(examples, said, strict=True)]))
            }
        case "similarity":
            similar = classification.similarities([example.score for example in examples], said)
            # Equal scores for all have no order: they tell nothing.
            return {"score": np.nan_to_num(similar.spearman).item(), "pearson": np.nan_to_num(similar.pearson).item()}
        case "tagging":
            pairs = [
                pair
                for example, tags in zip(examples, said, strict=True)
                for pair in zip(example.tags, tags, strict=True)
            ]
            return {"score": sum(wanted == tag for wanted, tag in pairs) / len(pairs)}
        case "entities":
            return {"score": entities.score([example.tags for example in examples], said).micro.f1}
    answers = predictions([Span(**entry) for entry in said], -math.inf if tau is None else tau)
    report = spans.score(examples, answers, unanswerable=tau is not None)
    told = {"score": report.all.f1 / 100, "exact": report.all.exact / 100}
    if report.answerable and report.unanswerable:
        told |= {
            "answerable": report.answerable.f1 / 100,
            "answerable exact": report.answerable.exact / 100,
            "unanswerable": report.unanswerable.f1 / 100,
        }
    return told


def threshold(examples: Sequence[Any], said: Sequence[Any]) -> NullThreshold:
    """The threshold with the best F1 on questions of which some have no answer, and the whole curve."""
    found = [Span(**entry) for entry in said]
    texts = [[answer.text for answer in example.answers] for example in examples]
    answered = [spans.judge(span.text, own, unanswerable=True)[1] for span, own in zip(found, texts, strict=True)]
    margins = np.array([span.margin for span in found])
    return choose(margins, np.array(answered), np.array([float(not own) for own in texts]))
