"""What every step from a large encoder to a small one saves: in one order, and first or last in any."""

from __future__ import annotations

import textwrap
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from smallbert.figures.page import Chart
from smallbert.figures.style import BLUE, FLOOR, INK, SKY, WIDTH

MILLION = 1e6

PLACES = {
    "last": ("last", "o", BLUE, "white"),
    "mean": ("mean of all orders", "D", INK, INK),
    "first": ("first", "o", BLUE, BLUE),
}


def waterfall(bars: pd.DataFrame, orders: pd.DataFrame) -> Chart:
    """Parameters left after every step, beside what each step saves in other places.

    Args:
        bars: one row for the start and one a step, in their order; columns ``step``, ``parameters`` (left), ``saved``.
        orders: one row a step; columns ``step``, ``first``, ``last``, ``mean`` (parameters saved in that place).
    """
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(WIDTH, 0.9 + 0.36 * (len(bars) + 1)), sharey=True, width_ratios=(3, 2)
    )
    start, end = bars.iloc[0], bars.iloc[-1]
    _total(left, 0, start.parameters)
    for place, bar in enumerate(bars.iloc[1:].itertuples(), start=1):
        _saving(left, place, bar.parameters / MILLION, bar.saved / MILLION)
    _total(left, len(bars), end.parameters)
    by_step = orders.set_index("step")
    for place, name in enumerate(bars.step.iloc[1:], start=1):
        _places(right, place, by_step.loc[name] / MILLION, labelled=place == 1)
    widest = orders["first"].max() / MILLION
    left.set_yticks(range(len(bars) + 1), [start.step, *bars.step.iloc[1:], "what is left"])
    left.set(xlabel="parameters, million", title="in this order", xlim=(0, 1.14 * start.parameters / MILLION))
    right.set(xlabel="parameters saved, million", title="in another place", xlim=(-0.25 * widest, 1.25 * widest))
    left.invert_yaxis()
    for axes in (left, right):
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncols=3, fontsize=7.5)
    told = "; ".join(
        f"{bar.step} saves {bar.saved / MILLION:.1f}, as the first step {bar.first / MILLION:.1f}, as the last "
        f"{bar.last / MILLION:.1f}"
        for bar in bars.iloc[1:].merge(orders, on="step").itertuples()
    )
    return Chart(
        "waterfall",
        figure,
        bars.merge(orders, on="step", how="left"),
        f"From {start.parameters / MILLION:.1f} to {end.parameters / MILLION:.1f} million parameters: {told}.",
        "Left: parameters left after every step, in millions; a pale bar is what the step saves. Right: what the same "
        "step saves if it comes first or last, and its mean over all orders (the Shapley value; these add up to the "
        "whole saving). Counted exactly, pooler included.",
    )


