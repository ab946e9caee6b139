"""Numbers printed in papers and write-ups, each with its source: ``data/published.toml``.

Prose, figures and tests read a published number here, so it is typed once and can be traced.
"""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from smallbert import paths
from smallbert.errors import DataError, UsageError

Kind = Literal["printed", "computed"]


@dataclass(frozen=True)
class Published:
    """One published number or list.

    Attributes:
        id: its name, such as ``original.rows``.
        value: a number, a text, or a tuple of these.
        unit: what it counts; empty for a pure number or a text.
        kind: ``printed`` in the source, or ``computed`` by us from what the source defines.
        source: author, year, title or repository, with an address where there is one.
        where: table, section or file within the source.
        note: how to read it, and what disagrees with it.
    """

    id: str
    value: Any
    unit: str
    kind: Kind
    source: str
    where: str
    note: str


def load(path: Path | None = None) -> dict[str, Published]:
    """All published numbers by id, in the order of the file.

    Args:
        path: another file than the project's ``data/published.toml``.

    Raises:
        DataError: the file is missing or no TOML, an entry lacks a field or has an unknown one, has an empty
            source, or repeats an id.
    """
    path = path or paths.data() / "published.toml"
    try:
        with path.open("rb") as file:
            entries = tomllib.load(file)["published"]
    except FileNotFoundError as error:
        raise DataError(f"Expected published numbers in {path}, which does not exist.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is no readable TOML: {error}.") from error
    except KeyError as error:
        raise DataError(f"Expected entries [[published]] in {path}, found none.") from error
    table: dict[str, Published] = {}
    for number, entry in enumerate(entries, start=1):
        place = f"{path}, entry {number} ({entry.get('id', 'without id')})"
        _check(entry, place)
        if entry["id"] in table:
            raise DataError(f"{place}: the id is used twice.")
        value = entry["value"]
        table[entry["id"]] = Published(**entry | {"value": tuple(value) if isinstance(value, list) else value})
    return table


def published(id: str) -> Published:
    """The published number of that id, from the project's own table.

    Raises:
        UsageError: there is none; close names are suggested.
        DataError: as :func:`load`.
    """
    path = paths.data() / "published.toml"
    table = _as_of(path, path.stat().st_mtime_ns) if path.exists() else load(path)
    if id not in table:
        close = difflib.get_close_matches(id, table, n=3)
        hint = f"Did you mean {' or '.join(close)}?" if close else "See data/published.toml for the ids."
        raise UsageError(f"No published number is called {id!r}.", hint)
    return table[id]


@cache
def _as_of(path: Path, changed: int) -> dict[str, Published]:
    """The file as it was when ``changed`` (nanoseconds): pages ask for dozens of numbers, each time from the whole."""
    return load(path)


def _check(entry: dict[str, Any], place: str) -> None:
    expected = [field.name for field in fields(Published)]
    missing, unknown = sorted(set(expected) - set(entry)), sorted(set(entry) - set(expected))
    if missing or unknown:
        raise DataError(f"{place}: expected the fields {expected}; missing {missing}, unknown {unknown}.")
    if entry["kind"] not in get_args(Kind):
        raise DataError(f"{place}: expected kind printed or computed, got {entry['kind']!r}.")
    if not str(entry["source"]).strip():
        raise DataError(f"{place}: expected a source, got an empty one.")
