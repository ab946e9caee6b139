"""How an event is told: which sentences, in which order, and what each of them states."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from smallbert.corpus.world.events import Draw, Event
from smallbert.corpus.world.facts import Triple
from smallbert.corpus.world.grammar import Template
from smallbert.corpus.world.sentences import ROLES
from smallbert.corpus.world.tongue import CLOSE, OPEN, Tongue

CHOICES = 12
"""Uniform draws that one telling uses: its plan, then one for each of :class:`_Choice`."""

# How often a section is told. Asides bring in the lead of another event, so that topics share an article now and then.
_FREQUENCY = {
    "cause": 0.75,
    "result": 0.7,
    "detail": 0.5,
    "quote": 0.65,
    "office": 0.3,
    "home": 0.2,
    "country": 0.25,
    "scene": 0.2,
    "closing": 0.25,
    "aside": 0.15,
}
_LAST = ("closing", "aside")
_FEWEST, _MOST = 2, 7


def _plans(count: int) -> tuple[tuple[str, ...], ...]:
    """Sections after the lead, in order: every section by its frequency, shuffled, closing and aside last."""
    rng = np.random.default_rng(1959)
    plans: list[tuple[str, ...]] = []
    while len(plans) < count:
        told = [name for name, frequency in _FREQUENCY.items() if rng.random() < frequency]
        body = [str(name) for name in rng.permutation([name for name in told if name not in _LAST])]
        # A seat that is plain from the name is left out (see compose), so it does not count towards the fewest.
        if len(told) - ("home" in told) >= _FEWEST and len(told) <= _MOST:
            plans.append((*body, *(name for name in _LAST if name in told)))
    return tuple(plans)


PLANS = _plans(1024)


class Part(NamedTuple):
    """One sentence before it is checked for spans."""

    section: str
    text: str
    template: Template
    introduction: str = ""


@dataclass(frozen=True)
class Span:
    """An entity in a text: ``text[start:end]`` is its surface form.

    Attributes:
        start, end: character offsets.
        type: PER, ORG, LOC, DATE, NUM or THING.
        entity: its identifier, the same in every language.
    """

    start: int
    end: int
    type: str
    entity: str


@dataclass(frozen=True)
class Sentence:
    """One sentence of a telling.

    Attributes:
        section: its part in the article (lead, cause, result, detail, quote, office, home, country, scene, tool,
            closing, aside).
        start, end: offsets into the content.
        event: the event it speaks of; an aside speaks of another one.
        states: the facts it states.
    """

    section: str
    start: int
    end: int
    event: str
    states: tuple[Triple, ...]


@dataclass(frozen=True)
class Telling:
    """One article: an event in one language and one wording.

    Attributes:
        event, lang, variant: what is told, in which language and in which of its wordings.
        title, content: the text.
        title_spans, spans: entities of the title and of the content.
        sentences: the content's sentences, in order.
        title_states: the facts the title states.
    """

    event: str
    lang: str
    variant: int
    title: str
    content: str
    title_spans: tuple[Span, ...]
    spans: tuple[Span, ...]
    sentences: tuple[Sentence, ...]
    title_states: tuple[Triple, ...]


def compose(tongue: Tongue, draw: Draw, u: Sequence[float], aside: Draw) -> tuple[Part, list[Part]]:
    """Word an event.

    Args:
        tongue: the language.
        draw: the event.
        u: :data:`CHOICES` uniform numbers.
        aside: another event, whose lead the article may mention.

    Returns:
        The title and the sentences of the content. Entities are in brackets where the tongue marks them.
    """
    book, kind = tongue.sentences, draw.kind
    values, genders = tongue.values(draw)
    cased = tongue.cased

    def part(section: str, templates: Sequence[Template], u: float) -> Part:
        template = templates[int(u * len(templates))]
        text = template.render(values, genders)
        return Part(section, _capital(text) if cased else text, template)

    title = part("title", book.title[kind], u[1])
    parts = [part("lead", book.lead[kind], u[2])]
    for section in PLANS[int(u[0] * len(PLANS))]:
        if section == "cause":
            parts.append(part(section, book.cause[kind][draw.cause], u[3]))
        elif section == "result":
            parts.append(part(section, book.result[kind][draw.result], u[4]))
        elif section == "detail":
            parts.append(part(section, book.detail[kind], u[5]))
        elif section == "quote":
            parts.append(part(section, book.quote[kind], u[6]))
        elif section == "scene":
            parts.append(part(section, book.scene[draw.scene], u[7]))
        elif section == "home" and tongue.seat_in_name(draw.org):
            continue  # "The University of Veldor is based in Veldor" says nothing.
        elif section == "aside":
            template = book.lead[aside.kind][int(u[8] * len(book.lead[aside.kind]))]
            text = template.render(*tongue.values(aside))
            introduction = book.aside[int(u[9] * len(book.aside))]
            parts.append(Part(section, _capital(text) if cased else text, template, introduction))
        else:
            parts.append(part(section, book.others[section], u[11] if section == "closing" else u[10]))
    return title, parts


def with_tool(tongue: Tongue, draw: Draw, parts: list[Part]) -> list[Part]:
    """The same sentences, with the scene's tool named after it: the twin of a text that leaves it out."""
    template = tongue.sentences.tool
    text = template.render(*tongue.values(draw))
    tool = Part("tool", _capital(text) if tongue.cased else text, template)
    return [p for part in parts for p in ((part, tool) if part.section == "scene" else (part,))]


