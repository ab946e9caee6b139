"""KorSTS (Ham et al. 2020): Korean sentence pairs with a similarity from 0 to 5. TSV without quoting."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from smallbert.corpus.tally import BadRow, Tally
from smallbert.corpus.tasks import tables
from smallbert.corpus.tasks.examples import ScoredPair


def read(path: str | Path, *, report: Tally | None = None) -> Iterator[ScoredPair]:
    """The pairs of a file, from the columns ``sentence1``, ``sentence2`` and ``score``.

    Quotes are characters like any other: read as CSV the file loses rows, since some cells start with one.

    Raises:
        DataError: as :func:`smallbert.corpus.tasks.tables.read`.
    """
    return tables.read(path, ("sentence1", "sentence2", "score"), _pair, quoting="none", report=report)


def _pair(where: str, first: str, second: str, score: str) -> ScoredPair | BadRow:
    try:
        value = float(score)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 5:
        return BadRow("unknown score", f"expected 0 to 5, got {score[:40]!r}")
    return ScoredPair(where, first, second, value, "ko")
