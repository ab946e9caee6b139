"""What the cells of page 6 say: scores beside controls, what is retained of the reference, what is lost for sure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from smallbert.measure.stats import Interval, mean_interval
from smallbert.studies.contrasts import LEVEL, by_seed, contrast, corrected
from smallbert.studies.transfer_controls import CONSTANT, WORDS
from smallbert.studies.transfer_shelf import FRESH, REFERENCE

MARGIN = 0.01
"""A point of accuracy, F1 or correlation that does not matter; intervals within it are equivalent."""

KEYS = ["task", "model", "mode"]

RETAINED = ["retained", "retained low", "retained high"]


def summary(cells: pd.DataFrame, controls: pd.DataFrame) -> pd.DataFrame:
    """Every encoder on every task.

    Args:
        cells: scores of :class:`smallbert.studies.transfer.Cells`.
        controls: from :func:`smallbert.studies.transfer_controls.controls`.

    Returns:
        One row a task, encoder and mode: these, ``metric``, ``score`` with ``low`` and ``high`` (95% t interval over
        seeds), ``floor`` (the constant answer's score), ``words`` (the bag of words'), ``learnt`` (whether the whole
        interval lies above the floor), and ``retained``, ``retained low``, ``retained high``: score above floor as a
        share of the reference's, with Fieller's interval; not-a-number where the reference has not learnt the task, or
        is not used in this mode.
    """
    known = controls.pivot(index="task", columns="control", values="score")
    rows = []
    for (task, mode), part in cells.groupby(["task", "mode"], sort=False):
        wide, floor = by_seed(part.assign(finite=True), "model", "score"), known[CONSTANT][task]
        learnt = REFERENCE in wide and mean_interval(wide[REFERENCE], level=LEVEL).low > floor
        for model in dict.fromkeys(part.model):
            over = mean_interval(wide[model], level=LEVEL)
            kept = ratio_interval(wide[model] - floor, wide[REFERENCE] - floor) if learnt else None
            rows.append(
                {
                    **dict(zip(KEYS, (task, model, mode), strict=True)),
                    "metric": part.metric.iloc[0],
                    "score": over.estimate,
                    "low": over.low,
                    "high": over.high,
                    "floor": floor,
                    "words": known[WORDS][task],
                    "learnt": over.low > floor,
                    **dict(zip(RETAINED, (kept.estimate, kept.low, kept.high) if kept else (np.nan,) * 3, strict=True)),
                }
            )
    return pd.DataFrame(rows)


def chosen_rates(rates: pd.DataFrame) -> pd.DataFrame:
    """The peak rate that each encoder takes for each task, a column a task.

    Args:
        rates: of :class:`smallbert.studies.transfer.Cells`.

    Returns:
        Columns ``model``, ``mode``, and the tasks'; one row of :data:`EVERY` encoder for a mode in which all take the
        same.
    """
    chosen = rates[rates.chosen]
    wide = chosen.pivot(index=["model", "mode"], columns="task", values="rate")
    order = list(dict.fromkeys(zip(chosen.model, chosen["mode"], strict=True)))
    table = wide.loc[order, list(dict.fromkeys(chosen.task))].reset_index().rename_axis(columns=None)
    parts = []
    for _, part in table.groupby("mode", sort=False):
        same = len(part) > 1 and len(part.drop(columns="model").drop_duplicates()) == 1
        parts.append(part.head(1).assign(model=EVERY) if same else part)
    return pd.concat(parts, ignore_index=True)


EVERY = "every encoder"
"""Stands for all models in a table."""


def overall(cells: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """What each encoder retains over all tasks that the reference has learnt in a mode.

    The mean score above the floors as a share of the reference's: a ratio of means, since a mean of ratios would be
    ruled by the task that the reference has barely learnt.

    Args:
        cells: as of :func:`summary`.
        found: from :func:`summary`.

    Returns:
        Columns ``mode``, ``model``, ``tasks`` (number), ``retained``, ``retained low``, ``retained high``.
    """
    rows = []
    for mode, part in _learnt(cells, found).groupby("mode", sort=False):
        above = part.score - part.task.map(found.drop_duplicates("task").set_index("task").floor)
        means = by_seed(
            part.assign(finite=True, score=above)
            .groupby(["model", "seed"], sort=False)[["score", "finite"]]
            .mean()
            .reset_index()
            .astype({"finite": bool}),
            "model",
            "score",
        )
        for model in dict.fromkeys(part.model):
            kept = ratio_interval(means[model], means[REFERENCE])
            rows.append((mode, model, part.task.nunique(), kept.estimate, kept.low, kept.high))
    return pd.DataFrame(rows, columns=["mode", "model", "tasks", *RETAINED])


def ratio_interval(a: Sequence[float], b: Sequence[float], *, level: float = LEVEL) -> Interval:
    """Mean of a over mean of b with Fieller's interval (1954), for pairs that share a seed.

    Exact for normal pairs, whatever their correlation. Infinite where b's own mean is not told from zero.

    Args:
        a: shape (n,).
        b: shape (n,).
        level: confidence level.
    """
    both = np.array([a, b], dtype=np.float64)
    n = both.shape[1]
    top, below = both.mean(axis=1)
    (aa, ab), (_, bb) = np.cov(both) * stats.t.ppf((1 + level) / 2, n - 1) ** 2 / n
    # The ratios r for which |mean(a - r b)| is within its own t interval lie between the roots of a parabola.
    square, half, rest = below**2 - bb, top * below - ab, top**2 - aa
    if square <= 0:
        return Interval(top / below if below else math.nan, -math.inf, math.inf, n, level)
    root = math.sqrt(max(half**2 - square * rest, 0.0))
    return Interval(top / below, (half - root) / square, (half + root) / square, n, level)


def contrasts(cells: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Every encoder against the reference on each task that this has learnt, paired by seed; Holm over all of a mode.

    The control with fresh weights is no hypothesis and is left out.

    Args:
        cells: as of :func:`summary`.
        found: from :func:`summary`.

    Returns:
        Columns ``task``, ``model``, ``mode``, ``difference`` (score), ``low``, ``high``, ``pairs``, ``p_holm``,
        ``verdict``.
    """
    columns = [*KEYS, "difference", "low", "high", "p", "pairs"]
    tables = [corrected(pd.DataFrame(columns=columns), margin=MARGIN)]
    for mode, part in _learnt(cells, found).groupby("mode", sort=False):
        rows = []
        for task, own in part.groupby("task", sort=False):
            wide = by_seed(own.assign(finite=True), "model", "score")
            rows += [
                {"task": task, "model": model, "mode": mode} | contrast(wide[model], wide[REFERENCE])
                for model in dict.fromkeys(own.model)
                if model not in (REFERENCE, FRESH)
            ]
        tables.append(corrected(pd.DataFrame(rows, columns=columns), margin=MARGIN))
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def answering(cells: pd.DataFrame) -> pd.DataFrame:
    """Questions that may have no answer: those with one and those without, apart, means over seeds.

    Args:
        cells: as of :func:`summary`.

    Returns:
        Columns of :data:`KEYS`, ``tau`` (chosen on development), ``exact`` and ``F1`` of all questions, ``answerable
        exact``, ``answerable F1`` and ``unanswerable`` (share taken to have none); empty without such questions.
    """
    names = {"score": "F1", "answerable": "answerable F1"}
    shown = ["tau", "exact", "score", "answerable exact", "answerable", "unanswerable"]
    own = cells[cells.tau.notna()] if "tau" in cells else cells[:0].reindex(columns=[*KEYS, *shown])
    return own.groupby(KEYS, sort=False)[shown].mean().reset_index().rename(columns=names)


def _learnt(cells: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Cells of the tasks that the reference has learnt, mode by mode."""
    known = found[(found.model == REFERENCE) & found.learnt]
    return cells.merge(known[["task", "mode"]], on=["task", "mode"])
