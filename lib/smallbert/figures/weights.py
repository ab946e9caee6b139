"""Figure of page 8 on number formats of weights: what vectors are worth against bytes, and how fast they are had."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from smallbert.figures.page import Chart
from smallbert.figures.style import FLOOR, GREEN, INK, ORANGE, PURPLE, SKY, VERMILION, WIDTH

ENCODERS = (INK, GREEN, VERMILION, PURPLE, ORANGE, SKY)
"""Colours of encoders, the whole one first, then the trimmed one, as in the figures of the frontier."""


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
