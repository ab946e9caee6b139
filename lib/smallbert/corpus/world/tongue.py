"""One language: every form of every entity, ready to fill the sentences."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from smallbert.corpus.world.events import Draw, day
from smallbert.corpus.world.facts import Facts
from smallbert.corpus.world.grammar import CASED, COMPUTED, GENDERS, bracketed, plain
from smallbert.corpus.world.lexicon import language
from smallbert.corpus.world.sentences import ROLES, sentences
from smallbert.errors import UsageError

# Private-use characters around an entity in marked forms; the opening one names the role.
OPEN = {role: chr(0xE000 + i) for i, role in enumerate(ROLES)}
CLOSE = "\uf8ff"


class Memo(dict):
    """A function's values by argument, looked up at the speed of a dictionary."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, argument: Any) -> Any:
        value = self[argument] = self._function(argument)
        return value


class Tongue:
    """One language in one world.

    Args:
        code: language code.
        facts: the facts of the world told.
        marked: keep brackets around entities in the forms, for exact spans; else leave them out, for speed.
        source: folder of the lexicons.
    """

    def __init__(self, code: str, facts: Facts, *, marked: bool = False, source: Path | None = None) -> None:
        self.code, self.facts = code, facts
        self.words = words = language(code, source)
        self.script = words["script"]
        self.cased, self.space = self.script in CASED, words["space"]
        self.sentences = sentences(code, source)
        self._computed, self._marked = tuple(COMPUTED.get(code, {}).values()), marked
        self._marks = [OPEN[role] for role, _ in self.sentences.layout.index]
        declared = {group: len(forms) for group, forms in words["forms"].items()}
        inventory = facts.inventory
        self._names = {part: scripts[self.script] for part, scripts in inventory.names.items()}
        self._things = Memo(lambda i: self._forms(words["thing"][inventory.things[i]], declared["thing"]))
        self._countries = Memo(lambda i: self._forms(words["country"][inventory.countries[i]], declared["country"]))
        self._orgs, self._cities = Memo(self._organisation), Memo(lambda i: self._forms(self.city(i)))
        self._people = Memo(lambda i: self._forms(self.person(i)))
        self._numbers = Memo(lambda n: self._forms(str(n)))
        self._amounts = Memo(lambda n: self._forms(words.get("amount", "{n}").format(n=n)))
        self._scores = Memo(lambda s: self._forms(words.get("score", "{a}-{b}").format(a=s[0], b=s[1])))
        self._dates = Memo(lambda d: self._forms(self.date(d)))
        self._tools = Memo(lambda i: self._forms(words["tool"][list(inventory.purposes.values())[i][1]]))
        self._offices = Memo(self._office)
        self._org_gender = [GENDERS[words["org"][kind].get("gender", "m")] for kind in facts.kinds]
        self._named_after_city = [inventory.organisations[kind] == "city" for kind in facts.kinds]
        # Plain Python numbers: looked up once an article, where a numpy scalar would be slow.
        self._kind_of, self._home_of = facts.kind_of.tolist(), facts.home_of.tolist()
        self._head_of, self._since_of = facts.head_of.tolist(), facts.since_of.tolist()
        self._country_of = facts.country_of.tolist()
        families = len(self._names["family"])
        genders = [GENDERS[gender] for gender in inventory.genders]
        self._gender_of = [genders[person // families] for person in range(facts.people)]

    def person(self, number: int) -> str:
        """Full name of a person."""
        given, family = divmod(number, len(self._names["family"]))
        return self.words["person"].format(given=self._names["given"][given], family=self._names["family"][family])

    def city(self, number: int) -> str:
        """Name of a city, which brands share."""
        stem, ending = divmod(number, len(self._names["ending"]))
        return self._names["stem"][stem] + self._names["ending"][ending]

    def date(self, offset: int) -> str:
        """A date as day and month."""
        date = day(offset)
        return self.words["date"].format(day=date.day, month=self.words["months"][date.month - 1])

    def label(self, entity: str) -> str:
        """The name of a person, org, city, country, thing, tool, date or year by its identifier.

        Raises:
            UsageError: the identifier is of no such type.
        """
        kind, _, rest = entity.partition(":")
        if kind == "person":
            return self.person(int(rest))
        if kind == "city":
            return self.city(int(rest))
        if kind == "org":
            name, _, number = rest.partition(":")
            return self._organisation(int(self.facts.offset[self.facts.kinds.index(name)]) + int(number))[0]
        if kind in ("thing", "tool", "country"):
            word = self.words[kind][rest]
            return word if isinstance(word, str) else word[0]
        if kind == "date":
            return self.date((datetime.date.fromisoformat(rest) - day(0)).days)
        if kind in ("year", "number", "score"):
            return rest
        raise UsageError(f"Expected the identifier of an entity, got {entity}.", "Events and causes have no name.")

    def values(self, draw: Draw) -> tuple[tuple[str, ...], tuple[int, int, int, int]]:
        """All forms of all roles of an event, in the order of the layout, and the genders of its roles."""
        org, other, place = draw.org, draw.other, draw.place
        who, voice, kind = self._head_of[org], draw.voice, self._kind_of[org]
        gender = self._gender_of[who]
        people, cities, numbers, dates = self._people, self._cities, self._numbers, self._dates
        values = (
            self._orgs[org]
            + self._orgs[other]
            + people[who]
            + people[voice]
            + cities[place]
            + cities[self._home_of[org]]
            + self._countries[self._country_of[place]]
            + self._things[draw.thing]
            + self._offices[kind, gender]
            + numbers[draw.n]
            + numbers[draw.m]
            + self._amounts[draw.amount]
            + self._scores[draw.score]
            + dates[draw.day]
            + dates[draw.later]
            + numbers[self._since_of[org]]
            + self._tools[draw.scene]
        )
        if self._marked:
            values = tuple(
                form.replace("[", mark).replace("]", CLOSE) for form, mark in zip(values, self._marks, strict=True)
            )
        return values, (self._org_gender[kind], self._org_gender[self._kind_of[other]], gender, self._gender_of[voice])

    def seat_in_name(self, organisation: int) -> bool:
        """Whether the organisation is called after the city of its seat."""
        return self._named_after_city[self._kind_of[organisation]]

    def _forms(self, word: str | Sequence[str], declared: int = 1) -> tuple[str, ...]:
        """A word in all its forms: those declared (a single one stands for all), then those computed from the first."""
        given = [word] * declared if isinstance(word, str) else word
        forms = [bracketed(form) for form in given]
        forms += [compute(forms[0]) for compute in self._computed]
        return tuple(forms if self._marked else map(plain, forms))

    def _organisation(self, number: int) -> tuple[str, ...]:
        kind = self.facts.kinds[self._kind_of[number]]
        name = number - int(self.facts.offset[self._kind_of[number]])
        patterns, count = self.words["org"][kind]["name"], len(self.words["forms"]["org"])
        patterns = [patterns] * count if isinstance(patterns, str) else patterns
        if self.facts.inventory.organisations[kind] != "country":
            return self._forms([pattern.format(name=self.city(name)) for pattern in patterns])
        forms = self.words["country"][self.facts.inventory.countries[name]]
        declared = self.words["forms"]["country"]
        by_case = dict(zip(declared, [forms] * len(declared) if isinstance(forms, str) else forms, strict=True))
        filled = [
            pattern.replace("{name}", by_case[declared[0]]).replace("{name:gen}", by_case.get("gen", ""))
            for pattern in patterns
        ]
        return self._forms(filled)

    def _office(self, kind_and_gender: tuple[int, int]) -> tuple[str, ...]:
        kind, gender = kind_and_gender
        offices = self.words["org"][self.facts.kinds[kind]]["office"]
        return self._forms(offices[min(gender, len(offices) - 1)])
