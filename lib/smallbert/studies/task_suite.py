"""The tasks of page 6: from the generated world, whose answers are true by construction, or from files of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smallbert.corpus.tasks import description, parts
from smallbert.corpus.tasks import world as generated
from smallbert.corpus.world import World
from smallbert.errors import DataError
from smallbert.models.heads.task import Task
from smallbert.studies.facts import GENERATED, WORLD
from smallbert.studies.task_kinds import KINDS, head, new_parameters

FIRST_EVENT = 1_500_000
"""Tasks are made of events from this one on: those that articles tell, asides included, come before."""

EVENTS_APART = 100_000
"""Events that a part may take; the next part begins behind them."""

FEWEST = 8
"""Examples of a part, whatever a kind's share."""


@dataclass(frozen=True, eq=False)
class TaskSet:
    """One task with its examples.

    Args:
        name: what the report calls it.
        kind: of :data:`smallbert.studies.task_kinds.KINDS`.
        source: where it comes from.
        train, development, test: examples to learn from, to choose by and to judge by.
        left_out: rows of its files that could not be used.
    """

    name: str
    kind: str
    source: str
    train: Sequence[Any]
    development: Sequence[Any]
    test: Sequence[Any]
    left_out: int = 0

    @property
    def metric(self) -> str:
        """What it is judged by."""
        return KINDS[self.kind].metric

    @property
    def unanswerable(self) -> bool:
        """Whether its questions may have no answer, as in SQuAD 2.0."""
        return self.kind == "questions" and not all(one.answers for one in (*self.train, *self.development, *self.test))

    @property
    def languages(self) -> list[str]:
        """Of its examples, where known."""
        return sorted({one.lang for one in (*self.train, *self.test)} - {""})

    def head(self, max_tokens: int) -> Task:
        """What is put on an encoder, for inputs of at most so many tokens."""
        return head(self.kind, max_tokens)

    def classes(self) -> tuple[str, ...]:
        """Classes of training; none for tasks without.

        Raises:
            DataError: there is nothing to tell apart.
        """
        return self.head(512).labels(self.train)


def suite(
    source: str, *, examples: int, asked: int, seed: int, languages: Sequence[str] = (), kinds: Sequence[str] = ()
) -> list[TaskSet]:
    """Read or make all tasks, and look at every one before any work.

    Args:
        source: ``world``, or a description of tasks (see :mod:`smallbert.corpus.tasks.description`).
        examples: to learn from, at most; kinds with long examples take their share of it.
        asked: test examples at most, likewise; those of development are half as many.
        seed: of the world and of all draws.
        languages: of the world's tasks; all where none is named.
        kinds: those wanted; all by default.

    Raises:
        DataError: no task; a description is wrong, or a file of a task, which are named with their lines; or a task's
            training part has nothing to tell apart.
        UsageError: an unknown language.
    """
    sizes = (examples, max(asked // 2, 1), asked)
    found = _of_world(seed, languages, sizes) if source == GENERATED else _described(source, seed, sizes)
    chosen = [task for task in found if not kinds or task.kind in kinds]
    if not chosen:
        raise DataError(f"Expected tasks of the kinds {', '.join(kinds)} in {source}, found none.")
    for task in chosen:
        try:
            task.classes()
        except DataError as error:
            raise DataError(f"Task {task.name!r}: {error.message}", error.hint) from error
    return chosen


def facts(tasks: Sequence[TaskSet], width: int) -> pd.DataFrame:
    """What the tasks are.

    Args:
        tasks: from :func:`suite`.
        width: H of the encoder whose heads are counted.

    Returns:
        Columns ``task``, ``kind``, ``metric``, ``source``, ``languages``, ``train``, ``development``, ``test``
        (examples), ``left out`` (rows of the files), ``unseen`` (test examples with a label that training lacks),
        ``repeated`` (test examples that training has too), ``classes`` (K), ``head`` (formula) and ``new parameters``.
    """
    rows = []
    for task in tasks:
        classes = len(task.classes())
        known = {parts.given(example) for example in task.train}
        rows.append(
            {
                "task": task.name,
                "kind": KINDS[task.kind].title,
                "metric": task.metric,
                "source": task.source,
                "languages": " ".join(task.languages) or "unknown",
                "train": len(task.train),
                "development": len(task.development),
                "test": len(task.test),
                "left out": task.left_out,
                "unseen": _unseen(task),
                "repeated": sum(parts.given(example) in known for example in task.test),
                "classes": classes or np.nan,
                "head": KINDS[task.kind].formula,
                "new parameters": new_parameters(task.kind, classes, width),
            }
        )
    return pd.DataFrame(rows)


def _unseen(task: TaskSet) -> int:
    """Test examples no model can get wholly right: a class of theirs is not in training."""
    known = set(task.classes())
    labels = {"sentence": lambda one: [one.label], "pair": lambda one: [one.label]}
    labels |= dict.fromkeys(("tagging", "entities"), lambda one: one.tags)
    return sum(not known.issuperset(labels[task.kind](one)) for one in task.test) if task.kind in labels else 0


def _of_world(seed: int, languages: Sequence[str], sizes: Sequence[int]) -> list[TaskSet]:
    world = World(seed, languages=tuple(languages)) if languages else World(seed)
    makers: list[tuple[str, str, Callable[[int, int], Iterator[Any]]]] = [
        ("topic of a sentence", "sentence", partial(generated.topics, world)),
        ("names in a sentence", "entities", partial(generated.entities, world)),
        ("entailment", "pair", partial(generated.entailment, world)),
        ("what follows", "choice", partial(generated.choices, world)),
        ("questions", "questions", lambda *events: (one for one in generated.questions(world, *events) if one.answers)),
        ("questions, half unanswerable", "questions", partial(generated.questions, world)),
    ]
    found = []
    for name, kind, make in makers:
        starts = range(FIRST_EVENT, FIRST_EVENT + len(sizes) * EVENTS_APART, EVENTS_APART)
        train, development, test = [
            list(islice(make(start, start + EVENTS_APART), _count(kind, most)))
            for start, most in zip(starts, sizes, strict=True)
        ]
        found.append(TaskSet(name, kind, WORLD, train, development, test))
    return found


def _described(source: str, seed: int, sizes: Sequence[int]) -> list[TaskSet]:
    found = []
    for one in description.load(source):
        examples, tally = one.read(seed=seed)
        train, development, test = [
            parts.draw(examples[part], _count(one.kind, most), seed=seed)
            for part, most in zip(parts.PARTS, sizes, strict=True)
        ]
        names = dict.fromkeys(Path(path).name for path in one.files.values())
        found.append(TaskSet(one.name, one.kind, ", ".join(names), train, development, test, tally.total))
    return found


def _count(kind: str, most: int) -> int:
    return max(round(KINDS[kind].share * most), FEWEST)
