"""The figure of page 8 on one student for all sizes: what each cut keeps, arm by arm."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from smallbert.figures.page import Chart
from smallbert.figures.style import INK, WIDTH

LIGHT = 0.18
"""Relative luminance above which dark numbers have more contrast than white ones (WCAG 2)."""

MARKS = {"lower": "▼", "higher": "▲", "equivalent": "=", "diverged": "×"}
MARKS |= dict.fromkeys(("no difference shown", "not told after correction"), "?")
"""What stands beside a difference from the separate students."""


def sizes(table: pd.DataFrame, contrasts: pd.DataFrame, reference: str, measure: str, said: str) -> Chart:
    """What a student keeps at every size, a panel an arm; below each number its difference from a student of that size.

    Args:
        table: columns ``trained for`` (the arm), ``layers``, ``numbers``, ``coverage`` and ``measure``; the first arms
            are drawn, with the whole vocabulary.
        contrasts: columns ``arm``, ``against``, ``layer``, ``width``, ``difference``, ``low``, ``high``, ``p_holm``,
            ``verdict``.
        reference: the arm that the others are compared with.
        measure: what is kept.
        said: the finding, for the alt text.
    """
    whole = table[table.coverage == table.coverage.max()]
    arms = [arm for arm in dict.fromkeys(whole["trained for"]) if arm == reference or arm in set(contrasts.arm)]
    against = contrasts[contrasts.against == reference].set_index(["arm", "layer", "width"])
    whole = whole[whole["trained for"].isin(arms)]
    low, high = whole[measure].min(), whole[measure].max()
    columns = 2
    rows = -(-len(arms) // columns)
    height = 0.62 * whole.layers.nunique() + 0.85
    figure, panels = plt.subplots(
        rows, columns, figsize=(WIDTH, rows * height), sharex=True, sharey=True, squeeze=False
    )
    for axes in panels.flat[len(arms) :]:
        axes.remove()
    drawn: AxesImage | None = None
    for axes, arm in zip(panels.flat, arms, strict=False):
        values = whole[whole["trained for"] == arm].pivot(index="layers", columns="numbers", values=measure)
        drawn = _panel(axes, values, (low, high))
        axes.set_title(arm, fontsize=10, loc="left")
        for row, layer in enumerate(values.index):
            for column, width in enumerate(values.columns):
                value = values.iloc[row, column]
                place = (arm, layer, width)
                note = _note(against.loc[place]) if place in against.index else ""
                _number(axes, column, row, value, note, dark_ground=_luminance(drawn, value) < LIGHT)
    for axes in panels.flat[max(len(arms) - columns, 0) : len(arms)]:  # those with no panel below
        axes.set_xlabel("numbers of the vector")
        axes.tick_params(labelbottom=True)
    for axes in panels[:, 0]:
        axes.set_ylabel("layers")
    if drawn is not None:
        figure.colorbar(drawn, ax=list(panels.flat[: len(arms)]), label=measure, fraction=0.035, pad=0.02, aspect=30)
    key = "▼ lower, ▲ higher, = equivalent, ? no difference shown or not told after correction"
    return Chart(
        "elastic_sizes",
        figure,
        whole.merge(
            contrasts[contrasts.against == reference]
            .rename(columns={"arm": "trained for", "layer": "layers", "width": "numbers", "low": "difference low"})
            .rename(columns={"high": "difference high"})
            .drop(columns="against"),
            on=["trained for", "layers", "numbers"],
            how="left",
        ),
        f"{_extremes(whole, arms, measure)} {said}",
        f"{measure.capitalize()} with the whole teacher on test articles, by layers that are left and numbers that are "
        f"left of the vector; means over seeds. Below each, its difference from {reference} (which has its own panel), "
        f"paired by seed, Holm-corrected within its panel: {key}.",
    )


def _panel(axes: Axes, values: pd.DataFrame, limits: tuple[float, float]) -> AxesImage:
    """Coloured cells; layers grow upwards."""
    drawn = axes.imshow(values.to_numpy(float), cmap="cividis", vmin=limits[0], vmax=limits[1], aspect="auto",
                        origin="lower")  # fmt: skip
    axes.set_xticks(range(values.shape[1]), [str(one) for one in values.columns])
    axes.set_yticks(range(values.shape[0]), [str(one) for one in values.index])
    axes.tick_params(length=0, labelsize=9)
    axes.grid(visible=False)
    for side in axes.spines.values():
        side.set_visible(False)
    for place in np.arange(0.5, max(values.shape) - 1):
        axes.axhline(place, color="white", linewidth=1.2)
        axes.axvline(place, color="white", linewidth=1.2)
    return drawn


def _number(axes: Axes, column: int, row: int, value: float, note: str, *, dark_ground: bool) -> None:
    color = "white" if dark_ground else INK
    axes.text(column, row + (0.17 if note else 0), f"{value:.3f}", ha="center", va="center", color=color, fontsize=11)
    if note:
        axes.text(column, row - 0.24, note, ha="center", va="center", color=color, fontsize=9)


def _luminance(drawn: AxesImage, value: float) -> float:
    """Relative luminance of a value's colour, 0 to 1."""
    channels = drawn.to_rgba(np.array([value]))[0, :3]
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def _note(found: pd.Series) -> str:
    difference = round(found.difference, 3) + 0.0  # no minus before 0.000
    return f"{difference:+.3f} {MARKS[found.verdict]}".replace("-", "−")


def _extremes(whole: pd.DataFrame, arms: list[str], measure: str) -> str:
    said = []
    for arm in arms:
        values = whole[whole["trained for"] == arm][measure]
        said.append(f"{arm}: {values.min():.3f} to {values.max():.3f}")
    return f"{measure.capitalize()} over sizes, {'; '.join(said)}."
