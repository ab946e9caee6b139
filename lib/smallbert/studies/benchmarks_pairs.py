"""Ours beside peers in the same number format, task by task: what may be called faster, and what has no such peer."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from smallbert.studies.benchmarks import BESIDE, LOOP, OURS

TIMES, SLOWEST, FASTEST = BESIDE


@dataclass(frozen=True)
class Ahead:
    """How ours stands beside the fastest peers of one kind.

    Attributes:
        loop: the peers are plain PyTorch loops, not other libraries.
        pairs: of a task and a number format in which both were measured.
        ahead: those in which ours is faster in every round.
        least, most: times as fast as the peer, least and most over those, or over all pairs where there is none;
            medians over rounds.
        behind: the other pairs by name, such as ``PCA in fp32``, with that number, which is above 1 where only some
            round is slower.
    """

    loop: bool
    pairs: int
    ahead: int
    least: float
    most: float
    behind: dict[str, float]


def ahead(found: pd.DataFrame) -> list[Ahead]:
    """Other libraries first, then plain loops; a kind that has no pair is left out.

    Args:
        found: from :func:`smallbert.studies.benchmarks.comparisons`, or as a page wrote it; empty where it was written
            before pairs were measured.
    """
    if TIMES not in found:
        return []
    told = []
    for loop, part in closest(found).groupby("loop"):
        behind = part[~(part[SLOWEST] > 1)]
        named = dict(zip(behind.task, behind[TIMES].astype(float), strict=True))
        told_of = part.drop(behind.index) if len(behind) < len(part) else part
        ends = float(told_of[TIMES].min()), float(told_of[TIMES].max())
        told.append(Ahead(bool(loop), len(part), len(part) - len(behind), *ends, named))
    return told


def closest(found: pd.DataFrame) -> pd.DataFrame:
    """The fastest peer of each comparison and number format of ours, a library and a plain loop apart.

    Returns:
        Rows of ``found`` with ``loop`` (it is a plain loop) and ``task`` (such as ``PCA in fp32``).
    """
    beside = found[found[TIMES].notna()]
    beside = beside.assign(loop=[name.startswith(LOOP) for name in beside.variant], task=_tasks(beside))
    if beside.empty:
        return beside
    return beside.loc[beside.groupby(["task", "loop"], sort=False)[TIMES].idxmin()]


def alone(found: pd.DataFrame) -> pd.DataFrame:
    """Our variants beside peers none of which has their number format.

    Returns:
        Rows of ``found`` with ``peer form`` (number format of the first line), ``task`` and ``tasks`` (of ours in that
        format, alone or not).
    """
    first = found[found.variant == found.peer].set_index("comparison")["number format"]
    by_us = {name: found[name].astype(str).str.startswith(OURS) for name in ("variant", "peer")}
    ours = found[by_us["variant"] & ~by_us["peer"] & found.ratio.notna()]
    ours = ours.assign(**{"peer form": lambda rows: rows.comparison.map(first), "task": _tasks})
    ours["tasks"] = ours.groupby("number format").comparison.transform("nunique")
    return ours[~ours.task.isin(_tasks(found[found[TIMES].notna()]))]


def _tasks(found: pd.DataFrame) -> list[str]:
    return [f"{name} in {form}" for name, form in zip(found.comparison, found["number format"], strict=True)]
