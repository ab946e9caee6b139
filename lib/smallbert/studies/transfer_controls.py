"""What every task gives away without an encoder: to one constant answer, and to words without their order."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from smallbert.measure.bag_of_words import Bags, counts, probabilities
from smallbert.models.heads.sequences import Reader
from smallbert.models.heads.spans import Span
from smallbert.models.segments import FINAL
from smallbert.studies.task_kinds import SILENCE, score, threshold
from smallbert.studies.task_suite import TaskSet

CONSTANT, WORDS = "constant answer", "bag of words"

Ids = list[np.ndarray]


def controls(tasks: Sequence[TaskSet], tokenizer: Any) -> pd.DataFrame:
    """Scores on test without an encoder.

    The constant answer is the most frequent class or tag of training; of endings the expectation of any choice; of
    similarities none, which orders nothing; of questions whichever of no answer, the passage's first sentence and the
    whole passage is worth most on training. Words: for classes a logistic
    regression on bags; for tags the most frequent one of each word; for similarities the cosine of the bags; for
    endings a logistic regression on the words that context and ending share; for questions the longest run of words
    that the question lacks, in the window of the passage with the most words that it has (after Richardson, Burges &
    Renshaw 2013), and no answer where these are fewer than a share chosen on development.

    Args:
        tasks: from :func:`smallbert.studies.task_suite.suite`.
        tokenizer: the reference encoder's: what the words are.

    Returns:
        Columns ``task``, ``control``, ``score``, and those of :func:`smallbert.studies.task_kinds.score`.
    """
    words = _Words(tokenizer)
    rows = []
    for task in tasks:
        rows.append({"task": task.name, "control": CONSTANT} | _constant(task))
        rows.append({"task": task.name, "control": WORDS} | words.score(task))
    return pd.DataFrame(rows)


def _constant(task: TaskSet) -> dict[str, float]:
    match task.kind:
        case "choice":
            return {"score": float(np.mean([1 / len(example.endings) for example in task.test]))}
        case "similarity":
            return {"score": 0.0}
        case "questions":
            best = max(_ENDS, key=lambda end: _answered(task, task.train, end)["score"])
            return _answered(task, task.test, best)
        case "tagging" | "entities":
            said: list[Any] = [[task.classes()[0]] * len(example.tags) for example in task.test]
        case _:
            said = [task.classes()[0]] * len(task.test)
    return score(task.kind, task.test, said)


def _answered(task: TaskSet, examples: Sequence[Any], end: Callable[[str], int]) -> dict[str, float]:
    """What it is worth to answer every question with its passage's beginning up to ``end``."""
    said = [_span(example.id, example.context, 0, end(example.context), 0.0) for example in examples]
    silent = SILENCE if end is _nothing else -math.inf
    return score(task.kind, examples, said, silent if task.unanswerable else None)


def _nothing(context: str) -> int:
    return 0


def _sentence(context: str) -> int:
    return next((place + 1 for place, sign in enumerate(context) if sign in FINAL), len(context))


_ENDS: tuple[Callable[[str], int], ...] = (_nothing, _sentence, len)
"""Where an answer ends that is the same for every passage and begins with it."""


