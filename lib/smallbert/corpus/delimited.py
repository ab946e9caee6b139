"""CSV and TSV, row by row, with the line each row starts on.

``csv.reader`` splits the fields. Around it stands what it leaves open: a quote that never closes
swallows the rest of a file silently, so every row is read with the lines it came from at hand, and
where its quoting is broken only its first line is given up and reading goes on at the next one.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Literal, TextIO

from smallbert.corpus.tally import BadRow
from smallbert.errors import DataError, UsageError

Quoting = Literal["auto", "quoted", "none"]

SAMPLE = 1 << 20
"""Characters looked at to settle ``auto`` quoting."""

_LONGEST_CELL = 2**31 - 1


def read(
    text: TextIO, where: str, delimiter: str, quoting: Quoting, longest_row: int
) -> tuple[list[str], Iterator[tuple[int, list[str] | BadRow]]]:
    """Read the header, then rows on demand.

    Args:
        text: the file, opened with ``newline=""``.
        where: its name, for messages.
        delimiter: a comma or a tab.
        quoting: ``quoted``: fields may stand in double quotes (doubled inside) and then hold
            delimiters and line breaks; ``none``: a quote is a character like any other; ``auto``:
            whichever breaks fewer rows of the first :data:`SAMPLE` characters, ``quoted`` when equal.
        longest_row: characters after which a row that still stands in quotes counts as broken.

    Returns:
        the column names, and an iterator over (line number, cells or why the row is bad). Blank
        lines are no rows.

    Raises:
        UsageError: an unknown ``quoting``.
        DataError: the file is empty.
    """
    if quoting not in ("auto", "quoted", "none"):
        raise UsageError(f"Expected quoting auto, quoted or none, got {quoting!r}.")
    head = list(_within(text, SAMPLE))
    if quoting == "auto":
        broken = {way: _broken_rows(head, delimiter, way) for way in ("quoted", "none")}
        quoting = "quoted" if broken["quoted"] <= broken["none"] else "none"
    rows = _rows(_Lines(itertools.chain(head, text), longest_row), delimiter, quoting)
    line, header = next(rows, (0, []))
    if isinstance(header, BadRow):
        raise DataError(f"{where}:{line}: expected a header, got {header.kind} ({header.detail}).")
    if not header:
        raise DataError(f"{where}: expected a header and rows, the file is empty.")
    return header, _same_width(rows, len(header))


def _within(lines: Iterator[str], size: int) -> Iterator[str]:
    """Lines until ``size`` characters have passed."""
    while size > 0 and (line := next(lines, None)) is not None:
        size -= len(line)
        yield line


def _broken_rows(head: Sequence[str], delimiter: str, quoting: str) -> int:
    """Rows of the sample that break; where it ends within the file, only rows that start in its
    first half are judged, since the last ones may be cut."""
    cut = sum(map(len, head)) >= SAMPLE
    judged = len(head) // 2 if cut else len(head)
    rows = _rows(_Lines(iter(head), SAMPLE), delimiter, quoting)
    _, header = next(rows, (0, []))
    if isinstance(header, BadRow):
        return len(head)
    starts = itertools.takewhile(lambda row: row[0] <= judged, _same_width(rows, len(header)))
    return sum(isinstance(row, BadRow) for _, row in starts)


def _same_width(rows: Iterator[tuple[int, list[str] | BadRow]], width: int) -> Iterator[tuple[int, list[str] | BadRow]]:
    for line, row in rows:
        if not isinstance(row, BadRow) and len(row) != width:
            row = BadRow("wrong column count", f"expected {width}, got {len(row)}")
        yield line, row


class _RowTooLong(Exception):
    """A row still stands in quotes after the allowed number of characters."""


class _Lines:
    """Numbered lines that remember the current row's, so that all but its first can be read again."""

    def __init__(self, lines: Iterator[str], longest_row: int) -> None:
        self._lines = lines
        self._again: deque[str] = deque()
        self._row: list[str] = []
        self._size = 0
        self._longest_row = longest_row
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self._size > self._longest_row:
            raise _RowTooLong
        line = self._again.popleft() if self._again else next(self._lines)
        self.number += 1
        self._row.append(line)
        self._size += len(line)
        return line

    def next_row(self) -> None:
        self._row.clear()
        self._size = 0

    def give_up_first_line(self) -> None:
        rest = self._row[1:]
        self._again.extendleft(reversed(rest))
        self.number -= len(rest)
        self.next_row()


def _rows(lines: _Lines, delimiter: str, quoting: str) -> Iterator[tuple[int, list[str] | BadRow]]:
    # The module's own limit is global and far too low for news; ours is longest_row.
    csv.field_size_limit(_LONGEST_CELL)
    how: Literal[0, 3] = csv.QUOTE_MINIMAL if quoting == "quoted" else csv.QUOTE_NONE
    reader = csv.reader(lines, delimiter=delimiter, quoting=how, strict=True)
    while True:
        start = lines.number + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield start, BadRow("broken quoting", str(error))
            lines.give_up_first_line()
        except _RowTooLong:
            yield start, BadRow("oversized field", "a quoted field that does not close")
            lines.give_up_first_line()
        else:
            lines.next_row()
            if row:
                yield start, row


def open_text(file: io.BufferedReader, where: str) -> TextIO:
    """UTF-8 with or without a byte order mark. Invalid bytes become lone surrogates, so that they
    spoil the row they stand in and no other; line ends are kept.

    Raises:
        DataError: the file is UTF-16 or UTF-32.
    """
    if file.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(
            f"{where}: expected UTF-8, found a UTF-16 byte order mark.",
            "Convert it: iconv -f UTF-16 -t UTF-8.",
        )
    return io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
