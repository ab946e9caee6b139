"""Figures of page 8 on the whole report: quality kept against bytes, megabytes and time, and what nothing beats."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator, NullFormatter
from matplotlib.transforms import ScaledTranslation

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
"""No panel is higher: quality beyond this share of the reference's is a sign of few seeds or of a weak reference."""

PANEL, LINE = 1.05, 0.13
"""Least height of a panel, and the height of a line of its key, inches."""

COUNTED = (
    "Megabytes are of the weights that make a vector, without a file's header, pooler or heads; where masked words are "
    "predicted, the head that does so counts too."
)
"""What megabytes are of, the same for all points of a panel."""

NOTHING = "nothing is above what is kept without a trained encoder"
"""What a panel says that has no front."""

NAME = 42
"""Letters of a name that a key has room for; whole names are in the data."""

ENOUGH = 8.0
"""Room that a number needs to the next point or number, points."""

ROUNDING = 1e-6
THIN = 2.0
"""How much nearer a number may stand to an error bar, points."""

NEAR = ((-6, 6), (-6, -6), (6, 6), (6, -7), (0, 10), (0, -10), (-11, 0), (11, 0), (-8, 15), (8, 15), (0, 18), (0, -18))
"""Where a number may stand beside its point, points; the first is free of the line, which comes from below."""


def frontier(points: pd.DataFrame, cost: str, kept: str) -> Chart:
    """Quality kept against one cost, a panel a measure; the line joins what nothing else beats.

    The points of the line are numbered by their cost; a key at the right of the panel names them.

    Args:
        points: columns ``name``, ``method``, ``measure``, the cost, ``kept``, ``low``, ``high``, ``floor``, ``front``,
            ``page``; for ``time`` also ``time low`` and ``time high``.
        cost: of :data:`AXES`.
        kept: what is kept, in words.
    """
    found = list(dict.fromkeys(points.measure))
    methods = list(dict.fromkeys([*(one for one in LOOKS if (points.method == one).any()), *points.method]))
    best = {measure: _best(points[points.measure == measure], cost) for measure in found}
    heights = [max(PANEL, LINE * (2 + len(best[measure]))) for measure in found] or [PANEL]
    figure, panels = plt.subplots(
        len(heights), 2, figsize=(WIDTH, sum(heights) + 0.22 * len(heights) + 0.9), squeeze=False, sharex="col",
        height_ratios=heights,
    )  # fmt: skip
    if not found:
        for axes in panels.flat:
            axes.remove()
    for (axes, key), measure in zip(panels, found, strict=False):
        part = points[points.measure == measure]
        _panel(axes, part, cost, methods)
        axes.set(title=measure, ylabel="kept")
        _key(key, best[measure], cost, methods)
    if found:
        _scale(panels[-1, 0], points, cost)
        panels[-1, 0].set_xlabel(AXES[cost])
        handles = []
        for name in methods:
            own = _look(name, methods)
            handles.append(plt.Line2D([], [], color=own.color, marker=own.marker, linestyle="", label=name))
        handles.append(plt.Line2D([], [], color=INK, linewidth=1, label="nothing beats these"))
        if points.floor.notna().any():
            handles.append(
                plt.Line2D([], [], color=FLOOR, linestyle="--", linewidth=1, label="without a trained encoder")
            )
        figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=7.5)
        # Numbers are placed by the distance that points have on the finished figure.
        figure.draw_without_rendering()
        for axes, measure in zip(panels[:, 0], found, strict=True):
            _number(axes, best[measure], points[points.measure == measure], cost)
    shown = dict(zip(found, panels[:, 0], strict=False))
    counted = f" {COUNTED}" if cost == "megabytes" else ""
    return Chart(
        f"frontier_{cost}",
        figure,
        points,
        _said(points, cost),
        f"Quality kept against {AXES[cost]}; each point as its own page measured it. {kept} The line joins points that "
        "no other beats in both by their means; they are numbered and named at the right. Dashed: what is kept without "
        "a trained encoder, by word frequencies alone, by always the commonest topic or by fresh weights; what is not "
        "above that is not on the line. Error bars: 95%, over seeds, articles or queries as its page says; without one "
        f"only a mean was measured.{counted} {_cut(shown, points, cost)}",
    )