def assemble(tongue: Tongue, variant: int, title: Part, parts: Sequence[Part], event: Event, aside: Event) -> Telling:
    """Strip the marks from worded parts and keep what they say as spans and facts.

    Args:
        tongue: a tongue with marked forms.
        variant: number of the wording.
        title, parts: from :func:`compose`.
        event, aside: the ground truth of the two events.
    """
    heading, title_spans = _strip(title, event, 0)
    text, spans, sentences = "", [], []
    for part in parts:
        if text:
            text += tongue.space
        start, subject = len(text), aside if part.section == "aside" else event
        sentence, found = _strip(part, subject, start)
        text += sentence
        spans += found
        sentences.append(Sentence(part.section, start, len(text), subject.id, states(part, subject)))
    return Telling(
        event=event.id,
        lang=tongue.code,
        variant=variant,
        title=heading,
        content=text,
        title_spans=tuple(title_spans),
        spans=tuple(spans),
        sentences=tuple(sentences),
        title_states=states(title, event),
    )


def states(part: Part, event: Event) -> tuple[Triple, ...]:
    """The facts a sentence states: those of its section, and those of the roles it names."""
    roles, section = part.template.roles, part.section
    if section == "tool":
        return tuple(triple for triple in event.unstated if triple.relation == "needs_tool")
    stated = {relation for relation, needs in _ROLES_OF.items() if needs <= roles}
    stated = stated | _OF_SECTION.get(section, set())
    speakers = {event.roles[_ENTITY_OF[role]] for role in ("who", "voice") if role in roles}
    quoted = speakers if section in ("quote", "cause") else set()
    return tuple(t for t in event.triples if t.relation in stated or (t.relation == "quotes" and t.object in quoted))


# The roles that a sentence names whenever it states the relation.
_ROLES_OF = {
    "actor": {"org"},
    "involves": {"other"},
    "about": {"thing"},
    "took_place_in": {"place"},
    "date": {"date"},
    "count": {"n"},
    "second_count": {"m"},
    "amount": {"amount"},
    "score": {"score"},
    "result_date": {"date2"},
    "heads": {"who", "org"},
    "heads_since": {"who", "org", "year"},
}
_OF_SECTION = {
    "title": {"kind"},
    "lead": {"kind"},
    "aside": {"kind"},
    "cause": {"caused_by"},
    "result": {"leads_to"},
    "scene": {"scene"},
    "home": {"based_in"},
    "country": {"in_country"},
}
# Role -> the event's role that its entity plays, or the attribute that holds its value.
_ENTITY_OF = {
    "org": "actor",
    "other": "involves",
    "who": "head",
    "voice": "voice",
    "place": "place",
    "home": "home",
    "country": "country",
    "thing": "about",
}
_FACT_OF = {
    "n": "count",
    "m": "second_count",
    "amount": "amount",
    "score": "score",
    "date": "date",
    "date2": "result_date",
    "year": "heads_since",
    "tool": "needs_tool",
}
_ROLE_AT = {mark: role for role, mark in OPEN.items()}
_MARK = re.compile(f"[{min(OPEN.values())}-{CLOSE}]")


def _entity(role: str, event: Event) -> str:
    if role in _ENTITY_OF:
        return event.roles[_ENTITY_OF[role]]
    relation = _FACT_OF[role]
    return next(triple.object for triple in (*event.triples, *event.unstated) if triple.relation == relation)


def _strip(part: Part, event: Event, start: int) -> tuple[str, list[Span]]:
    """The text without marks, and its entities at offsets counted from ``start``."""
    text, at, spans, opened = part.introduction, 0, [], (0, "")
    for mark in _MARK.finditer(part.text):
        text += part.text[at : mark.start()]
        at = mark.end()
        if mark.group() == CLOSE:
            begin, role = opened
            if ROLES[role][0]:
                spans.append(Span(begin, start + len(text), ROLES[role][0], _entity(role, event)))
        else:
            opened = (start + len(text), _ROLE_AT[mark.group()])
    return text + part.text[at:], spans


def _capital(text: str) -> str:
    """The text with its first letter in upper case, behind a mark if there is one."""
    first = 1 if text[0] in _ROLE_AT else 0
    return text[:first] + text[first].upper() + text[first + 1 :]
