"""Figures of page 8 on the whole report: quality kept against bytes, megabytes and time, and what nothing beats."""

from __future__ import annotations

import textwrap
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.ticker import NullFormatter

from smallbert.figures.page import Chart
from smallbert.figures.style import BLUE, FLOOR, GREEN, INK, ORANGE, PURPLE, SKY, VERMILION, WIDTH, Look, look

LOOKS = {
    "whole encoder": Look(INK, "*", ""),
    "trim": Look(GREEN, "^", ""),
    "narrow word table": Look(ORANGE, "v", ""),
    "drop layers": Look(SKY, "P", ""),
    "distil": Look(VERMILION, "o", ""),
    "small, trained alone": Look(FLOOR, "X", ""),
    "share or factorise": Look(PURPLE, "s", ""),
    "fewer bits": Look(BLUE, "D", ""),
    "stacked": Look(INK, "h", ""),
    "another encoder": Look(FLOOR, "d", ""),
}
"""Every kind of method's own look, the same in all figures of the page."""

AXES = {
    "bytes": "bytes a vector",
    "megabytes": "megabytes of weights",
    "time": "time of a text read alone, share of the reference's",
}

ROOM = 1.6
"""Quality beyond this share of the reference's is cut off: it is a sign of few seeds or of a weak reference."""

LETTER, LINE = 0.0155, 0.075
"""Room of a name in a panel, as shares of it: a letter's width, a line's height. Names without room are in the data."""


def frontier(points: pd.DataFrame, cost: str) -> Chart:
    """Quality kept against one cost, a panel a measure; the line joins what nothing else beats.

    Args:
        points: columns ``name``, ``method``, ``measure``, the cost, ``kept``, ``low``, ``high``, ``front``, ``page``;
            for ``time`` also ``time low`` and ``time high``.
        cost: of :data:`AXES`.
    """
    found = list(dict.fromkeys(points.measure))
    columns = min(2, max(len(found), 1))
    rows = max(-(-len(found) // columns), 1)
    figure, panels = plt.subplots(rows, columns, figsize=(WIDTH, 2.9 * rows + 0.6), squeeze=False)
    for axes in panels.flat[len(found) :]:
        axes.remove()
    methods = list(dict.fromkeys([*(one for one in LOOKS if (points.method == one).any()), *points.method]))
    for axes, measure in zip(panels.flat, found, strict=False):
        _panel(axes, points[points.measure == measure], cost, methods)
        axes.set(title=textwrap.fill(measure, 40), xlabel=AXES[cost])
    for row in panels:
        row[0].set_ylabel("kept, share of the reference's")
    handles = []
    for name in methods:
        own = _look(name, methods)
        handles.append(plt.Line2D([], [], color=own.color, marker=own.marker, linestyle="", label=name))
    handles.append(plt.Line2D([], [], color=INK, linewidth=1, label="nothing beats these"))
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=7.5)
    return Chart(
        f"frontier_{cost}",
        figure,
        points,
        _said(points, cost),
        f"Quality kept against {AXES[cost]}; each point as its own page measured it, against its own reference (1). "
        "The line joins points that no other beats in both by their means. Error bars: 95%, over seeds, articles or "
        f"queries as its page says; without one only a mean was measured. Cut off at 0 and {ROOM:g}.",
    )


def _panel(axes: Axes, part: pd.DataFrame, cost: str, methods: list[str]) -> None:
    for row in part.to_dict("records"):
        own = _look(row["method"], methods)
        ends = [[_ends(row["kept"] - row["low"])], [_ends(row["high"] - row["kept"])]]
        across = None
        if cost == "time":
            across = [[_ends(row["time"] - row["time low"])], [_ends(row["time high"] - row["time"])]]
        axes.errorbar(
            row[cost], row["kept"], yerr=ends, xerr=across, color=own.color, marker=own.marker, linestyle="", capsize=2,
            linewidth=0.9, markersize=6 if row["front"] else 4, alpha=1.0 if row["front"] else 0.6,
        )  # fmt: skip
    best = part[part.front].sort_values([cost, "kept"])
    axes.plot(best[cost], best.kept, color=INK, linewidth=1, drawstyle="steps-post", zorder=1)
    axes.axhline(1, color=FLOOR, linestyle=":", linewidth=1)
    axes.set_ylim(0, min(max(1.1, 1.08 * part.kept.max()), ROOM))
    if cost == "time":
        axes.set_xlim(0, max(1.15, 1.1 * part[cost].max()))  # an interval of few rounds would hide the points
    if cost != "time" and part[cost].max() > 4 * part[cost].min() > 0:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.08)
    for row in _named(axes, best, cost):
        axes.annotate(
            row["label"], (row[cost], min(row["kept"], ROOM)), xytext=(0, 7 if row["above"] else -7),
            textcoords="offset points", fontsize=6.5, ha=row["side"], va="bottom" if row["above"] else "top",
            path_effects=[withStroke(linewidth=2, foreground="white")],
        )  # fmt: skip


def _named(axes: Axes, best: pd.DataFrame, cost: str) -> list[dict[str, Any]]:
    """Points of a front whose name has room below or above them, from the best on, and at which side of each."""
    scale = np.log if axes.get_xscale() == "log" else float
    low, high = (scale(limit) for limit in axes.get_xlim())
    chosen: list[dict[str, Any]] = []
    taken: list[tuple[float, float, float]] = []
    for row in best.drop_duplicates("name")[::-1].to_dict("records"):
        across, up = (scale(row[cost]) - low) / (high - low), min(row["kept"], ROOM) / axes.get_ylim()[1]
        label = textwrap.shorten(row["name"], 34, placeholder=" …")
        side = "left" if across < 0.5 else "right"
        left = across if side == "left" else across - LETTER * len(label)
        for above in (False, True):
            middle = up + LINE if above else up - LINE
            free = all(
                left > end or left + LETTER * len(label) < start or abs(middle - at) > LINE for start, end, at in taken
            )
            if free and LINE / 2 < middle < 1:
                taken.append((left, left + LETTER * len(label), middle))
                chosen.append(row | {"label": label, "side": side, "above": above})
                break
    return chosen[::-1]


def _look(method: str, methods: list[str]) -> Look:
    return LOOKS.get(method) or look(method, methods.index(method))


def _ends(length: float) -> float:
    """Length of an error bar's arm; none where there is no interval, or where rounding puts the mean outside it."""
    return max(length, 0.0) if np.isfinite(length) else 0.0


def _said(points: pd.DataFrame, cost: str) -> str:
    """The fronts in words."""
    if points.empty:
        return f"No page of this edition has measured quality against {AXES[cost]}."
    told = []
    for measure, part in points[points.front].groupby("measure", sort=False):
        best = part.sort_values(cost).drop_duplicates("name")
        told.append(f"{measure}: " + ", ".join(f"{row['name']} {row['kept']:.0%}" for row in best.to_dict("records")))
    return f"Not beaten by mean, from the least {AXES[cost]}. {'; '.join(told)}."
