"""Figures of page 9 on growth and planning: time and memory against size, and what many articles take."""

from __future__ import annotations

import textwrap
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.patheffects import withStroke

from smallbert.figures.absent import absent
from smallbert.figures.labels import legend_below
from smallbert.figures.page import Chart
from smallbert.figures.style import BLUE, FLOOR, VERMILION, WIDTH, look

TIMES = {"1 s": 1 / 3600, "1 min": 1 / 60, "1 h": 1.0, "1 day": 24.0, "1 month": 730.5, "1 year": 8766.0}
"""Marks on the axis of time, in hours."""

HOLLOW: dict[str, Any] = {"color": VERMILION, "marker": "s", "linestyle": "", "markerfacecolor": "white"}
"""Memory that has no place on a logarithmic axis."""


def growth(runs: pd.DataFrame, exponents: pd.DataFrame) -> Chart:
    """Seconds and memory against size, a panel for whatever was measured, both axes logarithmic.

    Memory that did not rise above its start has no place on such an axis: a hollow mark at the panel's lower border.

    Args:
        runs: columns ``what``, ``against``, ``size``, ``seconds``, ``started at``, ``peak``.
        exponents: columns ``what``, ``against``, ``exponent``.
    """
    panels_of = list(exponents[["what", "against", "exponent"]].itertuples(index=False, name=None))
    if not panels_of:
        return absent("growth", "How time grows has not been measured on any machine.")
    rows = -(-len(panels_of) // 3)
    figure, panels = plt.subplots(rows, 3, figsize=(WIDTH, 2.35 * rows + 0.5), squeeze=False)
    for axes in panels.flat[len(panels_of) :]:
        axes.remove()
    for axes, (what, against, exponent) in zip(panels.flat, panels_of, strict=False):
        part = runs[(runs.what == what) & (runs.against == against)].sort_values("size")
        axes.plot(part["size"], part.seconds, color=BLUE, marker="o", linestyle="-", label="seconds")
        memory = part.peak - part["started at"]
        axes.plot(part["size"], memory.where(memory > 0), color=VERMILION, marker="s", linestyle="--", label="MiB")
        if len(below := part["size"][memory <= 0]):
            border = axes.get_xaxis_transform()
            axes.plot(below, np.zeros(len(below)), **HOLLOW, transform=border, clip_on=False, zorder=3)
        last = part.iloc[-1]
        straight = last.seconds * (part["size"] / last["size"])
        axes.plot(part["size"], straight, color=FLOOR, linestyle=":", linewidth=1, label="linear")
        axes.set(xscale="log", yscale="log", xlabel=against, title=textwrap.fill(what, 26))
        if np.isfinite(exponent):  # one size alone has none
            axes.annotate(
                rf"seconds $\propto$ {against}$^{{{exponent:.2f}}}$", (0.98, 0.03), xycoords="axes fraction",
                ha="right", va="bottom", fontsize=7.5, path_effects=[withStroke(linewidth=2, foreground="white")],
            )  # fmt: skip
        # Room for these words below the lines.
        axes.set_ylim(bottom=min(part.seconds.min(), straight.min()) / 3)
        axes.set_xticks(part["size"], [_short(size) for size in part["size"]], minor=False)
        axes.set_xticks([], minor=True)
    for row in panels:
        row[0].set_ylabel("seconds; MiB")
    if hollow := int((runs.peak <= runs["started at"]).sum()):
        panels.flat[0].plot([], [], **HOLLOW, label="MiB, below what can be measured")
    legend_below(figure, panels.flat[0])
    told = [
        f"{what} {exponent:.2f} in {against}" if np.isfinite(exponent) else f"{what} not fitted to one size"
        for what, against, exponent in panels_of
    ]
    return Chart(
        "growth",
        figure,
        runs,
        f"Exponents of time: {'; '.join(told)}.",
        "Seconds and resident memory beyond that at the start, each run in a process of its own, both axes "
        "logarithmic. Written in each panel: the power of the size that fits the seconds best. Dotted: linear through "
        "the last run."
        + (f" Hollow: memory below what can be measured, {hollow} of {len(runs)} runs." if hollow else ""),
    )


def plans(found: pd.DataFrame) -> Chart:
    """Time and money against the number of articles, a line a machine.

    Args:
        found: columns ``machine``, ``articles``, ``hours``, ``money``; not-a-number where nothing was measured.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.5))
    names = list(dict.fromkeys(found.machine))
    known = []
    for place, name in enumerate(names):
        part, one = found[found.machine == name].sort_values("articles"), look("", place)
        if part.hours.isna().all():
            continue
        known.append(name)
        style = {"color": one.color, "marker": one.marker, "linestyle": one.linestyle, "label": name}
        left.plot(part.articles, part.hours, **style)
        right.plot(part.articles, part.money, **style)
    low, high = (found.hours.min(), found.hours.max()) if known else (1.0, 1.0)
    marks = {name: hours for name, hours in TIMES.items() if low / 10 < hours < high * 10}
    for axes in (left, right):
        axes.set(xscale="log", yscale="log", xlabel="articles")
    left.set_yticks(list(marks.values()), list(marks))
    left.set_yticks([], minor=True)
    left.set_title("time")
    right.set_title("money, at the prices assumed")
    if known:
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    most = found[found.articles == found.articles.max()]
    told = [
        f"{row.machine} {row.hours:,.1f} hours" if np.isfinite(row.hours) else f"{row.machine} not measured"
        for row in most.itertuples()
    ]
    return Chart(
        "plans",
        figure,
        found,
        f"Time for {most.articles.iloc[0]:,} articles: {', '.join(told)}.",
        "Time and money of embedding against the number of articles, both axes logarithmic, from the formulas above. "
        "Prices and the cluster's efficiency are parameters of this page, not measurements.",
    )


def _short(size: int) -> str:
    """A size as its tick says it: 100k, 1M."""
    for unit, name in ((10**6, "M"), (1000, "k")):
        if size >= unit and size % unit == 0:
            return f"{size // unit}{name}"
    return f"{size:,}"
