"""What stands where a figure cannot be drawn."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from smallbert.figures.page import Chart
from smallbert.figures.style import INK, WIDTH


def absent(name: str, why: str) -> Chart:
    """In place of a figure that corpus, teacher or machine do not allow: the reason.

    Args:
        name: of the chart.
        why: one sentence.
    """
    figure = Figure(figsize=(WIDTH, 0.8))
    figure.text(0.02, 0.5, why, color=INK, fontsize=9, va="center", wrap=True)
    return Chart(name, figure, pd.DataFrame({"absent": [why]}), why, why)
