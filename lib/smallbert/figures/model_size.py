"""Figures of page 6: what depth, width and heads do, loss against size, and what the papers print of it."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from smallbert.figures.intervals import INTERVAL, half_interval, line, means
from smallbert.figures.labels import legend_below
from smallbert.figures.page import Chart
from smallbert.figures.style import BLUE, FLOOR, INK, WIDTH
from smallbert.measure.scaling import LAWS, Curve

PANELS = {"depth": "layers", "width": "width", "heads": "attention heads"}
"""Panels of the ablation and what their axis counts."""

SAME = {"depth": ["hidden", "heads"], "width": ["layers", "head width"], "heads": ["layers", "hidden"]}
"""What printed arms of one line have in common."""

SIZES = {
    "parameters": ("thousand parameters", 1e3),
    "without embeddings": ("the same\nwithout embeddings", 1e3),
    "operations": ("million operations\na token", 1.0),
}
"""What size means, by column, what its axis says, and the unit it is drawn in."""

ROOM = 1.25
"""Factor beyond the smallest and the largest size up to which an axis goes, so that no marker is cut."""

APART = (0.91, 1.0, 1.1)
"""Factors that set the residuals of the three laws side by side."""

FREQUENCIES = "word frequencies alone"
REPORTED = "reported: on its own scale, never mixed with ours"
LOSS, PRINTED_LOSS = "held-out loss, nats", "log perplexity, nats"


def ablation(cells: pd.DataFrame, printed: pd.DataFrame, floor: float) -> Chart:
    """Held-out loss as depth, width and heads change, beside BERT's Table 6.

    Args:
        cells: one row an arm and seed; columns ``panel`` (of :data:`PANELS`), ``varied``, ``loss``, ``seed``.
        printed: columns ``layers``, ``hidden``, ``heads``, ``loss``.
        floor: loss of word frequencies alone.
    """
    figure, rows = plt.subplots(2, 3, figsize=(WIDTH, 4.8), sharey="row")
    printed = printed.assign(**{"head width": printed.hidden // printed.heads})
    columns = {"depth": "layers", "width": "hidden", "heads": "heads"}
    said = []
    for ours, theirs, (panel, axis) in zip(*rows, PANELS.items(), strict=True):
        own = cells[cells.panel == panel]
        grouped = means(own.loss, own.varied)
        ours.errorbar(grouped.varied, grouped["mean"], yerr=half_interval(grouped), capsize=2.5, **line(panel, 0))
        ours.axhline(floor, color=FLOOR, linestyle=":", label=f"{FREQUENCIES} (top)")
        ours.set(title=panel, xscale="log")
        ours.margins(x=0.12)
        _ticks_at(ours, own.varied)
        alike = printed.groupby(SAME[panel], sort=False).filter(lambda part: len(part) > 1)
        for place, (_, part) in enumerate(alike.groupby(SAME[panel], sort=False)):
            part = part.sort_values(columns[panel])
            theirs.plot(part[columns[panel]], part.loss, markerfacecolor="white", **line(panel, place))
            theirs.annotate(_rest(part, panel), (part[columns[panel]].iloc[0], part.loss.iloc[0]), (4, 4),
                            textcoords="offset points", fontsize=7, color=INK)  # fmt: skip
        theirs.set(xlabel=axis, xscale="log")
        theirs.margins(x=0.3, y=0.15)
        _ticks_at(theirs, alike[columns[panel]])
        best = grouped.loc[grouped["mean"].idxmin()]
        spread = grouped["mean"].max() - best["mean"]
        said.append(f"{axis}: lowest at {best.varied:g}, {spread:.3f} nats below the highest")
    rows[0][0].set_ylabel(f"computed here:\n{LOSS}")
    rows[1][0].set_ylabel(f"BERT, Table 6:\n{PRINTED_LOSS}")
    legend_below(figure, rows[0][0])
    return Chart(
        "ablation",
        figure,
        cells,
        "Mean held-out loss by " + "; ".join(said) + f". Word frequencies alone: {floor:.3f}.",
        "Top: encoders that differ in depth, in width (a head as wide at every width) or in heads (at one number of "
        f"parameters), after as many tokens. Dotted: {FREQUENCIES}. {INTERVAL} Bottom, open: {REPORTED}.",
    )


def against_size(cells: pd.DataFrame, fitted: pd.DataFrame, residuals: pd.DataFrame, floor: float) -> Chart:
    """Loss with its fitted laws, what the laws leave, and accuracy, each against three measures of size.

    Args:
        cells: one row an arm and seed; columns ``arm``, those of :data:`SIZES`, ``loss``, ``accuracy``, ``seed``.
        fitted: columns ``measure``, ``law``, ``a``, ``b``, ``c``, ``preferred``.
        residuals: columns ``measure``, ``law``, ``arm``, ``seed``, ``size``, ``residual``.
        floor: loss of word frequencies alone.
    """
    figure, rows = plt.subplots(
        3, len(SIZES), figsize=(WIDTH, 7.0), sharex="col", sharey="row", height_ratios=(1.7, 1.3, 1)
    )
    for (loss, rest, accuracy), (measure, (name, unit)) in zip(rows.T, SIZES.items(), strict=True):
        for axes, value in ((loss, "loss"), (accuracy, "accuracy")):
            grouped = means(cells[value], cells[measure])
            axes.errorbar(grouped[measure] / unit, grouped["mean"], yerr=half_interval(grouped), color=INK, marker="o",
                          linestyle="", markersize=4, capsize=2)  # fmt: skip
        laws = fitted[fitted.measure == measure]
        along = np.geomspace(cells[measure].min(), cells[measure].max(), 200)
        for row in laws.itertuples():
            style = line(row.law, LAWS.index(row.law))
            width = 2.2 if row.preferred else 1.1
            curve = Curve(row.law, row.a, row.b, row.c).at(along)
            loss.plot(along / unit, curve, label=row.law, linewidth=width, **style | {"marker": ""})
            own = residuals[(residuals.measure == measure) & (residuals.law == row.law)]
            left = means(own.residual, own["size"])
            places = left["size"] / unit * APART[LAWS.index(row.law)]
            ends = half_interval(left) if row.preferred else None
            rest.errorbar(places, left["mean"], yerr=ends, markersize=4.5, elinewidth=0.9, **style | {"linestyle": ""})
        loss.axhline(floor, color=FLOOR, linestyle=":", label=FREQUENCIES)
        rest.axhline(0, color=FLOOR, linestyle=":")
        accuracy.set(xscale="log", xlabel=name)
        _round_ticks(accuracy, cells[measure] / unit)
    for axes, name in zip(rows[:, 0], (LOSS, "residual, nats", "accuracy on\nmasked tokens"), strict=True):
        axes.set_ylabel(name)
    figure.align_ylabels(rows[:, 0])
    legend_below(figure, rows[0][0])
    best = fitted[fitted.preferred]
    said = "; ".join(f"by {row.measure}: {row.law}, errors of {row.error:.3f} nats" for row in best.itertuples())
    return Chart(
        "against_size",
        figure,
        pd.concat([cells.drop(columns="panels", errors="ignore"), residuals], ignore_index=True),
        f"The law that foretells left-out sizes. {said}." if said else "Too few sizes to choose a law.",
        "Held-out loss of all sizes with three laws fitted by least squares (thick: the simplest that foretells "
        f"left-out sizes as well as any), what they leave (with intervals for the thick one), and accuracy. Dotted "
        f"above: {FREQUENCIES}. {INTERVAL}",
    )


def reported(printed: pd.DataFrame, fitted: pd.DataFrame, turns: pd.DataFrame) -> Chart:
    """What the papers print of size: BERT's Table 6 with the same laws, ALBERT's Tables 11 and 12.

    Args:
        printed: columns ``parameters``, ``heads``, ``loss``.
        fitted: laws through it, columns as for :func:`against_size`.
        turns: columns ``table``, ``varied``, ``size``, ``average``.
    """
    tables = list(turns.groupby(["table", "varied"], sort=False))
    figure, (bert, *albert) = plt.subplots(1, 1 + len(tables), figsize=(WIDTH, 3.4))
    bert.plot(printed.parameters / 1e6, printed.loss, color=INK, marker="o", linestyle="", markerfacecolor="white")
    along = np.geomspace(printed.parameters.min(), printed.parameters.max(), 200)
    for row in fitted.itertuples():
        curve = Curve(row.law, row.a, row.b, row.c).at(along)
        style = line(row.law, LAWS.index(row.law)) | {"marker": ""}
        bert.plot(along / 1e6, curve, label=row.law, linewidth=2.2 if row.preferred else 1.1, **style)
    bert.set(title="BERT, Table 6:\nreported", xscale="log", xlabel="million parameters", ylabel=PRINTED_LOSS)
    _ticks_at(bert, (printed.parameters / 1e6).round())
    legend_below(figure, bert, columns=len(LAWS), title="laws through BERT's Table 6")
    said = []
    for axes, ((table, varied), part) in zip(albert, tables, strict=True):
        axes.plot(part["size"], part.average, color=BLUE, marker="o", markerfacecolor="white")
        axes.set(title=f"ALBERT, Table {table}:\nreported", xscale="log", xlabel=varied, ylabel="average of five tasks")
        _ticks_at(axes, part["size"])
        top = part.loc[part.average.idxmax()]
        said.append(f"ALBERT's Table {table} is highest at {varied} {top['size']:,}")
    best = printed.loc[printed.loss.idxmin()]
    return Chart(
        "reported_sizes",
        figure,
        pd.concat([printed, turns], ignore_index=True),
        f"BERT's Table 6 is lowest at {best.parameters / 1e6:.0f} million parameters; {'; '.join(said)}.",
        "As printed, on the papers' own scales: large models, much text, tasks after fine-tuning. Parameters of "
        "BERT's rows are counted by us; two rows have as many and differ in heads. Lines: the laws fitted here to "
        "the printed points, of these two rows to the better.",
    )


def _rest(part: pd.DataFrame, panel: str) -> str:
    """What the arms of a printed line share, short."""
    first = part.iloc[0]
    return {
        "depth": f"width {first.hidden:.0f}",
        "width": f"{first.layers:.0f} layers",
        "heads": f"{first.layers:.0f} layers,\nwidth {first.hidden:.0f}",
    }[panel]


def _round_ticks(axes: Axes, values: pd.Series) -> None:
    """Ticks at 1, 2 and 5 times powers of ten, or at powers alone where these are many, written out."""
    low, high = values.min() / ROOM, values.max() * ROOM
    digits = (1, 2, 5) if high / low < 100 else (1,)
    ticks = [digit * 10.0**power for power in range(-4, 9) for digit in digits]
    _ticks_at(axes, pd.Series([tick for tick in ticks if low <= tick <= high]))
    axes.set_xlim(low, high)


def _ticks_at(axes: Axes, values: pd.Series) -> None:
    ticks = sorted(set(values))
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
    axes.set_xticks([], minor=True)
