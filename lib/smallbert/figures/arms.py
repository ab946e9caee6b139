"""Figures of page 2: what is free, what changes when one thing changes, and what a code is worth."""

from __future__ import annotations

import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from smallbert.figures.intervals import INTERVAL, half_interval, line, means
from smallbert.figures.labels import beside, legend_below, signed_ticks
from smallbert.figures.page import Chart
from smallbert.figures.style import FLOOR, INK, WIDTH, look
from smallbert.measure.limits import WORSE_THAN_THE_MEAN

_NEAR = 0.02
"""FVU from PCA up to which an axis stays linear where an arm is ..."""
_FAR = 0.1
"""... farther than this."""


def widths_and_baselines(floor: pd.DataFrame, baselines: pd.DataFrame) -> Chart:
    """Test FVU of linear methods at equal width.

    Args:
        floor: columns ``k``, ``transfer``, ``oracle``.
        baselines: columns ``method``, ``k``, ``seed``, ``test_fvu``.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.2))
    axes.margins(x=0.02)
    shown = floor[(floor.k <= baselines.k.max() * 1.5) & (floor.transfer > 0)]
    axes.plot(shown.k, shown.transfer, color=look("PCA").color, label="PCA, fitted on train")
    axes.plot(shown.k, shown.oracle, color=INK, linestyle=":", label="PCA, fitted on test (oracle)")
    for position, (method, part) in enumerate(baselines.groupby("method", sort=False)):
        part = means(part.test_fvu, part.k)
        axes.errorbar(part.k, part["mean"], yerr=half_interval(part), **line(method, position), capsize=2)
    axes.set(xscale="log", yscale="log", xlabel="width k", ylabel="test FVU")
    legend_below(figure, axes, columns=2)
    last = baselines[baselines.k == baselines.k.max()].groupby("method", sort=False).test_fvu.mean()
    colors = {method: line(method, position)["color"] for position, method in enumerate(last.index)}
    beside(axes, float(baselines.k.max()), last.to_dict(), colors)
    mean = baselines.groupby(["k", "method"]).test_fvu.mean()
    pca = floor.set_index("k").transfer
    lower = [f"{method} at k = {k}" for (k, method), value in mean.items() if value < pca[k]]
    widest = mean[baselines.k.max()]
    return Chart(
        "widths_and_baselines",
        figure,
        pd.concat([floor.assign(method="PCA")[["method", "k", "transfer", "oracle"]], baselines]),
        ("No baseline is below PCA" if not lower else f"Below PCA: {', '.join(lower)}")
        + f"; at k = {int(baselines.k.max())} they leave {widest.min():.2f} ({widest.idxmin()}) to {widest.max():.2f} "
        f"({widest.idxmax()}) of the variance.",
        "Fraction of variance unexplained on test at equal width, both axes logarithmic. Plain truncation "
        "fills what it "
        "dropped with the mean; the others have the best affine decoder for their codes. " + INTERVAL,
    )


def arms(cells: pd.DataFrame) -> Chart:
    """Distance from PCA, on train and on test, for every other arm.

    Args:
        cells: fair cells at their last epoch; columns ``arm``, ``depth``, ``bottleneck``, ``seed``, ``gap_train``,
            ``gap_test``, ``bounded``, ``test_fvu``.
    """
    kept = cells[cells.test_fvu <= WORSE_THAN_THE_MEAN]
    lost = cells.groupby("arm").size() - kept.groupby("arm").size().reindex(cells.arm.unique(), fill_value=0)
    order = kept.groupby("arm", sort=False).gap_test.mean().sort_values(ascending=False).index
    names = [f"{name} ({lost[name]} failed)" if lost[name] else name for name in order]
    figure, axes = plt.subplots(figsize=(WIDTH, 0.9 + 0.27 * len(order)))
    for y, name in enumerate(order):
        part = kept[kept.arm == name]
        for split, marker, shift in (("train", "o", 0.14), ("test", "s", -0.14)):
            grouped = means(part[f"gap_{split}"], part.arm)
            axes.errorbar(
                grouped["mean"], [y + shift], xerr=half_interval(grouped), color=look(split).color, marker=marker,
                capsize=2, linestyle="", label=split if y == 0 else None,
            )  # fmt: skip
    axes.axvline(0, color=FLOOR, linestyle=":")
    far = kept[["gap_train", "gap_test"]].abs().max(axis=None) > _FAR
    if far:  # one arm that nearly fails must not hide the others
        axes.set_xscale("symlog", linthresh=_NEAR)
        signed_ticks(axes.xaxis, _NEAR)
    axes.set(yticks=range(len(order)), yticklabels=names, xlabel="FVU above PCA fitted on train")
    axes.margins(y=0.03)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=2)
    below = [name for name, mean in zip(names, kept.groupby("arm").gap_test.mean()[order], strict=True) if mean < 0]
    gone = [f"all {lost[name]} of {name}" for name in cells.arm.unique() if name not in order]
    failed = "A run failed if it ends worse than the mean, at FVU above 1; it is counted at its arm, in no mean. "
    failed = (failed + "".join(f"Not drawn: {one}. " for one in gone)) if lost.any() else ""
    depth, width = int(cells.depth.iloc[0]), int(cells.bottleneck.iloc[0])
    return Chart(
        "arms",
        figure,
        cells,
        f"Arms whose mean test error is below PCA fitted on train: {'; '.join(below) or 'none'}.",
        f"Fair protocol, {depth} encoder layers, k = {width}: distance from PCA fitted on train, on train and on test "
        f"articles{f'; linear between {-_NEAR} and {_NEAR}, logarithmic beyond' if far else ''}. Left of the dotted "
        "line an arm is better than PCA; on train no arm with an affine decoder and no output activation can be. "
        + failed
        + INTERVAL,
    )


def quality(metrics: pd.DataFrame, bottleneck: int, note: str) -> Chart:
    """What the codes are worth beyond reconstruction, small multiples, one a metric.

    Args:
        metrics: columns ``method``, ``metric``, ``mean``, ``half`` (of a 95% interval; empty for one fit).
        bottleneck: width of every code but the whole embedding.
        note: a sentence on what they were measured on.
    """
    names = list(dict.fromkeys(metrics.metric))
    methods = list(dict.fromkeys(metrics.method))
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure, panels = plt.subplots(
        rows, columns, figsize=(WIDTH, (0.7 + 0.2 * len(methods)) * rows), sharey=True, squeeze=False
    )
    for axes, name in zip(panels.flat, names, strict=False):
        part = metrics[metrics.metric == name].set_index("method").reindex(methods)
        for y, method in enumerate(methods):
            own = look(method.split(",")[0] if method.startswith(("original", "fair")) else method)
            axes.errorbar(
                part["mean"][method], len(methods) - 1 - y, xerr=np.nan_to_num(part.half[method]), color=own.color,
                marker=own.marker, capsize=2,
            )  # fmt: skip
        axes.set(title=textwrap.fill(name, 18), yticks=range(len(methods)), yticklabels=methods[::-1])
        above = part["mean"][part["mean"] > 0]
        if name in _ERRORS and above.max() > _WIDE * above.min():  # one large error must not hide the others
            least = 10.0 ** np.floor(np.log10(above.min()))
            axes.set_xscale("symlog", linthresh=least)
            axes.set_xlim(-0.1 * least, 1.5 * above.max())
            signed_ticks(axes.xaxis, least, steps=(1,))
    for axes in panels.flat[len(names) :]:
        axes.remove()
    bent = any(axes.get_xscale() == "symlog" for axes in figure.axes)
    narrow = metrics[metrics.method != "whole embedding"]
    best = [f"{name}: {_best(part, name)}" for name, part in narrow.groupby("metric", sort=False)]
    return Chart(
        "quality",
        figure,
        metrics,
        "Best of the narrow codes by mean. " + "; ".join(best) + ".",
        f"What codes of {bottleneck} numbers keep, beside the whole embedding; small is good for FVU and cosine "
        "distortion, large for the rest"
        f"{'; errors that differ much are on an axis that is logarithmic from its first tick on' if bent else ''}. "
        f"{note} {INTERVAL}",
    )


_ERRORS = ("FVU", "cosine distortion")
"""Measures of which less is better."""
_WIDE = 10
"""Errors so many times as large as the least are drawn on a logarithmic axis."""


def _best(part: pd.DataFrame, name: str) -> str:
    """The method with the best mean, or all that are equal to it but for rounding."""
    means = part["mean"]
    best = means.min() if name in _ERRORS else means.max()
    return " and ".join(part.method[np.isclose(means, best, rtol=1e-6, atol=0)])
