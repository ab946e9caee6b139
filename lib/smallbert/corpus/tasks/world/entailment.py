"""Premises and hypotheses of which it is known whether one follows from the other."""

from __future__ import annotations

from collections.abc import Iterator

from smallbert.corpus.tasks.examples import Pair
from smallbert.corpus.tasks.world.teller import FREE, NAMES, Teller, article, differs, pick, say, take
from smallbert.corpus.world import World
from smallbert.corpus.world.grammar import Template
from smallbert.corpus.world.telling import CHOICES
from smallbert.corpus.world.tongue import Tongue

_LONGEST = 3
"""Sentences of a premise."""


def entailment(world: World, start: int, stop: int) -> Iterator[Pair]:
    """Three pairs for each event, with one hypothesis and three premises.

    The hypothesis tells the event in another wording than the premises, which

    - tell the same event: the hypothesis follows (``entailment``);
    - tell it with another number, amount, score, thing or date, the rest unchanged (``contradiction``);
    - tell another event of the same kind, organisation and place, all else different (``neutral``).

    The hypothesis alone says nothing, exactly: it stands with all three labels. Nor does the premise alone, since
    what is changed is drawn for each event alone (:data:`smallbert.corpus.tasks.world.teller.FREE`): all three are
    drawn as articles are. So that this holds, the other event is not sought until it differs: an event that agrees
    with its other one in a thing the hypothesis states gives no pair, nor does one of a kind without two wordings of
    which one says all that the other says.

    Args:
        world: the world.
        start, stop: events ``start`` to ``stop - 1``.
    """
    teller = Teller(world, "entailment")
    for number in range(start, stop):
        tongue, draw, u = teller.tongue(number), teller.draw(number), teller.uniforms(number, CHOICES + 2)
        wordings, other = _wordings(tongue, draw.kind), next(teller.alike(number))
        if not wordings:
            continue
        lead, template, roles = pick(wordings, u[CHOICES])
        if not differs(draw, other, roles) or other.other == draw.org:
            continue
        changed = pick(sorted(roles), u[CHOICES + 1])
        premises = {
            "entailment": draw,
            "contradiction": take(draw, other, FREE[changed]),
            "neutral": take(other, draw, NAMES),
        }
        hypothesis = say(tongue, template, draw)
        for label, told in premises.items():
            premise = tongue.space.join(part.text for part in article(tongue, lead, told, u, _LONGEST))
            yield Pair(f"world-{world.seed}-{number}-{tongue.code}-{label}", premise, hypothesis, label, tongue.code)


def _wordings(tongue: Tongue, kind: int) -> list[tuple[int, Template, frozenset[str]]]:
    """Leads for a premise, and sentences that say no more and at least two things that are free to differ."""
    leads, titles = tongue.sentences.lead[kind], tongue.sentences.title[kind]
    return [
        (i, template, template.roles & FREE.keys())
        for i, lead in enumerate(leads)
        for template in (*leads, *titles)
        if template is not lead and template.roles <= lead.roles and len(template.roles & FREE.keys()) >= 2
    ]
