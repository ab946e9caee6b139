"""Figures of page 3: where the narrow layers stand, and whether it matters."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import LogLocator, NullFormatter

from smallbert.figures.intervals import INTERVAL, half_interval, line
from smallbert.figures.page import Chart
from smallbert.figures.style import FLOOR, WIDTH, look

_LINEAR = 0.1
"""Distance from PCA within which an axis is linear where runs ended worse than the mean vector."""
_BENT = f", logarithmic beyond {_LINEAR:g} where a run ended worse than the mean vector"


def widths(rules: pd.DataFrame) -> Chart:
    """Widths of the encoder's layers under each rule.

    Args:
        rules: columns ``schedule``, ``layer`` (0 is the input), ``width``.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.5))
    for position, (name, part) in enumerate(rules.groupby("schedule", sort=False)):
        axes.plot(part.layer, part.width, **line(name, position), label=name)
    axes.set(xlabel="layer (0 is the embedding, the last is the code)", ylabel="width", yscale="log")
    axes.set_xticks(sorted(rules.layer.unique()))
    figure.legend(loc="outside lower center", fontsize=7, ncols=3)
    inner = rules[(rules.layer > 0) & (rules.layer < rules.layer.max())].groupby("schedule", sort=False).width.mean()
    return Chart(
        "widths",
        figure,
        rules,
        f"Mean hidden width runs from {inner.min():.0f} ({inner.idxmin()}) to {inner.max():.0f} ({inner.idxmax()}).",
        f"Layer widths of each schedule at {int(rules.layer.max())} layers. All start at the embedding and end "
        "at the same "
        "code.",
    )


def gap_by_schedule(cells: pd.DataFrame) -> Chart:
    """Distance from the floor by schedule, a row of panels a protocol, a panel a depth.

    Args:
        cells: last epoch; columns ``protocol``, ``depth``, ``schedule``, ``seed``, ``gap_test``.
    """
    depths = sorted(cells.depth.unique())
    names = list(dict.fromkeys(cells.schedule))
    figure, panels = plt.subplots(
        2, len(depths), figsize=(WIDTH, 1.2 + 0.34 * len(names)), sharex="row", sharey=True, squeeze=False
    )
    for row, protocol in enumerate(("original", "fair")):
        for axes, depth in zip(panels[row], depths, strict=True):
            part = cells[(cells.depth == depth) & (cells.protocol == protocol)]
            grouped = part.groupby("schedule").gap_test.agg(["mean", "sem", "count"]).reindex(names)
            for y, name in enumerate(names):
                one = look(name, y)
                axes.errorbar(
                    grouped["mean"][name], len(names) - 1 - y, xerr=half_interval(grouped.loc[[name]]),
                    color=one.color, marker=one.marker, capsize=2,
                )  # fmt: skip
            axes.axvline(0, color=FLOOR, linestyle=":")
            axes.set(title=f"{protocol}, {depth} layers", yticks=range(len(names)), yticklabels=names[::-1])
        if _bends(cells.gap_test[cells.protocol == protocol]):
            panels[row, 0].set_xscale("symlog", linthresh=_LINEAR)
        else:
            for axes in panels[row]:
                axes.locator_params(axis="x", nbins=4)
    for axes in panels[-1]:
        axes.set_xlabel("test FVU above PCA")
    means = cells.groupby(["protocol", "schedule"]).gap_test.mean()
    best = {name: means[name].idxmin() for name in ("original", "fair")}
    return Chart(
        "gap_by_schedule",
        figure,
        cells,
        f"Averaged over depths, the schedule nearest to PCA is {best['original']} under the original protocol and "
        f"{best['fair']} under the fair one.",
        "Distance from PCA of the same width on test articles, by schedule and depth; each protocol has its own scale"
        f"{_BENT if any(_bends(part) for _, part in cells.groupby('protocol').gap_test) else ''}. " + INTERVAL,
    )


