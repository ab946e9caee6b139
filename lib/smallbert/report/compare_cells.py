"""The cells of two matched tables that differ, each with what judges it: an interval, seeds, or nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from smallbert.measure.stats import half_width
from smallbert.report.compare_noise import SPREAD, difference, limits
from smallbert.report.compare_tables import DIGEST, SEED, Match, number
from smallbert.studies.contrasts import LEVEL

Kind = Literal["count", "number", "word", "time", "spread", "digest"]
"""What a cell holds: whole numbers, other numbers, words; times and what else is not held against a run."""

FIGURE = "figure "
"""What stands before the name of a figure where its data is one of the tables."""

ROUNDING = 1e-9
"""Numbers this close, relative or absolute, are the same: the last digits of a float."""


def differing(own: Match) -> pd.DataFrame:
    """Which cells outside the key differ by more than rounding: true or false, by row and column."""
    columns = [name for name in own.a.columns if name not in own.key]
    return pd.DataFrame({name: _differ(own.a[name], own.b[name]) for name in columns}, index=own.a.index)


def cells(own: Match, differs: pd.DataFrame, repetitions: int | None) -> Iterator[dict[str, Any]]:
    """The cells that differ, those that are repeated over seeds once a group.

    Args:
        own: two tables.
        differs: from :func:`differing`.
        repetitions: how often the page repeated what has an interval, where the table does not say; None where
            intervals are over articles.

    Yields:
        ``row``, ``column``, ``kind``, the values ``a`` and ``b``; for numbers ``difference``, b less a; where
        something judges it ``low``, ``high`` and ``p``.
    """
    columns = [name for name in differs if differs[name].any()]
    if SEED in own.key:
        repeated = [name for name in columns if _is_numeric(own.a[name]) and _is_numeric(own.b[name])]
        yield from _by_seed(own, differs[repeated])
        columns = [name for name in columns if name not in repeated]
    found = [] if SEED in own.key else limits(own.a)
    intervals = {one.estimate: one for one in found}
    ends = {name for one in found for name in (one.low, one.high)}
    for column in columns:
        for row in own.a.index[differs[column]]:
            cell = _cell(own.label(row), column, own.a.at[row, column], own.b.at[row, column])
            if column in ends or SPREAD.fullmatch(column):
                cell["kind"] = "spread"
            elif column in intervals:
                a, b = (intervals[column].interval(one.loc[row], repetitions) for one in (own.a, own.b))
                if a is not None and b is not None:
                    between, p = difference(a, b)
                    cell |= {"difference": between.estimate, "low": between.low, "high": between.high, "p": p}
            yield cell


def _by_seed(own: Match, differs: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Columns of numbers repeated over seeds: each group's means and paired difference, over the seeds both have.

    A cell that only one run has, as where the other's training diverged, stands alone.
    """
    columns, others = list(differs.columns), [name for name in own.key if name != SEED]
    if not columns:
        return
    groups = [*others, len(own.key)]  # the index's last level counts rows that nothing tells apart
    apart = own.b[columns] - own.a[columns]
    means = [one[columns].where(apart.notna()).groupby(level=groups, sort=False).mean() for one in (own.a, own.b)]
    moved = sum(one[columns].groupby(level=groups, sort=False).nunique() for one in (own.a, own.b)) > 2
    alone = differs & apart.isna()
    changed = (differs & ~alone).groupby(level=groups, sort=False).any()
    for column in columns:
        for row in own.a.index[alone[column]]:
            yield _cell(own.label(row), column, own.a.at[row, column], own.b.at[row, column])
        found = apart[column].groupby(level=groups, sort=False).agg(["mean", "sem", "count"])[changed[column]]
        half = half_width(found["sem"], found["count"], level=LEVEL)
        p = _paired_p(found)
        for position, group in enumerate(found.index):
            cell = _cell(_group(own, group), column, *(float(one.at[group, column]) for one in means))
            # What no seed moves is not repeated, however many seeds there are.
            if found["count"].iloc[position] > 1 and moved.at[group, column]:
                mean = found["mean"].iloc[position]
                cell |= {"low": mean - half[position], "high": mean + half[position], "p": p[position]}
            yield cell


def _paired_p(differences: pd.DataFrame) -> np.ndarray:
    """Two-sided p of paired t-tests from mean, standard error and count; 0 or 1 where there is no spread."""
    mean, sem, count = (differences[name].to_numpy(float) for name in ("mean", "sem", "count"))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(mean == 0, 0.0, np.abs(mean) / sem)
    return 2 * stats.t.sf(t, np.maximum(count - 1, 1))


def _group(own: Match, group: tuple[str, ...]) -> str:
    return ", ".join(filter(None, [own.label(group, SEED), "mean over seeds"]))


def _cell(row: str, column: str, a: Any, b: Any) -> dict[str, Any]:
    x, y = number(a), number(b)
    kind: Kind
    if x is not None and y is not None:
        kind = "count" if x.is_integer() and y.is_integer() else "number"
        return {"row": row, "column": column, "kind": kind, "a": x, "b": y, "difference": y - x}
    kind = "digest" if all(isinstance(one, str) and DIGEST.fullmatch(one) for one in (a, b)) else "word"
    return {"row": row, "column": column, "kind": kind, "a": _word(a), "b": _word(b)}


def _word(value: Any) -> str:
    return "–" if value is None or value != value else str(value)


def _differ(a: pd.Series, b: pd.Series) -> np.ndarray:
    """Which values of two columns differ by more than rounding; gaps equal gaps."""
    if _is_numeric(a) and _is_numeric(b):
        return ~np.isclose(a.to_numpy(float), b.to_numpy(float), rtol=ROUNDING, atol=ROUNDING, equal_nan=True)
    return np.array([not _equal(*pair) for pair in zip(a, b, strict=True)], dtype=bool)


def _equal(a: Any, b: Any) -> bool:
    x, y = number(a), number(b)
    if x is None or y is None:
        return x is y and _word(a) == _word(b)
    return math.isclose(x, y, rel_tol=ROUNDING, abs_tol=ROUNDING)


def _is_numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
