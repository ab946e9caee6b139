"""The figure of ALBERT's section 3.1: how far each layer moves its input, with and without shared weights."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from smallbert.figures.page import Chart
from smallbert.figures.style import WIDTH, look

ROWS = {
    "l2": "L2 distance",
    "angle_mean": "mean of angles, degrees",
    "angle_of_means": "angle of means, degrees",
}


def transitions(bands: pd.DataFrame) -> Chart:
    """Distance and angle between each layer's input and output: a column a kind of encoder, a row a measure.

    Args:
        bands: columns ``label``, ``kind``, ``state`` (``trained`` or ``fresh``), ``layer``, ``measure``, ``mean``,
            ``low``, ``high``, ``seeds``.
    """
    kinds = sorted(bands.kind.unique(), reverse=True)  # BERT-like before ALBERT-like
    figure, panels = plt.subplots(
        len(ROWS), len(kinds), figsize=(WIDTH, 6.2), sharex="col", sharey="row", squeeze=False
    )
    for column, kind in zip(panels.T, kinds, strict=True):
        for axes, measure in zip(column, ROWS, strict=True):
            _lines(axes, bands[(bands.kind == kind) & (bands.measure == measure)], list(dict.fromkeys(bands.label)))
        column[0].set_title(kind)
        column[-1].set_xlabel("layer")
        column[-1].xaxis.get_major_locator().set_params(integer=True)
    for axes, name in zip(panels[:, 0], ROWS.values(), strict=True):
        axes.set(ylabel=name, ylim=(0, None))
    keys = {label: key for axes in panels[0] for key, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(keys.values(), keys.keys(), loc="outside lower center", ncols=3, fontsize=7.5)
    seeds = bands.seeds.max()
    return Chart(
        "transitions",
        figure,
        bands,
        "L2 distance from the first layer to the last: " + "; ".join(_ends(bands)) + ".",
        "How far each layer moves a token: distance and angle between the layer's input and its output, all tokens but "
        "padding, as in Figure 1 of the ALBERT paper, which leaves open which mean of the angle it draws. What "
        "ALBERT's first layer reads has passed no norm, so its first distance holds a change of length. Solid: "
        "trained; dashed: the same configuration freshly initialised. Bands: 95% interval over "
        + ("seeds where there are several, else over texts." if seeds > 1 else "texts."),
    )


def _lines(axes: Axes, rows: pd.DataFrame, labels: list[str]) -> None:
    for position, label in enumerate(labels, start=1):  # the third, a peer, not in the colour of a way to share
        one = look(label, position)
        for state, style, filling in (("trained", "-", one.color), ("fresh", "--", "white")):
            part = rows[(rows.label == label) & (rows.state == state)]
            if len(part):
                axes.plot(
                    part.layer, part["mean"], color=one.color, marker=one.marker, linestyle=style, markersize=4,
                    markerfacecolor=filling, linewidth=1.4, label=f"{label}, {state}",
                )  # fmt: skip
                axes.fill_between(part.layer, part.low, part.high, color=one.color, alpha=0.2, linewidth=0)


def _ends(bands: pd.DataFrame) -> list[str]:
    """First and last distance of every encoder."""
    ends = []
    for (label, state), part in bands[bands.measure == "l2"].groupby(["label", "state"], sort=False):
        values = part.sort_values("layer")["mean"]
        ends.append(f"{label}, {state}: {values.iloc[0]:.2f} to {values.iloc[-1]:.2f}")
    return ends
