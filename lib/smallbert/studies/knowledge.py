"""Study 7: what can no encoder know, and what does an injected graph add?

Questions that only a triple answers are put to an encoder that has learnt to answer others: closed book, with the
sentence that states the answer, and with triples given in several ways. Asked about entities of its training, a memory
helps; about others, none can. So chance, memory and reading separate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from smallbert import paths
from smallbert.corpus.world import World
from smallbert.knowledge.answering import Task, answer_all
from smallbert.knowledge.given import Given, Giver, Item
from smallbert.knowledge.inject import Method
from smallbert.knowledge.questions import KINDS, Exam, exam
from smallbert.measure.stats import wilson_interval
from smallbert.models import sources
from smallbert.models.heads.recipe import FineTuneRecipe
from smallbert.models.masking import generator
from smallbert.studies.facts import PRETRAIN, called, encoder_place, plain

LANGUAGE = "en"
"""Language of the questions: one that every encoder of the report reads, and that sets blanks between words."""

CLOSED, TEXT = "closed book", "with text"
READING: dict[str, tuple[Method, Given]] = {CLOSED: ("plain", "nothing"), TEXT: ("plain", "text")}
"""Arms without a graph: how an input is made, and what is given in training."""

INJECTING: dict[Method, str] = {
    "appended": "triples appended",
    "tree": "triples in a tree",
    "open tree": "triples in an open tree",
    "embedded": "entities embedded",
}
"""Arms with a graph, as figures and tables call them."""

ENTITIES = {"known": "of training", "unknown": "held out"}
"""Whom questions are about."""

COLUMNS = [
    *("arm", "seed", "kind", "entities", "given", "others"),
    *("value", "low", "high", "n", "follows", "right", "subjects"),
]

MOST_OTHERS = 3
"""Other triples beside the right one in training, at most; drawn for each question."""

OTHERS_STREAM = 45

FIRST_SEED = 100
"""Of the published repetitions. Settings were chosen while looking at seeds 0 to 2, so those are not published."""


class Asked(NamedTuple):
    """One condition: about whom, what is given, and how many other triples come with it."""

    entities: str
    given: Given
    others: int = 0

    @property
    def name(self) -> str:
        """Its name in files."""
        return f"{self.entities}/{self.given}/{self.others}"


@dataclass(frozen=True)
class Plan:
    """What is asked, and of whom.

    Args:
        methods: ways to give triples; see :mod:`smallbert.knowledge.inject`.
        seeds: repetitions :data:`FIRST_SEED`, ...: other questions, held-out entities, first weights and orders.
        tools, birthplaces: questions to learn from.
        people: people that these are about.
        asked: questions about known and about unknown entities, of each kind.
        others: numbers of other triples beside the right one.
        layers: of the encoder that are kept, the lowest; -1 keeps all.
    """

    methods: tuple[Method, ...]
    seeds: int
    tools: int
    birthplaces: int
    people: int
    asked: int
    others: tuple[int, ...]
    layers: int = -1

    def conditions(self, method: Method) -> list[Asked]:
        """What a reader with a graph is asked."""
        counts = () if method == "embedded" else self.others
        return [
            Asked("known", "right"),
            Asked("unknown", "nothing"),
            *(Asked("unknown", "right", count) for count in dict.fromkeys((0, *counts))),
            Asked("unknown", "retrieved"),
            Asked("unknown", "wrong"),
        ]


def plan(params: Any) -> Plan:
    """The plan that a page's parameters give."""
    return Plan(
        tuple(params.methods),
        params.seeds,
        params.tools,
        params.birthplaces,
        params.people,
        params.asked,
        tuple(params.others),
        params.reader_layers,
    )


def place() -> Path:
    """Folder of everything trained for the page."""
    return paths.cache() / "knowledge"


def source(first: Mapping[str, Any], reader: str) -> str:
    """Where the reader of a page's parameter is.

    Args:
        first: values that page 1 recorded.
        reader: ``pretrain`` for the report's own encoder, else a folder, ``minilm`` or a hub id.
    """
    return encoder_place(reader, first)


def questions(world: World, plan: Plan, seed: int) -> Exam:
    """The questions of one repetition."""
    return exam(
        world,
        LANGUAGE,
        tools=plan.tools,
        birthplaces=plan.birthplaces,
        people=plan.people,
        test=plan.asked,
        seed=seed,
    )


def examples(giver: Giver, asked: Exam) -> pd.DataFrame:
    """A question of each kind: columns ``text``, ``question``, ``candidates``, ``the right triple``."""
    rows = []
    for kind in KINDS:
        question = next(one for one in asked.unknown if one.kind == kind)
        [item] = giver.items([question], "right", seed=0)
        blank = f"{item.ask} ___"
        rows.append((item.text, blank, ", ".join(item.candidates), item.triples[0].statement.text))
    return pd.DataFrame(rows, columns=["text", "question", "candidates", "the right triple"])


