"""SWAG (Zellers et al. 2018): which of four endings follows. JSON Lines, or the original CSV with the same names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from smallbert.corpus.tally import BadRow, Tally
from smallbert.corpus.tasks import tables
from smallbert.corpus.tasks.examples import Choice

COLUMNS = ("sent1", "sent2", "ending0", "ending1", "ending2", "ending3", "label")


def read(path: str | Path, *, lang: str = "en", report: Tally | None = None) -> Iterator[Choice]:
    """The examples of a file: ``sent1`` is the context, ``sent2`` how every ending starts.

    Raises:
        DataError: as :func:`smallbert.corpus.tasks.tables.read`.
    """

    def make(where: str, context: str, start: str, *rest: str) -> Choice | BadRow:
        *endings, label = rest
        return choice(where, context, start, endings, label, lang)

    return tables.read(path, COLUMNS, make, quoting="quoted", report=report)


def choice(where: str, context: str, start: str, endings: Sequence[str], label: str, lang: str) -> Choice | BadRow:
    """An example from its cells, or why its label is none."""
    if label not in ("0", "1", "2", "3"):
        return BadRow("unknown label", f"expected 0 to 3, got {label[:40]!r}")
    return Choice(where, context, start, tuple(endings), int(label), lang)