def reductions(cells: pd.DataFrame) -> Chart:
    """What every step leaves of an encoder that runs here, and of what its vectors say.

    Args:
        cells: one row a step and measure, the whole encoder's first: columns ``step``, ``parameters``, ``measure``,
            ``estimate``, ``low``, ``high``, ``label`` (what the probe tells apart).
    """
    steps = cells.drop_duplicates("step").set_index("step").parameters
    label = cells.label.iloc[0]
    titles = {
        "unchanged to the bit": "same to the bit",
        "cosine": "cosine",
        "neighbours kept": "neighbours",
        "change": f"{label} accuracy",
    }
    shown = [name for name in titles if (cells.measure == name).any()]
    figure, panels = plt.subplots(1, len(shown) + 1, figsize=(WIDTH, 1.0 + 0.3 * len(steps)), sharey=True)
    left = panels[0]
    for place, parameters in enumerate(steps):
        color, edge = (SKY, BLUE) if place else (INK, INK)
        left.barh(place, parameters / MILLION, color=color, edgecolor=edge, height=0.62)
        left.annotate(f"{parameters / steps.iloc[0]:.0%}", (parameters / MILLION, place), **_beside(3, "left"))
    left.set_title("million\nparameters", fontsize=8)
    left.set_xlim(0, 1.45 * steps.max() / MILLION)
    left.set_yticks(range(len(steps)), [textwrap.fill(step, 28) for step in steps.index], fontsize=7.5)
    left.invert_yaxis()
    for axes, name in zip(panels[1:], shown, strict=True):
        own = cells[cells.measure == name].set_index("step").reindex(steps.index)
        # A mean may miss the limits of its interval by a rounding error.
        spread = [(own.estimate - own.low).clip(lower=0), (own.high - own.estimate).clip(lower=0)]
        axes.errorbar(own.estimate, range(len(own)), xerr=spread, color=BLUE, marker="o", linestyle="", capsize=2.5)
        axes.axvline(own.estimate.iloc[0], color=FLOOR, linestyle=":")
        axes.set_title(titles[name] + ("\nchange" if name == "change" else ""), fontsize=8)
    for axes in panels:
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.tick_params(axis="x", labelsize=7)
    by_step = cells.pivot(index="step", columns="measure", values="estimate").loc[steps.index]
    said = "; ".join(
        f"{step} {parameters / steps.iloc[0]:.0%} of the parameters"
        + "".join(f", {titles[name]} {by_step[name][step]:.3f}" for name in shown if pd.notna(by_step[name][step]))
        for step, parameters in steps.iloc[1:].items()
    )
    return Chart(
        "reductions",
        figure,
        cells,
        f"Steps applied to an encoder of {steps.iloc[0] / MILLION:.2f} million parameters: {said}.",
        "Parameters left, without pooler and heads, and held-out articles embedded after each step: the share with the "
        "same vector to the bit, the mean cosine to the original vector, the share of ten nearest neighbours kept, and "
        f"how the accuracy of a linear {label or 'label'} probe changes. Nothing is trained after a step, students "
        "aside. Dotted: the whole encoder. Error bars: 95% intervals over articles.",
    )


def _total(axes: Axes, place: int, parameters: float) -> None:
    axes.barh(place, parameters / MILLION, color=INK, height=0.62)
    axes.annotate(f"{parameters / MILLION:.1f}", (parameters / MILLION, place), **_beside(4, "left"), fontweight="bold")


def _saving(axes: Axes, place: int, left: float, saved: float) -> None:
    """A bar between what is left and what was, joined to the bars above and below; to the right where a step costs."""
    axes.barh(place, saved, left=left, color=SKY, edgecolor=BLUE, linewidth=0.8, height=0.62)
    axes.plot([left + saved] * 2, [place - 1, place], color=FLOOR, linewidth=0.7, zorder=0)
    axes.plot([left] * 2, [place, place + 1], color=FLOOR, linewidth=0.7, zorder=0)
    label = f"{-saved:+.1f}".replace("-", "−") if saved else "0"
    axes.annotate(label, (max(left, left + saved), place), **_beside(4, "left"))


def _places(axes: Axes, place: int, saved: pd.Series, *, labelled: bool) -> None:
    """What a step saves as the first, as the last and in the mean: points on a line, the ends written out."""
    axes.plot([saved["last"], saved["first"]], [place] * 2, color=FLOOR, linewidth=1.2, zorder=1)
    for column, (label, marker, color, filling) in PLACES.items():
        look: dict[str, Any] = {
            "marker": marker, "color": color, "markerfacecolor": filling, "linestyle": "", "markersize": 5.5,
        }  # fmt: skip
        axes.plot(saved[column], place, label=label if labelled else None, **look)
    for column, points, side in (("first", 6, "left"), ("last", -6, "right")):
        axes.annotate(f"{saved[column]:.1f}", (saved[column], place), **_beside(points, side))


def _beside(points: int, side: str) -> dict[str, Any]:
    return {"xytext": (points, 0), "textcoords": "offset points", "va": "center", "ha": side, "fontsize": 8}
