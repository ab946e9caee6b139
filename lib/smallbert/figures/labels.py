"""Labels beside what they name: set apart where they would lie on each other."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import NullLocator
from numpy.typing import ArrayLike

from smallbert.figures.style import FLOOR, INK


def apart(wanted: ArrayLike, least: float) -> np.ndarray:
    """Places nearest to those wanted, in the same order, no two closer than ``least``.

    Groups of places that push each other are set evenly around their own mean (pool adjacent violators, as in
    isotonic regression).

    Args:
        wanted: one number a label, any order.
        least: smallest distance, in the same unit.
    """
    places = np.asarray(wanted, float)
    order = np.argsort(places, kind="stable")
    # What is left after an even ladder is taken off must not fall: isotonic regression on it.
    left = places[order] - least * np.arange(len(places))
    groups: list[tuple[float, int]] = []
    for value in left:
        mean, count = float(value), 1
        while groups and groups[-1][0] > mean:
            other, many = groups.pop()
            mean, count = (mean * count + other * many) / (count + many), count + many
        groups.append((mean, count))
    found = np.empty_like(places)
    found[order] = np.repeat([mean for mean, _ in groups], [count for _, count in groups]) + least * np.arange(
        len(places)
    )
    return found


def beside(axes: Axes, x: float, values: dict[str, float], colors: dict[str, str], *, line: float = 9.5) -> None:
    """Names at the right of points at ``x``, led to by a thin line where they are set apart.

    Args:
        axes: with its limits and scales set; its figure is laid out to place the names.
        x: of all points.
        values: y of every point by name.
        colors: of the leading lines, by name.
        line: height of a name, points.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None  # an axes is drawn on one
    figure.draw_without_rendering()
    scale = 72 / figure.dpi
    at = {name: axes.transData.transform((x, value))[1] * scale for name, value in values.items()}
    for (name, own), place in zip(at.items(), apart(list(at.values()), line), strict=True):
        axes.annotate(
            name, (x, values[name]), xytext=(16, place - own), textcoords="offset points", fontsize=7.5, va="center",
            color=INK, annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colors.get(name, FLOOR), "linewidth": 0.7, "shrinkB": 4},
        )  # fmt: skip


def signed_ticks(axis: Axis, linear: float, steps: tuple[int, ...] = (1, 2, 5)) -> None:
    """Ticks of an axis that is linear up to ``linear`` from zero and logarithmic beyond, where it names few itself.

    Args:
        axis: with its scale and limits set.
        linear: where it becomes logarithmic.
        steps: of a decade beyond.
    """
    low, high = sorted(axis.get_view_interval())
    sizes = [step * 10.0**decade for decade in range(-6, 7) for step in steps]
    beyond = [size for size in sizes if size >= linear * (1 - 1e-9)]
    ticks = [sign * size for sign in (-1, 1) for size in beyond if low <= sign * size <= high]
    axis.set_ticks([0.0, *ticks] if low <= 0 <= high else ticks)
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())


def legend_below(figure: plt.Figure, axes: Axes, *, columns: int | None = None, title: str | None = None) -> None:
    """The legend of ``axes`` under the figure, where it hides nothing; of its entries in one row unless told."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=columns or len(labels), fontsize=7.5, title=title,
        title_fontsize=8,
    )  # fmt: skip
