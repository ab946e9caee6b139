"""Which column of a file is the title, which the text: named by the caller, else guessed from its name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

from smallbert.corpus import readers
from smallbert.corpus.rows import COLUMNS
from smallbert.errors import DataError, UsageError

# The first name that a file has wins, so the order is the preference.
GUESSES: dict[str, tuple[str, ...]] = {
    "id": ("id", "article_id", "doc_id", "uuid", "guid", "url", "link"),
    "lang": ("lang", "language", "locale", "idioma"),
    "title": ("title", "headline", "heading", "subject", "titulo", "título", "titre", "titel"),
    "content": ("content", "text", "body", "article", "document", "story", "review", "texto", "description"),
    "topic": ("topic", "topics", "category", "section", "label", "categoria"),
    "group": ("group", "event", "event_id", "group_id"),
}


def check(columns: Mapping[str, str]) -> None:
    """Refuse a mapping whose left-hand side is no column of a row.

    Raises:
        UsageError: with the nearest name that exists.
    """
    for name in columns:
        if name not in COLUMNS:
            near = difflib.get_close_matches(name, COLUMNS, n=1)
            raise UsageError(
                f"Expected a column mapping for one of {', '.join(COLUMNS)}, got {name!r}.",
                f"Did you mean {near[0]!r}?" if near else "Write OURS=THEIRS, for example title=headline.",
            )


def resolve(available: Sequence[str], columns: Mapping[str, str], where: str) -> dict[str, str]:
    """Match our columns with a file's.

    Args:
        available: the file's column names; case and surrounding blanks do not matter.
        columns: our name -> the file's name; ``""`` leaves ours unknown; others are guessed
            (:data:`GUESSES`).
        where: the file, for messages.

    Returns:
        our name -> the file's name as it is spelt there, for every column found.

    Raises:
        UsageError: the mapping names a column rows do not have.
        DataError: a mapped column or the content is not in the file, or two columns share the name.
    """
    check(columns)
    spelt: dict[str, list[str]] = {}
    for name in available:
        spelt.setdefault(_plain(name), []).append(name)
    found: dict[str, str] = {}
    for ours in COLUMNS:
        wanted = (columns[ours],) if ours in columns else GUESSES[ours]
        theirs = next((_plain(name) for name in wanted if _plain(name) in spelt), None)
        if theirs is None:
            if columns.get(ours):
                raise _missing(where, f"the column {columns[ours]!r} (mapped to {ours})", available)
            continue
        if len(spelt[theirs]) > 1:
            raise DataError(f"{where}: expected one column {theirs!r}, found {len(spelt[theirs])}.")
        found[ours] = spelt[theirs][0]
    if "content" not in found:
        raise _missing(where, f"a content column ({', '.join(GUESSES['content'])})", available)
    return found


def _plain(name: str) -> str:
    return name.strip().casefold()


def _missing(where: str, wanted: str, available: Sequence[str]) -> DataError:
    if len(available) == 1 and (other := _other_delimiter(where, available[0])):
        return other
    there = ", ".join(repr(name[:60]) for name in list(available)[:20]) or "none"
    return DataError(
        f"{where}: expected {wanted}; the columns there are {there}.",
        'Say which it is: --column content=NAME, or for the report -p \'columns={"content": "NAME"}\'.',
    )


_DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "vertical bars"}


def _other_delimiter(where: str, header: str) -> DataError | None:
    """The error for a CSV or TSV file whose header is one column because another character sets the columns apart."""
    suffix = readers.kind(Path(where)) or ""
    expected = readers.DELIMITERS.get(suffix)
    found = max((one for one in _DELIMITERS if one != expected), key=header.count)
    if expected is None or found not in header:
        return None
    named = next((other for other, delimiter in readers.DELIMITERS.items() if delimiter == found), None)
    if named:
        hint = f"Rename it to end in {named}, which is read with {_DELIMITERS[found]}."
    else:
        convert = f"pandas.read_csv('OLD.csv', sep='{found}', dtype=str, keep_default_na=False)"
        hint = (
            "No option reads it. Write the file with commas: "
            f"python -c \"import pandas; {convert}.to_csv('NEW.csv', index=False)\""
        )
    return DataError(
        f"{where}: expected columns set apart by {_DELIMITERS[expected]}, as in every {suffix} file; the header is one "
        f"column and holds {_DELIMITERS[found]}: {header[:60]!r}.",
        hint,
    )
