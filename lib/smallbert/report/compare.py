"""Two runs side by side: what was told to them, what they ran on, and what came out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from smallbert.errors import UsageError
from smallbert.report.compare_numbers import compare_numbers
from smallbert.report.compare_runs import Run
from smallbert.report.compare_settings import environment, inputs, same_experiment, settings

MISSING = ["page", "table", "what", "name", "run"]


@dataclass(frozen=True)
class Comparison:
    """What tells two runs apart.

    Args:
        a: the first run.
        b: the second.
        settings: from :func:`smallbert.report.compare_settings.settings`.
        inputs: from :func:`smallbert.report.compare_settings.inputs`.
        environment: from :func:`smallbert.report.compare_settings.environment`.
        same_experiment: both were told the same and read the same articles.
        missing: columns ``page``, ``table`` (of a row or column), ``what`` (page, table, figure, row or column),
            ``name`` and ``run`` (``a`` or ``b``, the one that has it).
        cells: the cells that differ, as :class:`smallbert.report.compare_numbers.Numbers` describes them.
        same: cells that are equal but for rounding, by page.
        shared: pages that both have.
    """

    a: Run
    b: Run
    settings: pd.DataFrame
    inputs: pd.DataFrame
    environment: pd.DataFrame
    same_experiment: bool
    missing: pd.DataFrame
    cells: pd.DataFrame
    same: Counter[str]
    shared: tuple[str, ...]

    @cached_property
    def counts(self) -> dict[str, int]:
        """Cells by verdict, ``same`` first."""
        told = self.cells.verdict.value_counts()
        words = ("real", "noise", "no interval", "word", "not held")
        return {"same": self.same.total()} | {word: int(told.get(word, 0)) for word in words}

    @cached_property
    def counted(self) -> pd.DataFrame:
        """The cells that make the runs differ.

        Real differences always do. A number or word that no interval judges does only where both runs are the same
        experiment: chance then had no part in it, while other settings move it by as much as they move it.
        """
        verdicts = ["real", "no interval", "word"] if self.same_experiment else ["real"]
        return self.cells[self.cells.verdict.isin(verdicts)]

    @property
    def differs(self) -> bool:
        """Whether anything differs beyond noise: what :attr:`counted` holds, or what only one run has."""
        return bool(len(self.counted) or len(self.missing))


def compare(a: Run, b: Run) -> Comparison:
    """Compare two runs.

    Raises:
        UsageError: they have no page in common.
        DataError: a table cannot be read.
    """
    shared = tuple(stem for stem in a.stages if stem in b.stages)
    if not shared:
        found = (", ".join(run.stages) or "no page" for run in (a, b))
        raise UsageError(
            f"{a.called} and {b.called} have no page in common: {' against '.join(found)}.",
            "Compare runs of the same notebooks.",
        )
    told = settings(a, b, list(shared))
    numbers = compare_numbers(a, b, list(shared))
    pages = [
        (stem, "", "page", stem, side)
        for side, one, other in (("a", a, b), ("b", b, a))
        for stem in one.stages
        if stem not in other.stages
    ]
    return Comparison(
        a,
        b,
        settings=told,
        inputs=inputs(a, b),
        environment=environment(a, b, list(shared)),
        same_experiment=same_experiment(a, b, told),
        missing=pd.DataFrame([*pages, *numbers.missing], columns=MISSING),
        cells=numbers.rows,
        same=numbers.same,
        shared=shared,
    )


def tally(kinds: pd.Series) -> str:
    """``3 tables, 1 row`` of a column that says what each thing is."""
    counts = kinds.value_counts(sort=False).items()
    return ", ".join(f"{count:,} {what}{'' if count == 1 else 's'}" for what, count in counts)
