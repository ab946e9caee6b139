"""What a factorised word table loses, and what the loss costs: both against the rank E."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from smallbert.figures.page import Chart
from smallbert.figures.style import BLUE, FLOOR, GREEN, INK, PURPLE, VERMILION, WIDTH

STYLES = {"plain": "-", "by frequency": "--"}
LINES = (
    ("plain", "lost by frequency", ":", FLOOR, "plain, counted by frequency"),
    ("plain", "lost", "-", INK, "plain"),
    ("by frequency", "lost by frequency", "--", INK, "by frequency"),
)
USES = {
    "cosine to original": (BLUE, "o"),
    "neighbour overlap@10": (VERMILION, "s"),
    "topic accuracy": (GREEN, "^"),
    "language accuracy": (PURPLE, "D"),
}


def truncation(name: str, encoder: str, curve: pd.DataFrame, costs: pd.DataFrame, break_even: float) -> Chart:
    """Error of the table beside the uses of the vectors embedded with it.

    Args:
        name: of the chart.
        encoder: whose table it is.
        curve: columns ``rank``, ``fitted`` (``plain``, ``by frequency``), ``lost``, ``lost by frequency``.
        costs: columns ``rank``, ``fitted`` (also ``whole``), ``cosine to original``, ``neighbour overlap@10``,
            ``topic accuracy`` and ``language accuracy`` with ``topic low`` ... (empty where unknown).
        break_even: the rank from which a factorisation saves nothing.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.6), sharex=True)
    for norm, column, style, colour, label in LINES:
        own = curve[curve.fitted == norm]
        left.plot(own["rank"], own[column], color=colour, linestyle=style, label=label)
    left.set(ylabel="share of squared norm lost", ylim=(0, 1), title="the table")
    left.legend(title="truncated", title_fontsize=8, fontsize=7.5, loc="best")
    whole = costs[costs.fitted == "whole"].iloc[0]
    shown = [name for name in USES if costs[name].notna().any()]
    for use in shown:
        _use(right, costs, use, whole)
    right.set(ylim=(0, 1.04), title="vectors of test articles")
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncols=len(shown), fontsize=7.5)
    ranks = sorted(int(rank) for rank in costs["rank"].unique())
    ticks = _apart(ranks)
    for axes in (left, right):
        axes.axvline(break_even, color=FLOOR, linestyle=":", linewidth=1)
        axes.set_xscale("log", base=2)
        axes.set(xlabel="rank E", xlim=(ranks[0] / 1.4, ranks[-1] * 1.25))
        axes.set_xticks(ticks, [str(rank) for rank in ticks])
        axes.minorticks_off()
    left.text(0.97 * break_even, 0.5, "break-even", ha="right", va="center", rotation=90, fontsize=8, color=FLOOR)
    plain = costs[costs.fitted == "plain"].sort_values("rank")
    low, high = plain.iloc[0], plain["rank"].iloc[-1]
    uses = ", ".join(f"{use} {low[use]:.2f} (whole table {whole[use]:.2f})" for use in shown)
    lost = curve[curve.fitted == "plain"].set_index("rank").lost
    return Chart(
        name,
        figure,
        costs,
        f"{encoder}: the share of the squared norm lost falls from {lost[low['rank']]:.2f} at rank {low['rank']} to "
        f"{lost[high]:.2f} at {high}; at rank {low['rank']}: {uses}.",
        f"The word table of {encoder} replaced by its best product of rank E. Left: what is lost of the table, each "
        "token counting alike or by how often the corpus uses it. Right: test articles embedded again with the "
        "truncated table. Solid: every token's error counts alike; dashed and open: by frequency. The star is the "
        "whole table, vertical bars are 95% Wilson intervals. Right of break-even a factorised table is larger.",
    )


def _use(axes: Axes, costs: pd.DataFrame, name: str, whole: pd.Series) -> None:
    """One measure under both truncations, and the whole table's as a star."""
    colour, marker = USES[name]
    label: str | None = name
    kind = name.removesuffix(" accuracy")
    for norm, style in STYLES.items():
        own = costs[costs.fitted == norm].sort_values("rank")
        filling = colour if norm == "plain" else "white"
        axes.plot(
            own["rank"], own[name], color=colour, marker=marker, linestyle=style, markersize=4, label=label,
            markerfacecolor=filling,
        )  # fmt: skip
        if f"{kind} low" in own:
            axes.vlines(own["rank"], own[f"{kind} low"], own[f"{kind} high"], color=colour, linewidth=0.8)
        label = None
    axes.plot(whole["rank"], whole[name], color=colour, marker="*", markersize=9, linestyle="")


def _apart(ranks: list[int]) -> list[int]:
    """Those ranks whose labels do not run into each other on a logarithmic axis; the last always."""
    kept = [ranks[-1]]
    for rank in reversed(ranks[:-1]):
        if kept[-1] >= 1.45 * rank:
            kept.append(rank)
    return kept[::-1]
