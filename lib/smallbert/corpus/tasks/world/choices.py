"""Four endings of which one follows, in the shape of SWAG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from smallbert.corpus.tasks.examples import Choice
from smallbert.corpus.tasks.world.teller import Teller, pick, say
from smallbert.corpus.world import World
from smallbert.corpus.world.grammar import Template

# What these name fits one kind of event only: "repairs to influenza" would give an ending away.
_TELLING = frozenset({"thing", "org", "other"})


def choices(world: World, start: int, stop: int) -> Iterator[Choice]:
    """What happened, and what may have caused it or will follow from it, of four kinds of event.

    The context is the lead of an event. The endings are causes, or results, of the four kinds of its topic and of a
    second topic, all told with the event's own places, people, numbers and dates; the right one is its own kind's. So
    one distractor is of the same topic, nothing but the meaning tells the endings apart, and an ending alone says
    nothing, in distribution: each of the four kinds is as likely as the others to be the one that happened.

    That holds because the second topic is the topic of another event whatever it is: an event whose other one shares
    its topic gives no example, nor does one with two endings alike.

    Args:
        world: the world.
        start, stop: events ``start`` to ``stop - 1``.
    """
    teller, kinds = Teller(world, "choices"), world.inventory.kinds
    for number in range(start, stop):
        tongue, draw = teller.tongue(number), teller.draw(number)
        coin, lead, frame, *rest = teller.uniforms(number, 3 + 2 * len(kinds))
        place, which = rest[: len(kinds)], rest[len(kinds) :]
        topics = {kinds[draw.kind].topic, kinds[next(teller.others(number)).kind].topic}
        told = sorted((kind for kind, entry in enumerate(kinds) if entry.topic in topics), key=place.__getitem__)
        followers = tongue.sentences.cause if coin < 0.5 else tongue.sentences.result
        endings = tuple(say(tongue, _pick(followers[kind], frame, which[kind]), draw) for kind in told)
        if len(topics) == 2 and len(set(endings)) == len(endings):
            context = say(tongue, pick(tongue.sentences.lead[draw.kind], lead), draw)
            name = f"world-{world.seed}-{number}-{tongue.code}"
            yield Choice(name, context, "", endings, told.index(draw.kind), tongue.code)


def _pick(followers: Sequence[Sequence[Template]], frame: float, which: float) -> Template:
    """One cause or result of a kind of event that fits any other kind, in one of its wordings."""
    return pick([one for one in (pick(frames, frame) for frames in followers) if not one.roles & _TELLING], which)
