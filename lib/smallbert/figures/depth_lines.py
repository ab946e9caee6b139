"""Figures of page 2 with a line a depth: against the learning rate, the budget and the rows to train on."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from smallbert.figures.intervals import INTERVAL, half_interval, line, means, one_width
from smallbert.figures.page import Chart
from smallbert.figures.style import FLOOR, INK, WIDTH

_SHADES = plt.get_cmap("viridis")
DEEPEST = 0.82
"""Of the shades: beyond it a line fades on white."""


def tuning_each(tuning: pd.DataFrame) -> Chart:
    """The fair protocol's tuning: validation gap to the floor by rate, for every depth.

    Args:
        tuning: columns ``bottleneck``, ``depth``, ``rate``, ``validation_fvu``, ``chosen`` and ``interior`` (bool), for
            one bottleneck and one budget.
    """
    depths = sorted(tuning.depth.unique())
    figure, axes = plt.subplots(figsize=(WIDTH, 3.0))
    for position, depth in enumerate(depths):
        part = tuning[tuning.depth == depth].sort_values("rate")
        best = part[part.chosen]
        name = f"{depth}: {best.rate.iloc[0]:.2g}" if len(best) else f"{depth}"
        axes.plot(part.rate, part.validation_fvu, **_depth(position, len(depths)), label=name)
        axes.plot(
            best.rate,
            best.validation_fvu,
            marker="o",
            markersize=11,
            markerfacecolor="none",
            markeredgecolor=INK,
            linestyle="",
        )
    axes.set(xscale="log", yscale="log", xlabel="learning rate (peak)", ylabel="validation FVU")
    axes.set_xticks(sorted(tuning.rate.unique()), [f"{rate:.2g}" for rate in sorted(tuning.rate.unique())])
    axes.xaxis.set_minor_locator(NullLocator())
    _layers(axes, "layers: rate")
    best = tuning[tuning.chosen].set_index("depth").rate
    edge = [str(depth) for depth in depths if not tuning[tuning.depth == depth].interior.all()]
    inside = (
        "every chosen rate lies inside its grid" if not edge else f"at the edge of its grid: depth {', '.join(edge)}"
    )
    return Chart(
        "tuning_each",
        figure,
        tuning,
        "Best learning rate by depth: "
        + ", ".join(f"{depth}: {best[depth]:g}" for depth in depths if depth in best)
        + f"; {inside}.",
        f"Fair protocol, k = {one_width(tuning)}: validation FVU against the peak learning rate for each depth, "
        "one tuning seed apart from the published ones. The ring marks the chosen rate, which the legend names; a grid "
        f"whose best lies at its edge is widened a few times. Here {inside}.",
    )


def gap_by_budget(cells: pd.DataFrame) -> Chart:
    """Distance from the floor against the training budget, tuned at each budget.

    Args:
        cells: fair cells at their last epoch; columns ``budget`` (epochs), ``depth``, ``seed``, ``gap_test``.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.0))
    depths = cells.depth.nunique()
    for position, (depth, part) in enumerate(cells.groupby("depth")):
        part = means(part.gap_test, part.budget)
        axes.errorbar(
            part.budget * 1.02 ** (position - 2), part["mean"], yerr=half_interval(part), capsize=2.5,
            label=f"{depth}", **_depth(position, depths),
        )  # fmt: skip
    axes.axhline(0, color=FLOOR, linestyle=":")
    axes.set(
        xlabel="budget, epochs",
        ylabel="test FVU above PCA",
        xscale="log",
        xticks=sorted(cells.budget.unique()),
    )
    axes.set_xticklabels([str(budget) for budget in sorted(cells.budget.unique())])
    axes.minorticks_off()
    _layers(axes)
    ends = cells.groupby(["budget", "depth"]).gap_test.mean().groupby("budget").max()
    return Chart(
        "gap_by_budget",
        figure,
        cells,
        "Largest mean distance above PCA over depths: "
        + "; ".join(f"{value:.4f} after {budget} epochs" for budget, value in ends.items()) + ".",
        f"Fair protocol at growing budgets, k = {one_width(cells)}, the learning rate chosen anew at each. " + INTERVAL,
    )  # fmt: skip


def loss_by_rows(cells: pd.DataFrame) -> Chart:
    """Error against the number of training rows, epochs fixed, as the original advises.

    Args:
        cells: last epoch; columns ``bottleneck``, ``epoch``, ``train_rows``, ``depth``, ``seed``, ``train_fvu``,
            ``test_fvu``, ``pca_test`` (PCA fitted on the same rows).
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.0))
    pca = cells.groupby("train_rows").pca_test.mean()
    axes.plot(pca.index, pca, **line("PCA", 0), label="PCA")
    for position, (depth, part) in enumerate(cells.groupby("depth")):
        for split, style in (("train", "--"), ("test", "-")):
            mean = part.groupby("train_rows")[f"{split}_fvu"].mean()
            drawn = _depth(position, cells.depth.nunique()) | {"linestyle": style}
            axes.plot(mean.index, mean, **drawn, label=f"{depth}" if split == "test" else None)
    axes.set(xscale="log", yscale="log", xlabel="training rows", ylabel="FVU")
    axes.set_xticks(pca.index, [f"{rows:,}" for rows in pca.index])
    axes.xaxis.set_minor_locator(NullLocator())
    _layers(axes)
    ends = cells[cells.train_rows == cells.train_rows.max()].groupby("depth").test_fvu.mean()
    return Chart(
        "loss_by_rows",
        figure,
        cells,
        f"At {int(cells.train_rows.max()):,} rows the test FVU is between {ends.min():.3f} and "
        f"{ends.max():.3f} over depths; "
        f"PCA fitted on the same rows has {pca.iloc[-1]:.3f}.",
        f"Original protocol, {int(cells.epoch.max())} epochs on ever more rows, k = {one_width(cells)}: train "
        "(dashed) and "
        "test (solid), mean over seeds.",
    )


def _depth(position: int, depths: int) -> dict[str, Any]:
    """Look of a depth, the shallowest first: shades in order, since the plain colours are those of the protocols."""
    return line("", position) | {"color": _SHADES(DEEPEST * position / max(depths - 1, 1))}


def _layers(axes: Axes, title: str = "layers") -> None:
    """The legend of depths, beside the panel and deepest first, as the lines mostly lie."""
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], title=title, loc="center left", bbox_to_anchor=(1.0, 0.5))