class _Words:
    """Answers from words alone.

    Args:
        tokenizer: makes the words.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._reader = Reader(tokenizer, 512)
        self._size = max(tokenizer.get_vocab().values()) + 1

    def score(self, task: TaskSet) -> dict[str, float]:
        """What words alone are worth on test."""
        if task.kind == "questions":
            return self._questions(task)
        answer: dict[str, Callable[[TaskSet], list[Any]]] = {
            "choice": self._endings,
            "similarity": self._similarities,
            "tagging": _tags,
            "entities": _tags,
        }
        return score(task.kind, task.test, answer.get(task.kind, self._classes)(task))

    def _bags(self, first: Sequence[str], second: Sequence[str], labels: Sequence[int]) -> Bags:
        left, right = (counts(_padded(self._reader.ids(texts)), self._size, smallest=0) for texts in (first, second))
        return Bags(left, right, np.asarray(labels))

    def _classes(self, task: TaskSet) -> list[str]:
        single = task.kind == "sentence"
        number = {label: place for place, label in enumerate(task.classes())}

        def bags(examples: Sequence[Any], labels: Sequence[int]) -> Bags:
            first = [example.text if single else example.first for example in examples]
            return self._bags(first, [""] * len(first) if single else [one.second for one in examples], labels)

        train = bags(task.train, [number[example.label] for example in task.train])
        found = probabilities(train, bags(task.test, [0] * len(task.test)), "signed" if single else "symmetric")
        return [task.classes()[best] for best in found.argmax(1)]

    def _endings(self, task: TaskSet) -> list[int]:
        def bags(examples: Sequence[Any]) -> Bags:
            pairs = [(one, place) for one in examples for place in range(len(one.endings))]
            return self._bags(
                [one.context for one, _ in pairs],
                [f"{one.start} {one.endings[place]}" for one, place in pairs],
                [int(one.label == place) for one, place in pairs],
            )

        right = probabilities(bags(task.train), bags(task.test), "symmetric")[:, 1]
        starts = np.cumsum([0, *(len(one.endings) for one in task.test)])
        return [int(right[start:stop].argmax()) for start, stop in pairwise(starts)]

    def _similarities(self, task: TaskSet) -> list[float]:
        bags = self._bags([one.first for one in task.test], [one.second for one in task.test], [0] * len(task.test))
        dots = bags.first.multiply(bags.second).sum(axis=1)
        lengths = [np.sqrt(one.multiply(one).sum(axis=1)) for one in (bags.first, bags.second)]
        return (dots / np.maximum(lengths[0] * lengths[1], 1e-12)).tolist()

    def _questions(self, task: TaskSet) -> dict[str, float]:
        def answers(examples: Sequence[Any]) -> list[dict[str, Any]]:
            asked = self._reader.ids([one.question for one in examples])
            passages = self._reader.with_offsets([one.context for one in examples])
            return [_found(*three) for three in zip(examples, asked, passages, strict=True)]

        tau = threshold(task.development, answers(task.development)).tau if task.unanswerable else None
        return score(task.kind, task.test, answers(task.test), tau)


def _tags(task: TaskSet) -> list[list[str]]:
    """The most frequent tag of each word in training; of other words the most frequent of all."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for example in task.train:
        for word, tag in zip(example.words, example.tags, strict=True):
            seen[word][tag] += 1
    best = {word: max(sorted(tags), key=tags.__getitem__) for word, tags in seen.items()}
    return [[best.get(word, task.classes()[0]) for word in example.words] for example in task.test]


def _found(question: Any, asked: np.ndarray, passage: tuple[np.ndarray, np.ndarray]) -> dict[str, Any]:
    """The longest run of words the question lacks, in the window with the most that it has."""
    ids, offsets = passage
    if not len(ids):
        return _span(question.id, question.context, 0, 0, 0.0)
    shared = np.isin(ids, asked)
    width = min(max(len(asked), 1), len(ids))
    hits = np.convolve(shared, np.ones(width), mode="valid")
    first = int(hits.argmax())
    edges = np.flatnonzero(np.diff(np.concatenate([[True], shared[first : first + width], [True]]).astype(int)))
    runs = edges.reshape(-1, 2)  # first and past-the-last place of every run of words the question lacks
    if not len(runs):
        return _span(question.id, question.context, 0, 0, 0.0)
    start, stop = first + runs[(runs[:, 1] - runs[:, 0]).argmax()]
    share = float(hits[first]) / max(len(asked), 1)
    return _span(question.id, question.context, int(offsets[start, 0]), int(offsets[stop - 1, 1]), share)


def _span(name: str, context: str, start: int, stop: int, margin: float) -> dict[str, Any]:
    return asdict(Span(name, context[start:stop], start, stop, margin, 0.0))


def _padded(texts: Ids) -> np.ndarray:
    """Ids as a matrix, -1 behind short texts."""
    width = max((len(ids) for ids in texts), default=0)
    found = np.full((len(texts), max(width, 1)), -1)
    for row, ids in zip(found, texts, strict=True):
        row[: len(ids)] = ids
    return found
