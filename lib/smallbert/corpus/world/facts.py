"""What is true in the world under a seed: cities lie in countries, people head organisations, purposes need tools."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from smallbert.corpus.world.draws import Zipf, key
from smallbert.corpus.world.lexicon import Inventory


class Triple(NamedTuple):
    """One fact. Subject and object are identifiers such as ``city:12``, ``org:bank:7`` or ``date:2025-03-09``."""

    subject: str
    relation: str
    object: str


RELATIONS = {
    # of entities
    "in_country": True,
    "based_in": True,
    "heads": True,
    "heads_since": True,
    "born_in": False,
    "needs_tool": False,
    # of events
    "kind": True,
    "actor": True,
    "involves": True,
    "about": True,
    "took_place_in": True,
    "date": True,
    "count": True,
    "second_count": True,
    "amount": True,
    "score": True,
    "caused_by": True,
    "leads_to": True,
    "result_date": True,
    "quotes": True,
    "scene": True,
}
"""Every relation, and whether any article states it. What is not stated cannot be learnt from the text."""


class Facts:
    """The facts that hold for all events of one seed.

    Organisations are numbered through all kinds: ``offset[kind] + name``. An organisation of a country stands in a
    city of that country, one named after a city stands there, and nobody heads two organisations.

    Attributes:
        country_of: city -> country, int64 (cities,).
        home_of, head_of, since_of: organisation -> city, person, year, int64 (organisations,).
        birthplace_of: person -> city, int64 (people,).
    """

    def __init__(self, inventory: Inventory, seed: int) -> None:
        rng = np.random.default_rng(key(seed, "facts"))
        self.inventory = inventory
        self.kinds = tuple(inventory.organisations)
        count = {part: len(forms["latin"]) for part, forms in inventory.names.items()}
        countries = len(inventory.countries)
        self.cities = count["stem"] * count["ending"]
        self.people = count["given"] * count["family"]
        named = [inventory.organisations[kind] for kind in self.kinds]
        sizes = [countries if source == "country" else self.cities for source in named]
        self.offset = np.concatenate([[0], np.cumsum(sizes)])
        self.kind_of = np.repeat(np.arange(len(sizes)), sizes)

        # Every country has a city; the others follow the law of the few large and many small.
        self.country_of = Zipf(countries, 0.7).rank(rng.random(self.cities))
        capitals = rng.permutation(self.cities)[:countries]
        self.country_of[capitals] = np.arange(countries)
        self.home_of = np.concatenate(
            [
                {"city": np.arange(size), "country": capitals}.get(source, rng.integers(0, self.cities, size))
                for source, size in zip(named, sizes, strict=True)
            ]
        )
        self.head_of = rng.permutation(self.people)[: self.offset[-1]]
        self.since_of = rng.integers(1998, 2025, self.offset[-1])
        self.birthplace_of = rng.integers(0, self.cities, self.people)

    def organisation(self, number: int) -> str:
        """Identifier of an organisation: ``org:KIND:NAME``."""
        kind = int(self.kind_of[number])
        return f"org:{self.kinds[kind]}:{number - int(self.offset[kind])}"

    def country(self, number: int) -> str:
        """Identifier of a country: ``country:CODE``."""
        return f"country:{self.inventory.countries[number]}"

    def in_country(self, city: int) -> Triple:
        """The country a city lies in."""
        return Triple(f"city:{city}", "in_country", self.country(int(self.country_of[city])))

    def based_in(self, organisation: int) -> Triple:
        """The city an organisation has its seat in."""
        return Triple(self.organisation(organisation), "based_in", f"city:{self.home_of[organisation]}")

    def heads(self, organisation: int) -> Triple:
        """Who heads an organisation."""
        return Triple(f"person:{self.head_of[organisation]}", "heads", self.organisation(organisation))

    def heads_since(self, organisation: int) -> Triple:
        """Since which year its head has been in office."""
        return Triple(f"person:{self.head_of[organisation]}", "heads_since", f"year:{self.since_of[organisation]}")

    def born_in(self, person: int) -> Triple:
        """The city a person was born in, which no article states."""
        return Triple(f"person:{person}", "born_in", f"city:{self.birthplace_of[person]}")

    def needs_tool(self, purpose: str) -> Triple:
        """The tool a purpose needs."""
        return Triple(f"scene:{purpose}", "needs_tool", f"tool:{self.inventory.purposes[purpose][1]}")

    def triples(self) -> Iterator[Triple]:
        """All facts about entities, those that no article states (:data:`RELATIONS`) among them."""
        for city in range(self.cities):
            yield self.in_country(city)
        for organisation in range(int(self.offset[-1])):
            yield self.based_in(organisation)
            yield self.heads(organisation)
            yield self.heads_since(organisation)
        for person in range(self.people):
            yield self.born_in(person)
        for purpose in self.inventory.purposes:
            yield self.needs_tool(purpose)
