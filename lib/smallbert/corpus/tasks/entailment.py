"""Entailment: KLUE-NLI (Park et al. 2021) as one JSON list, XNLI and KorNLI (Ham et al. 2020) as TSV."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from smallbert.corpus.tally import BadRow, Tally
from smallbert.corpus.tasks import documents, tables
from smallbert.corpus.tasks.examples import Pair
from smallbert.corpus.tasks.usable import problem, usable
from smallbert.errors import DataError

LABELS = ("entailment", "neutral", "contradiction")
"""What a hypothesis is to its premise. Files may order or number them otherwise; here they are always words."""


def read(path: str | Path, *, report: Tally | None = None) -> Iterator[Pair]:
    """A file of either form: one JSON list where its name ends so, else a table.

    Raises:
        DataError: as :func:`read_klue` or :func:`read_tsv`.
    """
    return (read_klue if Path(path).suffix.lower() == ".json" else read_tsv)(path, report=report)


def read_tsv(path: str | Path, *, lang: str = "ko", report: Tally | None = None) -> Iterator[Pair]:
    """Premise, hypothesis and label from the columns ``sentence1``, ``sentence2``, ``gold_label``, without quoting.

    Raises:
        DataError: as :func:`smallbert.corpus.tasks.tables.read`.
    """
    columns = ("sentence1", "sentence2", "gold_label")
    return tables.read(path, columns, lambda *row: _pair(*row, lang=lang), quoting="none", report=report)


def read_klue(path: str | Path, *, report: Tally | None = None) -> Iterator[Pair]:
    """Premise, hypothesis and label from a JSON list of objects, held in memory.

    Raises:
        DataError: not such a list (at the call); too many bad objects, or none good (while reading).
    """
    path = Path(path)
    entries = documents.expect(documents.load(path), list, path.name)
    return usable(_klue(entries, path.name), path.name, report)


def _klue(entries: list[Any], name: str) -> Iterator[tuple[str, Pair | BadRow]]:
    names = ("guid", "premise", "hypothesis", "gold_label")
    for number, entry in enumerate(entries):
        where = f"{name}: [{number}]"
        try:
            texts = {field: documents.field(entry, field, str, where) for field in names}
        except DataError as error:
            yield where, BadRow("wrong form", error.message.removeprefix(where).lstrip(":. "))
        else:
            yield where, problem(texts) or _pair(*texts.values(), lang="ko")


def _pair(where: str, premise: str, hypothesis: str, label: str, *, lang: str) -> Pair | BadRow:
    if label not in LABELS:
        return BadRow("unknown label", f"expected {', '.join(LABELS)}, got {label[:40]!r}")
    return Pair(where, premise, hypothesis, label, lang)
