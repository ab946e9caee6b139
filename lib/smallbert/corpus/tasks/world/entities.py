"""Words of one sentence with BIO tags of its entities."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from smallbert.corpus.tasks.examples import Tagged
from smallbert.corpus.tasks.world.teller import Teller, pick, spans
from smallbert.corpus.world import World
from smallbert.corpus.world.sentences import ROLES
from smallbert.corpus.world.telling import CHOICES, compose

CHARACTERS = frozenset({"ko", "zh", "th"})
"""Languages tagged by character: their entities need not end where a word does (Korean particles), or words are not
set apart."""

_WORD = re.compile(r"\w+|[^\w\s]")


def entities(world: World, start: int, stop: int) -> Iterator[Tagged]:
    """One sentence of each event, with the types of :class:`smallbert.corpus.world.Span`.

    An organisation's name holds a city's (``[Veldor] General Hospital``), so a word alone does not say its tag. A
    German compound has the tag of the entity it begins with.

    Args:
        world: the world.
        start, stop: events ``start`` to ``stop - 1``.
    """
    teller = Teller(world, "entities")
    for number in range(start, stop):
        tongue, aside = teller.tongue(number, marked=True), next(teller.others(number))
        *u, which = teller.uniforms(number, CHOICES + 1)
        _, parts = compose(tongue, teller.draw(number), u, aside)
        part = pick(parts, which)
        text, found = spans(part.introduction + part.text)
        typed = [(ROLES[role][0], start, end) for role, start, end in found if ROLES[role][0]]
        words, tags = zip(*((word, _tag(at, typed)) for at, word in _words(text, tongue.code)), strict=True)
        space = "" if tongue.code in CHARACTERS else " "
        yield Tagged(f"world-{world.seed}-{number}-{tongue.code}", words, tags, space, tongue.code)


def _words(text: str, lang: str) -> Iterator[tuple[int, str]]:
    """Place and text of every word; of every character, blanks among them, where that is the word."""
    if lang in CHARACTERS:
        return enumerate(text)
    return ((word.start(), word.group()) for word in _WORD.finditer(text))


def _tag(at: int, typed: Sequence[tuple[str, int, int]]) -> str:
    """The tag of the word at a place: the first word of an entity begins it."""
    return next((f"{'B' if at == start else 'I'}-{kind}" for kind, start, end in typed if start <= at < end), "O")
