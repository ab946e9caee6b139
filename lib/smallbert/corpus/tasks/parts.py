"""Training, development and test from one set of examples: what belongs together stays together.

Where an example goes is decided by a hash of what it is, so it does not depend on the order of a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

from smallbert.corpus.tasks.examples import Choice, Pair, Question, ScoredPair, Tagged, Text
from smallbert.errors import DataError

Example = TypeVar("Example", bound=Choice | Pair | Question | ScoredPair | Tagged | Text)

PARTS = ("train", "development", "test")

SHARES = (0.7, 0.1, 0.2)
"""Of the examples, by part."""

_GROUPS: dict[type, Callable[[Any], str]] = {
    Text: lambda one: one.text,
    Pair: lambda one: one.first,
    ScoredPair: lambda one: one.first,
    Choice: lambda one: one.context,
    Tagged: lambda one: one.space.join(one.words),
    Question: lambda one: one.title or one.context,
}


def group(example: Any) -> str:
    """What an example shares with those that must not stand in another part: the article of a question, the premise of
    a pair, the context of a choice; else its own text."""
    return _GROUPS[type(example)](example)


def given(example: Any) -> Hashable:
    """What a model sees of an example; two with the same are one question asked twice."""
    hidden = {"id", "label", "lang", "tags", "answers", "score", "title"}
    return tuple(getattr(example, name) for name in type(example).__slots__ if name not in hidden)


def split(examples: Sequence[Example], *, seed: int, shares: Sequence[float] = SHARES) -> dict[str, list[Example]]:
    """Cut examples into :data:`PARTS` between groups, whole groups in an order drawn by ``seed``.

    Args:
        examples: in any order.
        seed: of the draw.
        shares: of the examples; each part gets at least one group.

    Raises:
        DataError: fewer groups than parts.
    """
    sizes: dict[str, int] = {}
    for example in examples:
        sizes[group(example)] = sizes.get(group(example), 0) + 1
    if len(sizes) < len(shares):
        raise DataError(
            f"Expected at least {len(shares)} groups of examples to cut between, got {len(sizes)} (questions go by "
            "article, pairs by their first text).",
            "Name files for train, development and test.",
        )
    order = sorted(sizes, key=lambda name: (_hash(seed, name), name))
    part_of, seen, part = {}, 0, 0
    for place, name in enumerate(order):
        # The next part begins where this one has its share, and while there are groups left for all others.
        full = seen >= sum(shares[: part + 1]) * len(examples)
        if part < len(shares) - 1 and place and (full or len(order) - place < len(shares) - part):
            part += 1
        part_of[name] = part
        seen += sizes[name]
    found: dict[str, list[Example]] = {name: [] for name in PARTS[: len(shares)]}
    for example in examples:
        found[PARTS[part_of[group(example)]]].append(example)
    return found


def draw(examples: Sequence[Example], most: int, *, seed: int) -> list[Example]:
    """At most so many examples, drawn by ``seed``, in their own order; fewer draws are among more."""
    if len(examples) <= most:
        return list(examples)
    keys = [_hash(seed, f"{example.id}\n{group(example)}") for example in examples]
    chosen = sorted(range(len(examples)), key=lambda place: (keys[place], place))[:most]
    return [examples[place] for place in sorted(chosen)]


def _hash(seed: int, text: str) -> bytes:
    return hashlib.blake2b(
        text.encode("utf-8", "surrogatepass"), digest_size=8, key=seed.to_bytes(8, "little")
    ).digest()
