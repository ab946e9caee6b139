"""Figures of page 2 on encoder depth under both protocols, at one bottleneck unless a panel says otherwise."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import LogNorm
from matplotlib.ticker import LogLocator

from smallbert.figures.intervals import INTERVAL, bars, half_interval, line, means, one_width
from smallbert.figures.labels import signed_ticks
from smallbert.figures.page import Chart
from smallbert.figures.style import FLOOR, WIDTH, look

WIDE = 0.1
"""Distances beyond this, of an arm that nearly diverged, are drawn on an axis that is logarithmic from ..."""
_LINEAR = 0.01
"""... this on."""


def tuning_once(tuning: pd.DataFrame) -> Chart:
    """The original's single tuning: validation loss of the smallest autoencoder.

    Args:
        tuning: columns ``activation``, ``optimizer``, ``rate``, ``validation_fvu`` (empty where it diverged).
    """
    optimizers = list(dict.fromkeys(tuning.optimizer))
    figure, panels = plt.subplots(1, len(optimizers), figsize=(WIDTH, 2.4), sharey=True)
    # Logarithmic, so that the good cells differ too beside an optimizer that learns nothing.
    shades = LogNorm(np.nanmin(tuning.validation_fvu), np.nanmax(tuning.validation_fvu) * 1.001)
    for axes, optimizer in zip(np.atleast_1d(panels), optimizers, strict=True):
        part = tuning[tuning.optimizer == optimizer]
        table = part.pivot_table(index="activation", columns="rate", values="validation_fvu", dropna=False)
        sns.heatmap(
            table, annot=True, fmt="#.2g", norm=shades, cmap="cividis_r", cbar=False, ax=axes,
            annot_kws={"fontsize": 9}, linewidths=0.5, xticklabels=[f"{rate:g}" for rate in table.columns],
        )  # fmt: skip
        axes.set(title=optimizer, xlabel="learning rate", ylabel="")
        axes.grid(visible=False)
        axes.tick_params(axis="x", rotation=0, labelsize=8)
        axes.tick_params(axis="y", rotation=0, length=0)
    best = tuning.loc[tuning.validation_fvu.idxmin()]
    return Chart(
        "tuning_once",
        figure,
        tuning,
        f"The smallest autoencoder does best with {best.activation}, {best.optimizer} and rate {best.rate:g}: "
        f"validation FVU {best.validation_fvu:.3f}.",
        "Original protocol: activation, optimizer and rate are chosen once, on the smallest autoencoder, by validation "
        "FVU at k = " + f"{one_width(tuning)}; the choice is reused for every other. Shades are logarithmic, light is "
        "good; an empty cell diverged.",
    )


def loss_by_depth(cells: pd.DataFrame, floor_mse: float) -> Chart:
    """The original's own picture: raw test loss against depth after few epochs.

    Args:
        cells: columns ``depth``, ``epoch``, ``seed``, ``test_mse`` (a vector's squared error over its width).
        floor_mse: test MSE of PCA fitted on train at the same width.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.0))
    epochs = sorted(cells.epoch.unique())
    for position, epoch in enumerate(epochs):
        part = cells[cells.epoch == epoch]
        part = means(part.test_mse, part.depth)
        shift = 0.06 * (position - (len(epochs) - 1) / 2)
        # All of one protocol, so all in its colour.
        drawn = line("", position) | {"color": look("original").color}
        if epoch != epochs[-1]:
            drawn["markerfacecolor"] = "white"
        axes.errorbar(
            part.depth + shift, part["mean"], yerr=half_interval(part), capsize=2.5, label=f"after {epoch} epochs",
            **drawn,
        )  # fmt: skip
    axes.axhline(floor_mse, color=FLOOR, linestyle=":")
    axes.text(cells.depth.max() + 0.3, floor_mse, "PCA", ha="right", va="bottom", fontsize=8, color=FLOOR)
    axes.set(
        xlabel="layers of the encoder",
        ylabel="test loss, MSE per element",
        xticks=sorted(cells.depth.unique()),
    )
    axes.legend()
    final = cells[cells.epoch == epochs[-1]].groupby("depth").test_mse.mean()
    place = "below all of them" if floor_mse < final.min() else "not below all of them"
    return Chart(
        "loss_by_depth",
        figure,
        cells,
        f"After {epochs[-1]} epochs the lowest mean loss is at depth {final.idxmin()} and the highest at depth "
        f"{final.idxmax()}; PCA at the same width is {place}.",
        f"Original protocol, as it was reported: raw test loss by depth, k = {one_width(cells)}. " + INTERVAL,
    )


