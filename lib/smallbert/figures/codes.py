"""Figures of page 8 on indexes: what codes of so many bytes are worth, what to fit them on, what to do before."""

from __future__ import annotations

import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from smallbert.figures.absent import absent
from smallbert.figures.page import Chart
from smallbert.figures.style import BLUE, FLOOR, GREEN, INK, ORANGE, PURPLE, SKY, VERMILION, WIDTH, Look

BOOTSTRAP = (
    "Error bars: 95% bootstrap over queries, of translations over events; where a fit is random also over seeds, each "
    "end as far out as Student's t over these where that is farther."
)

LOOKS = {
    "whole vector": Look(INK, "*", ":"),
    "PCA": Look(FLOOR, "D", "-"),
    "whitening": Look(PURPLE, "P", "--"),
    "truncation": Look(ORANGE, "v", "-."),
    "random projection": Look(GREEN, "X", ":"),
    "Matryoshka head": Look(SKY, "^", "--"),
    "k-sparse": Look(VERMILION, "s", "-."),
    "autoencoder": Look(BLUE, "p", "--"),
    "autoencoder, two-layer decoder": Look(INK, "d", "--"),
    "PCA, 32 bits": Look(FLOOR, "D", ":"),
    "PCA, int8": Look(BLUE, "o", "-"),
    "PCA, binary": Look(ORANGE, "<", "--"),
    "PCA, binary, rescored": Look(VERMILION, "^", "-."),
    "PCA, product": Look(GREEN, "s", "--"),
    "int8": Look(BLUE, "P", ""),
    "binary": Look(ORANGE, "X", ""),
    "binary, rescored": Look(VERMILION, "d", ""),
    "product": Look(PURPLE, "h", "--"),
}
"""Every code's own look, so that it is the same in all figures."""

FITTED_ON = (LOOKS["PCA, int8"], Look(GREEN, ">", "--"), Look(VERMILION, "v", "-."), Look(PURPLE, "<", "--"))
"""Looks of that code by what it is fitted on; but for the first, all articles together, no code has them."""

TICKS = 12
"""How many numbers of bytes are written on an axis at most; one nearer to the last written than that is left out."""

TITLES = {
    "maps": "fewer numbers, each in 16 bits",
    "formats": "number formats, alone and behind PCA",
}


def at_equal_bytes(points: pd.DataFrame, group: str) -> Chart:
    """What the codes of one group are worth against their bytes, a panel a measure.

    Args:
        points: columns ``method``, ``group``, ``bytes``, ``measure``, ``mean``, ``low``, ``high``; the group ``whole``
            is the whole vector.
        group: ``maps`` or ``formats``.
    """
    # PCA in 16 bits is one of the maps, and what the other formats are beside.
    shown = points[(points.group == group) | (points.method == "PCA")]
    whole = points[points.group == "whole"].set_index("measure")["mean"]
    figure, panels = _panels(list(dict.fromkeys(points.measure)), 2.6)
    for measure, axes in panels.items():
        for method, part in shown[shown.measure == measure].groupby("method", sort=False):
            _line(axes, part.sort_values("bytes"), method)
        axes.axhline(whole[measure], color=INK, linestyle=":", linewidth=1)
        _byte_ticks(axes, shown.bytes)
    _legend(figure, panels)
    said = _listed(shown.loc[shown.groupby(["measure", "bytes"])["mean"].idxmax()], "method")
    return Chart(
        f"codes_{group}",
        figure,
        pd.concat([points[points.group == "whole"], shown], ignore_index=True),
        f"Best by mean at each size. {said}.",
        f"At equal bytes, {TITLES[group]}; test articles, on which nothing was fitted. Dotted: the whole vector in 32 "
        f"bits, {int(points[points.group == 'whole'].bytes.iloc[0]):,} bytes. {BOOTSTRAP}",
    )


def pareto(points: pd.DataFrame, fronts: pd.DataFrame) -> Chart:
    """All codes of all groups, and those that none dominates.

    Args:
        points: as in :func:`at_equal_bytes`.
        fronts: rows of ``points`` on the front of their measure.
    """
    figure, panels = _panels(list(dict.fromkeys(points.measure)), 3.0)
    for measure, axes in panels.items():
        rest = points[points.measure == measure]
        axes.plot(rest.bytes, rest["mean"], color=FLOOR, marker=".", linestyle="", alpha=0.6)
        best = fronts[fronts.measure == measure].sort_values("bytes")
        axes.step(best.bytes, best["mean"], where="post", color=INK, linewidth=1)
        for row in best.to_dict("records"):
            _line(axes, pd.DataFrame([row]), row["method"])
        _byte_ticks(axes, points.bytes)
    _legend(figure, panels)
    said = _listed(fronts, "method")
    return Chart(
        "codes_pareto",
        figure,
        points.merge(fronts[["method", "bytes", "measure"]].assign(front=True), how="left").fillna({"front": False}),
        f"Codes that no other dominates. {said}.",
        "Every code tried (grey), and those for which none takes at most as many bytes and is worth at least as much "
        f"by mean. {BOOTSTRAP}",
    )


