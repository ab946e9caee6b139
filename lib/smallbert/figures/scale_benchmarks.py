"""Figures of page 9 on speed beside peers: ratios with their targets, and where the time goes."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.patches import Patch

from smallbert.figures.page import Chart
from smallbert.figures.style import BLUE, FLOOR, GREEN, INK, ORANGE, PURPLE, SKY, VERMILION, WIDTH, YELLOW, Look

LOOKS = {
    "fp32": Look(BLUE, "o", ""),
    "bf16": Look(VERMILION, "s", ""),
    "int8": Look(GREEN, "^", ""),
    "tf32": Look(PURPLE, "D", ""),
}
"""Number formats."""

COLORS = (BLUE, ORANGE, GREEN, SKY, FLOOR, YELLOW, PURPLE)
HATCHES = ("", "//", "..", "xx", "--", "\\\\", "++")


def side_by_side(comparisons: pd.DataFrame, targets: pd.DataFrame) -> Chart:
    """How many times as fast as the peer every variant is, comparison by comparison, with targets as upright lines.

    Args:
        comparisons: columns ``comparison``, ``variant``, ``peer``, ``number format``, ``ratio``, ``ratio low``,
            ``ratio high``, ``of limit``.
        targets: columns ``comparison``, ``variant``, ``target ratio``.
    """
    comparisons = comparisons[comparisons.ratio.notna()]
    names = list(dict.fromkeys(comparisons.comparison))
    counts = [int((comparisons.comparison == name).sum()) for name in names]
    figure, panels = plt.subplots(
        max(len(names), 1), 1, figsize=(WIDTH, 0.22 * sum(counts) + 0.62 * len(names) + 0.8), squeeze=False,
        sharex=True, height_ratios=counts or [1],
    )  # fmt: skip
    wanted = targets.set_index(["comparison", "variant"])["target ratio"].to_dict()
    for axes, name in zip(panels[:, 0], names, strict=False):
        part = comparisons[comparisons.comparison == name].reset_index(drop=True)
        for place, row in part.iterrows():
            one = LOOKS[row["number format"]]
            ends = [[row.ratio - row["ratio low"]], [row["ratio high"] - row.ratio]]
            axes.errorbar(row.ratio, place, xerr=ends, color=one.color, marker=one.marker, linestyle="", capsize=2)
            if row["of limit"] == row["of limit"]:
                axes.annotate(
                    f"{row['of limit']:.0%}", (1.0, place), xycoords=("axes fraction", "data"), xytext=(4, 0),
                    textcoords="offset points", fontsize=7, va="center",
                )  # fmt: skip
            target = wanted.get((name, row.variant), np.nan)
            if target == target:
                axes.plot([target, target], [place - 0.42, place + 0.42], color=INK, linewidth=1.4)
        axes.axvline(1, color=FLOOR, linestyle=":", linewidth=1)
        axes.set_yticks(range(len(part)), part.variant, fontsize=7.5)
        axes.set_ylim(len(part) - 0.4, -0.6)
        axes.set(title=name, xscale="log")
        axes.grid(axis="y", visible=False)
    last = panels[-1, 0]
    ticks = [one for one in (0.25, 0.5, 1, 2, 4, 8, 16) if len(comparisons) and _near(one, comparisons)]
    last.set_xticks(ticks, [f"{one:g}" for one in ticks])
    last.set_xticks([], minor=True)
    last.set_xlabel("times as fast as the first line's; at the right: share of the machine's limit")
    found = dict.fromkeys(comparisons["number format"])
    handles = [plt.Line2D([], [], color=LOOKS[one].color, marker=LOOKS[one].marker, ls="", label=one) for one in found]
    handles.append(plt.Line2D([], [], color=INK, linewidth=1.4, label="target"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return Chart(
        "side_by_side",
        figure,
        comparisons,
        _said(comparisons),
        "Speed of each variant over that of the first line of its panel, on a logarithmic axis: median over rounds in "
        "alternating order, bars from the slowest to the fastest round. Upright lines: targets set before. At the "
        "right: useful operations as a share of the fastest matrix product in that number format on the same machine.",
    )


def parts(found: pd.DataFrame) -> Chart:
    """Where the time of an extraction goes: one bar a number format.

    Args:
        found: columns ``form``, ``part``, ``share``, ``of limit``.
    """
    forms, names = list(dict.fromkeys(found.form)), list(dict.fromkeys(found.part))
    figure, axes = plt.subplots(figsize=(WIDTH, 0.45 * max(len(forms), 1) + 1.5))
    for place, form in enumerate(forms):
        start = 0.0
        for row in found[found.form == form].itertuples():
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
    axes.set_yticks(range(len(forms)), forms)
    axes.set(xlim=(0, 1), xlabel="share of the time of one core", ylim=(max(len(forms), 1) - 0.5, -0.5))
    axes.grid(axis="y", visible=False)
    handles = [
        Patch(facecolor=COLORS[index], hatch=HATCHES[index], edgecolor="white", label=name)
        for index, name in enumerate(names)
    ]
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=7.5)
    told = [f"{row.form} {row.part} {row.share:.0%}" for row in found.itertuples()]
    return Chart(
        "parts",
        figure,
        found,
        f"Shares of the time: {', '.join(told)}." if told else "Where the time goes has not been measured.",
        "Where our extraction spends the time of one core, MiniLM on English news, from a profile of one run.",
    )


def _near(tick: float, comparisons: pd.DataFrame) -> bool:
    """Whether a tick lies within what is drawn, or next to it."""
    return comparisons["ratio low"].min() / 2 < tick < comparisons["ratio high"].max() * 2


def _said(comparisons: pd.DataFrame) -> str:
    if comparisons.empty:
        return "No comparison has been measured on any machine yet."
    told = []
    for name, part in comparisons.groupby("comparison", sort=False):
        listed = ", ".join(f"{row.variant} {row.ratio:.2f}" for row in part.iloc[1:].itertuples())
        told.append(f"{name}, against {part.iloc[0].variant}: {listed}")
    return f"Times as fast as the peer. {'; '.join(told)}."