def gap_by_depth(cells: pd.DataFrame) -> Chart:
    """Distance from the floor by depth, both protocols, one panel a width.

    Args:
        cells: final epoch; columns ``protocol``, ``depth``, ``bottleneck``, ``seed``, ``gap_test`` (FVU above PCA
            fitted on train).
    """
    widths = sorted(cells.bottleneck.unique())
    figure, panels = plt.subplots(1, len(widths), figsize=(WIDTH, 3.2), sharey=True)
    for axes, width in zip(np.atleast_1d(panels), widths, strict=True):
        for position, protocol in enumerate(("original", "fair")):
            part = cells[(cells.bottleneck == width) & (cells.protocol == protocol)]
            if len(part):
                part = means(part.gap_test, part.depth)
                bars(axes, part.depth + 0.1 * (position - 0.5), part, protocol, position)
        axes.axhline(0, color=FLOOR, linestyle=":")
        axes.set(title=f"k = {width}", xlabel="layers of the encoder", xticks=sorted(cells.depth.unique()))
    first = np.atleast_1d(panels)[0]
    first.set_ylabel("test FVU above PCA")
    wide = cells.gap_test.max() > WIDE
    if wide:
        first.set_yscale("symlog", linthresh=_LINEAR)
        signed_ticks(first.yaxis, _LINEAR)
    figure.legend(*first.get_legend_handles_labels(), loc="outside upper right", ncols=2)
    final = cells.groupby(["bottleneck", "protocol", "depth"]).gap_test.mean()
    spans = [
        f"k = {width}, {name}: {final[width, name].min():.4f} to {final[width, name].max():.4f}"
        for width in widths
        for name in ("original", "fair")
    ]
    return Chart(
        "gap_by_depth",
        figure,
        cells,
        "Mean distance above PCA over depths: " + "; ".join(spans) + ".",
        "How far above PCA of the same width the autoencoders end, on test articles, one fixed affine decoder layer. "
        "Zero is PCA fitted on train" + (f"; linear below {_LINEAR}, logarithmic above. " if wide else ". ") + INTERVAL,
    )


def curves(cells: pd.DataFrame, floors: dict[str, float]) -> Chart:
    """Train and test error against epochs, a panel a depth.

    Args:
        cells: columns ``protocol``, ``depth``, ``epoch``, ``seed``, ``train_fvu``, ``test_fvu``.
        floors: FVU of PCA fitted on train, by ``train`` and ``test``.
    """
    depths = sorted(cells.depth.unique())
    columns = min(3, len(depths))
    rows = -(-len(depths) // columns)
    figure, panels = plt.subplots(
        rows, columns, figsize=(WIDTH, 2.0 * rows + 0.4), sharex=True, sharey=True, squeeze=False
    )
    for axes, depth in zip(panels.flat, depths, strict=False):
        for protocol in ("original", "fair"):
            part = cells[(cells.depth == depth) & (cells.protocol == protocol)]
            for split, style in (("train", "--"), ("test", "-")):
                mean = part.groupby("epoch")[f"{split}_fvu"].mean()
                axes.plot(
                    mean.index,
                    mean,
                    color=look(protocol).color,
                    linestyle=style,
                    label=f"{protocol}, {split}",
                    linewidth=1.4,
                )
        axes.axhline(floors["test"], color=FLOOR, linestyle=":")
        axes.set(title=f"{depth} layer{'s' if depth > 1 else ''}", xscale="log", yscale="log")
    for axes in panels.flat[len(depths) :]:
        axes.remove()
    for axes in panels[-1]:
        axes.set_xlabel("epochs")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
    for axes in panels[:, 0]:
        axes.set_ylabel("FVU")
    panels.flat[0].legend(fontsize=7)
    last = cells[cells.epoch == cells.groupby(["protocol", "depth"]).epoch.transform("max")]
    split = (last.test_fvu - last.train_fvu).abs().max()
    return Chart(
        "curves",
        figure,
        cells,
        f"At the end train and test lie within {split:.2g} FVU of each other in every panel; the depths themselves end "
        f"between {last.test_fvu.min():.3f} and {last.test_fvu.max():.3f}.",
        f"FVU against epochs at k = {one_width(cells)}, mean over seeds. Dotted: PCA of the same width on test. "
        "The fair lines follow a warm-up "
        "and cosine schedule, so their early points are not those of a shorter run.",
    )
