"""Events of the world, and events that differ from them in one thing, told in any sentence the language has."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TypeVar

import numpy as np

from smallbert.corpus.world import World
from smallbert.corpus.world.draws import key, uniform
from smallbert.corpus.world.events import Draw, Draws
from smallbert.corpus.world.grammar import Template
from smallbert.corpus.world.telling import CHOICES, Part, compose
from smallbert.corpus.world.tongue import CLOSE, OPEN, Memo, Tongue

Option = TypeVar("Option")

# Other events that a task needs are sought from this far on, so that none of them is in a range of its own.
_FAR = 2_000_003
# So many events from one search's start to the next one's, so that neighbours seldom find the same event.
_STRIDE = 32
_BLOCK = 1024

_ROLES = {mark: role for role, mark in OPEN.items()}
_PIECE = re.compile(f"[{min(_ROLES)}-{max(_ROLES)}][^{CLOSE}]*{CLOSE}|[^{min(_ROLES)}-{max(_ROLES)}]+")

FREE: dict[str, tuple[str, ...]] = {
    "n": ("n",),
    "amount": ("amount",),
    "score": ("score",),
    "thing": ("thing",),
    "date": ("day", "later"),
}
"""Roles that are drawn for each event alone, so that no other role betrays them, and their fields in a draw. Given
the kind of event they are independent of all else: an event that takes one of them from another event of its kind
is distributed as events are."""

NAMES = ("org", "place")
"""Fields of a draw that go together: a city's organisations act at home."""


class Teller:
    """Tells a world's events for one task.

    Args:
        world: the world.
        task: its name, which sets its draws apart from other tasks'.
    """

    def __init__(self, world: World, task: str) -> None:
        self.world = world
        self._draws, self._key = Draws(world.facts, world.seed), key(world.seed, f"task/{task}")
        self._tongues = Memo(lambda lang: Tongue(lang, world.facts))
        self._marked = Memo(lambda lang: Tongue(lang, world.facts, marked=True))
        self._block = lru_cache(maxsize=4)(self._block_of_draws)

    def tongue(self, number: int, *, marked: bool = False) -> Tongue:
        """The language that an event is told in here."""
        return (self._marked if marked else self._tongues)[self.world.told_in(number)[0]]

    def draw(self, number: int) -> Draw:
        """An event as numbers."""
        return self._block(number // _BLOCK)[number % _BLOCK]

    def others(self, number: int) -> Iterator[Draw]:
        """Other events, the same ones for the same number, in no order."""
        return (self.draw(other) for other in itertools.count(_FAR + number * _STRIDE))

    def alike(self, number: int) -> Iterator[Draw]:
        """Other events of the same kind as an event."""
        kind = self.draw(number).kind
        return (other for other in self.others(number) if other.kind == kind)

    def uniforms(self, number: int, count: int = CHOICES) -> list[float]:
        """Uniform numbers of an event's own; the first :data:`CHOICES` are those of a telling."""
        return uniform(self._key, np.array([number]), count)[0].tolist()

    def _block_of_draws(self, block: int) -> list[Draw]:
        return self._draws(np.arange(block * _BLOCK, (block + 1) * _BLOCK))


def pick(options: Sequence[Option], u: float) -> Option:
    """One of some options, by a uniform number."""
    return options[int(u * len(options))]


def take(draw: Draw, other: Draw, fields: tuple[str, ...]) -> Draw:
    """The event with some fields of another one."""
    return draw._replace(**{field: getattr(other, field) for field in fields})


def differs(draw: Draw, other: Draw, roles: frozenset[str]) -> bool:
    """Whether two events differ in every one of some :data:`FREE` roles."""
    return all(getattr(draw, FREE[role][0]) != getattr(other, FREE[role][0]) for role in roles)


def say(tongue: Tongue, template: Template, draw: Draw) -> str:
    """One sentence about an event."""
    text = template.render(*tongue.values(draw))
    return text[0].upper() + text[1:] if tongue.cased else text


def spans(text: str) -> tuple[str, list[tuple[str, int, int]]]:
    """A text of a marked tongue without its marks, and (role, start, end) of what they mark."""
    plain, found = "", []
    for piece in _PIECE.findall(text):
        start = len(plain)
        if piece[0] in _ROLES:
            piece, role = piece[1:-1], _ROLES[piece[0]]
            found.append((role, start, start + len(piece)))
        plain += piece
    return plain, found


def article(tongue: Tongue, lead: int, draw: Draw, u: list[float], longest: int) -> list[Part]:
    """The first sentences of an article about an event.

    Args:
        tongue: its language.
        lead: which of the kind's leads it starts with.
        draw: the event.
        u: :data:`CHOICES` uniform numbers that choose the other sentences.
        longest: sentences at most; none of them is about another event.
    """
    leads = tongue.sentences.lead[draw.kind]
    _, parts = compose(tongue, draw, [*u[:2], (lead + 0.5) / len(leads), *u[3:]], draw)
    return [part for part in parts if part.section != "aside"][:longest]
