"""The chart of weights draws the bytes, worths and speeds it was given, and every encoder in one colour throughout."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from smallbert.figures import frontier, weights

OVERLAP = "neighbour overlap@10"


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_encoders_have_their_colours_of_the_frontier():
    assert weights.ENCODERS[:2] == (frontier.LOOKS["whole encoder"].color, frontier.LOOKS["trim"].color)


def test_both_encoders_stand_in_the_line_of_their_format_and_use(timed_twice):
    speed = weights.weights(*timed_twice).figure.axes[-1]
    assert [label.get_text() for label in speed.get_yticklabels()] == ["fp32", "fp32"]
    assert [text.get_text() for text in speed.texts] == ["one text", "many texts"]
    places = [one.lines[0].get_xydata()[0, 1] for one in speed.containers]
    assert np.array(places) == pytest.approx(np.array([2.15, 1.85, 0.15, -0.15]))
    fills = {one.lines[0].get_markerfacecolor() for one in speed.containers}
    assert len(fills) == 2 and "white" in fills


@pytest.fixture
def timed_twice():
    same = {"form": "fp32", "bytes": 8_000_000, OVERLAP: 1.0, f"{OVERLAP} low": 1.0, f"{OVERLAP} high": 1.0}
    quality = pd.DataFrame([same | {"encoder": name, "topic accuracy kept": np.nan} for name in ("own", "trimmed")])
    rows = [(name, use) for name in ("own", "trimmed") for use in ("one text", "many texts")]
    timed = pd.DataFrame(rows, columns=["encoder", "measure"]).assign(form="fp32", speed=1.0)
    timed = timed.assign(**{"speed low": 0.9, "speed high": 1.1}).sort_values("measure", ascending=False)
    return quality, timed


@pytest.mark.parametrize("topics", [True, False])
def test_weights_draw_bytes_against_worth_and_speed(topics):
    kept = np.array([1.0, 0.9] if topics else [np.nan] * 2)
    quality = pd.DataFrame(
        {
            "encoder": "own",
            "form": ["fp32", "int8 weights"],
            "bytes": [8_000_000, 2_000_000],
            OVERLAP: [1.0, 0.97],
            f"{OVERLAP} low": [1.0, 0.95],
            f"{OVERLAP} high": [1.0, 0.98],
            "topic accuracy kept": kept,
            "topic accuracy kept low": kept - 0.1,
            "topic accuracy kept high": kept + 0.1,
        }
    )
    timed = pd.DataFrame(
        {
            "encoder": "own",
            "form": ["fp32", "int8 products"],
            "measure": "one text",
            "speed": [1.0, 1.5],
            "speed low": [1.0, 1.3],
            "speed high": [1.0, 1.7],
        }
    )
    chart = weights.weights(quality, timed)
    assert len(chart.figure.axes) == 2 + topics
    placed = [one.lines[0].get_xydata()[0] for one in chart.figure.axes[0].containers]
    assert np.array(placed) == pytest.approx(np.array([[8, 1], [2, 0.97]]))
    speeds = [one.lines[0].get_xydata()[0, 0] for one in chart.figure.axes[-1].containers]
    assert speeds == [1.0, 1.5]
    assert [text.get_text() for text in chart.figure.axes[-1].get_yticklabels()] == ["int8 products", "fp32"]
    assert "int8 weights 2.00 MB keeps 0.97" in chart.alt and "one text: int8 products (own)" in chart.alt
