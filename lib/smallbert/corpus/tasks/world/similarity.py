"""Pairs of sentences whose semantic similarity is known."""

from __future__ import annotations

from collections.abc import Iterator

from smallbert.corpus.tasks.examples import ScoredPair
from smallbert.corpus.tasks.world.teller import FREE, NAMES, Teller, differs, pick, say, take
from smallbert.corpus.world import World
from smallbert.corpus.world.events import Draw

LEVELS = 6


def similarity(world: World, start: int, stop: int) -> Iterator[ScoredPair]:
    """One pair for each event, told in two wordings, of as many pairs with each score.

    The scores follow the guidelines of STS (Cer et al. 2017, table 1):

    - 5: the same event;
    - 4: the same but for one detail;
    - 3: the same organisation and place do the same kind of thing, with other details;
    - 2: the same kind of event elsewhere;
    - 1: another kind of event of the same topic;
    - 0: another topic.

    Args:
        world: the world.
        start, stop: events ``start`` to ``stop - 1``.
    """
    teller, kinds = Teller(world, "similarity"), world.inventory.kinds
    for number in range(start, stop):
        tongue, draw, u = teller.tongue(number), teller.draw(number), teller.uniforms(number)
        level, leads = number % LEVELS, tongue.sentences.lead
        first = pick(leads[draw.kind], u[0])
        second = pick([template for template in leads[draw.kind] if template is not first], u[1])
        if level < 2:
            told = next(
                one
                for one in teller.others(number)
                if one.kind != draw.kind and (kinds[one.kind].topic == kinds[draw.kind].topic) == (level == 1)
            )
            second = pick(leads[told.kind], u[1])
        else:
            told = _told(teller, number, level, first.roles & second.roles & FREE.keys(), u[2])
        yield ScoredPair(
            f"world-{world.seed}-{number}-{tongue.code}",
            say(tongue, first, draw),
            say(tongue, second, told),
            float(level),
            tongue.code,
        )


def _told(teller: Teller, number: int, level: int, roles: frozenset[str], u: float) -> Draw:
    """What the second sentence tells of the same kind of event, where both name these free roles."""
    draw = teller.draw(number)
    other = next(
        one for one in teller.alike(number) if differs(draw, one, roles) and draw.org not in (one.org, one.other)
    )
    detail = FREE[pick(sorted(roles), u)]
    return {2: other, 3: take(other, draw, NAMES), 4: take(draw, other, detail), 5: draw}[level]
