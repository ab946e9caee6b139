"""The charts of page 5 draw the means, intervals and limits they were given."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from smallbert.figures import distillation as figures
from smallbert.figures.absent import absent
from smallbert.studies.distillation import HEADLESS, PREDICTING
from smallbert.studies.distillation_measures import ALONE, EQUAL, FRESH

MEASURES = {"loss": "held-out loss, nats", "agreement": "agreement with the teacher", "topic": "topic probe"}
TEACHER = {"loss": 5.0, "agreement": 1.0, "topic": np.nan, "parameters": 4000}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def cells(**more):
    rng = np.random.default_rng(3)
    rows = [
        {"label": label, "seed": seed, "loss": base + rng.normal(), "agreement": rng.random(), "labels": {}, **more}
        for label, base in (("alone", 8.0), ("Hinton", 7.0), ("MiniLM", 7.5))
        for seed in range(4)
    ]
    return pd.DataFrame(rows).assign(topic=np.nan)


def marks(axes):
    """Means and ends of the horizontal intervals by height."""
    found = {}
    for one in axes.containers:
        mean, place = one.lines[0].get_xydata()[0]
        found[round(place)] = mean, *one.lines[2][0].get_segments()[0][:, 0]
    return found


def test_arms_have_a_panel_a_measure_and_the_teacher_as_the_limit():
    data = cells()
    chart = figures.arms("methods", data, TEACHER, MEASURES, "Methods.")
    loss, agreement = chart.figure.axes
    assert [label.get_text() for label in loss.get_yticklabels()] == ["MiniLM", "Hinton", "alone"]
    own = data[data.label == "Hinton"].loss
    interval = stats.t.interval(0.95, 3, own.mean(), stats.sem(own))
    assert marks(loss)[1] == pytest.approx((own.mean(), *interval))
    limits = [line.get_xdata()[0] for line in loss.lines if line.get_linestyle() == ":"]
    assert limits == [5.0]
    assert agreement.get_xlim()[0] >= -0.02 and agreement.get_xlim()[1] <= 1.02
    means = data.groupby("label").loss.mean()
    assert f"Hinton {means['Hinton']:.3f}" in chart.alt and chart.alt.endswith("; the teacher 5.000.")
    assert "Open square: alone." in chart.caption and "labels" not in chart.data
    faces = [one.lines[0].get_markerfacecolor() for one in loss.containers]
    assert faces.count("white") == 1


def test_a_method_has_one_look_in_every_figure():
    data = cells()
    loss = figures.arms("methods", data, TEACHER, MEASURES, "Methods.").figure.axes[0]
    by_name = dict(zip(("MiniLM", "Hinton", "alone"), loss.containers, strict=True))
    gains = pd.DataFrame({"share": [0.1, 1.0], "gain": [0.5, 0.25], "low": [0.25, 0.0], "high": [0.75, 0.5]})
    both = pd.concat([data.assign(share=share) for share in (0.1, 1.0)])
    levels, differences = figures.shares(
        both[both.label != "MiniLM"], gains, TEACHER, "loss", "held-out loss, nats"
    ).figure.axes
    for name, drawn in zip(("alone", "Hinton"), levels.containers, strict=True):
        assert drawn.lines[0].get_color() == by_name[name].lines[0].get_color()
        assert drawn.lines[0].get_marker() == by_name[name].lines[0].get_marker()
    assert differences.containers[0].lines[0].get_color() == by_name["Hinton"].lines[0].get_color()
    longer = data.assign(label=data.label.replace("Hinton", "alone, equal operations"))
    faces = [
        one.lines[0].get_markerfacecolor()
        for one in figures.arms("methods", longer, TEACHER, MEASURES, "Methods.").figure.axes[0].containers
    ]
    assert faces[1] == figures.LOOKS["alone"].color and faces[2] == "white"


def test_every_label_of_a_student_has_a_look():
    for label in (*PREDICTING.values(), *HEADLESS.values(), ALONE, EQUAL, f"{ALONE}, {FRESH}", "DistilBERT, top"):
        assert label.split(", ")[0] in figures.LOOKS, label


def test_means_stand_as_numbers_where_there_is_room_and_point_to_the_middle():
    chart = figures.arms("starts", cells(), TEACHER, MEASURES, "Starts.")
    loss = chart.figure.axes[0]
    found = {round(text.xy[1]): text for text in loss.texts}
    means = cells().groupby("label").loss.mean()
    assert found[2].get_text() == f"{means['alone']:.3f}" and len(found) == 3
    middle = sum(loss.get_xlim()) / 2
    assert all((text.get_ha() == "left") == (float(text.get_text()) < middle) for text in found.values())
    many = figures.arms("methods", cells().assign(topic=0.5), TEACHER, MEASURES, "Methods.")
    assert len(many.figure.axes) == 3 and not many.figure.axes[0].texts


@pytest.mark.parametrize(("fresh", "scale"), [(2.0, "symlog"), (0.15, "linear")])
def test_one_part_that_is_worth_much_does_not_hide_the_others(fresh, scale):
    found = pd.DataFrame({"label": ["without cosine", "fresh start"], "printed": [-1.5, -3.7], "sign": "the same"})
    found = found.assign(difference=[0.001, fresh], low=[0.0, 0.9 * fresh], high=[0.002, 1.1 * fresh])
    chart = figures.removed(found)
    ours = chart.figure.axes[1]
    assert ours.get_xscale() == scale and ("logarithmic" in chart.caption) == (scale == "symlog")
    assert ours.get_xlim()[0] < 0 and ours.get_xlim()[1] > 1.1 * fresh


def test_removed_keeps_printed_and_computed_apart():
    found = pd.DataFrame(
        {
            "label": ["without soft targets", "fresh start"],
            "printed": [-2.96, -3.69],
            "difference": [0.1, 2.0],
            "low": [0.05, 1.5],
            "high": [0.15, 2.5],
            "sign": ["the same", "the same"],
        }
    )
    chart = figures.removed(found)
    printed, ours = chart.figure.axes
    assert printed.lines[0].get_xdata().tolist() == [-2.96, -3.69] and printed.lines[0].get_fillstyle() == "none"
    ends = [segment[:, 0].tolist() for segment in ours.containers[0].lines[2][0].get_segments()]
    assert np.allclose(ends, [[0.05, 0.15], [1.5, 2.5]])
    assert "without soft targets +0.100 nats (the same)" in chart.alt
    probed = found.assign(topic=[-0.01, np.nan], **{"topic low": [-0.02, np.nan], "topic high": [0.0, np.nan]})
    assert len(figures.removed(probed).figure.axes) == 3


def test_temperatures_show_what_was_kept_of_the_teacher():
    rows = [
        {"temperature": t, "seed": seed, "loss": 7 + t / 10 + seed, "agreement": 0.5, "mass kept": 1 / t}
        for t in (1.0, 2.0, 8.0)
        for seed in range(3)
    ]
    chart = figures.temperatures(pd.DataFrame(rows), TEACHER)
    loss, _, mass = chart.figure.axes
    assert mass.containers[0].lines[0].get_xydata().tolist() == [[1, 1], [2, 0.5], [8, 0.125]]
    assert [tick.get_text() for tick in loss.get_xticklabels()] == ["1", "2", "8"]
    assert "lowest at T = 1 (8.100 nats) and highest at T = 8 (8.800)" in chart.alt


@pytest.mark.parametrize(("draw", "x"), [(figures.shares, "share"), (figures.sizes, "parameters")])
def test_levels_and_gains_stand_side_by_side(draw, x):
    values = (0.1, 1.0) if x == "share" else (400, 2000)
    data = pd.concat([cells(**{x: value}) for value in values])
    data = data[data.label != "MiniLM"]
    gains = pd.DataFrame({x: values, "gain": [0.5, 0.25], "low": [0.25, 0.0], "high": [0.75, 0.5]})
    chart = draw(data, gains, TEACHER, "loss", "held-out loss, nats")
    levels, differences = chart.figure.axes
    alone = data[data.label == "alone"].groupby(x).loss.mean()
    assert levels.containers[0].lines[0].get_ydata() == pytest.approx(alone.to_numpy())
    assert [line.get_ydata()[0] for line in levels.lines if line.get_linestyle() == ":"] == [5.0]
    assert [text.get_text() for text in chart.figure.legends[0].get_texts()] == ["teacher", "alone", "Hinton"]
    assert differences.containers[0].lines[0].get_ydata().tolist() == [0.5, 0.25]
    assert f"+0.500 at {values[0]:,}" in chart.alt and chart.name == ("shares" if x == "share" else "sizes")


def test_what_a_teacher_does_not_allow_is_said_in_words():
    chart = absent("removed", "This teacher predicts no words.")
    assert chart.figure.texts[0].get_text() == chart.alt == "This teacher predicts no words."
    assert chart.data.absent.tolist() == [chart.alt] and not chart.figure.axes
    nothing = cells().iloc[:0]
    for made in (
        figures.removed(nothing, "No."),
        figures.temperatures(nothing, TEACHER, "No."),
        figures.arms("starts", nothing, TEACHER, MEASURES, "No."),
    ):
        assert made.alt == "No." and not made.figure.axes