def languages(points: pd.DataFrame, why: str) -> Chart:
    """One map for all languages against others, at equal bytes, a panel a measure.

    Args:
        points: columns ``arm``, ``bytes``, ``measure``, ``mean``, ``low``, ``high``; empty where the corpus has one
            language.
        why: what to say in place of a figure then.
    """
    if points.empty:
        return absent("codes_languages", why)
    arms = list(dict.fromkeys(points.arm))
    figure, panels = _panels(list(dict.fromkeys(points.measure)), 3.0)
    for measure, axes in panels.items():
        for arm, own in zip(arms, FITTED_ON, strict=True):
            part = points[(points.arm == arm) & (points.measure == measure)].sort_values("bytes")
            _line(axes, part, arm, own)
        _byte_ticks(axes, points.bytes)
    _legend(figure, panels)
    said = _listed(points.loc[points.groupby(["measure", "bytes"])["mean"].idxmax()], "arm")
    return Chart(
        "codes_languages",
        figure,
        points,
        f"Best by mean at each size. {said}.",
        "PCA and one byte a number, fitted on all languages together, with each language's mean taken off, on each "
        "language alone, or on one language for all. Neighbours within a language by Euclidean distance; translations "
        "by cosine among the articles of other languages. Error bars: 95% bootstrap over articles, of translations "
        "over events.",
    )


def preprocessing(table: pd.DataFrame) -> Chart:
    """What is done before coding, a row each, a panel a measure.

    Args:
        table: columns ``preprocessing``, ``method``, ``measure``, ``mean``, ``low``, ``high``; others are kept as data.
    """
    names, methods = list(dict.fromkeys(table.preprocessing)), list(dict.fromkeys(table.method))
    measures = list(dict.fromkeys(table.measure))
    figure, panels = plt.subplots(
        1, len(measures), figsize=(WIDTH, 1.3 + 0.36 * len(names)), sharey=True, squeeze=False
    )
    for axes, measure in zip(panels[0], measures, strict=True):
        for place, method in enumerate(methods):
            part = table[(table.measure == measure) & (table.method == method)].set_index("preprocessing").loc[names]
            own = LOOKS[method]
            y = np.arange(len(names))[::-1] + 0.22 * (1 - place)
            axes.errorbar(
                part["mean"], y, xerr=_ends(part), color=own.color, marker=own.marker, linestyle="", capsize=2,
                label=method,
            )  # fmt: skip
        axes.set_title(textwrap.fill(measure, 18), fontsize=8)
    panels[0][0].set_yticks(range(len(names)), names[::-1], fontsize=7.5)
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=len(methods))
    best = table.loc[table.groupby(["measure", "method"], sort=False)["mean"].idxmax()]
    said = "; ".join(f"{row.measure}, {row.method}: {row.preprocessing}" for row in best.itertuples())
    return Chart(
        "codes_preprocessing",
        figure,
        table,
        f"Best by mean. {said}.",
        "Neighbours are compared with those of the whole vectors under the same preprocessing: what coding loses. The "
        "other panels tell what a user gets. All are asked the same queries, so that whether two differ is not told by "
        f"whether their bars meet, but by their paired difference: see the text. {BOOTSTRAP}",
    )


def _listed(best: pd.DataFrame, name: str) -> str:
    """Bytes and name of every row, measure by measure, in words."""
    return "; ".join(
        f"{measure}: " + ", ".join(f"{row['bytes']} bytes {row[name]}" for row in part.to_dict("records"))
        for measure, part in best.groupby("measure", sort=False)
    )


def _panels(measures: list[str], height: float) -> tuple[plt.Figure, dict[str, Axes]]:
    columns = min(2, len(measures))
    rows = -(-len(measures) // columns)
    figure, panels = plt.subplots(rows, columns, figsize=(WIDTH, height * rows + 0.7), squeeze=False)
    for axes in panels.flat[len(measures) :]:
        axes.remove()
    found = dict(zip(measures, panels.flat, strict=False))
    for measure, axes in found.items():
        axes.set(title=textwrap.fill(measure, 34), xlabel="bytes a vector")
    return figure, found


def _line(axes: Axes, part: pd.DataFrame, name: str, own: Look | None = None) -> None:
    own = own or LOOKS[name]
    axes.errorbar(
        part.bytes, part["mean"], yerr=_ends(part), color=own.color, marker=own.marker, linestyle=own.linestyle,
        capsize=2, linewidth=1.3, label=name,
    )  # fmt: skip


def _ends(part: pd.DataFrame) -> np.ndarray:
    """Lengths of both arms of the error bars; a mean that rounding puts a hair outside its interval has none there."""
    return np.maximum([part["mean"] - part.low, part.high - part["mean"]], 0.0)


def _byte_ticks(axes: Axes, values: pd.Series) -> None:
    ticks = sorted(values.unique())
    apart = (ticks[-1] / ticks[0]) ** (1 / TICKS)
    written = ticks[:1]
    for tick in ticks[1:]:
        written += [tick] if tick >= apart * written[-1] else []
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [f"{tick:g}" if tick in written else "" for tick in ticks])
    axes.minorticks_off()


def _legend(figure: plt.Figure, panels: dict[str, Axes]) -> None:
    """One entry a name, whichever panels have it."""
    entries: dict[str, Artist] = {}
    for axes in panels.values():
        entries.update(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=3, fontsize=7.5)
