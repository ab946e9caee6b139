"""The one way in which every reader leaves out what it cannot use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from smallbert.corpus.tally import BadRow, Tally
from smallbert.errors import DataError

Example = TypeVar("Example")

LONGEST = 1 << 20
"""Characters a text may have."""


def usable(found: Iterable[tuple[str, Example | BadRow | None]], name: str, report: Tally | None) -> Iterator[Example]:
    """Yield the examples among what a file holds, and count the rest.

    Args:
        found: place and example of each row; a bad row where it cannot be used, None where it is no example by design.
        name: the file, for messages.
        report: receives the tally of rows, and limits the bad ones (5 % by default).

    Raises:
        DataError: too many bad rows, or no example.
    """
    report = Tally() if report is None else report
    any_good = False
    for where, example in found:
        report.rows += 1
        if isinstance(example, BadRow):
            report.add(where, example)
        elif example is not None:
            any_good = True
            yield example
    report.finish()
    if not any_good:
        raise DataError(f"{name}: expected examples, found none among {report.rows:,} rows.", "Is the file cut?")


def problem(texts: Mapping[str, str | None]) -> BadRow | None:
    """The first of some texts that cannot be used, or None.

    Args:
        texts: column or field -> its text, None where the file has none.
    """
    for name, text in texts.items():
        if not text or text.isspace():
            return BadRow(f"missing {name}")
        if bad := damage(name, text):
            return bad
    return None


def damage(name: str, text: str) -> BadRow | None:
    """What makes a text, which may be empty, unusable: its length, a NUL byte or broken Unicode."""
    if len(text) > LONGEST:
        return BadRow("oversized field", f"{name} has {len(text):,} characters")
    if "\0" in text:
        return BadRow("NUL byte", name)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            return BadRow("broken encoding", f"{name}, character {error.start + 1}")
    return None