def _best(part: pd.DataFrame, cost: str) -> pd.DataFrame:
    """The front of one measure from the least cost on, one row a name."""
    return part[part.front].sort_values([cost, "kept"]).drop_duplicates("name")


def _panel(axes: Axes, part: pd.DataFrame, cost: str, methods: list[str]) -> None:
    for row in part.to_dict("records"):
        own = _look(row["method"], methods)
        ends = [[_ends(row["kept"] - row["low"])], [_ends(row["high"] - row["kept"])]]
        across = None
        if cost == "time":
            across = [[_ends(row["time"] - row["time low"])], [_ends(row["time high"] - row["time"])]]
        axes.errorbar(
            row[cost], row["kept"], yerr=ends, xerr=across, color=own.color, marker=own.marker, linestyle="",
            capsize=2 if row["front"] else 0, elinewidth=0.9, markersize=6 if row["front"] else 4,
            alpha=1.0 if row["front"] else 0.4, zorder=3 if row["front"] else 2,
        )  # fmt: skip
    best = part[part.front].sort_values([cost, "kept"])
    axes.plot(best[cost], best.kept, color=INK, linewidth=1, drawstyle="steps-post", zorder=1)
    axes.axhline(1, color=FLOOR, linestyle=":", linewidth=1)
    floors = part.floor.dropna().unique()  # pages that ask other articles have another one
    for floor in floors:
        axes.axhline(floor, color=FLOOR, linestyle="--", linewidth=1, zorder=1)
    axes.set_ylim(0, min(max(1.25, 1.08 * part.kept.max(), *(1.08 * floors)), ROOM))
    axes.set_yticks([0, 0.5, 1])


def _scale(axes: Axes, part: pd.DataFrame, cost: str) -> None:
    """The axis of the cost: time from nothing on, anything else logarithmic where it is wide, alike in all panels."""
    low, high = part[cost].min(), part[cost].max()
    if cost == "time":
        axes.set_xlim(0, max(1.15, 1.1 * high))  # an interval of few rounds would hide the points
    elif high > 4 * low > 0:
        axes.set_xscale("log")
        axes.set_xlim(low / 1.4, high * 1.4)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 50 * low else (1,)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())


def _cut(shown: Mapping[str, Axes], points: pd.DataFrame, cost: str) -> str:
    """Where the panels end, and what goes on beyond."""
    tops = sorted({f"{axes.get_ylim()[1]:.2f}" for axes in shown.values()})
    bars = marks = 0
    for measure, axes in shown.items():
        part = points[points.measure == measure]
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        beyond = (part.low < bottom) | (part.high > top)
        if cost == "time":
            beyond |= (part["time low"] < left) | (part["time high"] > right)
        bars += int(beyond.sum())
        marks += int((part.kept > top).sum())
    if not bars + marks:
        return "Nothing is cut off."
    ends = f"kept at 0 and {' to '.join(dict.fromkeys((tops[0], tops[-1])))}{' by panel' if len(tops) > 1 else ''}"
    if cost == "time":
        left, right = next(iter(shown.values())).get_xlim()
        ends += f", time at {left:.2g} and {right:.2f}"
    beyond = {"{} of {} points lie": marks, "error bars of {} of {} points reach": bars}
    told = [words.format(count, len(points)) for words, count in beyond.items() if count]
    return f"Cut off: {ends}; {' and '.join(told)} beyond."


