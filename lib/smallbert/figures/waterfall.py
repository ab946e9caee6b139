"""What every step from a large encoder to a small one saves: in one order, and first or last in any."""

from __future__ import annotations

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
        look = {"marker": marker, "color": color, "markerfacecolor": filling, "linestyle": "", "markersize": 5.5}
        axes.plot(saved[column], place, label=label if labelled else None, **look)
    for column, points, side in (("first", 6, "left"), ("last", -6, "right")):
        axes.annotate(f"{saved[column]:.1f}", (saved[column], place), **_beside(points, side))


def _beside(points: int, side: str) -> dict[str, Any]:
    return {"xytext": (points, 0), "textcoords": "offset points", "va": "center", "ha": side, "fontsize": 8}
