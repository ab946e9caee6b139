"""Figures of where an encoder's parameters are, of printed against built counts, and of what factorising saves."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from smallbert.figures.intervals import line
from smallbert.figures.page import Chart
from smallbert.figures.style import BLUE, FLOOR, GRID, INK, ORANGE, SKY, VERMILION, WIDTH

_MILLION = 1e6
_REST = ("position embeddings", "type embeddings", "embedding norm", "factor map")
_STACK = {
    "word embeddings": (("word embeddings",), VERMILION, ""),
    "positions, types, factor map": (_REST, ORANGE, ""),
    "attention": (("attention",), BLUE, ""),
    "feed-forward": (("feed-forward",), SKY, "//"),
    "norms, pooler, heads": (("norms", "pooler", "heads"), FLOOR, ""),
}
"""What is stacked: label -> groups, colour, hatch; neighbours differ in grey too."""
_AGREEMENT = {
    "rounds to what is printed": (BLUE, "o"),
    "within the last digit": (ORANGE, "D"),
    "does not follow from the model": (VERMILION, "X"),
}


def parameters_by_group(groups: pd.DataFrame) -> Chart:
    """Parameters of several encoders, stacked by group.

    Args:
        groups: columns ``model``, ``group``, ``parameters``.
    """
    names = list(dict.fromkeys(groups.model))
    table = groups.pivot(index="model", columns="group", values="parameters").loc[names]
    figure, axes = plt.subplots(figsize=(WIDTH, 0.9 + 0.27 * len(names)))
    left = np.zeros(len(names))
    for label, (parts, colour, hatch) in _STACK.items():
        width = table[list(parts)].sum(axis=1).to_numpy() / _MILLION
        axes.barh(names, width, left=left, color=colour, hatch=hatch, edgecolor="white", linewidth=0.5, label=label)
        left += width
    for name, total in zip(names, left, strict=True):
        axes.text(total, name, f" {total:.1f}", va="center", fontsize=7)
    axes.set(xlabel="million parameters", ylabel="", xlim=(0, 1.12 * left.max()))
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    words = table["word embeddings"] / table.sum(axis=1)
    return Chart(
        "parameters_by_group",
        figure,
        groups,
        f"The word embeddings hold from {words.min():.1%} ({words.idxmin()}) to {words.max():.1%} ({words.idxmax()}) "
        "of an encoder's parameters.",
        "Parameters by group, shared and tied weights counted once, totals at the end of each bar. A shared layer is "
        "drawn once, however often it is run.",
    )


def printed_against_built(ledger: pd.DataFrame) -> Chart:
    """Built less printed, in units of the last printed digit, one point a row of the ledger.

    Args:
        ledger: columns ``model``, ``where``, ``printed``, ``built``, ``difference``, ``digit`` (million), ``agrees``
            and ``slip``.
    """
    tables = ledger["where"].str.split(", ").str[:2].str.join(", ")
    places = list(dict.fromkeys(tables))
    figure, axes = plt.subplots(figsize=(WIDTH, 0.9 + 0.22 * len(places)))
    axes.axvspan(-0.5, 0.5, color=GRID, alpha=0.6, linewidth=0)
    off = ledger.difference / ledger.digit
    height = tables.map(places.index)
    words = np.select([ledger.agrees, ~ledger.slip], list(_AGREEMENT)[:2], list(_AGREEMENT)[2])
    for label, (colour, marker) in _AGREEMENT.items():
        part = words == label
        axes.plot(off[part], height[part], marker, color=colour, linestyle="", label=f"{label} ({part.sum()})")
    slips = ledger[ledger.slip]
    for index, turn in slips.groupby(height[slips.index]).cumcount().items():
        beside: dict[str, Any] = (
            {"xytext": (-6, 0), "ha": "right", "va": "center"} if turn else {"xytext": (0, 5), "ha": "center"}
        )
        place = (off[index], height[index])
        axes.annotate(f"{ledger.printed[index]:g}", place, textcoords="offset points", fontsize=7, **beside)
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(-30, 150)
    ticks = [-10, -1, -0.5, 0, 0.5, 1, 10, 100]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_yticks(range(len(places)), places)
    axes.set_xlabel("built less printed, units of the last printed digit")
    axes.invert_yaxis()
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    worst = ledger.loc[off.abs().idxmax()]
    return Chart(
        "printed_against_built",
        figure,
        ledger,
        f"{ledger.agrees.sum()} of {len(ledger)} printed counts are what rounding gives; the furthest off is "
        f"{worst.model}, printed {worst.printed:g} million and built {worst.built:.1f}.",
        "Each printed parameter count against the same model built, in the layout (with or without pooler and heads) "
        "that fits best. Grey: rounding. Linear between -1 and 1, logarithmic beyond. Numbers: printed counts, in "
        "millions, that do not follow from the model.",
    )


def parameters_and_flops(costs: pd.DataFrame) -> Chart:
    """Storage against computation, both against the first encoder's.

    Args:
        costs: columns ``model``, ``parameters``, ``flops``, ``parameters of first``, ``flops of first``; the first row
            is the reference.
    """
    figure, panels = plt.subplots(1, 2, figsize=(WIDTH, 0.8 + 0.26 * len(costs)), sharey=True)
    for axes, what, colour in zip(panels, ("parameters", "flops"), (VERMILION, BLUE), strict=True):
        ratio = costs[f"{what} of first"]
        axes.barh(costs.model, ratio, color=colour)
        for name, value in zip(costs.model, ratio, strict=True):
            axes.text(value, name, f" {value:.2f}", va="center", fontsize=7)
        axes.axvline(1, color=FLOOR, linestyle=":")
        axes.set(xlim=(0, 1.15 * ratio.max()), xlabel=f"times {costs.model.iloc[0]}")
        axes.set_title("parameters stored" if what == "parameters" else "FLOPs of a forward")
        axes.grid(visible=False, axis="y")
    panels[0].invert_yaxis()
    smallest = costs.loc[costs["parameters of first"].idxmin()]
    return Chart(
        "parameters_and_flops",
        figure,
        costs,
        f"{smallest.model} stores {smallest['parameters of first']:.1%} of the parameters of {costs.model.iloc[0]} and "
        f"needs {smallest['flops of first']:.1%} of its operations.",
        "Parameters and floating-point operations of one forward, each against the first model's. Sharing and "
        "factorising shrink what is stored; what is computed stays.",
    )


def factorisation_savings(savings: pd.DataFrame) -> Chart:
    """Size of a factorised embedding over E, a panel a hidden width, a line a vocabulary.

    Args:
        savings: columns ``vocabulary``, ``V``, ``H``, ``E``, ``plain``, ``factorised`` (parameters) and
            ``break-even E``.
    """
    widths = sorted(set(savings.H))
    figure, panels = plt.subplots(1, len(widths), figsize=(WIDTH, 3.0), sharey=True, squeeze=False)
    for axes, (width, part) in zip(panels[0], savings.groupby("H"), strict=True):
        for position, (name, own) in enumerate(part.sort_values("E").groupby("vocabulary", sort=False)):
            first, style = own.iloc[0], line("", position) | {"marker": ""}
            axes.plot(own.E, own.factorised / _MILLION, **style, label=f"{name}, V = {first.V:,}")
            axes.axhline(first.plain / _MILLION, color=style["color"], linewidth=0.7)
            axes.plot(first["break-even E"], first.plain / _MILLION, "o", color=style["color"], markeredgecolor=INK)
        axes.set(title=f"H = {width:,}", xlabel="E", xscale="log", yscale="log")
        ticks = [tick for tick in (16, 64, 256, 1024, 4096) if tick <= width]
        axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
    panels[0, 0].set_ylabel("million parameters")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    even = savings["break-even E"] / savings.H
    return Chart(
        "factorisation_savings",
        figure,
        savings,
        f"Factorising pays up to a width of {even.min():.0%} to {even.max():.0%} of H, depending on the vocabulary.",
        "Parameters of a factorised embedding, V x E + E x H + H, against E. Thin lines: V x H, unfactorised. Points: "
        "the break-even E = V H / (V + H), the map's bias not counted.",
    )
