"""The world as a corpus: its events as rows, a million and more, any slice alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from smallbert.corpus.rows import SCHEMA
from smallbert.corpus.world.draws import key, uniform
from smallbert.corpus.world.events import Draw, Draws, Event, describe
from smallbert.corpus.world.facts import Facts, Triple
from smallbert.corpus.world.lexicon import LANGUAGES, inventory
from smallbert.corpus.world.telling import CHOICES, Telling, assemble, compose, with_tool
from smallbert.corpus.world.tongue import Memo, Tongue
from smallbert.errors import UsageError

_BLOCK = 4096
# An aside speaks of the event this far on: far enough to be another story, fixed so that no event needs a search.
_ASIDE = 1_000_003


class World:
    """A generated world of news with known ground truth.

    Everything about event ``i`` is a pure function of ``(seed, i)``: no state runs from one event to the next.

    Args:
        seed: any integer; another seed is another world of facts and events, told in the same languages.
        languages: language codes, some of :data:`LANGUAGES`.
        languages_per_event: fewest and most languages one event is told in by :meth:`batches`.
        source: folder of the lexicons; ``data/world`` by default.

    Raises:
        UsageError: an unknown language, or an impossible number of languages per event.
        DataError: a lexicon is missing or wrong.
    """

    def __init__(
        self,
        seed: int,
        *,
        languages: Sequence[str] = LANGUAGES,
        languages_per_event: tuple[int, int] = (1, 4),
        source: Path | None = None,
    ) -> None:
        self.languages = tuple(languages)
        unknown = sorted(set(self.languages) - set(LANGUAGES))
        if unknown or not self.languages:
            raise UsageError(
                f"Expected languages among {', '.join(LANGUAGES)}, got {', '.join(unknown) or 'none'}.",
                "Name at least one of them.",
            )
        fewest, most = languages_per_event
        if not 1 <= fewest <= most:
            raise UsageError(f"Expected 1 <= fewest <= most languages per event, got {languages_per_event}.")
        self._fewest, self._most = min(fewest, len(self.languages)), min(most, len(self.languages))
        self.seed = seed
        self.inventory = inventory(source)
        self.facts = Facts(self.inventory, seed)
        self._draws = Draws(self.facts, seed)
        self._tongues = Memo(lambda code: Tongue(code, self.facts, source=source))
        self._marked = Memo(lambda code: Tongue(code, self.facts, marked=True, source=source))

    def event(self, number: int) -> Event:
        """The ground truth of one event."""
        return describe(number, self._name(number), self._draw(number), self.facts)

    def events(self, start: int, stop: int) -> Iterator[Event]:
        """The ground truth of events ``start`` to ``stop - 1``."""
        for first in range(start, stop, _BLOCK):
            numbers = range(first, min(first + _BLOCK, stop))
            for number, draw in zip(numbers, self._draws(np.array(numbers)), strict=True):
                yield describe(number, self._name(number), draw, self.facts)

    def telling(self, number: int, lang: str, *, variant: int = 0, name_tool: bool = False) -> Telling:
        """One event told in one language, with the spans of its entities and the facts of each sentence.

        Args:
            number: the event.
            lang: one of the world's languages.
            variant: 0 is the wording :meth:`batches` gives; any other number words the event anew.
            name_tool: after a scene, say which tool was used, a fact that articles leave out.
        """
        tongue = self._marked[self._known(lang)]
        draw, aside = self._draw(number), self._draw(number + _ASIDE)
        choices = uniform(self._wording(lang, variant), np.array([number]), CHOICES)[0].tolist()
        title, parts = compose(tongue, draw, choices, aside)
        if name_tool:
            parts = with_tool(tongue, draw, parts)
        return assemble(tongue, variant, title, parts, self.event(number), self.event(number + _ASIDE))

    def told_in(self, number: int) -> tuple[str, ...]:
        """The languages in which :meth:`batches` tells an event, in the order of the rows."""
        return tuple(self.languages[i] for i in self._languages(np.array([number]))[0])

    def triples(self) -> Iterator[Triple]:
        """All facts about entities; :data:`RELATIONS` says which of them articles state."""
        return self.facts.triples()

    def label(self, entity: str, lang: str) -> str:
        """The name of an entity in a language: of a person, org, city, country, thing, tool or date.

        Raises:
            UsageError: the identifier is of no such type.
        """
        return self._tongues[self._known(lang)].label(entity)

    def batches(self, start: int, stop: int) -> Iterator[pa.RecordBatch]:
        """Rows of events ``start`` to ``stop - 1``, in order; slices side by side give what one run gives."""
        for first in range(start, stop, _BLOCK):
            yield self._batch(np.arange(first, min(first + _BLOCK, stop)))

    def _batch(self, numbers: np.ndarray) -> pa.RecordBatch:
        draws, asides = self._draws(numbers), self._draws(numbers + _ASIDE)
        told = self._languages(numbers)
        rows: dict[tuple[int, int], tuple[str, str]] = {}
        for code in {i for languages in told for i in languages}:
            lang = self.languages[code]
            tongue = self._tongues[lang]
            space = tongue.space
            chosen = [row for row, languages in enumerate(told) if code in languages]
            choices = uniform(self._wording(lang, 0), numbers[chosen], CHOICES).tolist()
            for row, u in zip(chosen, choices, strict=True):
                title, parts = compose(tongue, draws[row], u, asides[row])
                rows[row, code] = title.text, space.join([part.introduction + part.text for part in parts])
        order = [(row, code) for row, languages in enumerate(told) for code in languages]
        groups = [self._name(number) for number in numbers.tolist()]
        topics = [self.inventory.kinds[draw.kind].topic for draw in draws]
        languages = [self.languages[code] for _, code in order]
        columns = {
            "id": [f"{groups[row]}-{lang}" for (row, _), lang in zip(order, languages, strict=True)],
            "lang": languages,
            "title": [rows[at][0] for at in order],
            "content": [rows[at][1] for at in order],
            "topic": [topics[row] for row, _ in order],
            "group": [groups[row] for row, _ in order],
        }
        return pa.RecordBatch.from_pydict(columns, schema=SCHEMA)

    def _draw(self, number: int) -> Draw:
        return self._draws(np.array([number]))[0]

    def _languages(self, numbers: np.ndarray) -> list[list[int]]:
        """Indices of the languages each event is told in: a random few, in random order."""
        u = uniform(key(self.seed, "languages"), numbers, 1 + len(self.languages))
        counts = self._fewest + (u[:, 0] * (self._most - self._fewest + 1)).astype(np.int64)
        order = u[:, 1:].argsort(axis=1, kind="stable")
        return [row[:count] for row, count in zip(order.tolist(), counts.tolist(), strict=True)]

    def _name(self, number: int) -> str:
        return f"world-{self.seed}-{number}"

    def _wording(self, lang: str, variant: int) -> int:
        return key(self.seed, f"wording/{lang}/{variant}")

    def _known(self, lang: str) -> str:
        if lang not in self.languages:
            raise UsageError(f"Expected one of {', '.join(self.languages)}, got {lang}.", "Choose one of them.")
        return lang


def stream(
    rows: int,
    seed: int,
    *,
    languages: Sequence[str] = LANGUAGES,
    languages_per_event: tuple[int, int] = (1, 4),
) -> Iterator[pa.RecordBatch]:
    """Exactly ``rows`` articles of the world, batch by batch, in bounded memory.

    Args:
        rows: number of articles.
        seed: the world's seed.
        languages, languages_per_event: see :class:`World`.

    Raises:
        UsageError: as :class:`World`.
    """
    world = World(seed, languages=languages, languages_per_event=languages_per_event)
    first = 0
    while rows > 0:
        for batch in world.batches(first, first + _BLOCK):
            yield batch.slice(0, rows)
            rows -= batch.num_rows
        first += _BLOCK
