"""What students cost against their teacher: counted and timed."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from smallbert.figures.page import Chart
from smallbert.figures.style import BLUE, FLOOR, GREEN, INK, VERMILION, WIDTH

LOOKS = {
    "parameters": (INK, "s"),
    "operations": (GREEN, "^"),
    "many texts": (BLUE, "o"),
    "one text": (VERMILION, "D"),
}
"""Measures with colour and marker, the counted ones first."""


def ratios(found: pd.DataFrame) -> Chart:
    """Parameters, operations and times of every model as shares of the first one's.

    Args:
        found: columns ``model``, ``measure`` (of :data:`LOOKS`), ``ratio``, ``low``, ``high``; the first model is what
            the others are compared with.
    """
    first, *models = dict.fromkeys(found.model)
    figure, axes = plt.subplots(figsize=(WIDTH, 1.2 + 0.42 * len(models)))
    for offset, (measure, (color, marker)) in zip(np.linspace(-0.24, 0.24, len(LOOKS)), LOOKS.items(), strict=True):
        own = found[found.measure == measure].set_index("model").loc[models]
        label = f"time, {measure}" if measure.endswith(("text", "texts")) else measure
        spread = [own.ratio - own.low, own.high - own.ratio]
        axes.errorbar(
            own.ratio, np.arange(len(models)) + offset, xerr=spread, color=color, marker=marker, linestyle="",
            capsize=2.5, label=label,
        )  # fmt: skip
    axes.axvline(1, color=FLOOR, linestyle=":")
    axes.set_yticks(range(len(models)), models)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set(xlabel=f"ratio to {first}", xlim=(0, max(1.1, 1.05 * found[found.model != first].high.max())))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=len(LOOKS))
    wide = found.pivot(index="model", columns="measure", values="ratio")
    said = "; ".join(
        f"{model}: " + ", ".join(f"{measure} {wide[measure][model]:.2f}" for measure in LOOKS) for model in models
    )
    return Chart(
        "student_costs",
        figure,
        found,
        f"Shares of what {first} costs. {said}.",
        "Without pooler and heads: what embeds a text. Parameters and operations are counted; times of a text, read "
        "alone or with many others, are measured on this machine, models in alternating order. Geometric "
        "means, error bars: 95% t interval of the logarithms over rounds.",
    )
