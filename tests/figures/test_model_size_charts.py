"""The charts of model size draw the means, laws and printed points they were given, ours and reported apart."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from smallbert.figures import model_size
from smallbert.measure.scaling import LAWS, fit

SIZES = [1e4, 3e4, 1e5, 4e5, 1e6, 3e6]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def cells():
    rng = np.random.default_rng(3)
    rows = [
        (f"arm {size:g}", size, size / 2, size / 1e5, seed, 4 + 20 * size**-0.2 + 0.01 * rng.normal(), 0.1)
        for size in SIZES
        for seed in range(3)
    ]
    columns = ["arm", "parameters", "without embeddings", "operations", "seed", "loss", "accuracy"]
    return pd.DataFrame(rows, columns=columns).assign(panels="size")


@pytest.fixture
def fitted(cells):
    rows = []
    for measure in model_size.SIZES:
        means = cells.groupby(measure).loss.mean()
        for law in LAWS:
            curve = fit(means.index, means, law)
            rows.append((measure, law, curve.a, curve.b, curve.c, 0.01, law == LAWS[2]))
    return pd.DataFrame(rows, columns=["measure", "law", "a", "b", "c", "error", "preferred"])


@pytest.fixture
def printed():
    rows = [(3, 768, 12, 46, 1.8), (6, 768, 3, 67, 1.7), (6, 768, 12, 67, 1.5), (12, 768, 12, 109, 1.4)]
    rows += [(12, 1024, 16, 184, 1.3), (24, 1024, 16, 335, 1.2)]
    found = pd.DataFrame(rows, columns=["layers", "hidden", "heads", "parameters", "loss"])
    return found.assign(parameters=found.parameters * 1e6)


def panel_cells():
    rows = [
        (panel, varied, seed, 5 + place + 0.1 * seed)
        for panel, sizes in (("depth", (1, 2, 4)), ("width", (16, 64)), ("heads", (1, 4)))
        for place, varied in enumerate(sizes)
        for seed in range(3)
    ]
    return pd.DataFrame(rows, columns=["panel", "varied", "seed", "loss"])


def test_ablation_has_our_means_above_and_table_6_below(printed):
    data = panel_cells()
    chart = model_size.ablation(data, printed, 6.5)
    ours, theirs = chart.figure.axes[:3], chart.figure.axes[3:]
    [depth] = ours[0].containers
    assert depth.lines[0].get_xydata() == pytest.approx(np.array([[1, 5.1], [2, 6.1], [4, 7.1]]))
    low, high = depth.lines[2][0].get_segments()[0][:, 1]
    assert (low, high) == pytest.approx(stats.t.interval(0.95, 2, 5.1, stats.sem([5, 5.1, 5.2])))
    assert all(any(list(one.get_ydata()) == [6.5, 6.5] for one in axes.lines) for axes in ours)
    drawn = [[one.get_xydata().tolist() for one in axes.lines] for axes in theirs]
    assert drawn[0] == [[[3, 1.8], [6, 1.5], [12, 1.4]], [[12, 1.3], [24, 1.2]]]
    assert drawn[1] == [[[768, 1.4], [1024, 1.3]]]  # a head as wide in both
    assert drawn[2] == [[[3, 1.7], [12, 1.5]]]
    assert all(one.get_markerfacecolor() == "white" for axes in theirs for one in axes.lines)
    assert "layers: lowest at 1, 2.000 nats below the highest" in chart.alt
    [legend] = chart.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["word frequencies alone (top)"]
    assert not any(axes.texts for axes in ours), "a label in a panel would lie on intervals"


def test_against_size_draws_laws_through_means_and_what_they_leave(cells, fitted):
    left = []
    for row in fitted.itertuples():
        curve = row.c + row.a * cells[row.measure] ** -row.b
        left.append(
            cells[["arm", "seed"]].assign(
                measure=row.measure, law=row.law, size=cells[row.measure], residual=cells.loss - curve
            )
        )
    residuals = pd.concat(left)
    chart = model_size.against_size(cells, fitted, residuals, 7.0)
    loss, rest = chart.figure.axes[0], chart.figure.axes[3]
    points = loss.containers[0].lines[0].get_xydata()
    assert points[:, 0] == pytest.approx(np.divide(SIZES, 1e3))
    assert points[:, 1] == pytest.approx(cells.groupby("parameters").loss.mean().to_numpy())
    curves = {one.get_label(): one for one in loss.lines if one.get_label() in LAWS}
    assert list(curves) == list(LAWS)
    own = fitted[(fitted.measure == "parameters") & (fitted.law == LAWS[2])].iloc[0]
    x, y = curves[LAWS[2]].get_data()
    assert y == pytest.approx(own.c + own.a * (1e3 * x) ** -own.b)
    assert curves[LAWS[2]].get_linewidth() > curves[LAWS[1]].get_linewidth()
    drawn = rest.containers[2].lines[0].get_ydata()
    chosen = residuals[(residuals.measure == "parameters") & (residuals.law == LAWS[2])]
    assert drawn == pytest.approx(chosen.groupby("size").residual.mean().to_numpy())
    assert "by parameters: power law with asymptote" in chart.alt
    assert "panels" not in chart.data
    low, high = rest.get_xlim()
    assert all(low < x < high for one in rest.containers for x in one.lines[0].get_xdata())
    legend = [text.get_text() for text in chart.figure.legends[0].get_texts()]
    assert legend == [*LAWS, "word frequencies alone"]


def test_without_a_preferred_law_the_alt_text_says_so(cells, fitted):
    none = fitted.assign(preferred=False)
    empty = pd.DataFrame(columns=["measure", "law", "arm", "seed", "size", "residual"], dtype=float)
    assert model_size.against_size(cells, none, empty, 7.0).alt == "Too few sizes to choose a law."


def test_reported_sizes_have_the_papers_axes(printed, fitted):
    turns = pd.DataFrame({"table": [11] * 3, "varied": "layers", "size": [12, 24, 48], "average": [81.5, 82.1, 81.8]})
    laws = fitted[fitted.measure == "parameters"]
    chart = model_size.reported(printed, laws, turns)
    bert, albert = chart.figure.axes
    [legend] = chart.figure.legends
    assert bert.get_legend() is None and [text.get_text() for text in legend.get_texts()] == laws.law.tolist()
    assert bert.lines[0].get_ydata().tolist() == printed.loss.tolist()
    assert albert.lines[0].get_xydata().tolist() == [[12, 81.5], [24, 82.1], [48, 81.8]]
    assert chart.alt == (
        "BERT's Table 6 is lowest at 335 million parameters; ALBERT's Table 11 is highest at layers 24."
    )
