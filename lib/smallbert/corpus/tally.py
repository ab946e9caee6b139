"""How far a reading has come, and the rows it could not use: counted by kind, the first ones quoted by
file and line, limited in number."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from smallbert.errors import DataError, UsageError

EXAMPLES = 20
"""How many bad rows are kept to show; all are counted."""

EARLY = 10_000
"""A share cannot be judged on few rows: before so many, a stream may hold as many bad rows as
so many rows would be allowed. The exact share is checked when the stream ends."""


BROKEN_ENCODING = "broken encoding"


class BadRow(NamedTuple):
    """Why one row cannot be used: ``kind`` is counted, ``detail`` is shown."""

    kind: str
    detail: str = ""


class Tally:
    """The tally of one reading.

    Args:
        limit: how many bad rows are skipped before the reading stops: a share of all rows (a float
            from 0 to 1) or a number of rows (an int).

    Attributes:
        rows: rows seen, bad ones included.
        bytes: bytes of the source's files consumed.
        counts: bad rows by kind.
        examples: the first :data:`EXAMPLES`, as ``file:line: kind (detail)``.
    """

    def __init__(self, limit: int | float = 0.05) -> None:
        if isinstance(limit, bool) or not limit >= 0 or (isinstance(limit, float) and limit > 1):
            raise UsageError(f"Expected max_bad_rows as a share (0.0 to 1.0) or a whole number, got {limit!r}.")
        self.limit = limit
        self.rows = 0
        self.bytes = 0
        self.counts: Counter[str] = Counter()
        self.examples: list[str] = []

    @property
    def total(self) -> int:
        """Bad rows so far."""
        return self.counts.total()

    def add(self, where: str, bad: BadRow) -> None:
        """Count one bad row.

        Raises:
            DataError: the limit is passed.
        """
        self.counts[bad.kind] += 1
        if len(self.examples) < EXAMPLES:
            example = f"{where}: {bad.kind}" + (f" ({bad.detail})" if bad.detail else "")
            # Names of files and columns are the corpus's own: none may move a terminal's cursor.
            self.examples.append("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in example))
        self._check(max(self.rows, EARLY))

    def finish(self) -> None:
        """Judge the whole reading.

        Raises:
            DataError: the limit is passed.
        """
        self._check(self.rows)

    def _check(self, rows: int) -> None:
        allowed = self.limit if isinstance(self.limit, int) else self.limit * rows
        if self.total > allowed:
            shown = "\n  ".join(self.examples[:5])
            raise DataError(
                f"Expected at most {self.limit:.3g}{' of all' if isinstance(self.limit, float) else ''} rows "
                f"to be unusable, but {self.total:,} of the first {self.rows:,} are ({self._kinds()}):\n  {shown}.",
                self._hint(),
            )

    def _hint(self) -> str:
        """What to do about rows like those counted."""
        if 2 * self.counts[BROKEN_ENCODING] > self.total:
            return "Is the file UTF-8? Convert it, for example with iconv -f LATIN1 -t UTF-8."
        more = "--max-bad-rows 0.1, or for the report -p max_bad_rows=0.1"
        return f"Mend the file or the mapping of its columns, or allow more: {more}."

    def summary(self) -> str:
        """One line on the rows that were skipped, with the first three; ``""`` where none was."""
        if not self.total:
            return ""
        shown = "; ".join(self.examples[:3])
        return f"{self.total:,} of {self.rows:,} rows cannot be used and are skipped ({self._kinds()}): {shown}"

    def _kinds(self) -> str:
        return ", ".join(f"{count:,} {kind}" for kind, count in self.counts.most_common())

    def as_dict(self) -> dict[str, Any]:
        """The tally as plain data, for the manifest."""
        return {"rows": self.rows, "counts": dict(sorted(self.counts.items())), "examples": self.examples}
