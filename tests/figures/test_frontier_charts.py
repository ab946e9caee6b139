"""The frontier's figure draws points, intervals and the front it was given."""

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.transforms import Bbox

from smallbert.figures import frontier
from smallbert.figures.style import use_theme
from smallbert.studies.frontier_points import KEPT, METHODS


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def points():
    rows = [
        ("whole", "whole encoder", 10.0, 1.0, 1.0, 1.0, 1.0, True),
        ("trim, coverage 0.9", "trim", 8.0, 0.9, 0.8, 0.95, 1.0, True),
        ("student", "distil", 9.0, 0.5, np.nan, np.nan, 0.5, False),
    ]
    columns = ["name", "method", "megabytes", "kept", "low", "high", "time", "front"]
    frame = pd.DataFrame(rows, columns=columns).assign(measure="neighbours kept", page="05_distillation", floor=np.nan)
    return frame.assign(**{"time low": frame.time - 0.1, "time high": frame.time + 0.1})


def test_points_bars_and_the_front():
    chart = frontier.frontier(points(), "megabytes", KEPT)
    axes, key = chart.figure.axes
    drawn = {tuple(one.lines[0].get_xydata()[0]): one for one in axes.containers}
    assert set(drawn) == {(10, 1), (8, 0.9), (9, 0.5)}
    assert drawn[8, 0.9].lines[2][0].get_segments()[0][:, 1] == pytest.approx((0.8, 0.95))
    assert drawn[9, 0.5].lines[2][0].get_segments()[0][:, 1] == pytest.approx((0.5, 0.5))
    [front] = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
    assert front.get_xydata().tolist() == [[8, 0.9], [10, 1]]
    assert [text.get_text() for text in axes.texts] == ["1", "2"]
    named = [text.get_text() for text in key.texts]
    assert named == ["MB", "kept", "1", "trim, coverage 0.9", "8.00", "90%", "2", "whole", "10.0", "100%"]
    assert chart.name == "frontier_megabytes" and "trim, coverage 0.9 90%, whole 100%" in chart.alt
    assert len(chart.data) == 3


def test_a_floor_is_drawn_and_a_panel_may_have_no_front():
    chart = frontier.frontier(points().assign(floor=1.1, front=False), "megabytes", KEPT)
    axes = chart.figure.axes[0]
    [floor] = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert set(floor.get_ydata()) == {1.1} and axes.get_ylim()[1] > 1.1 and not axes.texts
    assert "without a trained encoder" in [text.get_text() for text in chart.figure.legends[0].get_texts()]
    [nothing] = chart.figure.axes[1].texts
    assert nothing.get_text() == frontier.NOTHING and f"neighbours kept: {frontier.NOTHING}." in chart.alt
    plain = frontier.frontier(points(), "megabytes", KEPT)
    assert not [line for line in plain.figure.axes[0].lines if line.get_linestyle() == "--"]
    assert "the perplexity, the reference's over the point's" in plain.caption


def test_numbers_of_near_points_stand_apart():
    near = pd.concat([points().assign(name=f"point {one}", megabytes=8 + 0.1 * one, kept=1.0) for one in range(3)])
    chart = frontier.frontier(near.drop_duplicates("name").assign(front=True), "megabytes", KEPT)
    chart.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in chart.figure.axes[0].texts]
    assert len(boxes) == 3 and not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_a_number_is_nearest_to_its_own_point_and_on_no_error_bar():
    use_theme()
    rows = [(0.6, 0.55, 0.65, 0.11), (0.62, 0.58, 0.67, 0.29), (0.64, 0.56, 0.74, 0.88), (0.66, 0.59, 0.73, 1.0)]
    near = pd.DataFrame(rows, columns=["time", "time low", "time high", "kept"]).assign(measure="neighbours kept")
    near = near.assign(name=[f"point {one}" for one in range(4)], low=near.kept, high=near.kept, front=True)
    near = pd.concat([near, near.assign(measure="topic accuracy kept")]).assign(method="distil", floor=np.nan, page="0")
    chart = frontier.frontier(near, "time", KEPT)
    chart.figure.draw_without_rendering()
    axes = chart.figure.axes[0]
    at = axes.transData.transform(near[["time", "kept"]].to_numpy()[:4])
    ends = [line.get_segments()[0] for one in axes.containers for line in one.lines[2]]
    bars = [Bbox(axes.transData.transform(one)) for one in ends]
    for number, text in enumerate(axes.texts):
        box = text.get_window_extent()
        middle = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
        assert np.hypot(*(at - middle).T).argmin() == number
        assert not any(box.overlaps(bar) for bar in bars), number + 1


def test_names_of_a_key_end_before_its_values():
    use_theme()
    long = points().assign(name="a stack (of this + that), of many words that go on and on and on and on")
    chart = frontier.frontier(long, "megabytes", KEPT)
    key = chart.figure.axes[1]
    chart.figure.draw_without_rendering()
    name, value = (
        next(one for one in key.texts if one.get_text().startswith(start)) for start in ("a stack, of", "8.")
    )
    assert name.get_text().endswith("…")
    assert name.get_window_extent().x1 < value.get_window_extent().x0


def test_times_have_bars_both_ways():
    chart = frontier.frontier(points(), "time", KEPT)
    whole = next(one for one in chart.figure.axes[0].containers if one.lines[0].get_xydata()[0, 1] == 1)
    across = [segment for part in whole.lines[2] for segment in part.get_segments() if segment[0, 1] == segment[1, 1]]
    assert across[0][:, 0] == pytest.approx((0.9, 1.1))


def test_every_kind_of_method_has_a_look_of_its_own():
    assert set(METHODS) == set(frontier.LOOKS)
    assert len({(one.color, one.marker) for one in frontier.LOOKS.values()}) == len(METHODS)


def test_without_points_the_figure_says_so():
    chart = frontier.frontier(points()[:0], "time", KEPT)
    assert chart.alt.startswith("No page of this edition")


def test_the_caption_says_where_panels_end_and_what_goes_on_beyond():
    inside = frontier.frontier(points(), "time", KEPT)
    assert inside.caption.endswith("Nothing is cut off.") and "Megabytes" not in inside.caption
    wide = points().assign(high=[1.0, 1.3, np.nan])
    chart = frontier.frontier(wide, "time", KEPT)
    assert chart.figure.axes[0].get_ylim() == (0, 1.25)
    assert chart.caption.endswith("kept at 0 and 1.25, time at 0 and 1.15; error bars of 1 of 3 points reach beyond.")
    late = wide.assign(**{"time high": [1.1, 1.05, 1.4]})
    assert frontier.frontier(late, "time", KEPT).caption.endswith("error bars of 2 of 3 points reach beyond.")
    above = pd.concat([wide, points().assign(measure="topics", kept=[1.0, 1.0, 1.7], low=np.nan, high=np.nan)])
    told = frontier.frontier(above, "megabytes", KEPT).caption
    ends = "Cut off: kept at 0 and 1.25 to 1.60 by panel; "
    assert told.endswith(f"{ends}1 of 6 points lie and error bars of 1 of 6 points reach beyond.")
    assert frontier.COUNTED in told
