"""Labels are set apart no further than they must be."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from smallbert.figures.labels import apart, beside, legend_below, signed_ticks


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=8), st.floats(0.1, 20))
def test_places_keep_their_order_and_distance(wanted, least):
    found = apart(wanted, least)
    order = np.argsort(wanted, kind="stable")
    assert (np.diff(found[order]) >= least - 1e-9).all()


def test_places_are_the_nearest_there_are():
    wanted = np.array([3.0, 0.0, 0.2, 0.1, 9.0, 8.8])
    order = np.argsort(wanted, kind="stable")
    far = {"type": "ineq", "fun": lambda places: np.diff(places[order]) - 1}
    best = minimize(lambda places: ((places - wanted) ** 2).sum(), wanted, constraints=far, options={"ftol": 1e-12})
    assert apart(wanted, 1.0) == pytest.approx(best.x, abs=1e-4)


def test_what_is_apart_stays():
    assert apart([5.0, 1.0, 3.0], 1.5).tolist() == [5.0, 1.0, 3.0]


def test_names_of_equal_points_do_not_touch():
    figure, axes = plt.subplots()
    axes.plot([1, 1, 1], [0.5, 0.5, 0.51], "o")
    beside(axes, 1, {"one": 0.5, "two": 0.5, "three": 0.51}, {"one": "red"})
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in axes.texts]
    middles = sorted((box.y0 + box.y1) / 2 for box in boxes)
    assert len(boxes) == 3 and np.diff(middles).min() * 72 / figure.dpi > 8


def test_a_legend_below_hides_nothing():
    figure, axes = plt.subplots(layout="constrained")
    axes.plot([0, 1], [0, 1], label="line")
    legend_below(figure, axes)
    figure.draw_without_rendering()
    assert figure.legends[0].get_window_extent().y1 <= axes.get_tightbbox().y0


def test_ticks_of_an_axis_that_bends_are_round_and_within_it():
    figure, axes = plt.subplots()
    axes.set_xscale("symlog", linthresh=0.02)
    axes.set_xlim(-0.03, 0.3)
    signed_ticks(axes.xaxis, 0.02)
    figure.draw_without_rendering()
    shown = [text.get_text().replace("\N{MINUS SIGN}", "-") for text in axes.get_xticklabels()]
    assert sorted(map(float, shown)) == [-0.02, 0, 0.02, 0.05, 0.1, 0.2] and not len(axes.get_xticks(minor=True))
