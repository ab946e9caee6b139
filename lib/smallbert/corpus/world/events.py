"""What happens: event i under a seed, drawn from the facts and from nothing else."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from smallbert.corpus.world.draws import Zipf, key, uniform
from smallbert.corpus.world.facts import Facts, Triple
from smallbert.corpus.world.lexicon import Kind

YEAR = 2025
# Numbers whose counted noun has one and the same form in every language here: genitive plural in Russian (not 1-4),
# accusative singular in Arabic (11-99 in the last two digits). Slots then need no plural rules.
COUNTS = np.array(
    [n for n in range(11, 1000) if n % 100 >= 11 and (n % 10 not in (1, 2, 3, 4) or n % 100 < 15)], dtype=np.int64
)
AMOUNTS = COUNTS[COUNTS < 100]
# Topics and things are skewed less than entities: a probe needs every class.
_TOPIC_EXPONENT, _THING_SKEW = 0.3, 1.4
_DRAWS = 20


class Draw(NamedTuple):
    """One event as numbers: indices into the inventory and the facts, ready for a telling."""

    kind: int
    org: int
    other: int
    place: int
    thing: int
    n: int
    m: int
    amount: int
    score: tuple[int, int]
    day: int
    later: int
    cause: int
    result: int
    voice: int
    scene: int


@dataclass(frozen=True)
class Event:
    """One event with its ground truth.

    Attributes:
        number, id: its position under the seed, and its identifier (a row's ``group``).
        topic, kind: topic and event kind.
        roles: role -> entity: actor, involves (another organisation), head (of the actor), voice (a bystander),
            place, country, home (the actor's seat), about.
        date, result_date: when it happened and when its result follows.
        cause, result, scene: what caused it, what follows, and a scene beside it whose tool is not told.
        count, second_count, amount, score: people or things (the second in details), million euros, and goals; a
            kind uses those it has words for.
        triples: all facts that a telling of the event can state.
        unstated: facts about its head, its bystander and its scene that no telling states.
    """

    number: int
    id: str
    topic: str
    kind: str
    roles: dict[str, str]
    date: datetime.date
    result_date: datetime.date
    cause: str
    result: str
    scene: str
    count: int
    second_count: int
    amount: int
    score: tuple[int, int]
    triples: tuple[Triple, ...]
    unstated: tuple[Triple, ...]


class Draws:
    """Draws events from the facts of a seed, many at a time."""

    def __init__(self, facts: Facts, seed: int) -> None:
        inventory = facts.inventory
        self._facts, self._key = facts, key(seed, "events")
        rng = np.random.default_rng(key(seed, "ranks"))
        topics = inventory.topics
        self._topic = Zipf(len(topics), _TOPIC_EXPONENT)
        self._kinds = _table([[i for i, kind in enumerate(inventory.kinds) if kind.topic == t] for t in topics])
        position = {name: i for i, name in enumerate(facts.kinds)}
        self._actors = _table([[position[o] for o in kind.actor] for kind in inventory.kinds])
        self._others = _table([[position[o] for o in kind.other] for kind in inventory.kinds])
        things = {name: i for i, name in enumerate(inventory.things)}
        self._things = _table([[things[t] for t in kind.things] for kind in inventory.kinds])
        self._causes = np.array([len(kind.causes) for kind in inventory.kinds])
        self._results = np.array([len(kind.results) for kind in inventory.kinds])
        self._sizes = np.diff(facts.offset)
        self._names = [rng.permutation(size) for size in self._sizes]
        self._ranks = {int(size): Zipf(int(size)) for size in set(self._sizes.tolist())}
        self._city, self._cities = Zipf(facts.cities), rng.permutation(facts.cities)
        self._person, self._people = Zipf(facts.people), rng.permutation(facts.people)
        self._branded = np.array([inventory.organisations[name] == "brand" for name in facts.kinds])
        self._count = np.cumsum(1 / COUNTS) / np.sum(1 / COUNTS)
        self._amount = np.cumsum(1 / AMOUNTS) / np.sum(1 / AMOUNTS)

    def __call__(self, numbers: np.ndarray) -> list[Draw]:
        """The events with these numbers, each a pure function of the seed and its own number."""
        u = uniform(self._key, numbers, _DRAWS).T  # (draws, n)
        kind = _pick(self._kinds, self._topic.rank(u[0]), u[1])
        org = self._organisation(_pick(self._actors, kind, u[2]), u[3])
        other = self._organisation(_pick(self._others, kind, u[4]), u[5], taken=org)
        # A city's own organisations act at home; those with a brand also elsewhere.
        away = self._branded[self._facts.kind_of[org]] & (u[6] < 0.6)
        place = np.where(away, self._cities[self._city.rank(u[7])], self._facts.home_of[org])
        thing = _pick(self._things, kind, u[8] ** _THING_SKEW)
        n, m = (COUNTS[np.searchsorted(self._count, x, side="right").clip(max=len(COUNTS) - 1)] for x in (u[9], u[19]))
        amount = AMOUNTS[np.searchsorted(self._amount, u[10], side="right").clip(max=len(AMOUNTS) - 1)]
        winner = 1 + (u[11] ** 2 * 5).astype(np.int64)
        loser = (u[12] * winner).astype(np.int64)
        day = (u[13] * 365).astype(np.int64)
        later = day + 2 + (u[14] ** 2 * 27).astype(np.int64)
        cause = (u[15] * self._causes[kind]).astype(np.int64)
        result = (u[16] * self._results[kind]).astype(np.int64)
        voice = self._people[self._person.rank(u[17])]
        scene = (u[18] * len(self._facts.inventory.purposes)).astype(np.int64)
        columns = (kind, org, other, place, thing, n, m, amount, winner, loser, day, later, cause, result, voice, scene)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [Draw._make((*row[:8], (row[8], row[9]), *row[10:])) for row in rows]

    def _organisation(self, kind: np.ndarray, u: np.ndarray, taken: np.ndarray | None = None) -> np.ndarray:
        """Number of a Zipf-distributed organisation of these kinds, never the one that is taken."""
        numbers = np.empty(len(kind), np.int64)
        for k in np.unique(kind):
            rows = np.flatnonzero(kind == k)
            size, names, start = int(self._sizes[k]), self._names[k], self._facts.offset[k]
            rank = self._ranks[size].rank(u[rows])
            numbers[rows] = start + names[rank]
            if taken is not None:
                numbers[rows] = np.where(numbers[rows] == taken[rows], start + names[(rank + 1) % size], numbers[rows])
        return numbers


def describe(number: int, name: str, draw: Draw, facts: Facts) -> Event:
    """The event as its ground truth: identifiers, dates and triples.

    Args:
        number: its position under the seed.
        name: its identifier.
        draw: the event as numbers.
        facts: the facts of the same seed.
    """
    inventory = facts.inventory
    kind: Kind = inventory.kinds[draw.kind]
    organisation, head = facts.organisation(draw.org), int(facts.head_of[draw.org])
    date, later = day(draw.day), day(draw.later)
    roles = {
        "actor": organisation,
        "involves": facts.organisation(draw.other),
        "head": f"person:{head}",
        "voice": f"person:{draw.voice}",
        "place": f"city:{draw.place}",
        "country": facts.country(int(facts.country_of[draw.place])),
        "home": f"city:{facts.home_of[draw.org]}",
        "about": f"thing:{inventory.things[draw.thing]}",
    }
    cause = f"cause:{kind.name}/{kind.causes[draw.cause]}"
    result = f"result:{kind.name}/{kind.results[draw.result]}"
    purpose = tuple(inventory.purposes)[draw.scene]
    own = {
        "kind": f"kind:{kind.name}",
        "actor": roles["actor"],
        "involves": roles["involves"],
        "about": roles["about"],
        "took_place_in": roles["place"],
        "date": f"date:{date}",
        "count": f"number:{draw.n}",
        "second_count": f"number:{draw.m}",
        "amount": f"number:{draw.amount}",
        "score": f"score:{draw.score[0]}-{draw.score[1]}",
        "caused_by": cause,
        "leads_to": result,
        "result_date": f"date:{later}",
        "scene": f"scene:{purpose}",
    }
    triples = (
        *(Triple(name, relation, value) for relation, value in own.items()),
        *(Triple(name, "quotes", roles[role]) for role in ("head", "voice")),
        facts.heads(draw.org),
        facts.heads_since(draw.org),
        facts.based_in(draw.org),
        facts.in_country(draw.place),
    )
    return Event(
        number=number,
        id=name,
        topic=kind.topic,
        kind=kind.name,
        roles=roles,
        date=date,
        result_date=later,
        cause=cause,
        result=result,
        scene=f"scene:{purpose}",
        count=draw.n,
        second_count=draw.m,
        amount=draw.amount,
        score=draw.score,
        triples=triples,
        unstated=(facts.born_in(head), facts.born_in(draw.voice), facts.needs_tool(purpose)),
    )


def day(offset: int) -> datetime.date:
    """The date so many days after the first of January."""
    return datetime.date(YEAR, 1, 1) + datetime.timedelta(days=offset)


def _table(rows: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Ragged lists as a padded table (rows, widest) and their lengths (rows,)."""
    lengths = np.array([len(row) for row in rows])
    return np.array([row + [0] * (lengths.max() - len(row)) for row in rows]), lengths


def _pick(table: tuple[np.ndarray, np.ndarray], row: np.ndarray, u: np.ndarray) -> np.ndarray:
    """One entry of each row, by a uniform number."""
    values, lengths = table
    return values[row, (u * lengths[row]).astype(np.int64)]
