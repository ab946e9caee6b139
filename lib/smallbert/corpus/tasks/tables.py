"""Examples that stand one a row: TSV, CSV, JSON Lines and Parquet, by the names of their columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from smallbert.corpus.delimited import Quoting
from smallbert.corpus.readers import open_table
from smallbert.corpus.tally import BadRow, Tally
from smallbert.corpus.tasks.usable import problem, usable
from smallbert.errors import DataError

Example = TypeVar("Example")
Make = Callable[..., Example | BadRow | None]


def read(
    path: str | Path, columns: Sequence[str], make: Make[Example], *, quoting: Quoting, report: Tally | None
) -> Iterator[Example]:
    """Read examples in the order of the file, in bounded memory.

    Args:
        path: a file of any suffix that :func:`smallbert.corpus.readers.open_table` knows.
        columns: the columns an example is made of; the file may have others. Every cell must hold text.
        make: from ``file:line`` and a row's cells to its example; a bad row if a cell is not what it should be;
            None for a row that is no example by design.
        quoting: of CSV and TSV, see :func:`smallbert.corpus.delimited.read`.
        report: see :func:`smallbert.corpus.tasks.usable.usable`.

    Raises:
        DataError: an unreadable file, or a column that is missing or there twice (at the call); too many bad rows,
            or no example (while reading).
    """
    path = Path(path)
    with open_table(path, path.name, quoting=quoting) as table:
        missing = [name for name in columns if name not in table.columns]
        if missing:
            there = ", ".join(repr(name[:60]) for name in table.columns[:20])
            raise DataError(
                f"{path.name}: expected the columns {', '.join(columns)}; missing {', '.join(missing)} among {there}.",
                "Is this the right file, and the right reader for it?",
            )
        for name in columns:
            if (times := table.columns.count(name)) > 1:
                raise DataError(
                    f"{path.name}: expected one column {name!r}, found {times}.", "Rename or remove the others."
                )
    return usable(_rows(path, columns, make, quoting), path.name, report)


def _rows(
    path: Path, columns: Sequence[str], make: Make[Example], quoting: Quoting
) -> Iterator[tuple[str, Example | BadRow | None]]:
    with open_table(path, path.name, quoting=quoting) as table:
        for number, row in table.rows(columns):
            where = f"{path.name}:{table.unit}{number}"
            bad = row if isinstance(row, BadRow) else problem(dict(zip(columns, row, strict=True)))
            yield where, bad or make(where, *row)
