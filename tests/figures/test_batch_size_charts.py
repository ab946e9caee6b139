"""The charts of batch size draw every regime, rule and batch, and every encoder once."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from smallbert.figures import batch_size


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def cells():
    rng = np.random.default_rng(3)
    rows = []
    for regime in ("equal epochs", "equal steps"):
        for rule, exponent in (("fixed", 0), ("square root", 0.5), ("linear", 1)):
            for batch in (64, 256, 1024):
                steps = 40 if regime == "equal steps" else 40 * 256 // batch
                for seed in range(3):
                    train, held_out = rng.uniform(5, 6, 2) + (batch == 1024)
                    rate = 0.01 * (batch / 256) ** exponent
                    rows.append((regime, rule, batch, seed, rate, steps, held_out, train, held_out - train, 0.1))
    columns = ["regime", "rule", "batch", "seed", "rate", "steps", "held out", "train", "gap", "sharpness"]
    return pd.DataFrame(rows, columns=columns)


def test_a_row_a_measure_a_column_a_regime_a_line_a_rule(cells):
    chart = batch_size.by_batch(cells)
    panels = np.array(chart.figure.axes).reshape(4, 2)
    assert [axes.get_title(loc="left") + axes.get_title() for axes in panels[0]] == ["equal epochs", "equal steps"]
    own = cells[(cells.regime == "equal steps") & (cells.rule == "square root")].groupby("batch").gap.mean()
    line = panels[2, 1].containers[1].lines[0].get_xydata()
    assert line == pytest.approx(np.column_stack([own.index, own]))
    legend = chart.figure.legends[0]
    assert [text.get_text() for text in legend.get_texts()] == ["fixed rate", "square root rate", "linear rate"]
    found = cells[cells.regime == "equal steps"].groupby(["rule", "batch"])["held out"].mean()
    rule, batch = found.idxmin()
    assert f"equal steps: batch {batch:,}, {rule} rate" in chart.alt


def test_an_encoder_of_many_lines_is_one_point(cells):
    chart = batch_size.at_training_loss(cells)
    losses, sharp = chart.figure.axes
    encoders = cells.drop_duplicates(["batch", "rate", "steps"])
    assert len(encoders) == 13
    assert len(chart.data) == 13 * 3
    for axes in (losses, sharp):
        drawn = np.concatenate([one.lines[0].get_xydata() for one in axes.containers])
        assert len(drawn) == 13
    base = chart.data[chart.data.batch == 256]
    [point] = losses.containers[1].lines[0].get_xydata()
    assert point == pytest.approx([base.train.mean(), base["held out"].mean()])
    assert "Over all 39 encoders" in chart.alt
    shades = [sum(one.lines[0].get_color()[:3]) for one in losses.containers]
    assert shades == sorted(shades, reverse=True), "the larger the batch the darker"
