"""Questions whose answer is a span of a passage at known characters, and their unanswerable twins."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from smallbert.corpus.tasks.examples import Answer, Question
from smallbert.corpus.tasks.world.teller import FREE, NAMES, Teller, article, differs, pick, spans, take
from smallbert.corpus.world import World
from smallbert.corpus.world.events import Draw
from smallbert.corpus.world.grammar import Template
from smallbert.corpus.world.telling import CHOICES, Part
from smallbert.corpus.world.tongue import Tongue

BLANK = "___"
"""What stands in a question for its answer."""

_LONGEST = 3
"""Sentences that a passage has about one event."""


def questions(world: World, start: int, stop: int) -> Iterator[Question]:
    """Two questions for each event, of the same wording: one that its passage answers, and one that it does not.

    A question is the event in another wording with one thing left out (a cloze, as in Hermann et al. 2015):
    ``On ___ the City Council of Veldor approved a plan on housing; in Veldor, 31 members voted for it.`` Only what is
    drawn for the event alone is asked for, so no other part of the question and no other article tells it.

    The passage has two short articles about the same organisation, place and kind of event, which differ in all else:
    the event and another one, in either order, or for the twin a third one in the event's place. So every passage
    offers two answers of the right type, and one has to read which belongs to the question, or that none does.
    The question alone does not say whether it has an answer, exactly; nor does the passage alone, since the three
    events are drawn alike. So that this holds, events are not sought until they differ: an event whose two others
    agree with it or with each other in a thing that the question states gives no question.

    Args:
        world: the world.
        start, stop: events ``start`` to ``stop - 1``.
    """
    teller = Teller(world, "questions")
    for number in range(start, stop):
        tongue, draw = teller.tongue(number, marked=True), teller.draw(number)
        *u, order, which = teller.uniforms(number, 2 * CHOICES + 2)
        lead, template, role = pick(_wordings(tongue.sentences.lead[draw.kind]), which)
        said = template.roles & FREE.keys()
        beside, instead = (take(one, draw, NAMES) for one in itertools.islice(teller.alike(number), 2))
        pairs = itertools.combinations((draw, beside, instead), 2)
        if draw.org in (beside.other, instead.other) or not all(differs(*pair, said) for pair in pairs):
            continue
        question = _cloze(tongue, template, draw, role)
        second = [(False, part) for part in article(tongue, lead, beside, u[CHOICES:], _LONGEST)]
        for told, suffix in ((draw, "answered"), (instead, "unanswered")):
            first = [(told is draw, part) for part in article(tongue, lead, told, u[:CHOICES], _LONGEST)]
            context, answers = _passage(tongue, [*first, *second] if order < 0.5 else [*second, *first], role)
            name = f"world-{world.seed}-{number}"
            yield Question(f"{name}-{tongue.code}-{suffix}", name, context, question, answers, tongue.code)


def _wordings(leads: Sequence[Template]) -> list[tuple[int, Template, str]]:
    """Leads for the articles, another one for the question, and what to ask: each free thing that both say, where
    the question says another besides."""
    return [
        (i, template, role)
        for i, lead in enumerate(leads)
        for template in leads
        if template is not lead and len(template.roles & FREE.keys()) >= 2
        for role in sorted(template.roles & lead.roles & FREE.keys())
    ]


def _cloze(tongue: Tongue, template: Template, draw: Draw, role: str) -> str:
    """A sentence with the blank for a role."""
    text, found = spans(template.render(*tongue.values(draw)))
    for name, start, end in reversed(found):
        if name == role:
            text = text[:start] + BLANK + text[end:]
    return text[0].upper() + text[1:] if tongue.cased else text


def _passage(tongue: Tongue, parts: Sequence[tuple[bool, Part]], role: str) -> tuple[str, tuple[Answer, ...]]:
    """The passage, and where the sentences that the question is about (True) name the role."""
    text, answers = "", []
    for asked, part in parts:
        text += tongue.space if text else ""
        sentence, found = spans(part.text)
        answers += [Answer(sentence[a:b], len(text) + a) for name, a, b in found if asked and name == role]
        text += sentence
    return text, tuple(answers)
