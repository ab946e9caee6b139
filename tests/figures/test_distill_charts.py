"""The charts of page 5's exact part, of applied reductions and of students' costs draw what they were given."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from smallbert.figures import distill_losses, student_costs, waterfall


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_soft_gradient_draws_the_limit_and_both_ratios():
    rng = np.random.default_rng(1)
    rows = [
        (classes, draw, t, 1 + rng.normal(0, 0.1) / t, 3.0, 3.0 * t**2)
        for classes in (10, 1000)
        for draw in range(4)
        for t in (1.0, 8.0, 64.0)
    ]
    found = pd.DataFrame(rows, columns=["classes", "draw", "temperature", "limit", "with", "without"])
    chart = distill_losses.soft_gradient(found)
    left, right = chart.figure.axes
    own = found[(found.classes == 10) & (found.temperature == 1)].limit
    low, high = left.containers[0].lines[2][0].get_segments()[0][:, 1]
    assert (low, high) == pytest.approx(stats.t.interval(0.95, 3, own.mean(), stats.sem(own)))
    assert len(right.lines) == 4 and right.lines[1].get_ydata().tolist() == pytest.approx([3, 192, 12288])
    assert right.lines[1].get_markerfacecolor() == "white" != right.lines[0].get_markerfacecolor()
    assert "without the factor from 3.0 to 12,288" in chart.alt


def test_stored_logits_draw_a_line_a_student_and_temperature():
    rows = [
        (student, k, t, k / 100, 1 / k / t)
        for student in distill_losses.STUDENTS
        for t in (1.0, 2.0)
        for k in (1, 10, 100)
    ]
    table = pd.DataFrame(rows, columns=["student", "k", "temperature", "mass kept", "gradient error"])
    chart = distill_losses.stored_logits(table)
    left, right = chart.figure.axes
    assert len(left.lines) == 2 and len(right.lines) == 4
    assert left.lines[0].get_ydata().tolist() == [0.01, 0.1, 1] and right.lines[2].get_ydata()[1] == 0.05
    assert "at 10: T = 1: 0.10 of the probability, gradients 0.100 to 0.100 off" in chart.alt


def test_reductions_has_a_row_a_step_and_a_panel_a_measure():
    rows = [
        (step, size, measure, value, value - 0.1, value + 0.1, "topic")
        for step, size, value in (("whole", 4e6, 1.0), ("trim, coverage 0.9", 3e6, 0.8))
        for measure in ("unchanged to the bit", "cosine", "neighbours kept", "accuracy", "change")
    ]
    rows.append(("a student", 1e6, "neighbours kept", 0.5, 0.5000001, 0.6, "topic"))
    columns = ["step", "parameters", "measure", "estimate", "low", "high", "label"]
    chart = waterfall.reductions(pd.DataFrame(rows, columns=columns))
    bars, *panels = chart.figure.axes
    assert [bar.get_width() for bar in bars.patches] == [4, 3, 1]
    assert [text.get_text() for text in bars.texts] == ["100%", "75%", "25%"]
    assert [axes.get_title(loc="left") or axes.get_title() for axes in panels] == [
        "same to the bit", "cosine", "neighbours", "topic accuracy\nchange",
    ]  # fmt: skip
    [near] = panels[2].containers
    assert near.lines[0].get_xdata().tolist() == [1, 0.8, 0.5]
    assert "a student 25% of the parameters, neighbours 0.500" in chart.alt
    assert "trim, coverage 0.9 75% of the parameters, same to the bit 0.800, cosine 0.800" in chart.alt


def test_student_costs_stand_beside_one():
    rows = [
        (model, measure, ratio, 0.9 * ratio, 1.1 * ratio)
        for model, ratio in (("teacher", 1.0), ("small", 0.5), ("tiny", 0.1))
        for measure in student_costs.LOOKS
    ]
    chart = student_costs.ratios(pd.DataFrame(rows, columns=["model", "measure", "ratio", "low", "high"]))
    [axes] = chart.figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["small", "tiny"]
    assert [one.lines[0].get_xdata().tolist() for one in axes.containers] == [[0.5, 0.1]] * 4
    assert len({one.lines[0].get_marker() for one in axes.containers}) == 4
    assert "small: parameters 0.50, operations 0.50, many texts 0.50, one text 0.50" in chart.alt
