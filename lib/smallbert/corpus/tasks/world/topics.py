"""Single sentences with the topic of the news they are from."""

from __future__ import annotations

from collections.abc import Iterator

from smallbert.corpus.tasks.examples import Text
from smallbert.corpus.tasks.world.teller import Teller, pick
from smallbert.corpus.world import World
from smallbert.corpus.world.telling import CHOICES, compose

_SECTIONS = ("title", "lead", "cause")


def topics(world: World, start: int, stop: int) -> Iterator[Text]:
    """One sentence of each event: its title, its lead or what caused it.

    Titles and leads name what happened; causes seldom do, so what they belong to is learnt from articles. As in real
    news the words of a sentence say its topic; its length and its language do not.

    Args:
        world: the world.
        start, stop: events ``start`` to ``stop - 1``.
    """
    teller = Teller(world, "topics")
    for number in range(start, stop):
        tongue, draw = teller.tongue(number), teller.draw(number)
        *u, which = teller.uniforms(number, CHOICES + 1)
        title, parts = compose(tongue, draw, u, draw)
        texts = [part.text for part in (title, *parts) if part.section in _SECTIONS]
        topic = world.inventory.kinds[draw.kind].topic
        yield Text(f"world-{world.seed}-{number}-{tongue.code}", pick(texts, which), topic, tongue.code)
