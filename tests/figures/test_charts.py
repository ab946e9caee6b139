"""Every chart draws what its data say, names a finding in its alt text, and marks the floor."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from smallbert.figures import corpus, depth, intervals, schedules, style


def outcomes() -> pd.DataFrame:
    """Made-up cells of both protocols."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "protocol": protocol,
            "bottleneck": k,
            "depth": layers,
            "schedule": schedule,
            "encoder_parameters": 1000 * layers,
            "seed": seed,
            "epoch": epoch,
            "budget": 10,
            "train_fvu": 0.3 / epoch + 0.01 * layers,
            "test_fvu": 0.31 / epoch + 0.01 * layers + rng.normal(0, 1e-3),
            "test_mse": 0.1 * layers + rng.normal(0, 1e-3),
            "gap_train": 0.01 * layers,
            "gap_test": 0.02 * layers + rng.normal(0, 1e-3),
            "arm": schedule,
            "bounded": True,
        }
        for protocol in ("original", "fair")
        for k in (8, 16)
        for layers in (1, 2, 3)
        for schedule in ("uniform", "geometric")
        for seed in range(3)
        for epoch in (5, 10)
    ]
    return pd.DataFrame(rows)


CELLS = outcomes()
FLOOR = pd.DataFrame(
    {"k": [1, 2, 3, 4], "train": [0.4, 0.2, 0.1, 0], "transfer": [0.5, 0.3, 0.04, 0], "oracle": [0.4, 0.2, 0.03, 0]}
)
PAIRS = pd.DataFrame(
    {
        "protocol": ["original", "fair"],
        "depth": [3, 3],
        "schedule": ["geometric", "geometric"],
        "difference": [-0.02, 0.001],
        "low": [-0.03, -0.001],
        "high": [-0.01, 0.003],
    }
)
CHARTS = {
    "rows_by_language": (
        lambda: corpus.rows_by_language(
            pd.DataFrame({"lang": ["en", "en", "ko"], "split": ["train", "test", "train"], "rows": [90, 10, 50]})
        ),
        "150 articles in 2 languages; the largest is en with 100",
    ),
    "token_lengths": (
        lambda: corpus.token_lengths(pd.DataFrame({"tokens": [32, 64], "share": [0.25, 0.75]}), 64),
        "75% of the articles reach the limit of 64 tokens",
    ),
    "pretraining": (
        lambda: corpus.pretraining(
            pd.DataFrame({"tokens": [1e6, 2e6], "train_loss": [6.0, 4.0], "held_out_loss": [6.5, 4.5]})
        ),
        "falls from 6.50 to 4.50 nats over 2.0 million tokens",
    ),
    "spectrum": (lambda: corpus.spectrum(FLOOR), "3 of 4 components leave 5% of it"),
    "second_moment": (
        lambda: corpus.second_moment(
            pd.DataFrame({"rank": [1, 2, 3], "dimension": [7, 0, 1], "share": [0.9, 0.095, 0.005]}), 0.01
        ),
        "2 of 3 dimensions hold over 1.0%",
    ),
    "retrieval": (
        lambda: corpus.retrieval(
            pd.DataFrame({"query": ["en", "ko"], "target": ["ko", "en"], "precision": [0.5, 0.25]})
        ),
        "37.5% over 2 ordered language pairs; the best is en to ko",
    ),
    "widths_and_baselines": (
        lambda: depth.widths_and_baselines(
            FLOOR, pd.DataFrame({"method": ["PCA", "truncation"], "k": [2, 2], "test_fvu": [0.3, 0.8]})
        ),
        "the weakest is truncation",
    ),
    "tuning_once": (
        lambda: depth.tuning_once(
            pd.DataFrame(
                {
                    "activation": ["relu", "relu", "tanh", "tanh"],
                    "optimizer": ["adam"] * 4,
                    "rate": [0.001, 0.01, 0.001, 0.01],
                    "validation_fvu": [0.3, np.nan, 0.2, 0.4],
                }
            )
        ),
        "best with tanh, adam and rate 0.001: validation FVU 0.200",
    ),
    "loss_by_depth": (
        lambda: depth.loss_by_depth(CELLS[(CELLS.protocol == "original") & (CELLS.bottleneck == 8)], 0.05),
        "lowest mean loss is at depth 1 and the highest at depth 3; PCA at the same width is below all of them",
    ),
    "tuning_each": (
        lambda: depth.tuning_each(
            pd.DataFrame({"depth": [1, 1], "rate": [0.1, 0.2], "validation_fvu": [0.3, 0.2], "chosen": [False, True]})
        ),
        "1: 0.2",
    ),
    "gap_by_depth": (lambda: depth.gap_by_depth(CELLS[CELLS.epoch == 10]), "original 0.0"),
    "curves": (
        lambda: depth.curves(CELLS[CELLS.bottleneck == 8], {"train": 0.01, "test": 0.02}),
        "FVU of each other in every panel",
    ),
    "gap_by_budget": (lambda: depth.gap_by_budget(CELLS[CELLS.epoch == 10]), "after 10 epochs"),
    "loss_by_rows": (
        lambda: depth.loss_by_rows(
            pd.concat([CELLS.assign(rows=100, pca_test=0.3), CELLS.assign(rows=200, pca_test=0.2)])
        ),
        "At 200 rows",
    ),
    "arms": (lambda: depth.arms(CELLS[CELLS.epoch == 10]), "below PCA fitted on train: none"),
    "quality": (
        lambda: depth.quality(
            pd.DataFrame(
                {
                    "method": ["PCA", "fair, 1 layer"] * 2,
                    "metric": ["FVU", "FVU", "topic accuracy", "topic accuracy"],
                    "mean": [0.1, 0.2, 0.9, 0.8],
                    "half": [np.nan, 0.01, np.nan, 0.02],
                }
            )
        ),
        "For topic accuracy, the methods range from 0.800 (fair, 1 layer) to 0.900 (PCA)",
    ),
    "widths": (
        lambda: schedules.widths(
            pd.DataFrame(
                {
                    "schedule": ["uniform"] * 3 + ["geometric"] * 3,
                    "layer": [0, 1, 2] * 2,
                    "width": [64, 40, 16, 64, 32, 16],
                }
            )
        ),
        "from 32 (geometric) to 40 (uniform)",
    ),
    "gap_by_schedule": (lambda: schedules.gap_by_schedule(CELLS[CELLS.epoch == 10]), "nearest to PCA is"),
    "gap_by_parameters": (
        lambda: schedules.gap_by_parameters(CELLS[CELLS.epoch == 10]),
        "Rank correlation of encoder size and distance from PCA: original +",
    ),
    "paired_differences": (
        lambda: schedules.paired_differences(PAIRS),
        "original: 1 better; fair: 1 no difference shown",
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
    for axes in chart.figure.axes:
        assert axes.get_xlabel() or axes.get_title(loc="left") or axes.get_legend_handles_labels()[0]
    chart.figure.canvas.draw()  # a layout that does not fit raises a warning, which is an error here


def test_every_public_chart_is_tested():
    public = {
        name
        for module in (corpus, depth, schedules)
        for name, value in vars(module).items()
        if callable(value) and getattr(value, "__module__", "") == module.__name__ and not name.startswith("_")
    }
    assert public == set(CHARTS)


def test_intervals_equal_scipy():
    values = pd.Series([0.1, 0.2, 0.4, 0.3])
    grouped = intervals.means(values, pd.Series(["a"] * 4, name="group"))
    low, high = stats.t.interval(0.95, 3, loc=values.mean(), scale=stats.sem(values))
    assert intervals.half_interval(grouped)[0] == pytest.approx((high - low) / 2)
    assert grouped["mean"][0] == pytest.approx((high + low) / 2)


def test_one_value_has_no_interval():
    assert intervals.half_interval(intervals.means(pd.Series([1.0]), pd.Series(["a"], name="g"))).tolist() == [0]


def test_colours_differ_also_in_grey():
    """Methods that share a figure differ in luminance or in line style, so that a grey print can be read."""

    def luminance(colour: str) -> float:
        red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    for first, second in (("original", "fair"), ("uniform", "geometric"), ("train", "test"), ("affine", "mlp")):
        a, b = style.look(first), style.look(second)
        assert a.marker != b.marker or abs(luminance(a.color) - luminance(b.color)) > 0.1
        assert a.linestyle != b.linestyle or abs(luminance(a.color) - luminance(b.color)) > 0.1
