"""Figures of page 5: what a teacher gives a small student."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from smallbert.figures.absent import absent
from smallbert.figures.intervals import INTERVAL, half_interval, means
from smallbert.figures.labels import legend_below
from smallbert.figures.page import Chart
from smallbert.figures.style import BLUE, FLOOR, GREEN, INK, ORANGE, PURPLE, SKY, VERMILION, WIDTH, Look

LIMIT = "Dotted: the teacher itself."

LOOKS = {
    "alone": Look(INK, "s", "-"),
    "DistilBERT": Look(BLUE, "o", "--"),
    "Hinton": Look(VERMILION, "D", "--"),
    "Patient KD": Look(GREEN, "^", "--"),
    "TinyBERT": Look(PURPLE, "v", "--"),
    "MiniLM": Look(ORANGE, "P", "--"),
    "sentence embeddings": Look(SKY, "h", "--"),
}
"""How students by their losses look in every figure of the page; what follows a comma is a detail."""

NEAR = 0.02
"""Nats of held-out loss that do not matter: up to there an axis stays linear where others are far beyond."""


def _look(label: str) -> Look:
    return LOOKS[label.split(", ")[0]]


def _line(label: str) -> dict[str, Any]:
    one = _look(label)
    return {"color": one.color, "marker": one.marker, "linestyle": one.linestyle}


def arms(
    name: str, cells: pd.DataFrame, teacher: Mapping[str, float], measures: Mapping[str, str], caption: str
) -> Chart:
    """Every arm of a comparison by every measure that it has, a panel a measure, the teacher's own as the limit.

    Args:
        name: of the chart.
        cells: one row an arm and seed: ``label``, ``seed`` and measures.
        teacher: its own measures.
        measures: columns and what their axes are called; the first that is there leads the alternative text.
        caption: what is compared, or without any cell, why there is nothing; the first arm, which the others are
            compared with, is an open square.
    """
    if cells.empty:
        return absent(name, caption)
    shown = [one for one in measures if one in cells and cells[one].notna().any()]
    labels = list(dict.fromkeys(cells.label))
    figure, panels = plt.subplots(
        1, len(shown), figsize=(WIDTH, 0.9 + 0.27 * len(labels)), sharey=True, squeeze=False
    )  # fmt: skip
    few = len(shown) <= _FEW
    for axes, one in zip(panels[0], shown, strict=True):
        grouped = means(cells[one].dropna(), cells.label).set_index("label")
        half = pd.Series(half_interval(grouped), grouped.index)
        for place, label in enumerate(labels[::-1]):
            if label in grouped.index:
                own = _look(label)
                axes.errorbar(
                    grouped["mean"][label], place, xerr=half[label], capsize=2.5, linestyle="", color=own.color,
                    marker=own.marker, markerfacecolor="white" if label == labels[0] else own.color,
                )  # fmt: skip
        _limit(axes.axvline, teacher.get(one))
        axes.set_xlabel(measures[one] if few else textwrap.fill(measures[one], 16))
        axes.tick_params(axis="x", labelsize=7)
        if one != "loss":  # a share, whatever an interval of few seeds says
            axes.set_xlim(max(axes.get_xlim()[0], -0.02), min(axes.get_xlim()[1], 1.02))
        if few:
            _values(axes, grouped["mean"], half, {label: place for place, label in enumerate(labels[::-1])})
    panels[0][0].set_yticks(range(len(labels)), labels[::-1])
    panels[0][0].set_ylim(-0.6, len(labels) - 0.4)
    lead = shown[0]
    found = cells.groupby("label", sort=False)[lead].mean().dropna()
    told = ", ".join(f"{label} {value:.3f}" for label, value in found.items())
    return Chart(
        name,
        figure,
        _plain(cells),
        f"Mean {measures[lead]}: {told}{_against(teacher.get(lead))}.",
        f"{caption} Open square: {labels[0]}. {LIMIT} {INTERVAL}",
    )


_FEW = 2
"""Panels beside which there is room for numbers."""


def _values(axes: Axes, mean: pd.Series, half: pd.Series, places: Mapping[str, int]) -> None:
    """Every mean as a number beside its interval, towards the middle: points far off press the others together."""
    middle = sum(axes.get_xlim()) / 2
    for label, value in mean.items():
        way = 1 if value < middle else -1
        axes.annotate(
            f"{value:.3f}", (value + way * half[label], places[label]), xytext=(7 * way, 0),
            textcoords="offset points", fontsize=7, va="center", ha="left" if way > 0 else "right", color=INK,
        )  # fmt: skip


def removed(found: pd.DataFrame, why: str = "") -> Chart:
    """What each part of DistilBERT's recipe is worth: reported and computed, on axes of their own.

    Args:
        found: columns ``label``, ``printed`` (points), ``difference`` (nats) with ``low`` and ``high``, ``sign``, and
            where it was read ``topic`` with ``topic low`` and ``topic high``.
        why: without any row, why there is none.
    """
    if found.empty:
        return absent("removed", why)
    ours = [("difference", "low", "high", "computed: loss", "change of held-out loss, nats\n(right is worse)")]
    if "topic" in found:
        ours.append(
            ("topic", "topic low", "topic high", "computed: topics", "change of probe accuracy\n(left is worse)")
        )
    figure, panels = plt.subplots(1, 1 + len(ours), figsize=(WIDTH, 1.3 + 0.32 * len(found)), sharey=True)
    places = np.arange(len(found))[::-1]
    panels[0].plot(found.printed, places, color=FLOOR, marker="D", fillstyle="none", linestyle="")
    panels[0].set(title="reported (Table 4)", xlabel="change of mean GLUE score,\npoints (left is worse)")
    for axes, (mean, low, high, title, what) in zip(panels[1:], ours, strict=True):
        spread = np.nan_to_num(np.array([found[mean] - found[low], found[high] - found[mean]]))
        axes.errorbar(found[mean], places, xerr=spread, color=BLUE, marker="o", linestyle="", capsize=2.5)
        axes.set(title=title, xlabel=what)
        axes.locator_params(axis="x", nbins=4)
    far = found.difference.abs().max() > 10 * NEAR > 10 * found.difference.abs().min()
    if far:  # one part that is worth much must not hide the others
        _symlog(panels[1], found.low.min(), found.high.max())
    for axes in panels:
        axes.axvline(0, color=INK, linewidth=0.8)
    panels[0].set_yticks(places, found.label)
    panels[0].set_ylim(-0.6, len(found) - 0.4)
    told = "; ".join(f"{row.label} {row.difference:+.3f} nats ({row.sign})" for row in found.itertuples())
    return Chart(
        "removed",
        figure,
        found,
        f"Change of the held-out loss, and whether its sign is that of the paper: {told}.",
        "Each against the whole recipe: the triple loss, started from the teacher's layers. The paper prints no "
        "interval, and its models and tasks are others: open diamonds are never mixed with ours. "
        + (f"Loss: linear between {-NEAR} and {NEAR}, logarithmic beyond. " if far else "")
        + INTERVAL,
    )


def temperatures(cells: pd.DataFrame, teacher: Mapping[str, float], why: str = "") -> Chart:
    """Held-out loss and agreement against the temperature of the soft targets.

    Args:
        cells: columns ``temperature``, ``loss``, ``agreement``, ``mass kept``, ``seed``.
        teacher: its own ``loss``.
        why: without any cell, why there is none.
    """
    if cells.empty:
        return absent("temperatures", why)
    figure, (loss, agreement, mass) = plt.subplots(1, 3, figsize=(WIDTH, 2.8))
    titles = {"loss": "held-out MLM loss, nats", "agreement": "agreement with the teacher"}
    titles["mass kept"] = "probability on stored logits"
    for axes, (name, what) in zip((loss, agreement, mass), titles.items(), strict=True):
        grouped = means(cells[name], cells.temperature)
        axes.errorbar(grouped.temperature, grouped["mean"], yerr=half_interval(grouped), capsize=2.5, **_line("Hinton"))
        axes.set(xlabel="temperature T", ylabel=what, xscale="log")
        _ticks(axes, cells.temperature)
        if name != "loss":
            axes.set_ylim(-0.02, 1.02)  # shares: an axis around their noise would make much of it
    _limit(loss.axhline, teacher.get("loss"))
    found = cells.groupby("temperature").loss.mean()
    return Chart(
        "temperatures",
        figure,
        _plain(cells),
        f"The mean held-out loss is lowest at T = {found.idxmin():g} ({found.min():.3f} nats) and highest at "
        f"T = {found.idxmax():g} ({found.max():.3f}).",
        "Hinton's soft targets at several temperatures. The higher T, the more of the teacher's probability is outside "
        f"the logits that are stored (right), which are taught as one. {LIMIT} {INTERVAL}",
    )


def shares(cells: pd.DataFrame, gains: pd.DataFrame, teacher: Mapping[str, float], measure: str, what: str) -> Chart:
    """Alone and distilled against the amount of data, at equal steps; and what the teacher gives at each.

    Args:
        cells: columns ``label`` (two), ``share``, ``seed`` and the measure.
        gains: columns ``share``, ``gain``, ``low``, ``high``.
        teacher: its own measure.
        measure: column that is drawn.
        what: its axis.
    """
    return _two(
        "shares", cells, gains, teacher, measure, what, "share", "different tokens, share of those read",
        "Students that read as many tokens, of fewer different ones.",
    )  # fmt: skip


def sizes(cells: pd.DataFrame, gains: pd.DataFrame, teacher: Mapping[str, float], measure: str, what: str) -> Chart:
    """Alone and distilled against the number of parameters; and what the teacher gives at each size.

    Args:
        cells: columns ``label`` (two), ``parameters``, ``seed`` and the measure.
        gains: columns ``parameters``, ``gain``, ``low``, ``high``.
        teacher: its own measure and ``parameters``.
        measure: column that is drawn.
        what: its axis.
    """
    return _two(
        "sizes", cells, gains, teacher, measure, what, "parameters", "parameters",
        f"Students of several widths, at equal steps; the teacher has {teacher['parameters']:,} parameters.",
    )  # fmt: skip


def _two(
    name: str,
    cells: pd.DataFrame,
    gains: pd.DataFrame,
    teacher: Mapping[str, float],
    measure: str,
    what: str,
    x: str,
    axis: str,
    caption: str,
) -> Chart:
    figure, (levels, differences) = plt.subplots(1, 2, figsize=(WIDTH, 3.0))
    for label, part in cells.groupby("label", sort=False):
        grouped = means(part[measure], part[x])
        levels.errorbar(
            grouped[x], grouped["mean"], yerr=half_interval(grouped), capsize=2.5, label=label, **_line(label)
        )
    taught = cells.label[cells.label != "alone"].iloc[0]
    _limit(levels.axhline, teacher.get(measure), "teacher")
    levels.set(ylabel=what)
    legend_below(figure, levels)
    spread = np.nan_to_num(np.array([gains.gain - gains.low, gains.high - gains.gain]))
    differences.errorbar(gains[x], gains.gain, yerr=spread, capsize=2.5, **_line(taught))
    differences.axhline(0, color=INK, linewidth=0.8)
    differences.set(ylabel="what the teacher gives\n(above 0: better than alone)")
    for axes in (levels, differences):
        axes.set(xlabel=axis, xscale="log")
        _ticks(axes, gains[x])
    told = ", ".join(f"{gain:+.3f} at {value:,}" for value, gain in zip(gains[x], gains.gain, strict=True))
    return Chart(
        name,
        figure,
        _plain(cells),
        f"What the teacher gives ({what}, paired by seed, positive where it helps), by {axis}: {told}.",
        f"{caption} Left: both kinds. Right: their difference, paired by seed. {LIMIT} {INTERVAL}",
    )


def _limit(draw: Callable[..., Any], value: float | None, label: str | None = None) -> None:
    """A line at the teacher's own value, where it has one."""
    if value is not None and np.isfinite(value):
        draw(value, color=FLOOR, linestyle=":", label=label)


