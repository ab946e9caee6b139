"""Ways to give an encoder what it cannot know, each from a question with triples to an input.

- ``appended``: the triples verbalised, behind the text.
- ``tree``: each triple as a branch at the words it is about (K-BERT, Liu et al. 2020; :mod:`smallbert.knowledge.tree`).
  What it says reaches the answers through these words alone.
- ``open tree``: the same, but the answers see the branches.
- ``embedded``: no words; the entity's vector is added, through a projection, to those of the words that name it, as
  ERNIE (Zhang et al. 2019) and KnowBERT (Peters et al. 2019) do, here below the first layer.

The candidates are branches as well. They hang on the whole trunk, start at the same position, see it and not each
other, and the trunk does not see them: so a text is read once, and a candidate's score depends neither on its place nor
on the other candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from smallbert.errors import UsageError
from smallbert.knowledge.given import Item
from smallbert.knowledge.tree import Branch, Tree
from smallbert.models.heads.sequences import Reader

Method = Literal["plain", "appended", "tree", "open tree", "embedded"]

METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True, eq=False)
class Input:
    """An item as tokens.

    Args:
        tree: text, question and candidates.
        candidates: the candidate a token belongs to, -1 for none, int64 (L).
        entities: the entity whose vector a token gets, -1 for none, int64 (L).
        label: place of the right candidate.
    """

    tree: Tree
    candidates: np.ndarray
    entities: np.ndarray
    label: int


class Injector:
    """Makes inputs of one method.

    Args:
        method: see the module; ``plain`` gives nothing but the text.
        tokenizer: the encoder's, which sets one special token before a text and one behind.
        places: positions that the encoder has.
    """

    def __init__(self, method: Method, tokenizer: Any, places: int) -> None:
        if method not in METHODS:
            raise UsageError(f"Expected one of the methods {', '.join(METHODS)}, got {method!r}.")
        self.method, self.places = method, places
        self._reader = Reader(tokenizer, places)
        self._first, self._last = (np.array([number]) for number in (tokenizer.cls_token_id, tokenizer.sep_token_id))

    def inputs(self, items: Sequence[Item]) -> list[Input]:
        """The inputs of some items.

        Raises:
            UsageError: one has more tokens on a path than the encoder has positions.
        """
        texts = [self._text(item) for item in items]
        read = self._reader.with_offsets(texts)
        asks = self._reader.ids([item.ask for item in items])
        answers = self._reader.ids([answer for item in items for answer in item.candidates])
        branches = iter(self._reader.ids([_branch(hung) for item in items for hung in self._hung(item)]))
        candidates = iter(answers)
        return [
            self._input(
                item,
                *text,
                ask,
                [next(branches) for _ in self._hung(item)],
                [next(candidates) for _ in item.candidates],
            )
            for item, text, ask in zip(items, read, asks, strict=True)
        ]

    def _text(self, item: Item) -> str:
        if self.method != "appended":
            return item.text
        return " ".join([item.text, *(hung.statement.text for hung in item.triples)])

    def _hung(self, item: Item) -> tuple:
        return item.triples if "tree" in self.method else ()

    def _input(
        self,
        item: Item,
        text: np.ndarray,
        offsets: np.ndarray,
        ask: np.ndarray,
        triples: Sequence[np.ndarray],
        candidates: Sequence[np.ndarray],
    ) -> Input:
        trunk = np.concatenate([self._first, text, self._last, ask])
        kinds = np.repeat([0, 1], [len(text) + 2, len(ask)])
        grown = [
            Branch(ids, *self._tokens(offsets, hung.start, hung.end))
            for ids, hung in zip(triples, self._hung(item), strict=True)
        ]
        offered = [
            Branch(np.append(ids, self._last), 0, len(trunk), seen=False, reads=self.method == "open tree", kind=1)
            for ids in candidates
        ]
        tree = Tree.grow(trunk, kinds, [*grown, *offered])
        if tree.positions.max() >= self.places:
            raise UsageError(
                f"Expected at most {self.places} tokens in a row, got {tree.positions.max() + 1} in: {item.text[:60]}",
                "Give fewer triples, or take an encoder with more positions.",
            )
        entities = np.full(len(tree), -1)
        of = np.maximum(tree.branches - len(grown), -1)
        if self.method == "embedded":
            for start, end, entity in item.entities:
                first, stop = self._tokens(offsets, start, end)
                entities[first:stop] = entity
            entities = np.where(of >= 0, np.array(item.choices)[of], entities)
        return Input(tree, of, entities, item.label)

    def _tokens(self, offsets: np.ndarray, start: int, end: int) -> tuple[int, int]:
        """The trunk's tokens that stand in ``text[start:end]``."""
        first = int(np.searchsorted(offsets[:, 1], start, side="right"))
        stop = int(np.searchsorted(offsets[:, 0], end, side="left"))
        return first + 1, max(stop, first + 1) + 1  # the first special token stands before


def _branch(hung) -> str:
    """What hangs on the words that a triple is about: the rest of it."""
    return f"{hung.statement.relation} {hung.statement.object}"
