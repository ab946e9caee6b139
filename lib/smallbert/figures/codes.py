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

BOOTSTRAP = "Error bars: 95% bootstrap over queries, and over seeds where a fit is random."

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

ENCODERS = (INK, GREEN, VERMILION, PURPLE, ORANGE, SKY)
"""Colours of encoders, the whole one first, then the trimmed one, as in the figures of the frontier."""

TICKS = 1.3
"""How many times the number before a number of bytes is at least, to be written on its axis."""

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
        "by cosine among the articles of other languages. Error bars: 95% bootstrap over articles.",
    )


def preprocessing(table: pd.DataFrame) -> Chart:
    """What is done before coding, a row each, a panel a measure.

    Args:
        table: columns ``preprocessing``, ``method``, ``measure``, ``mean``, ``low``, ``high``.
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
        f"other panels tell what a user gets. {BOOTSTRAP}",
    )


def weights(quality: pd.DataFrame, timed: pd.DataFrame) -> Chart:
    """What an encoder's vectors are worth against the bytes of its file, and how fast its products run.

    Args:
        quality: columns ``encoder``, ``form``, ``bytes``, and with their limits (``topic accuracy kept low`` ...)
            ``neighbour overlap@10`` and ``topic accuracy kept``, empty where no topics are known.
        timed: columns ``encoder``, ``form``, ``measure``, ``speed``, ``speed low``, ``speed high``.
    """
    uses = ["neighbour overlap@10"]
    if quality["topic accuracy kept"].notna().any():
        uses.append("topic accuracy kept")
    figure, panels = plt.subplots(1, len(uses) + 1, figsize=(WIDTH, max(3.3, 1.1 + 0.14 * len(timed))))
    markers = dict(zip(dict.fromkeys(quality.form), "osD^vP", strict=False))
    colours = dict(zip(dict.fromkeys(quality.encoder), ENCODERS, strict=False))
    for axes, use in zip(panels, uses, strict=False):
        for row in quality.to_dict("records"):
            ends = np.maximum([[row[use] - row[f"{use} low"]], [row[f"{use} high"] - row[use]]], 0.0)
            axes.errorbar(
                row["bytes"] / 1e6, row[use], yerr=ends, color=colours[row["encoder"]], marker=markers[row["form"]],
                markerfacecolor=_fill(colours, row["encoder"]), capsize=2, elinewidth=0.9, linestyle="",
            )  # fmt: skip
        axes.axhline(1, color=FLOOR, linestyle=":")
        axes.set(title=use, xlabel="file, MB", xlim=(0, None))
    _speeds(panels[-1], timed, colours)
    _mark(figure, markers, colours)
    one = quality[quality.encoder == quality.encoder.iloc[0]]
    said = "; ".join(
        f"{row['form']} {row['bytes'] / 1e6:.2f} MB keeps {row['neighbour overlap@10']:.2f} of neighbours"
        for row in one.to_dict("records")
    )
    fastest = timed.loc[timed.groupby("measure", sort=False).speed.idxmax()]
    fast = "; ".join(f"{row.measure}: {row.form} ({row.encoder})" for row in fastest.itertuples())
    return Chart(
        "weights",
        figure,
        quality,
        f"{one.encoder.iloc[0]}: {said}. Fastest by mean, {fast}.",
        "Left: neighbours kept, against the same encoder in fp32, and what a probe reads of topics, as a share of the "
        "first encoder's in fp32, against the bytes of the weights' file; 95% intervals, paired by article. Right: "
        "speed against the first encoder in fp32, all cores of this machine; geometric means, 95% t "
        "interval of the logarithms over rounds. Weights "
        "that are only stored in fewer bits run as fp32.",
    )


def _speeds(axes: Axes, timed: pd.DataFrame, colours: dict[str, str]) -> None:
    """A row a form and use; in it the encoders one under the other."""
    uses, encoders = list(dict.fromkeys(timed.measure)), list(dict.fromkeys(timed.encoder))
    places: dict[tuple[str, str], float] = {}
    for use in uses[::-1]:  # from below, with room above each use for its name
        for form in reversed(list(dict.fromkeys(timed[timed.measure == use].form))):
            places[use, form] = len(places) + uses[::-1].index(use)
    for row in timed.to_dict("records"):
        place = places[row["measure"], row["form"]]
        shift = 0.3 * ((len(encoders) - 1) / 2 - encoders.index(row["encoder"])) / max(len(encoders) - 1, 1)
        ends = np.array([[row["speed"] - row["speed low"]], [row["speed high"] - row["speed"]]])
        axes.errorbar(
            row["speed"], place + shift, xerr=ends, color=colours[row["encoder"]], marker="o", capsize=2,
            markerfacecolor=_fill(colours, row["encoder"]),
        )  # fmt: skip
    axes.set_yticks(list(places.values()), [form for _, form in places], fontsize=7)
    axes.set_ylim(-0.6, max(places.values(), default=0) + 1.3)
    for use in uses:
        top = max(place for (own, _), place in places.items() if own == use)
        axes.annotate(
            use, (0.99, top + 0.95), xycoords=("axes fraction", "data"), ha="right", va="center", fontsize=7.5,
            fontweight="bold",
        )  # fmt: skip
    axes.axvline(1, color=FLOOR, linestyle=":")
    axes.set(title="speed", xlabel="times the first in fp32", xlim=(0, None))


def _fill(colours: dict[str, str], encoder: str) -> str:
    """Filled for the first encoder, open for the others: they stay apart in grey."""
    return colours[encoder] if encoder == next(iter(colours)) else "white"


def _mark(figure: plt.Figure, markers: dict[str, str], colours: dict[str, str]) -> None:
    handles = [plt.Line2D([], [], color=FLOOR, marker=own, linestyle="", label=form) for form, own in markers.items()]
    handles += [
        plt.Line2D([], [], color=own, marker="o", markerfacecolor=_fill(colours, encoder), linewidth=2, label=encoder)
        for encoder, own in colours.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=7)


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
    written = ticks[:1]
    for tick in ticks[1:]:
        written += [tick] if tick >= TICKS * written[-1] else []
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [f"{tick:g}" if tick in written else "" for tick in ticks])
    axes.minorticks_off()


def _legend(figure: plt.Figure, panels: dict[str, Axes]) -> None:
    """One entry a name, whichever panels have it."""
    entries: dict[str, Artist] = {}
    for axes in panels.values():
        entries.update(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=3, fontsize=7.5)
