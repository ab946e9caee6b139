"""A knowledge graph as plain arrays: entities, relations, triples, and how people call them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

PARTS = ("train", "dev", "test")


class Statement(NamedTuple):
    """A triple in words."""

    subject: str
    relation: str
    object: str

    @property
    def text(self) -> str:
        """The triple verbalised, as one sentence."""
        return f"{self.subject} {self.relation} {self.object}."


@dataclass(frozen=True, eq=False)
class Graph:
    """Triples of numbered entities and relations.

    Args:
        entities: identifiers; an entity's number is its place here.
        relations: identifiers, numbered alike.
        parts: ``train``, and where there are some ``dev`` and ``test``: triples (head, relation, tail), int64 (n, 3).
        names: entity -> how texts call it, the usual form first; an entity without a name is called by its identifier.
        glosses: entity -> what it is, in words.
        relation_names: relation -> its words; by default its identifier without underscores.
    """

    entities: tuple[str, ...]
    relations: tuple[str, ...]
    parts: Mapping[str, np.ndarray]
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    glosses: Mapping[str, str] = field(default_factory=dict)
    relation_names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, parts: Mapping[str, Iterable[Sequence[str]]], **words: Mapping) -> Graph:
        """Number the entities and relations of triples of identifiers, in the order in which they come.

        Args:
            parts: part -> (head, relation, tail). A triple that a part holds twice is kept once.
            words: ``names``, ``glosses`` and ``relation_names``.
        """
        entities: dict[str, int] = {}
        relations: dict[str, int] = {}
        numbered = {}
        for part, triples in parts.items():
            rows = dict.fromkeys(
                (
                    entities.setdefault(head, len(entities)),
                    relations.setdefault(relation, len(relations)),
                    entities.setdefault(tail, len(entities)),
                )
                for head, relation, tail in triples
            )
            numbered[part] = np.array(list(rows), np.int64).reshape(-1, 3)
        return cls(tuple(entities), tuple(relations), numbered, **words)

    @property
    def train(self) -> np.ndarray:
        """The triples that are given, (n, 3)."""
        return self.parts["train"]

    @cached_property
    def all(self) -> np.ndarray:
        """The triples of all parts, (n, 3)."""
        return np.concatenate(list(self.parts.values()))

    @cached_property
    def number(self) -> Mapping[str, int]:
        """Entity -> its number."""
        return {entity: number for number, entity in enumerate(self.entities)}

    @cached_property
    def _by_head(self) -> tuple[np.ndarray, np.ndarray]:
        """Train triples sorted by head, and where each head's begin, (E + 1)."""
        rows = self.train[np.argsort(self.train[:, 0], kind="stable")]
        return rows, np.searchsorted(rows[:, 0], np.arange(len(self.entities) + 1))

    def about(self, entity: int) -> np.ndarray:
        """The given triples with an entity as head, in their order, (n, 3)."""
        rows, starts = self._by_head
        return rows[starts[entity] : starts[entity + 1]]

    def name(self, entity: int) -> str:
        """What an entity is usually called."""
        identifier = self.entities[entity]
        return self.names.get(identifier, (identifier,))[0]

    def called(self, entity: int) -> tuple[str, ...]:
        """All names of an entity; none where nobody gave it one."""
        return self.names.get(self.entities[entity], ())

    def gloss(self, entity: int) -> str:
        """What an entity is, in words; empty where unknown."""
        return self.glosses.get(self.entities[entity], "")

    def relation_name(self, relation: int) -> str:
        """A relation in words."""
        identifier = self.relations[relation]
        return self.relation_names.get(identifier) or identifier.replace("_", " ").strip()

    def state(self, triple: Sequence[int]) -> Statement:
        """A triple in words."""
        head, relation, tail = triple
        return Statement(self.name(head), self.relation_name(relation), self.name(tail))
