"""The waterfall's bars, joints and labels are where the numbers say."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from smallbert.figures.waterfall import waterfall

BARS = pd.DataFrame(
    {
        "step": ["big model", "trim", "factorise", "distil"],
        "parameters": [100e6, 60e6, 62e6, 62e6],
        "saved": [0, 40e6, -2e6, 0],
    }
)
ORDERS = pd.DataFrame(
    {
        "step": ["trim", "factorise", "distil"],
        "first": [40e6, 5e6, 30e6],
        "last": [38e6, -2e6, 0],
        "mean": [39e6, 1e6, 15e6],
    }
)


@pytest.fixture
def chart():
    yield waterfall(BARS, ORDERS)
    plt.close("all")


def test_bars_span_from_what_was_to_what_is_left(chart):
    left = chart.figure.axes[0]
    spans = [sorted((bar.get_x(), bar.get_x() + bar.get_width())) for bar in left.patches]
    assert spans == [[0, 100], [60, 100], [60, 62], [62, 62], [0, 62]]
    assert [text.get_text() for text in left.texts] == ["100.0", "−40.0", "+2.0", "0", "62.0"]
    assert [label.get_text() for label in left.get_yticklabels()] == [*BARS.step, "what is left"]


def test_places_are_points_on_a_line(chart):
    right = chart.figure.axes[1]
    lines = [line.get_xdata().tolist() for line in right.lines]
    assert lines == [[38, 40], [38], [39], [40], [-2, 5], [-2], [1], [5], [0, 30], [0], [15], [30]]
    markers = {(line.get_marker(), line.get_markerfacecolor()) for line in right.lines if len(line.get_xdata()) == 1}
    assert len(markers) == 3  # told apart without colour
    assert [text.get_text() for text in right.texts] == ["40.0", "38.0", "5.0", "-2.0", "30.0", "0.0"]


def test_alt_text_and_data_carry_the_numbers(chart):
    assert chart.alt == (
        "From 100.0 to 62.0 million parameters: trim saves 40.0, as the first step 40.0, as the last 38.0; factorise "
        "saves -2.0, as the first step 5.0, as the last -2.0; distil saves 0.0, as the first step 30.0, as the last "
        "0.0."
    )
    assert chart.data["first"].tolist()[1:] == ORDERS["first"].tolist()
