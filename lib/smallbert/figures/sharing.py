"""Figures of page 4: what sharing layers and factorising the embedding save, and what they cost."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator

from smallbert.figures.intervals import INTERVAL, half_interval, line
from smallbert.figures.labels import legend_below
from smallbert.figures.page import Chart
from smallbert.figures.style import FLOOR, INK, WIDTH, look

APART = 1.04
"""By this factor kinds of one width stand apart on a logarithmic axis, where one would hide the other."""

REPORTED = "Open markers: reported in the paper, on its own scale and never mixed with ours."


def sharing(cells: pd.DataFrame, floor: float) -> Chart:
    """Held-out loss and what a probe reads, against the number of parameters, by sharing mode and embedding width.

    Args:
        cells: one row a mode, embedding width and seed; columns ``sharing``, ``embedding``, ``hidden``,
            ``parameters``, ``loss``, ``seed`` and, where topics are known, ``topic``.
        floor: loss of word frequencies alone.
    """
    measures = {"loss": "held-out MLM loss, nats", "topic": "topic probe accuracy"}
    shown = [name for name in measures if cells[name].notna().any()]
    figure, panels = plt.subplots(1, len(shown), figsize=(WIDTH, 3.5), squeeze=False)
    for axes, name in zip(panels[0], shown, strict=True):
        for position, (mode, part) in enumerate(cells.groupby("sharing", sort=False)):
            means = _means(part, ["embedding", "parameters"], name)
            axes.plot(means.parameters / 1e6, means["mean"], color=look(mode, position).color, linewidth=0.8)
            for point in means.itertuples():
                filled = point.embedding == part.hidden.max()
                _point(axes, point.parameters / 1e6, point, mode if filled else None, mode, position)
        axes.set(xlabel="parameters, million", ylabel=measures[name], xscale="log")
        _plain_log_ticks(axes, cells.parameters / 1e6)
    _floor(panels[0][0], floor)
    legend_below(figure, panels[0][0], columns=3)
    wide = int(cells.hidden.max())
    narrow = int(cells.embedding.min())
    ends = cells.groupby(["sharing", "embedding"], sort=False).loss.mean().unstack()
    costs = ends.sub(ends.loc[ends.index[0]])
    said = ", ".join(f"{mode} {costs[narrow][mode]:+.3f}" for mode in ends.index[1:])
    return Chart(
        "sharing",
        figure,
        cells,
        f"Against {ends.index[0]}, with an embedding of width {narrow}, the mean held-out loss changes by {said} nats. "
        f"Word frequencies alone: {floor:.3f}.",
        f"Each mode with an embedding as wide as the layers ({wide}, filled) and factorised ({narrow}, open), after "
        "the same number of steps; dotted: what word frequencies alone are worth. " + INTERVAL,
    )


def embedding_sweep(cells: pd.DataFrame, printed: pd.DataFrame, floor: float) -> Chart:
    """Loss against the width of the embedding, shared and not; beside it ALBERT's Table 3.

    Args:
        cells: columns ``sharing``, ``embedding``, ``loss``, ``seed``.
        printed: columns ``sharing``, ``embedding``, ``average`` (the paper's mean of five tasks).
        floor: loss of word frequencies alone.
    """
    figure, (ours, theirs) = plt.subplots(1, 2, figsize=(WIDTH, 3.2))
    for position, (mode, part) in enumerate(cells.groupby("sharing", sort=False)):
        grouped = _means(part, ["embedding"], "loss")
        shift = APART ** (position - (cells.sharing.nunique() - 1) / 2)
        _interval_line(ours, grouped.assign(embedding=grouped.embedding * shift), "embedding", mode, position)
        _reported_line(theirs, printed[printed.sharing == mode], "embedding", mode, position)
    for axes, title, data, what in (
        (ours, "computed here", cells, "held-out MLM loss, nats"),
        (theirs, "reported (ALBERT, Table 3)", printed, "average of five tasks"),
    ):
        axes.set(title=title, xlabel="width of the embedding, E", ylabel=what, xscale="log")
        _ticks_at(axes, data.embedding)
    _floor(ours, floor)
    legend_below(figure, ours)
    spans = cells.groupby(["sharing", "embedding"], sort=False).loss.mean().groupby("sharing", sort=False)
    said = ", ".join(f"{float(np.ptp(part)):.3f} nats ({mode})" for mode, part in spans)
    return Chart(
        "embedding_sweep",
        figure,
        cells,
        f"Between the best and the worst embedding width the mean held-out loss differs by {said}.",
        "Left: held-out loss against the width of the embedding, kinds of one width set apart a little. "
        f"{INTERVAL} Right: the paper's averages. {REPORTED}",
    )


def depth_sweep(cells: pd.DataFrame, printed: pd.DataFrame, floor: float) -> Chart:
    """Loss of the all-shared encoder against its depth, at one number of parameters; beside it ALBERT's Table 11.

    Args:
        cells: columns ``sharing``, ``layers``, ``loss``, ``parameters``, ``seed``.
        printed: columns ``layers``, ``average``.
        floor: loss of word frequencies alone.
    """
    figure, (ours, theirs) = plt.subplots(1, 2, figsize=(WIDTH, 3.2))
    mode = cells.sharing.iloc[0]
    means = _means(cells, ["layers"], "loss")
    _interval_line(ours, means, "layers", mode, 0)
    _reported_line(theirs, printed, "layers", mode, 0)
    for axes, title, data, what in (
        (ours, "computed here", cells, "held-out MLM loss, nats"),
        (theirs, "reported (ALBERT, Table 11)", printed, "average of five tasks"),
    ):
        axes.set(title=title, xlabel="layers (one set of weights)", ylabel=what, xscale="log")
        _ticks_at(axes, data.layers)
    _floor(ours, floor)
    legend_below(figure, ours)
    best, first, last = means.loc[means["mean"].idxmin()], means.iloc[0], means.iloc[-1]
    other = first if best.layers > first.layers else last

    def counted(row: pd.Series) -> str:
        return f"{int(row.layers)} layer{'s' if row.layers > 1 else ''}"

    apart = f", {other['mean'] - best['mean']:.3f} nats below that of {counted(other)}" if len(means) > 1 else ""
    return Chart(
        "depth_sweep",
        figure,
        cells,
        f"With {int(cells.parameters.max()):,} parameters at every depth, the mean held-out loss is lowest at "
        f"{counted(best)}{apart}.",
        f"Left: the same weights applied more often. {INTERVAL} Right: the paper's averages. {REPORTED}",
    )


def _floor(axes: Axes, floor: float) -> None:
    axes.axhline(floor, color=FLOOR, linestyle=":", linewidth=1.2, label="word frequencies alone")


RATIOS = {
    "parameters": "parameters",
    "operations": "operations",
    "training": "time:\ntraining",
    "many texts": "time:\nmany texts",
    "one text": "time:\none text",
}
WIDEST = 2.0
"""Where panels end: the interval of few rounds on a busy machine, cut off there with an arrow, presses the others."""


def speed(ratios: pd.DataFrame) -> Chart:
    """What each arm costs as a share of the plain encoder: parameters, operations, training time, latency.

    Args:
        ratios: columns ``arm``, ``sharing``, ``measure`` (of :data:`RATIOS`), ``ratio``, ``low``, ``high``; the two
            counted have no interval, the three timed have one.
    """
    names = list(dict.fromkeys(ratios.arm))
    figure, panels = plt.subplots(1, len(RATIOS), figsize=(WIDTH, 1.1 + 0.27 * len(names)), sharey=True)
    widest = min(WIDEST, max(1.25, 1.08 * ratios.high.max()))
    for axes, (measure, title) in zip(panels, RATIOS.items(), strict=True):
        part = ratios[ratios.measure == measure].set_index("arm").loc[names]
        for y, row in enumerate(part[::-1].itertuples()):
            one = look(row.sharing)
            spread = np.array([[row.ratio - row.low], [row.high - row.ratio]])
            axes.errorbar(row.ratio, y, xerr=spread, color=one.color, marker=one.marker, capsize=2)
            if row.high > widest:
                axes.plot(widest, y, color=one.color, marker=">", markersize=6, clip_on=False)
        axes.axvline(1, color=FLOOR, linestyle=":")
        axes.set_title(title, fontsize=8)
        axes.set_xlim(0, widest)
        axes.xaxis.set_major_locator(MultipleLocator(0.5))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.tick_params(axis="x", labelsize=7)
    panels[0].set_yticks(range(len(names)), names[::-1], fontsize=7.5)
    figure.supxlabel(f"ratio to {names[0]}", fontsize=9)
    smallest = ratios[ratios.measure == "parameters"].set_index("arm").ratio.idxmin()
    found = ratios[ratios.arm == smallest].set_index("measure").ratio
    said = ", ".join(f"{measure} {found[measure]:.2f}" for measure in RATIOS)
    cut = ratios.high.max() > widest
    return Chart(
        "speed",
        figure,
        ratios,
        f"The smallest arm ({smallest}) as a share of {names[0]}: {said}.",
        "Sharing saves parameters, which are bytes; it does not save operations. The first two columns are counted, "
        "the others timed on this machine, arms in alternating order: geometric means, with 95% t intervals of the "
        "logarithms over rounds."
        + (f" Arrow: the interval goes on; the widest ends at {ratios.high.max():.2f}." if cut else ""),
    )


def _means(cells: pd.DataFrame, by: list[str], value: str) -> pd.DataFrame:
    return cells.dropna(subset=value).groupby(by)[value].agg(["mean", "sem", "count"]).reset_index()


def _point(axes: Axes, x: float, point: Any, label: str | None, mode: str, position: int) -> None:
    """A mean with its interval; open and without a label where the embedding is factorised."""
    one = look(mode, position)
    half = half_interval(pd.DataFrame({"sem": [point.sem], "count": [point.count]}))
    axes.errorbar(
        x, point.mean, yerr=half, color=one.color, marker=one.marker, linestyle="", capsize=2.5, label=label,
        markerfacecolor=one.color if label else "white",
    )  # fmt: skip


def _interval_line(axes: Axes, means: pd.DataFrame, x: str, mode: str, position: int) -> None:
    axes.errorbar(means[x], means["mean"], yerr=half_interval(means), capsize=2.5, label=mode, **line(mode, position))


def _reported_line(axes: Axes, printed: pd.DataFrame, x: str, mode: str, position: int) -> None:
    axes.plot(printed[x], printed.average, markerfacecolor="white", label=mode, **line(mode, position))


def _ticks_at(axes: Axes, values: pd.Series) -> None:
    ticks = sorted(values.unique())
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
    axes.set_xticks([], minor=True)


def _plain_log_ticks(axes: Axes, values: pd.Series) -> None:
    """Ticks at 1, 2 and 5 times powers of ten, written out, with the axis as wide as the values."""
    low, high = values.min(), values.max()
    ticks = [digit * 10.0**power for power in range(-4, 6) for digit in (1, 2, 5)]
    ticks = [tick for tick in ticks if low / 1.3 <= tick <= high * 1.3]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlim(low / 1.25, high * 1.4)
    axes.tick_params(axis="x", color=INK)