def _symlog(axes: Axes, low: float, high: float) -> None:
    """An axis that is linear up to :data:`NEAR` and logarithmic beyond, with plain numbers, around values."""
    axes.set_xscale("symlog", linthresh=NEAR)
    axes.set_xlim(1.6 * min(low, -NEAR), 1.6 * max(high, NEAR))
    beyond = [NEAR * 10.0**power for power in range(4)]
    ticks = [
        tick for tick in (*(-one for one in beyond), 0, *beyond) if axes.get_xlim()[0] <= tick <= axes.get_xlim()[1]
    ]
    axes.set_xticks(ticks, [f"{tick:g}".replace("-", "\N{MINUS SIGN}") for tick in ticks])
    axes.set_xticks([], minor=True)


def _against(value: float | None) -> str:
    return "" if value is None or not np.isfinite(value) else f"; the teacher {value:.3f}"


def _ticks(axes: Axes, values: pd.Series) -> None:
    ticks = sorted(values.unique())
    axes.set_xticks(ticks, [f"{tick:,.3g}" if tick < 1000 else _thousands(tick) for tick in ticks])
    axes.set_xticks([], minor=True)


def _thousands(value: float) -> str:
    return f"{value / 1e6:.3g}M" if value >= 1e6 else f"{value / 1e3:.3g}k"


def _plain(cells: pd.DataFrame) -> pd.DataFrame:
    """What is written as CSV: without objects."""
    return cells.drop(columns="labels", errors="ignore")