def _key(axes: Axes, best: pd.DataFrame, cost: str, methods: list[str]) -> None:
    """Names of a front's points with both values, a line each."""
    axes.axis("off")
    if best.empty:
        axes.annotate(NOTHING, (0, 1), xycoords="axes fraction", va="top", fontsize=7, color=FLOOR)
        return
    head, form = {"megabytes": ("MB", "{:#.3g}"), "bytes": ("bytes", "{:,.0f}"), "time": ("time", "{:.2f}")}[cost]
    words: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "center", "fontsize": 7}
    for right, title in ((-26, head), (0, "kept")):
        axes.annotate(title, (1, 1), xytext=(right, 4), ha="right", color=FLOOR, **words)
    for place, row in enumerate(best.to_dict("records"), 1):
        own, down = _look(row["method"], methods), -LINE * 72 * (place - 0.5)
        axes.annotate(str(place), (0, 1), xytext=(6, down), ha="right", fontweight="bold", **words)
        mark = axes.transAxes + ScaledTranslation(14 / 72, down / 72, axes.figure.dpi_scale_trans)
        axes.plot(0, 1, color=own.color, marker=own.marker, markersize=4.5, transform=mark, clip_on=False)
        # What a loss is made of stands on its own page.
        name = textwrap.shorten(re.sub(r" \(.*?\)", "", row["name"]), NAME, placeholder=" …")
        axes.annotate(name, (0, 1), xytext=(22, down), **words)
        for right, value in ((-26, form.format(row[cost]).rstrip(".")), (0, f"{row['kept']:.0%}")):
            axes.annotate(value, (1, 1), xytext=(right, down), ha="right", **words)


def _number(axes: Axes, best: pd.DataFrame, part: pd.DataFrame, cost: str) -> None:
    """Number a front's points, each nearest to its own, where no other point, number, error bar or border is."""
    scale = 72 / axes.figure.dpi
    places, numbered = (
        axes.transData.transform(np.column_stack([one[cost], one.kept.clip(upper=ROOM)])) * scale
        for one in (part, best)
    )
    bounds = axes.get_window_extent()
    low, high = np.array([bounds.p0, bounds.p1]) * scale
    taken: list[np.ndarray] = list(places)
    bars = [axes.transData.transform(one) * scale for one in _bars(best, cost)]
    for number, row in enumerate(best.to_dict("records"), 1):
        at = axes.transData.transform((row[cost], min(row["kept"], ROOM))) * scale
        own = [one for one in NEAR if np.hypot(*one) <= np.hypot(*(numbered - at - one).T).min() + ROUNDING]
        offset = max(own or NEAR, key=lambda one: (_room(at + one, taken, bars, low, high), -NEAR.index(one)))
        taken.append(at + offset)
        axes.annotate(
            str(number), (row[cost], min(row["kept"], ROOM)), xytext=offset, textcoords="offset points", fontsize=7,
            fontweight="bold", ha="center", va="center", path_effects=[withStroke(linewidth=2, foreground="white")],
            zorder=5,
        )  # fmt: skip


def _bars(best: pd.DataFrame, cost: str) -> Iterator[np.ndarray]:
    """Both ends of every error bar of a front's points, as they are drawn: (2, 2)."""
    for row in best.to_dict("records"):
        if np.isfinite([row["low"], row["high"]]).all():
            yield np.array([(row[cost], row["low"]), (row[cost], min(row["high"], ROOM))])
        if cost == "time" and np.isfinite([row["time low"], row["time high"]]).all():
            yield np.array([(row["time low"], row["kept"]), (row["time high"], row["kept"])])


def _room(at: np.ndarray, taken: list[np.ndarray], bars: list[np.ndarray], low: np.ndarray, high: np.ndarray) -> float:
    """Points to the nearest thing taken, no more than is needed, a thin bar being less; none outside the panel."""
    if (at < low + 3).any() or (at > high - 3).any():
        return 0.0
    # A bar runs along one axis: the nearest of its points is where the place, clipped to it, lies.
    beside = [THIN + float(np.hypot(*(np.clip(at, bar.min(axis=0), bar.max(axis=0)) - at))) for bar in bars]
    return min(ENOUGH, *(float(np.hypot(*(one - at))) for one in taken), *beside)


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
    for measure, part in points.groupby("measure", sort=False):
        best = part[part.front].sort_values(cost).drop_duplicates("name")
        named = ", ".join(f"{row['name']} {row['kept']:.0%}" for row in best.to_dict("records"))
        told.append(f"{measure}: {named or NOTHING}")
    return f"Not beaten by mean, from the least {AXES[cost]}. {'; '.join(told)}."
