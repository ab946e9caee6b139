"""The cross table draws each accuracy where it belongs, and says which is highest."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from smallbert.figures import sentence_order


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def tables(seeds=3):
    rows = [
        (arm, task, reader, mean, mean - 0.1, mean + 0.05, seeds)
        for arm, task, reader, mean in (
            ("no task", "words", "own head", 0.3),
            ("no task", "order", "fresh head", 0.55),
            ("order", "words", "own head", 0.2),
            ("order", "order", "own head", 0.9),
            ("bags", "order", "bag of words", 0.5),
        )
    ]
    found = pd.DataFrame(rows, columns=["arm", "task", "reader", "mean", "low", "high", "seeds"])
    found.loc[0, ["low", "high"]] = np.nan
    reported = pd.DataFrame({"arm": ["order", "elsewhere"], "task": ["order", "order"], "mean": [0.86, 0.1]})
    return found, reported


def test_points_intervals_and_reported_values_are_drawn():
    chart = sentence_order.cross_table(*tables())
    words, order = chart.figure.axes
    titles = [axes.get_title() or axes.get_title(loc="left") for axes in (words, order)]  # the theme puts them left
    assert titles == ["words", "order"]
    assert [label.get_text() for label in words.get_yticklabels()] == ["no task", "order", "bags"]
    points = [container.lines[0].get_xydata()[0] for container in order.containers]
    assert np.array(points) == pytest.approx(np.array([[0.55, 1.84], [0.9, 1.16], [0.5, 0]]))
    ends = order.containers[1].lines[2][0].get_segments()[0][:, 0]
    assert ends == pytest.approx([0.8, 0.95])
    reported = [line for line in order.lines if line.get_marker() == "D"]
    assert [line.get_xydata().tolist() for line in reported] == [[[0.86, 1]]]
    assert any((np.asarray(line.get_xdata()) == 0.5).all() and line.get_linestyle() == ":" for line in order.lines)
    assert not any(line.get_linestyle() == ":" for line in words.lines)


def test_it_says_what_is_highest_and_what_the_bars_are():
    chart = sentence_order.cross_table(*tables())
    assert "words: no task, own head (0.30); order: order, own head (0.90)." in chart.alt
    assert "the wider of Student's t over seeds and Wilson's over pairs" in chart.caption
    assert "Wilson interval over pairs; one seed" in sentence_order.cross_table(*tables(seeds=1)).caption
    assert len(chart.data) == 7 and set(chart.data.reader) >= {"reported", "own head"}
