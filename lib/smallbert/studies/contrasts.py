"""Paired contrasts over seeds, and the words that intervals allow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from smallbert.measure.comparisons import holm, paired_t
from smallbert.measure.stats import Interval, paired_interval, verdict

LEVEL = 0.95

NOT_AFTER_CORRECTION = "not told after correction"
"""Where an interval leaves zero out and only the correction for many comparisons forbids to call it a difference."""


def contrast(a: pd.Series, b: pd.Series) -> dict[str, float]:
    """Mean of ``a - b`` over the seeds both have, with its 95% interval and paired t-test.

    Returns:
        ``difference``, ``low``, ``high``, ``p`` and ``pairs``; not-a-number where fewer than two pairs are finite.
    """
    both = pd.DataFrame({"a": a, "b": b}).dropna()
    if len(both) < 2:
        return {"difference": np.nan, "low": np.nan, "high": np.nan, "p": np.nan, "pairs": len(both)}
    found = paired_interval(both.a, both.b, level=LEVEL)
    return {
        "difference": found.estimate,
        "low": found.low,
        "high": found.high,
        "p": paired_t(both.a, both.b),
        "pairs": len(both),
    }


def corrected(rows: pd.DataFrame, *, margin: float) -> pd.DataFrame:
    """Holm's correction over all rows, and a verdict for each: ``p`` becomes ``p_holm``, ``verdict`` is added.

    ``lower`` and ``higher`` ask for an interval beside zero and a corrected p below 0.05; where only p forbids them it
    is :data:`NOT_AFTER_CORRECTION`. ``equivalent`` asks for an interval within ``margin`` on both sides, whatever p is.
    """
    finite = rows.p.notna()
    adjusted = np.full(len(rows), np.nan)
    adjusted[finite] = holm(rows.p[finite])
    verdicts = [
        verdict(Interval(row.difference, row.low, row.high, row.pairs, LEVEL), margin=margin, p=p) if ok else "diverged"
        for row, p, ok in zip(rows.itertuples(), adjusted, finite, strict=True)
    ]
    found = rows.drop(columns="p").assign(p_holm=adjusted, verdict=verdicts)
    return found.assign(verdict=pd.Series([worded(row) for row in found.itertuples()], found.index, dtype=object))


def worded(row: Any) -> str:
    """The verdict of a corrected contrast as tables, figures and sentences say it.

    Intervals are shown uncorrected. Beside one that leaves zero out "no difference shown" would read as a
    contradiction, so there it is :data:`NOT_AFTER_CORRECTION`; every other verdict is its own word.

    Args:
        row: with ``verdict``, ``low`` and ``high``, as of :func:`corrected`; of tables written before that word too.
    """
    beside_zero = row.low > 0 or row.high < 0
    return NOT_AFTER_CORRECTION if row.verdict == "no difference shown" and beside_zero else str(row.verdict)


def against_chance(found: Interval, *, margin: float) -> str:
    """What an interval around an accuracy less chance says of it.

    Args:
        found: of the accuracy less chance.
        margin: so near to chance a score is worth nothing. ``at chance`` is an interval within the margin that has
            chance in it; one that leaves chance out is ``barely`` above or below.
    """
    word = verdict(found, margin=margin)
    if word == "equivalent":
        return "barely above chance" if found.low > 0 else "barely below chance" if found.high < 0 else "at chance"
    return {"higher": "above chance", "lower": "below chance"}.get(word, "not told from chance")


def by_seed(cells: pd.DataFrame, columns: str | list[str], values: str = "test_fvu") -> pd.DataFrame:
    """One row a seed, one column an arm; diverged cells are not-a-number and their arms stay.

    Args:
        cells: one row a cell; ``seed``, ``finite``, ``values`` and the columns that name an arm.
        columns: what names an arm.
        values: the outcome.
    """
    return cells.assign(**{values: cells[values].where(cells.finite)}).pivot(
        index="seed", columns=columns, values=values
    )
