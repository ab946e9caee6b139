"""A question comes with: nothing, the sentence that answers it, the right triple, a wrong one, or what one finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from smallbert.errors import DataError
from smallbert.knowledge.graph import Graph, Statement
from smallbert.knowledge.linking import Dictionary, Mention
from smallbert.knowledge.questions import KINDS, Question
from smallbert.models.masking import generator

Given = Literal["nothing", "text", "right", "wrong", "retrieved"]

GIVEN_STREAM = 41


@dataclass(frozen=True)
class Hung:
    """A triple and the words of the text that it is about, ``text[start:end]``."""

    start: int
    end: int
    statement: Statement


@dataclass(frozen=True)
class Item:
    """A question as a reader gets it: words, and numbers of entities, but no identifiers.

    Args:
        text: with the sentence that answers it, where that is given.
        ask: how the answer begins.
        candidates: the answers offered.
        label: place of the right one.
        offered: place of the one that what is given names; -1 where it names none.
        triples: what is given besides the text, in the order in which it is shown.
        entities: (start, end, entity) of the names in the text whose embedding is given.
        choices: the candidates' entities.
    """

    text: str
    ask: str
    candidates: tuple[str, ...]
    label: int
    offered: int
    triples: tuple[Hung, ...]
    entities: tuple[tuple[int, int, int], ...]
    choices: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Giver:
    """Puts questions together with what is given.

    Args:
        graph: where triples come from.
        dictionary: its names.
    """

    graph: Graph
    dictionary: Dictionary

    def items(
        self, questions: Sequence[Question], given: Given, *, others: Sequence[int] | int = 0, seed: int
    ) -> list[Item]:
        """Questions with what is given.

        - ``nothing``: the text alone.
        - ``text``: with the sentence that states the answer.
        - ``right``: the triple that answers it, among ``others``.
        - ``wrong``: the same triple with another candidate in the answer's place.
        - ``retrieved``: all triples that the graph has about the entities that the dictionary finds in the text.

        The other triples are true ones of the same relation, about entities the text does not name: first those that
        name the other candidates, so that it does not suffice to find which candidate is named. Each is hung on another
        name than the subject's, as a mistaken link would.

        With an embedding in place of triples, the subject's own is what is ``right``, and that of a rival, for which a
        wrong answer would be right, what is ``wrong``.

        Args:
            questions: of the graph's world.
            given: what.
            others: how many other triples, for all questions or for each.
            seed: of the order of triples and of the wrong candidates.

        Raises:
            DataError: a text does not name what it is asked about.
        """
        counts = np.broadcast_to(others, len(questions))
        random = generator(seed, GIVEN_STREAM)
        return [
            self._item(question, given, int(count), random) for question, count in zip(questions, counts, strict=True)
        ]

    def recall(self, questions: Sequence[Question]) -> tuple[float, float]:
        """Of retrieved triples: the share of questions whose answer is among them, and their mean number."""
        found = self.items(questions, "retrieved", seed=0)
        return float(np.mean([item.offered == item.label for item in found])), float(
            np.mean([len(item.triples) for item in found])
        )

    def _item(self, question: Question, given: Given, others: int, random: np.random.Generator) -> Item:
        mentions = self.dictionary.link(question.text)
        number = self.graph.number
        subject = number[question.subject]
        own = next((mention for mention in mentions if subject in mention.entities), None)
        if own is None:
            raise DataError(f"Expected a text that names {question.subject}, got {question.text!r}.")
        wrong = [place for place in range(len(question.candidates)) if place != question.label]
        offered, triples, entities = -1, [], []
        if given in ("right", "wrong"):
            offered = question.label if given == "right" else int(random.choice(wrong))
            triple = subject, self._relation(question), number[question.candidates[offered]]
            triples = [Hung(own.start, own.end, self.graph.state(triple))]
            elsewhere = next((mention for mention in mentions if mention is not own), own)
            triples += [Hung(elsewhere.start, elsewhere.end, one) for one in self._others(question, others, random)]
            triples = [triples[place] for place in random.permutation(len(triples))]
            entities = [(own.start, own.end, number[question.rivals[offered]])]
        elif given == "retrieved":
            triples, about = self._retrieved(mentions)
            entities = [(mention.start, mention.end, mention.entities[0]) for mention in mentions]
            relation = self._relation(question)
            named = {int(tail) for head, kind, tail in about if head == subject and kind == relation}
            offered = next((place for place, one in enumerate(question.candidates) if number[one] in named), -1)
        elif given == "text":
            offered = question.label
        choices = tuple(number[candidate] for candidate in question.candidates)
        return Item(
            text=f"{question.text} {question.stated}" if given == "text" else question.text,
            ask=question.ask,
            candidates=tuple(self.graph.name(choice) for choice in choices),
            label=question.label,
            offered=offered,
            triples=tuple(triples),
            entities=tuple(entities),
            choices=choices,
        )

    def _relation(self, question: Question) -> int:
        return self.graph.relations.index(KINDS[question.kind])

    def _retrieved(self, mentions: Sequence[Mention]) -> tuple[list[Hung], list[np.ndarray]]:
        """All triples about the entities of some mentions, hung on them, and as numbers."""
        hung, about = [], []
        for mention in mentions:
            for entity in mention.entities:
                for triple in self.graph.about(entity):
                    hung.append(Hung(mention.start, mention.end, self.graph.state(triple)))
                    about.append(triple)
        return hung, about

    def _others(self, question: Question, count: int, random: np.random.Generator) -> list[Statement]:
        """True triples of the question's relation about other entities, those that name candidates first."""
        relation, number = self._relation(question), self.graph.number
        pairs = zip(question.rivals, question.candidates, strict=True)
        rivals = [(number[head], number[tail]) for head, tail in pairs if head != question.subject]
        chosen = [rivals[place] for place in random.permutation(len(rivals))][:count]
        taken = {number[question.subject], *(head for head, _ in rivals)}
        pool = self.graph.train[self.graph.train[:, 1] == relation]
        while len(chosen) < count and len(taken) < len(pool):
            head, _, tail = pool[random.integers(len(pool))].tolist()
            if head not in taken:
                taken.add(head)
                chosen.append((head, tail))
        return [self.graph.state((head, relation, tail)) for head, tail in chosen]