def reader_sentence(reader: str, layers: int) -> str:
    """Who is asked about what, which does not follow the edition's corpus; markdown, escaped.

    Args:
        reader: the page's parameter, as for :func:`source`.
        layers: of it that are used; -1 for all.
    """
    name = "the encoder of page 1" if reader == PRETRAIN else plain(called(reader))
    used = f"{name}, of which {layers} layers are used" if layers >= 0 else name
    return (
        "These questions are of the generated world whatever an edition's corpus is, and they are put to "
        f"{used}: editions that leave both as they are show one result, not several."
    )


def linking_sentence(giver: Giver, asked: Exam) -> str:
    """How well linking and looking up find the triple that answers."""
    recall, count = giver.recall(asked.unknown)
    names = giver.dictionary.ambiguity
    return (
        f"Linking by dictionary and looking up finds the right triple for {recall:.0%} of {len(asked.unknown)} "
        f"questions, among {count:.1f} triples on average; {names.ambiguous:,} of {names.names:,} names are ambiguous."
    )


def run(
    world: World,
    giver: Giver,
    encoder: str,
    plan: Plan,
    recipe: FineTuneRecipe,
    where: Path,
    *,
    vectors: np.ndarray | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Train every reader and ask it, or find what it has answered.

    Args:
        world: whose facts are asked.
        giver: of its graph.
        encoder: a local folder, ``minilm`` or a hub id.
        plan: what is asked.
        recipe: how a reader learns; its seed is not used.
        where: folder of the answers.
        vectors: of the graph's entities, for the method ``embedded``.
        options: ``device`` and ``workers`` of :func:`smallbert.knowledge.answering.answer_all`.

    Returns:
        A row for each arm, seed, kind of question and condition: ``arm``, ``seed``, ``kind``, ``entities`` (of
        training, held out), ``given``, ``others`` (triples beside the right one), ``value`` (accuracy) with its Wilson
        interval ``low`` and ``high``, ``n`` (different subjects), ``follows`` (share of answers that agree with what is
        given), ``right`` (tuple of bool, question by question: every arm of a seed is asked the same ones in the same
        order) and ``subjects`` (tuple of what each question is about: questions about the same are not independent).
    """
    folder = sources.find(encoder)
    checksum = sources.checksum(folder)
    sittings: dict[str, _Sitting] = {}
    tasks: dict[str, Task] = {}
    for seed in range(FIRST_SEED, FIRST_SEED + plan.seeds):
        asked = questions(world, plan, seed)
        others = generator(seed, OTHERS_STREAM).integers(0, MOST_OTHERS + 1, len(asked.train)).tolist()

        @cache  # several arms are given the same
        def items(part: str, given: Given, count: int, asked=asked, others=others, seed=seed) -> list[Item]:
            beside = others if (part, given) == ("train", "right") else count
            return giver.items(getattr(asked, part), given, others=beside, seed=seed)

        for arm, method, given, conditions in _arms(plan):
            name = f"{arm}, seed {seed}"
            sittings[name] = _Sitting(arm, seed, asked, conditions)
            tasks[name] = Task(
                folder,
                checksum,
                method,
                items("train", given, 0),
                {one.name: items(*one) for one in conditions},
                replace(recipe, seed=seed),
                plan.layers,
                vectors if method == "embedded" else None,
            )
    answers = answer_all(tasks, where, **options)
    rows = [row for name, one in sittings.items() for row in _cells(one, tasks[name], answers[name])]
    return pd.DataFrame(rows, columns=COLUMNS)


class _Sitting(NamedTuple):
    """One reader: its arm and seed, its questions, and the conditions they are asked under."""

    arm: str
    seed: int
    exam: Exam
    conditions: list[Asked]


def _cells(sitting: _Sitting, task: Task, answers: Mapping[str, list[int]]) -> Iterator[tuple]:
    """The rows of one reader."""
    for one in sitting.conditions:
        items, chosen = task.asked[one.name], np.array(answers[one.name])
        right = chosen == [item.label for item in items]
        follows = chosen == [item.offered for item in items]
        kinds, subjects = np.array([(one.kind, one.subject) for one in getattr(sitting.exam, one.entities)]).T
        for kind in KINDS:
            of = kinds == kind
            about = tuple(subjects[of].tolist())
            share = wilson_interval(int(right[of].sum()), int(of.sum()), independent=len(set(about)))
            agreed = float(follows[of].mean()) if one.given != "nothing" else np.nan
            condition = sitting.arm, sitting.seed, kind, ENTITIES[one.entities], one.given, one.others
            limits = share.estimate, share.low, share.high, len(set(about))
            yield *condition, *limits, agreed, tuple(right[of].tolist()), about


def _arms(plan: Plan) -> list[tuple[str, Method, Given, list[Asked]]]:
    """Every arm: its name, how an input is made, what is given in training, and what is asked."""
    reading = [
        (arm, method, given, [Asked(entities, given) for entities in ENTITIES])
        for arm, (method, given) in READING.items()
    ]
    return reading + [(INJECTING[method], method, "right", plan.conditions(method)) for method in plan.methods]
