"""Examples in a file of one's own: a table with one example a row and columns of any names."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from smallbert.corpus.tally import BadRow, Tally
from smallbert.corpus.tasks import tables
from smallbert.corpus.tasks.examples import Pair, ScoredPair, Text

COLUMNS = {
    "sentence": ("text", "label"),
    "pair": ("first", "second", "label"),
    "similarity": ("first", "second", "score"),
}
"""Our columns, by kind of task; a file may call them otherwise."""


def read(
    path: str | Path,
    kind: str,
    *,
    columns: Mapping[str, str],
    labels: Mapping[str, str],
    report: Tally | None = None,
) -> Iterator[Text | Pair | ScoredPair]:
    """The examples of a file.

    Args:
        path: CSV, TSV, JSON Lines or Parquet.
        kind: sentence, pair or similarity.
        columns: ours -> the file's, where they differ.
        labels: the file's label -> ours; a row with another label is bad. Empty takes labels as they are.
        report: receives the tally of rows, and limits the bad ones.

    Raises:
        DataError: as :func:`smallbert.corpus.tasks.tables.read`.
    """

    def make(where: str, *cells: str) -> Text | Pair | ScoredPair | BadRow:
        *texts, last = cells
        if kind == "similarity":
            score = _number(last)
            if score is None:
                return BadRow("no number", f"score {last[:40]!r}")
            return ScoredPair(where, texts[0], texts[1], score)
        if labels and last not in labels:
            return BadRow("unknown label", f"expected {', '.join(labels)}, got {last[:40]!r}")
        label = labels.get(last, last)
        return Text(where, texts[0], label) if kind == "sentence" else Pair(where, texts[0], texts[1], label)

    wanted = [columns.get(name, name) for name in COLUMNS[kind]]
    return tables.read(path, wanted, make, quoting="auto", report=report)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
