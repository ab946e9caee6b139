"""Which entities a text names: the longest names of a dictionary, whole words, from left to right."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from smallbert.knowledge.graph import Graph

_WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Mention:
    """A name in a text.

    Args:
        start, end: its characters, ``text[start:end]``.
        entities: numbers of all entities of that name, ascending.
    """

    start: int
    end: int
    entities: tuple[int, ...]


@dataclass(frozen=True)
class Ambiguity:
    """How far names tell entities apart.

    Args:
        names: different names.
        ambiguous: names of more than one entity.
        most: entities of the most ambiguous name.
        entities: entities that share one of their names with another.
    """

    names: int
    ambiguous: int
    most: int
    entities: int


class Dictionary:
    """The names of a graph's entities; upper and lower case are the same.

    It reads languages that set blanks between words: elsewhere a name seldom ends where a run of letters does.

    Args:
        graph: the graph.
    """

    def __init__(self, graph: Graph) -> None:
        found: dict[tuple[str, ...], set[int]] = {}
        for entity in range(len(graph.entities)):
            for name in graph.called(entity):
                if words := tuple(word.casefold() for word in _WORD.findall(name)):
                    found.setdefault(words, set()).add(entity)
        self._entities = {words: tuple(sorted(entities)) for words, entities in found.items()}
        self._longest: dict[str, int] = {}
        for words in self._entities:
            self._longest[words[0]] = max(len(words), self._longest.get(words[0], 0))

    def link(self, text: str) -> list[Mention]:
        """The names in a text, none overlapping another; of names that begin at one word the longest."""
        words = list(_WORD.finditer(text))
        folded = [word.group().casefold() for word in words]
        mentions, place = [], 0
        while place < len(words):
            for length in range(min(self._longest.get(folded[place], 0), len(words) - place), 0, -1):
                entities = self._entities.get(tuple(folded[place : place + length]))
                if entities:
                    mentions.append(Mention(words[place].start(), words[place + length - 1].end(), entities))
                    place += length
                    break
            else:
                place += 1
        return mentions

    @property
    def ambiguity(self) -> Ambiguity:
        """How many names are ambiguous."""
        sizes = np.array([len(entities) for entities in self._entities.values()] or [0])
        shared = {entity for entities in self._entities.values() if len(entities) > 1 for entity in entities}
        return Ambiguity(len(self._entities), int((sizes > 1).sum()), int(sizes.max()), len(shared))
