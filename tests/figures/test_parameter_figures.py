"""Charts of parameters: each draws what its table says and names a finding in its alt text."""

import matplotlib.pyplot as plt
import pytest

from smallbert.figures import parameters, style
from smallbert.models.presets import ALBERT_BASE, BERT_BASE, PRESETS
from smallbert.studies import parameters as tables
from smallbert.studies.ledger import ledger

MODELS = {"BERT": BERT_BASE, "ALBERT": ALBERT_BASE, "mBERT": PRESETS["google-bert/bert-base-multilingual-cased"]}
CHARTS = {
    "parameters_by_group": (
        lambda: parameters.parameters_by_group(tables.by_group(MODELS)),
        "The word embeddings hold from 21.4% (BERT) to 51.6% (mBERT)",
    ),
    "printed_against_built": (
        lambda: parameters.printed_against_built(ledger()),
        "the furthest off is mBERT, printed 110 million and built 177.3",
    ),
    "parameters_and_flops": (
        lambda: parameters.parameters_and_flops(tables.costs(MODELS)),
        "ALBERT stores 10.7% of the parameters of BERT and needs 100.1% of its operations",
    ),
    "factorisation_savings": (
        lambda: parameters.factorisation_savings(
            tables.savings({"example": 10_000, "mBERT": 119_547}, [768, 1024], [64, 128, 512])
        ),
        "Factorising pays up to a width of 91% to 99% of H",
    ),
}


@pytest.fixture(autouse=True)
def theme():
    style.use_theme()
    yield
    plt.close("all")


@pytest.mark.parametrize("name", CHARTS)
def test_chart(name):
    make, finding = CHARTS[name]
    chart = make()
    assert chart.name == name
    assert finding in chart.alt
    assert len(chart.caption) > 40
    assert len(chart.data)
    chart.figure.canvas.draw()  # a layout that does not fit raises a warning, which is an error here


def test_every_public_chart_is_tested():
    public = {
        name
        for name, value in vars(parameters).items()
        if callable(value) and getattr(value, "__module__", "") == parameters.__name__ and not name.startswith("_")
    }
    assert public == set(CHARTS)


def test_bars_are_as_long_as_the_encoders_are_large():
    chart = CHARTS["parameters_by_group"][0]()
    axes = chart.figure.axes[0]
    ends = [max(bars[row].get_x() + bars[row].get_width() for bars in axes.containers) for row in range(len(MODELS))]
    assert ends == pytest.approx([109.482240, 11.683584, 177.853440])


def test_every_row_of_the_ledger_is_one_point_and_every_slip_is_named():
    chart = CHARTS["printed_against_built"][0]()
    axes = chart.figure.axes[0]
    drawn = sum(len(line.get_xdata()) for line in axes.get_lines())
    assert drawn == len(chart.data)
    assert [text.get_text() for text in axes.texts] == [f"{value:g}" for value in chart.data[chart.data.slip].printed]


def test_break_even_points_lie_where_the_lines_cross_up_to_the_bias():
    chart = CHARTS["factorisation_savings"][0]()
    row = chart.data[(chart.data.H == 1024) & (chart.data.V == 10_000)].iloc[0]
    points = [tuple(line.get_data()) for line in chart.figure.axes[1].get_lines() if line.get_marker() == "o"]
    assert any(x == pytest.approx(928.88, abs=0.01) and y == pytest.approx(row.plain / 1e6) for x, y in points)
