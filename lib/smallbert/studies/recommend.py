"""What to take within a budget, from the points an edition has measured; and when nothing fits, that."""

from __future__ import annotations

import numpy as np
import pandas as pd

from smallbert.errors import DataError, UsageError
from smallbert.results import Results
from smallbert.studies.frontier_points import COSTS, FRONTIER, OTHERS, TASKS, build_command, is_page_command

POINTS = "points"
"""The table of page 8 that holds every point."""

ENOUGH = 5
"""Rivals that are named."""


def points(results: Results) -> pd.DataFrame:
    """Every point of an edition; a command that builds one may be newer than the edition.

    Raises:
        DataError: the edition has no page 8, or it holds no point.
    """
    found = results.of(FRONTIER).table(POINTS)
    if found.empty:
        raise DataError(f"Edition {results.edition.name} has measured no point.", "Run its other pages, then page 8.")
    commands = found.command.fillna("")
    today = [build_command(point, results) for point in found.point]
    return found.assign(command=commands.where(~commands.map(is_page_command) | (np.array(today) == ""), today))


def measure(found: pd.DataFrame, cost: str, task: str = "") -> str:
    """The measure to judge by.

    Args:
        found: from :func:`points`.
        cost: ``megabytes`` or ``bytes``.
        task: a part of a measure's name, such as ``topic``, or of one task's; by default task scores, else topics, else
            neighbours, whichever comes first.

    Raises:
        UsageError: no measure of that name, or several.
        DataError: nothing was measured against this cost.
    """
    own = found[(found.kind == COSTS[cost]) & found[cost].notna() & found.kept.notna()]
    known = list(dict.fromkeys(own.measure))
    if not known:
        raise DataError(f"Expected points with {cost}, got none.", "Run the other pages of this edition, then page 8.")
    if not task:
        usual = [name for name in known if not name.startswith(OTHERS)] or known
        ranked = [name for start in (TASKS, "topic", "neighbour") for name in usual if name.startswith(start)]
        return (ranked or usual)[0]
    single = set(own.measure[own.detail])
    named = [name for name in known if task.lower() in name.lower()]
    # What a page measured of all its articles or tasks goes before a single task of it.
    named = [name for name in named if name == task] or [name for name in named if name not in single] or named
    if len(named) != 1:
        raise UsageError(
            f"Expected a part of one measure's name, got {task!r}, which is in those of {len(named)}.",
            f"Measured in this edition: {'; '.join(known)}.",
        )
    return named[0]


def within(found: pd.DataFrame, cost: str, budget: float, name: str) -> pd.DataFrame:
    """The points that fit a budget, best mean first, of equals the cheapest.

    Args:
        found: from :func:`points`.
        cost: ``megabytes`` or ``bytes``.
        budget: at most so much of it.
        name: of the measure.
    """
    own = found[(found.measure == name) & (found.kind == COSTS[cost]) & found.kept.notna() & (found[cost] <= budget)]
    return own.sort_values(["kept", cost], ascending=[False, True]).reset_index(drop=True)


def answer(found: pd.DataFrame, cost: str, budget: float, name: str) -> list[str]:
    """The recommendation in lines, true whatever was measured.

    Args:
        found: from :func:`points`.
        cost: ``megabytes`` or ``bytes``.
        budget: at most so much of it.
        name: of the measure.
    """
    unit = "MB of weights" if cost == "megabytes" else "bytes a vector"
    fit = within(found, cost, budget, name)
    if fit.empty:
        every = within(found, cost, float("inf"), name)
        least = every.loc[every[cost].idxmin()]
        return [
            f"Nothing that was measured by {name} fits {budget:g} {unit}.",
            f"The smallest is {least['name']} ({least.point}): {least[cost]:.4g} {unit}, {_kept(least)}.",
        ]
    best = fit.iloc[0]
    measured = name.replace(" kept", "")
    lines = [
        f"{best['name']} ({best.point}): {best[cost]:.4g} {unit}, {_kept(best)} of its reference's {measured}.",
        f"Measured on page {int(best.page[:2])} ({best.page}.html#{best['where']}), {_behind(best)}.",
    ]
    if best.kept <= best.floor:
        lines.append(f"That is worth nothing: without any encoder, by frequencies alone, {best.floor:.1%} is kept.")
    if not pd.isna(best.time):
        high = f"{best['time high']:.0%}" if np.isfinite(best["time high"]) else "no upper limit told"
        lines.append(f"Its time for one text: {best.time:.0%} [{best['time low']:.0%}, {high}] of the reference's.")
    rivals = fit.iloc[1:]
    rivals = rivals[(rivals.high.fillna(rivals.kept) >= (best.low if not pd.isna(best.low) else best.kept))]
    if len(rivals):
        told = "; ".join(f"{row['name']}, {row[cost]:.4g} {unit}" for row in rivals.head(ENOUGH).to_dict("records"))
        more = f" and {len(rivals) - ENOUGH} more" if len(rivals) > ENOUGH else ""
        lines.append(f"Not told from it by their intervals: {told}{more}.")
    if name.startswith(OTHERS):
        lines.append("Its reference is not the edition's encoder but the one named.")
    lines.append(
        f"To build it: {best.command}" if not pd.isna(best.command) and best.command else "It needs no building."
    )
    return lines


def _kept(row: pd.Series) -> str:
    if pd.isna(row.low):
        return f"keeps {row.kept:.1%} (a mean without an interval)"
    return f"keeps {row.kept:.1%} [{row.low:.1%}, {row.high:.1%}]"


def _behind(row: pd.Series) -> str:
    return f"over {row.over}" if pd.isna(row.n) else f"over {int(row.n):,} {row.over}"
