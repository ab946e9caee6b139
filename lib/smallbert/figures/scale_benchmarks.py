"""Figures of page 9 on speed beside peers: ratios with their targets, and where the time goes."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from smallbert.figures.absent import absent
from smallbert.figures.page import Chart
from smallbert.figures.style import BLUE, FLOOR, GREEN, GRID, INK, ORANGE, PURPLE, SKY, VERMILION, WIDTH, YELLOW, Look

LOOKS = {
    "fp32": Look(BLUE, "o", ""),
    "bf16": Look(VERMILION, "s", ""),
    "int8": Look(GREEN, "^", ""),
    "tf32": Look(PURPLE, "D", ""),
}
"""Number formats."""

LINE = 0.145
"""Height of a line, inches."""

RIGHT = (26, 62)
"""Where the two columns of values end, points from the right border of the panel."""

COLORS = (BLUE, ORANGE, GREEN, SKY, FLOOR, YELLOW, PURPLE, VERMILION, INK)
HATCHES = ("", "//", "..", "xx", "--", "\\\\", "++", "oo", "**")


def side_by_side(comparisons: pd.DataFrame, targets: pd.DataFrame) -> Chart:
    """How many times as fast as the peer every variant is, comparison by comparison, with targets as upright lines.

    Args:
        comparisons: columns ``comparison``, ``variant``, ``peer``, ``number format``, ``ratio``, ``ratio low``,
            ``ratio high``, ``of limit``.
        targets: columns ``comparison``, ``variant``, ``target ratio``.
    """
    comparisons = comparisons[comparisons.ratio.notna()]
    if comparisons.empty:
        return absent("side_by_side", _said(comparisons))
    parts = list(comparisons.groupby("comparison", sort=False))
    lines = len(comparisons) + len(parts)
    figure, axes = plt.subplots(figsize=(WIDTH, LINE * lines + 0.9))
    wanted = targets.set_index(["comparison", "variant"])["target ratio"].to_dict()
    start, places = 0, {}
    for name, part in parts:
        axes.annotate(
            name, (0, start), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points",
            fontsize=8, fontweight="bold", va="center",
        )  # fmt: skip
        if start:
            axes.axhline(start - 0.55, color=GRID, linewidth=0.8)
        for place, row in enumerate(part.to_dict("records"), start + 1):
            _variant(axes, place, row, wanted.get((name, row["variant"]), np.nan))
            places[place] = row["variant"]
        start += len(part) + 1
    axes.axvline(1, color=FLOOR, linestyle=":", linewidth=1)
    axes.set_yticks(list(places), list(places.values()), fontsize=7)
    axes.set(ylim=(lines - 0.3, -0.7), xscale="log", xlabel="times as fast as the first line's")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    low, high = comparisons["ratio low"].min(), comparisons["ratio high"].max()
    ticks = [2.0**power for power in range(-6, 10) if low / 1.3 < 2.0**power < high * 1.3]
    axes.set_xticks(ticks, [f"{one:g}" for one in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlim(low / 1.3, high * 1.3)
    for right, head in zip(RIGHT, ("ratio", "of limit"), strict=True):
        axes.annotate(
            head, (1, 1), xycoords="axes fraction", xytext=(right, 2), textcoords="offset points", fontsize=7,
            ha="right", va="bottom", color=FLOOR,
        )  # fmt: skip
    found = dict.fromkeys(comparisons["number format"])
    handles = [plt.Line2D([], [], color=LOOKS[one].color, marker=LOOKS[one].marker, ls="", label=one) for one in found]
    handles.append(plt.Line2D([], [], color=INK, linewidth=1.4, label="target"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return Chart(
        "side_by_side",
        figure,
        comparisons,
        _said(comparisons),
        "Speed of each variant over that of the first line of its group, a peer at its default, on a logarithmic axis: "
        "median over rounds in alternating order, bars from the slowest to the fastest round. Like stands beside like "
        "where the marks are the same, for these are number formats. Upright lines: targets set before. At the right: "
        "the ratio, and useful operations as a share of the fastest matrix product in that number format on the same "
        "machine.",
    )


def _variant(axes: Axes, place: int, row: dict[str, Any], target: float) -> None:
    """One variant's line, its values written at the right."""
    one = LOOKS[row["number format"]]
    ends = [[row["ratio"] - row["ratio low"]], [row["ratio high"] - row["ratio"]]]
    axes.errorbar(row["ratio"], place, xerr=ends, color=one.color, marker=one.marker, linestyle="", capsize=2)
    share = f"{row['of limit']:.0%}" if row["of limit"] == row["of limit"] else ""
    for right, value in zip(RIGHT, (f"{row['ratio']:.2f}", share), strict=True):
        axes.annotate(
            value, (1, place), xycoords=("axes fraction", "data"), xytext=(right, 0), textcoords="offset points",
            fontsize=7, va="center", ha="right",
        )  # fmt: skip
    if target == target:
        axes.plot([target, target], [place - 0.42, place + 0.42], color=INK, linewidth=1.4)


def parts(found: pd.DataFrame) -> Chart:
    """Where the time goes: one bar a task and number format.

    Args:
        found: columns ``task``, ``form``, ``part``, ``share``, ``of limit``.
    """
    if found.empty:
        return absent("parts", "Where the time goes has not been measured.")
    found = found.assign(bar=found.task + ", " + found.form)
    shown = found[found.share > 0.001]
    bars, names = list(dict.fromkeys(found.bar)), list(dict.fromkeys(shown.part))
    figure, axes = plt.subplots(figsize=(WIDTH, 0.45 * len(bars) + 1.5))
    for place, bar in enumerate(bars):
        start = 0.0
        for row in shown[shown.bar == bar].itertuples():
            index = names.index(row.part)
            axes.barh(
                place, row.share, left=start, color=COLORS[index], hatch=HATCHES[index], edgecolor="white", height=0.6
            )
            if row.share > 0.06:
                axes.text(
                    start + row.share / 2, place, f"{row.share:.0%}", ha="center", va="center", fontsize=7.5,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.2},
                )  # fmt: skip
            start += row.share
    axes.set_yticks(range(len(bars)), bars)
    axes.set(xlim=(0, 1), xlabel="share of the time", ylim=(len(bars) - 0.5, -0.5))
    axes.grid(axis="y", visible=False)
    handles = [
        Patch(facecolor=COLORS[index], hatch=HATCHES[index], edgecolor="white", label=name)
        for index, name in enumerate(names)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=7.5)
    told = [f"{row.bar} {row.part} {row.share:.0%}" for row in found.itertuples()]
    return Chart(
        "parts",
        figure,
        found.drop(columns="bar"),
        f"Shares of the time: {', '.join(told)}.",
        "Where ours spends the time of one core (PCA: of all), from a profile of one run. Bars may be of several "
        "processors, as the text tells.",
    )


def _said(comparisons: pd.DataFrame) -> str:
    if comparisons.empty:
        return "No comparison has been measured on any machine yet."
    told = []
    for name, part in comparisons.groupby("comparison", sort=False):
        listed = ", ".join(f"{row.variant} {row.ratio:.2f}" for row in part.iloc[1:].itertuples())
        told.append(f"{name}, against {part.iloc[0].variant}: {listed}")
    return f"Times as fast as the first line, whatever the number format. {'; '.join(told)}."