def gap_by_parameters(cells: pd.DataFrame) -> Chart:
    """Distance from the floor against the encoder's size, both protocols.

    Args:
        cells: last epoch; columns ``protocol``, ``schedule``, ``depth``, ``encoder_parameters``, ``seed``,
            ``gap_test``.
    """
    figure, panels = plt.subplots(1, 2, figsize=(WIDTH, 3.7), sharex=True)
    names = list(dict.fromkeys(cells.schedule))
    correlations = []
    for axes, protocol in zip(panels, ("original", "fair"), strict=True):
        part = cells[cells.protocol == protocol]
        points = (
            part.groupby(["schedule", "depth", "encoder_parameters"])
            .gap_test.agg(["mean", "sem", "count"])
            .reset_index()
        )
        for position, name in enumerate(names):
            own = points[points.schedule == name]
            axes.errorbar(
                own.encoder_parameters, own["mean"], yerr=half_interval(own), capsize=2,
                **(line(name, position) | {"linestyle": ""}), label=name,
            )  # fmt: skip
        correlations.append(f"{protocol} {points.encoder_parameters.corr(points['mean'], method='spearman'):+.2f}")
        axes.axhline(0, color=FLOOR, linestyle=":")
        axes.set(title=protocol, xlabel="encoder parameters", xscale="log", ylabel="test FVU above PCA")
        if _bends(part.gap_test):
            axes.set_yscale("symlog", linthresh=_LINEAR)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.xaxis.set_minor_formatter(NullFormatter())
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", fontsize=7, ncols=3)
    return Chart(
        "gap_by_parameters",
        figure,
        cells,
        "Rank correlation of encoder size and distance from PCA: " + ", ".join(correlations) + ".",
        "The same cells against the number of encoder parameters. Schedules that narrow early are smaller, "
        "except where "
        "they were scaled to uniform's size. " + INTERVAL,
    )


def paired_differences(pairs: pd.DataFrame) -> Chart:
    """Paired difference of each schedule from uniform, with intervals.

    Args:
        pairs: columns ``protocol``, ``depth``, ``schedule``, ``difference``, ``low``, ``high`` (test FVU, schedule
            less uniform) and ``verdict`` (corrected for all comparisons).
    """
    names = list(dict.fromkeys(pairs.schedule))
    depths = sorted(pairs.depth.unique())
    figure, panels = plt.subplots(1, 2, figsize=(WIDTH, 0.9 + 0.3 * len(names) * len(depths) * 0.6), sharey=True)
    labels = [(name, depth) for name in names for depth in depths]
    for axes, protocol in zip(panels, ("original", "fair"), strict=True):
        part = pairs[pairs.protocol == protocol].set_index(["schedule", "depth"])
        for y, (name, depth) in enumerate(labels[::-1]):
            if (name, depth) in part.index:
                own = part.loc[(name, depth)]
                one = look(name, names.index(name))
                axes.errorbar(
                    own.difference, y, xerr=np.array([[own.difference - own.low], [own.high - own.difference]]),
                    color=one.color, marker=one.marker, capsize=2,
                )  # fmt: skip
        axes.axvline(0, color=FLOOR, linestyle=":")
        axes.set(title=protocol, xlabel="test FVU less uniform's")
        if _bends(part.difference.abs()):
            axes.set_xscale("symlog", linthresh=_LINEAR)
        else:
            axes.locator_params(axis="x", nbins=4)
        named = [name if len(depths) == 1 else f"{name}, {depth} layers" for name, depth in labels[::-1]]
        axes.set_yticks(range(len(labels)), named, fontsize=8 if len(depths) == 1 else 7)
    words = {"lower": "better", "higher": "worse"}
    counts = pairs.verdict.map(lambda word: words.get(word, word)).groupby(pairs.protocol).value_counts()
    said = "; ".join(
        f"{name}: " + ", ".join(f"{count} {word}" for word, count in counts[name].items())
        for name in ("original", "fair")
        if name in counts
    )
    at = f", {depths[0]} layers" if len(depths) == 1 else ""
    bent = _BENT if any(_bends(part) for _, part in pairs.difference.abs().groupby(pairs.protocol)) else ""
    return Chart(
        "paired_differences",
        figure,
        pairs,
        f"Comparisons with uniform of the same depth, {said}.",
        f"Difference from the uniform schedule of the same depth{at}, seed by seed{bent}; left of the line is better. "
        "Error bars: 95% t interval of the paired difference, not corrected for the number of comparisons; "
        "the table below is.",
    )


def _bends(distances: pd.Series) -> bool:
    """Whether runs are so far off that all others would lie on one spot."""
    return bool(distances.max() > 1)
