"""Drawing helpers: error bars from grouped means, the fixed look of a method, the one width of a figure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from smallbert.figures.style import look
from smallbert.measure.stats import half_width

INTERVAL = "Error bars: 95% t interval over paired seeds."


def line(name: str, position: int) -> dict[str, Any]:
    """Colour, marker and line style of method ``name``, as keywords of ``plot``."""
    one = look(name, position)
    return {"color": one.color, "marker": one.marker, "linestyle": one.linestyle}


def half_interval(grouped: pd.DataFrame) -> np.ndarray:
    """Half the width of a 95% t interval from columns ``sem`` and ``count``; zero where there is one value."""
    return half_width(grouped["sem"].to_numpy(float), grouped["count"].to_numpy(float))


def means(values: pd.Series, by: pd.Series | list[pd.Series]) -> pd.DataFrame:
    """Mean, standard error and count of ``values`` by group, the groups as columns."""
    return values.groupby(by).agg(["mean", "sem", "count"]).reset_index()


def bars(axes: Axes, x: ArrayLike, grouped: pd.DataFrame, label: str, position: int) -> None:
    """Means with 95% intervals in the look of ``label``."""
    axes.errorbar(x, grouped["mean"], yerr=half_interval(grouped), **line(label, position), capsize=2.5, label=label)


def one_width(cells: pd.DataFrame) -> int:
    """The one bottleneck a figure is about."""
    (width,) = cells.bottleneck.unique()
    return int(width)
