"""The charts of page 4's trained arms draw the means and intervals they were given."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from smallbert.figures import sharing
from smallbert.figures.style import LOOKS


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def cells(topic=True):
    rng = np.random.default_rng(3)
    rows = [
        (mode, width, 16, layers, size * width, 5 + rng.normal(), 0.5 + 0.1 * rng.random() if topic else np.nan, seed)
        for mode, size in (("nothing shared", 100), ("all shared", 40))
        for width in (4, 16)
        for layers in (2,)
        for seed in range(3)
    ]
    columns = ["sharing", "embedding", "hidden", "layers", "parameters", "loss", "topic", "seed"]
    return pd.DataFrame(rows, columns=columns)


def test_sharing_draws_a_panel_a_measure_with_means_and_intervals():
    data = cells()
    chart = sharing.sharing(data, 7.5)
    loss, topic = chart.figure.axes
    assert (loss.get_ylabel(), topic.get_ylabel()) == ("held-out MLM loss, nats", "topic probe accuracy")
    own = data[(data.sharing == "all shared") & (data.embedding == 4)].loss
    [point] = [one for one in loss.containers if one.lines[0].get_xydata()[0, 0] == pytest.approx(160 / 1e6)]
    assert point.lines[0].get_xydata()[0, 1] == pytest.approx(own.mean())
    low, high = point.lines[2][0].get_segments()[0][:, 1]
    assert (low, high) == pytest.approx(stats.t.interval(0.95, 2, own.mean(), stats.sem(own)))
    words = [text.get_text() for text in chart.figure.legends[0].get_texts()]
    assert sorted(words) == ["all shared", "nothing shared", "word frequencies alone"]
    assert 7.5 in [line.get_ydata()[0] for line in loss.lines] and "7.500" in chart.alt
    assert "width 4" in chart.alt and "nats" in chart.alt


def test_without_topics_there_is_one_panel():
    assert len(sharing.sharing(cells(topic=False), 7.5).figure.axes) == 1


def test_factorised_points_are_open_and_wide_ones_filled():
    loss = sharing.sharing(cells(), 7.5).figure.axes[0]
    faces = {
        round(one.lines[0].get_xydata()[0, 0] * 1e6): one.lines[0].get_markerfacecolor() for one in loss.containers
    }
    assert faces[160] == faces[400] == "white"
    assert faces[640] == LOOKS["all shared"].color


def test_reported_averages_have_a_panel_of_their_own():
    printed = pd.DataFrame({"sharing": ["all shared"] * 2, "embedding": [64, 128], "average": [79.0, 80.1]})
    chart = sharing.embedding_sweep(cells(), printed, 7.5)
    ours, theirs = chart.figure.axes
    assert "computed" in ours.get_title(loc="left") + ours.get_title()
    assert "reported" in theirs.get_title(loc="left") + theirs.get_title()
    [line] = [one for one in theirs.lines if len(one.get_xdata()) == 2]
    assert line.get_ydata().tolist() == [79.0, 80.1] and line.get_markerfacecolor() == "white"
    assert 79.0 not in np.concatenate([np.asarray(one.get_ydata(), float) for one in ours.lines])


def test_kinds_of_one_width_stand_apart_around_it():
    printed = pd.DataFrame({"sharing": ["all shared"], "embedding": [64], "average": [79.0]})
    ours = sharing.embedding_sweep(cells(), printed, 7.5).figure.axes[0]
    plain, shared = (one.lines[0].get_xdata() for one in ours.containers)
    assert (plain < [4, 16]).all() and (shared > [4, 16]).all()
    assert [a * b for a, b in zip(plain, shared, strict=True)] == pytest.approx([4**2, 16**2])


def test_depth_says_where_the_loss_is_lowest():
    data = pd.DataFrame(
        {"sharing": "all shared", "layers": [1, 1, 4, 4], "loss": [6.0, 6.2, 5.0, 5.2], "parameters": 400, "seed": 0}
    )
    chart = sharing.depth_sweep(data, pd.DataFrame({"layers": [1, 3], "average": [52.9, 71.2]}), 7.5)
    assert "lowest at 4 layers, 1.000 nats below that of 1" in chart.alt and "400 parameters" in chart.alt


def test_speed_has_a_panel_a_measure_and_arms_from_top_to_bottom():
    rows = [
        (f"{mode}, E 4", mode, measure, ratio, ratio - 0.1, ratio + 0.1)
        for mode, ratio in (("nothing shared", 1.0), ("all shared", 0.5))
        for measure in sharing.RATIOS
    ]
    chart = sharing.speed(pd.DataFrame(rows, columns=["arm", "sharing", "measure", "ratio", "low", "high"]))
    assert len(chart.figure.axes) == len(sharing.RATIOS)
    first = chart.figure.axes[0]
    assert [label.get_text() for label in first.get_yticklabels()] == ["all shared, E 4", "nothing shared, E 4"]
    places = {round(one.lines[0].get_xydata()[0, 1]): one.lines[0].get_xydata()[0, 0] for one in first.containers}
    assert places == {1: pytest.approx(1.0), 0: pytest.approx(0.5)}
    assert chart.alt.startswith("The smallest arm (all shared, E 4) as a share of nothing shared, E 4")
    assert "Arrow" not in chart.caption and not [line for line in first.lines if line.get_marker() == ">"]


def test_an_interval_that_is_cut_off_has_an_arrow_and_its_end_in_the_caption():
    rows = [
        (f"{mode}, E 4", mode, measure, 1.0, 0.9, 3.5 if (mode, measure) == ("all shared", "one text") else 1.1)
        for mode in ("nothing shared", "all shared")
        for measure in sharing.RATIOS
    ]
    chart = sharing.speed(pd.DataFrame(rows, columns=["arm", "sharing", "measure", "ratio", "low", "high"]))
    arrows = [[line for line in axes.lines if line.get_marker() == ">"] for axes in chart.figure.axes]
    assert [len(one) for one in arrows] == [0, 0, 0, 0, 1]
    assert arrows[-1][0].get_xydata().tolist() == [[sharing.WIDEST, 0]]
    assert chart.caption.endswith("Arrow: the interval goes on; the widest ends at 3.50.")
