"""The figure of one student for all sizes shows every size of every arm, and says of each what the contrasts say."""

import pandas as pd
import pytest

from smallbert.figures import elastic

MEASURE = "neighbour overlap@10"


@pytest.fixture
def table():
    rows = [
        (arm, layers, numbers, coverage, 0.5 + 0.1 * layers + numbers / 1000 - (coverage < 1) * 0.3)
        for arm in ("list", "separate", "untrained")
        for layers in (1, 2)
        for numbers in (16, 32)
        for coverage in (1.0, 0.9)
    ]
    return pd.DataFrame(rows, columns=["trained for", "layers", "numbers", "coverage", MEASURE])


@pytest.fixture
def contrasts():
    verdicts = iter(["lower", "higher", "equivalent", "no difference shown"])
    rows = [
        ("list", "separate", layer, width, -0.0001, -0.02, 0.02, 3, 1.0, next(verdicts))
        for layer in (1, 2)
        for width in (16, 32)
    ]
    columns = ["arm", "against", "layer", "width", "difference", "low", "high", "pairs", "p_holm", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def test_every_size_has_its_number_and_its_verdict(table, contrasts):
    chart = elastic.sizes(table, contrasts, "separate", MEASURE, "Nothing is lost.")
    panels = {axes.get_title(loc="left"): axes for axes in chart.figure.axes if axes.images}
    assert list(panels) == ["list", "separate"]
    texts = [text.get_text() for text in panels["list"].texts]
    assert texts[::2] == ["0.616", "0.632", "0.716", "0.732"]
    assert texts[1::2] == ["+0.000 ▼", "+0.000 ▲", "+0.000 =", "+0.000 ?"]
    assert [text.get_text() for text in panels["separate"].texts] == texts[::2]
    assert chart.alt.endswith("Nothing is lost.") and "list: 0.616 to 0.732" in chart.alt
    assert len(chart.data) == 8 and set(chart.data.coverage) == {1.0}


def test_what_only_the_correction_forbids_is_marked_as_not_told(table, contrasts):
    chart = elastic.sizes(table, contrasts.assign(verdict="not told after correction"), "separate", MEASURE, "Said.")
    texts = [text.get_text() for axes in chart.figure.axes if axes.images for text in axes.texts]
    assert "+0.000 ?" in texts and "? no difference shown or not told after correction" in chart.caption


def test_an_odd_number_of_arms(table, contrasts):
    third = contrasts.assign(arm="untrained")
    chart = elastic.sizes(table, pd.concat([contrasts, third]), "separate", MEASURE, "Said.")
    panels = [axes for axes in chart.figure.axes if axes.images]
    assert [axes.get_title(loc="left") for axes in panels] == ["list", "separate", "untrained"]
    assert [bool(axes.get_xlabel()) for axes in panels] == [False, True, True]  # where nothing stands below
    chart.figure.canvas.draw()


def test_numbers_stand_out_from_their_ground(table, contrasts):
    chart = elastic.sizes(table, contrasts, "separate", MEASURE, "Said.")
    for axes in chart.figure.axes:
        if not axes.images:
            continue
        for text in axes.texts:
            column, row = text.get_position()
            value = axes.images[0].get_array()[round(row), round(column)]
            ground = elastic._luminance(axes.images[0], float(value))
            ink = 1.0 if text.get_color() == "white" else 0.011
            assert (max(ground, ink) + 0.05) / (min(ground, ink) + 0.05) >= 3
