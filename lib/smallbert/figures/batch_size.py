"""Figures of page 6: loss, gap and sharpness by batch size, and held-out against training loss."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from smallbert.figures.intervals import INTERVAL, bars, half_interval, means
from smallbert.figures.labels import legend_below
from smallbert.figures.page import Chart
from smallbert.figures.style import FLOOR, WIDTH, look

ROWS = {
    "held out": "held-out loss",
    "train": "loss on\ntraining text",
    "gap": "gap",
    "sharpness": "sharpness",
}
"""Measures, all in nats, and what their axis says."""

CUT = "Those that leave a panel are cut off."


def by_batch(cells: pd.DataFrame) -> Chart:
    """Every measure against the batch, by rule for the rate; a column a regime.

    Args:
        cells: one row a regime, rule, batch and seed; columns ``regime``, ``rule``, ``batch``, ``seed`` and those of
            :data:`ROWS`.
    """
    regimes, batches = list(dict.fromkeys(cells.regime)), sorted(cells.batch.unique())
    figure, panels = plt.subplots(
        len(ROWS), len(regimes), figsize=(WIDTH, 7.8), sharex=True, sharey="row", squeeze=False
    )
    for column, regime in zip(panels.T, regimes, strict=True):
        for axes, measure in zip(column, ROWS, strict=True):
            for place, (rule, part) in enumerate(cells[cells.regime == regime].groupby("rule", sort=False)):
                grouped = means(part[measure], part.batch)
                bars(axes, grouped.batch * 1.13 ** (place - 1), grouped, f"{rule} rate", place)
        column[0].set_title(regime)
        column[-1].set(xscale="log", xlabel="tokens a batch")
        column[-1].set_xticks(batches, [f"{batch:,}" for batch in batches], minor=False)
        column[-1].set_xticks([], minor=True)
    for axes, name in zip(panels[:, 0], ROWS.values(), strict=True):
        axes.set_ylabel(f"{name}, nats")
    for axes in panels[list(ROWS).index("gap")]:
        axes.axhline(0, color=FLOOR, linestyle=":")
    for row, measure in zip(panels, ROWS, strict=True):
        found = means(cells[measure], [cells.regime, cells.rule, cells.batch])["mean"]
        _show(row[0], "y", found, 0.0 if measure in ("gap", "sharpness") else None)
    figure.align_ylabels(panels[:, 0])
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(handles))
    found = cells.groupby(["regime", "rule", "batch"], sort=False)["held out"].mean()
    said = [f"{regime}: batch {found[regime].idxmin()[1]:,}, {found[regime].idxmin()[0]} rate" for regime in regimes]
    return Chart(
        "batch_size",
        figure,
        cells,
        "Lowest mean held-out loss. " + "; ".join(said) + ".",
        "One encoder trained on a small share of text in batches of several sizes: after reading it as often (left) "
        "and after as many updates (right), with the peak rate fixed, scaled by the square root of the batch or "
        "linearly. Gap: held-out loss less that on the text read, both after training on fixed masks. Sharpness: rise "
        f"of the latter under random noise on the weights. {INTERVAL} {CUT}",
    )


def at_training_loss(cells: pd.DataFrame) -> Chart:
    """Held-out loss against training loss of every encoder: on one line, batch size does nothing beyond how far it got.

    Args:
        cells: as for :func:`by_batch`, with ``rate`` and ``steps``.
    """
    encoders = cells.drop_duplicates(["seed", "batch", "rate", "steps"])
    shades = plt.get_cmap("Purples")(np.linspace(0.55, 1, encoders.batch.nunique()))  # an order, unlike rules
    figure, (losses, sharp) = plt.subplots(1, 2, figsize=(WIDTH, 3.8))
    for axes, x, y in ((losses, "train", "held out"), (sharp, "sharpness", "gap")):
        for place, (batch, part) in enumerate(encoders.groupby("batch")):
            one, color = look("", place), shades[place]
            arm = [part.rate, part.steps]
            across, up = means(part[x], arm), means(part[y], arm)
            ends = {"xerr": half_interval(across), "yerr": half_interval(up)}
            bars = {"color": color, "linestyle": "", "elinewidth": 0.8, "alpha": 0.6}
            axes.errorbar(across["mean"], up["mean"], **ends, **bars)
            axes.plot(
                across["mean"], up["mean"], color=color, marker=one.marker, markersize=6, linestyle="",
                markeredgecolor="white", markeredgewidth=0.6, label=f"batches of {batch:,} tokens",
            )  # fmt: skip
        found = means(encoders[x], [encoders.batch, encoders.rate, encoders.steps])["mean"]
        _show(axes, "x", found, 0.0 if x == "sharpness" else None)
        found = means(encoders[y], [encoders.batch, encoders.rate, encoders.steps])["mean"]
        _show(axes, "y", found, 0.0 if y == "gap" else None)
        axes.set(xlabel=f"{ROWS[x]}, nats".replace("\n", " "), ylabel=f"{ROWS[y]}, nats")
    losses.axline((encoders.train.mean(), encoders.train.mean()), slope=1, color=FLOOR, linestyle=":")
    legend_below(figure, losses)
    rank = encoders.train.rank().corr(encoders["held out"].rank())
    other = encoders.sharpness.rank().corr(encoders.gap.rank())
    return Chart(
        "at_training_loss",
        figure,
        encoders,
        f"Over all {len(encoders)} encoders the rank correlation of held-out with training loss is {rank:.2f}, that of "
        f"the gap with sharpness {other:.2f}.",
        "Left: loss on new text against loss on the text read (dotted: equal). Where batches lie on one curve, batch "
        f"size changes how far training gets and nothing else. Right: gap against sharpness. {INTERVAL} {CUT}",
    )


def _show(axes: Axes, axis: str, found: pd.Series, at_least: float | None) -> None:
    """Limits around the means, with a third of their span at either end: an interval of few seeds would hide them."""
    low, high = found.min(), found.max()
    low = low if at_least is None else min(low, at_least)
    room = 0.35 * (high - low) or 0.1
    axes.set(**{f"{axis}lim": (low - room * (0.25 if low == at_least else 1), high + room)})
