"""The twins' charts draw the means, controls and changes they were given, and say what was told."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from smallbert.figures import twins
from smallbert.figures.style import BLUE, VERMILION


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def scores():
    rows = [
        (twin, task, measure, mean, mean - 0.1, mean + 0.05, 3)
        for task, measure in (("topic", "accuracy"), ("tags", "F1 of entities"))
        for twin, mean in (("BERT's way", 0.4), ("GPT-1's way", 0.6))
    ]
    means = pd.DataFrame(rows, columns=["twin", "task", "measure", "mean", "low", "high", "seeds"])
    controls = pd.DataFrame(
        [("topic", "commonest answer", 0.2), ("topic", "bag of words", 0.9), ("tags", "commonest answer", 0.0),
         ("tags", "bag of words", 0.5)],
        columns=["task", "control", "score"],
    )  # fmt: skip
    return means, controls


def changes():
    overall = pd.DataFrame(
        [("left", 0.2, 0.1, 0.3, "higher"), ("segments", -0.2, -0.3, -0.1, "lower"),
         ("batch", 0.0, -0.01, 0.01, "equivalent"), ("text", 0.1, -0.1, 0.3, "no difference shown")],
        columns=["difference", "change", "low", "high", "verdict"],
    )  # fmt: skip
    by_task = overall.drop(columns="verdict").assign(task="topic")
    return overall, by_task[by_task.difference != "segments"]


def test_scores_stand_where_they_belong_with_controls_as_lines():
    chart = twins.twin_scores(*scores())
    topic, tags = chart.figure.axes
    assert [label.get_text() for label in topic.get_yticklabels()] == ["BERT's way", "GPT-1's way"]
    assert (topic.get_xlabel(), tags.get_xlabel()) == ("accuracy", "F1 of entities")
    [drawn] = topic.containers
    assert drawn.lines[0].get_xydata() == pytest.approx(np.array([[0.4, 1], [0.6, 0]]))
    ends = drawn.lines[2][0].get_segments()[0][:, 0]
    assert ends == pytest.approx([0.3, 0.45])
    styles = {line.get_linestyle(): line.get_xdata()[0] for line in topic.lines if line.get_linestyle() in (":", "--")}
    assert styles == {":": 0.2, "--": 0.9}
    assert "topic: GPT-1's way (0.60; words alone 0.90)" in chart.alt and "95% t interval" in chart.caption
    assert len(chart.data) == 8


def test_changes_have_a_panel_for_the_mean_and_one_a_task():
    chart = twins.twin_differences(*changes(), margin=0.02)
    mean, topic = chart.figure.axes
    assert [label.get_text() for label in mean.get_yticklabels()] == ["left", "segments", "batch", "text"]
    points = [one.lines[0] for one in mean.containers]
    assert [tuple(point.get_xydata()[0]) for point in points] == [(0.2, 3), (-0.2, 2), (0.0, 1), (0.1, 0)]
    assert [point.get_marker() for point in points] == ["^", "v", "s", "o"]
    assert points[0].get_color() == BLUE and points[1].get_color() == VERMILION
    assert points[3].get_markerfacecolor() == "white" != points[2].get_markerfacecolor()
    assert [tuple(one.lines[0].get_xydata()[0]) for one in topic.containers] == [(0.2, 3), (0.0, 1), (0.1, 0)]
    assert all(one.lines[0].get_marker() == "o" for one in topic.containers)
    band = mean.patches[0]
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((-0.02, 0.02))


def test_the_alt_text_says_what_was_told_and_that_nothing_was():
    overall, by_task = changes()
    said = twins.twin_differences(overall, by_task, margin=0.02).alt
    assert "higher with GPT-1's way: left (+0.200)" in said and "lower with GPT-1's way: segments (-0.200)" in said
    assert "equivalent with GPT-1's way: batch (+0.000)" in said and "text" not in said
    nothing = twins.twin_differences(overall.assign(verdict="no difference shown"), by_task, margin=0.02).alt
    assert nothing == "Changes in the mean score of the tasks learnt, of 4 of 4 differences. None is told from zero."
