"""Questions of the generated world whose answer is a triple that no article states, and the sentence that would say it.

Two kinds (:data:`KINDS`). A scene says what is done and why ("dug a hole to plant a flower"), and the question is with
which of the two tools that the action can need. An article names the head of an organisation, and the question is where
that person was born. Cf. :data:`smallbert.corpus.world.RELATIONS`.

Both purposes of an action are asked equally often, and the cities offered are birthplaces all, drawn alike: no count of
words gives an answer away. Birthplaces are drawn by number, so that without the triple one is right by chance. Tools
are common sense: an encoder pretrained on real text may know them from there, and a word may hint at one ("lifted
a car", "a car jack"). Closed book is then above chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from smallbert.corpus.tasks.world.teller import Teller, say, spans
from smallbert.corpus.world import World
from smallbert.corpus.world.tongue import Tongue
from smallbert.errors import UsageError
from smallbert.models.masking import generator

Kind = Literal["tool", "birthplace"]

KINDS: dict[Kind, str] = {"tool": "needs_tool", "birthplace": "born_in"}
"""Kind of question -> the relation that answers it."""

CANDIDATES: dict[Kind, int] = {"tool": 2, "birthplace": 4}

BORN = "{person} was born in"

QUESTIONS_STREAM = 40


@dataclass(frozen=True)
class Question:
    """A text, what is asked about it, and the answers to choose from.

    Args:
        kind: tool or birthplace.
        subject: the entity asked about, which the text names.
        text: what has happened; does not state the answer.
        stated: the sentence that would.
        ask: how that sentence begins, up to the answer.
        candidates: the entities offered.
        label: place of the right one.
        rivals: for each candidate an entity for which it would be the right answer; for the right one the subject.
    """

    kind: Kind
    subject: str
    text: str
    stated: str
    ask: str
    candidates: tuple[str, ...]
    label: int
    rivals: tuple[str, ...]


@dataclass(frozen=True)
class Exam:
    """Questions to learn from and to be asked.

    Args:
        train: to learn from.
        known: asked about entities of ``train``, so that a memory of their triples helps.
        unknown: asked about entities that occur in no question of ``train``: no memory helps.
    """

    train: tuple[Question, ...]
    known: tuple[Question, ...]
    unknown: tuple[Question, ...]


def exam(world: World, lang: str, *, tools: int, birthplaces: int, people: int, test: int, seed: int) -> Exam:
    """Questions of both kinds in random order.

    Two of the six actions, four of the twelve purposes, are kept from training: those of number ``2 seed`` and
    ``2 seed + 1``, so that three seeds in a row keep all once. People are drawn.

    Args:
        world: the world.
        lang: language of the questions.
        tools, birthplaces: questions to learn from, of each kind. There are few purposes, which are learnt by heart
            where they are asked often, and many people.
        people: people whom the questions of ``train`` are about.
        test: questions of ``known`` and of ``unknown``, of each kind.
        seed: of all draws.

    Raises:
        UsageError: the world has not so many people at the head of organisations.
    """
    heads = int(world.facts.offset[-1])
    if people + test > heads:
        raise UsageError(
            f"Expected at most {heads:,} people to learn from and to be asked about together, got {people:,} and "
            f"{test:,}.",
            "Ask about fewer.",
        )
    teller, tongue = Teller(world, "knowledge"), Tongue(lang, world.facts)
    purposes = _purposes(world, seed)
    offices = generator(seed, QUESTIONS_STREAM).permutation(heads)
    asked = {
        "train": (purposes[0], offices[:people], tools, birthplaces),
        "known": (purposes[0], offices[:people], test, test),
        "unknown": (purposes[1], offices[people : people + test], test, test),
    }
    parts = {}
    for number, (part, (own, organisations, *counts)) in enumerate(asked.items()):
        random = generator(seed, QUESTIONS_STREAM, 1 + number)
        both = [
            *_tools(world, teller, lang, own, counts[0], random),
            *_birthplaces(world, teller, tongue, organisations, counts[1], random),
        ]
        parts[part] = tuple(both[place] for place in random.permutation(len(both)))
    return Exam(**parts)


def _purposes(world: World, seed: int) -> tuple[list[int], list[int]]:
    """Numbers of the purposes to learn from, and of those kept from training."""
    actions = [action for action, _ in world.inventory.purposes.values()]
    names = list(dict.fromkeys(actions))
    kept = {names[(2 * seed + place) % len(names)] for place in (0, 1)}
    learnt, new = (
        [number for number, action in enumerate(actions) if (action in kept) == held] for held in (False, True)
    )
    return learnt, new


def _tools(
    world: World, teller: Teller, lang: str, purposes: Sequence[int], count: int, random: np.random.Generator
) -> Iterator[Question]:
    """Which tool a scene needs, of the two that its action can need; every purpose equally often."""
    plain, marked = (Tongue(lang, world.facts, marked=way) for way in (False, True))
    names = list(world.inventory.purposes)
    events = random.integers(0, 1 << 20, count)
    for number, event in enumerate(events.tolist()):
        purpose = purposes[number % len(purposes)]
        action, _ = world.inventory.purposes[names[purpose]]
        alike = [name for name, (other, _) in world.inventory.purposes.items() if other == action]
        alike = [alike[place] for place in random.permutation(len(alike))]
        draw = teller.draw(event)._replace(scene=purpose)
        stated, roles = spans(marked.sentences.tool.render(*marked.values(draw)))
        [tool] = [start for role, start, _ in roles if role == "tool"]
        yield Question(
            kind="tool",
            subject=f"scene:{names[purpose]}",
            text=say(plain, plain.sentences.scene[purpose][0], draw),
            stated=stated,
            ask=stated[:tool].strip(),
            candidates=tuple(_tool(world, name) for name in alike),
            label=alike.index(names[purpose]),
            rivals=tuple(f"scene:{name}" for name in alike),
        )


def _tool(world: World, purpose: str) -> str:
    return f"tool:{world.inventory.purposes[purpose][1]}"


def _birthplaces(
    world: World, teller: Teller, tongue: Tongue, organisations: np.ndarray, count: int, random: np.random.Generator
) -> Iterator[Question]:
    """Where the head of an organisation was born; every one equally often."""
    facts = world.facts
    events = random.integers(0, 1 << 20, count)
    for number, event in enumerate(events.tolist()):
        organisation = int(organisations[number % len(organisations)])
        head = int(facts.head_of[organisation])
        people = [head]
        while len(people) < CANDIDATES["birthplace"]:
            other = int(facts.head_of[random.integers(len(facts.head_of))])
            if facts.birthplace_of[other] not in facts.birthplace_of[people]:
                people.append(other)
        people = random.permutation(people).tolist()
        draw = teller.draw(event)._replace(org=organisation)
        frames = tongue.sentences.others["office"]
        ask = BORN.format(person=tongue.person(head))
        yield Question(
            kind="birthplace",
            subject=f"person:{head}",
            text=say(tongue, frames[int(random.integers(len(frames)))], draw),
            stated=f"{ask} {tongue.city(int(facts.birthplace_of[head]))}.",
            ask=ask,
            candidates=tuple(f"city:{facts.birthplace_of[person]}" for person in people),
            label=people.index(head),
            rivals=tuple(f"person:{person}" for person in people),
        )
