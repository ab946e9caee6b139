"""KoBEST HellaSwag (Kim et al. 2022): which of four Korean sentences follows. TSV without quoting."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from smallbert.corpus.tally import BadRow, Tally
from smallbert.corpus.tasks import swag, tables
from smallbert.corpus.tasks.examples import Choice

COLUMNS = ("context", "choice1", "choice2", "choice3", "choice4", "label")


def read(path: str | Path, *, report: Tally | None = None) -> Iterator[Choice]:
    """The examples of a file; labels count from 0, the columns' names from 1.

    Raises:
        DataError: as :func:`smallbert.corpus.tasks.tables.read`.
    """

    def make(where: str, context: str, *rest: str) -> Choice | BadRow:
        *endings, label = rest
        return swag.choice(where, context, "", endings, label, "ko")

    return tables.read(path, COLUMNS, make, quoting="none", report=report)
