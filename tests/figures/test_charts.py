"""Every chart draws what its data say, names a finding in its alt text, and marks the floor."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from smallbert.figures import arms, corpus, depth, depth_lines, intervals, schedules, style


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
ONE = CELLS[CELLS.bottleneck == 8]
FLOOR = pd.DataFrame(
    {"k": [1, 2, 3, 4], "train": [0.4, 0.2, 0.1, 0], "transfer": [0.5, 0.3, 0.04, 0], "oracle": [0.4, 0.2, 0.03, 0]}
)
BASELINES = pd.DataFrame({"method": ["mean", "truncation"], "k": [2, 2], "seed": [0, 0], "test_fvu": [1.0, 0.8]})
TUNING = pd.DataFrame(
    {
        "bottleneck": [8, 8],
        "depth": [1, 1],
        "rate": [0.1, 0.2],
        "validation_fvu": [0.3, 0.2],
        "chosen": [False, True],
        "interior": [False, False],
    }
)
PAIRS = pd.DataFrame(
    {
        "protocol": ["original", "fair"],
        "depth": [3, 3],
        "schedule": ["geometric", "geometric"],
        "difference": [-0.02, 0.001],
        "low": [-0.03, -0.001],
        "high": [-0.01, 0.003],
        "verdict": ["lower", "equivalent"],
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
        lambda: corpus.token_lengths(pd.DataFrame({"tokens": [32, 64], "share": [0.25, 0.75]}), 0.7),
        "70% of the articles fill the limit of 64 tokens",
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
        lambda: arms.widths_and_baselines(FLOOR, BASELINES),
        "No baseline is below PCA; at k = 2 they leave 0.80 (truncation) to 1.00 (mean)",
    ),
    "tuning_once": (
        lambda: depth.tuning_once(
            pd.DataFrame(
                {
                    "activation": ["relu", "relu", "tanh", "tanh"],
                    "optimizer": ["adam"] * 4,
                    "rate": [0.001, 0.01, 0.001, 0.01],
                    "validation_fvu": [0.3, np.nan, 0.2, 0.4],
                    "bottleneck": [8] * 4,
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
        lambda: depth_lines.tuning_each(TUNING),
        "1: 0.2; at the edge of its grid: depth 1",
    ),
    "gap_by_depth": (lambda: depth.gap_by_depth(CELLS[CELLS.epoch == 10]), "k = 8, original: 0.0"),
    "curves": (
        lambda: depth.curves(CELLS[CELLS.bottleneck == 8], {"train": 0.01, "test": 0.02}),
        "FVU of each other in every panel",
    ),
    "gap_by_budget": (lambda: depth_lines.gap_by_budget(ONE[ONE.epoch == 10]), "after 10 epochs"),
    "loss_by_rows": (
        lambda: depth_lines.loss_by_rows(
            pd.concat([ONE.assign(train_rows=100, pca_test=0.3), ONE.assign(train_rows=200, pca_test=0.2)])
        ),
        "At 200 rows",
    ),
    "arms": (lambda: arms.arms(ONE[ONE.epoch == 10]), "below PCA fitted on train: none"),
    "quality": (
        lambda: arms.quality(
            pd.DataFrame(
                {
                    "method": ["PCA", "fair, 1 layer"] * 2,
                    "metric": ["FVU", "FVU", "topic accuracy", "topic accuracy"],
                    "mean": [0.1, 0.2, 0.9, 0.8],
                    "half": [np.nan, 0.01, np.nan, 0.02],
                }
            ),
            8,
            "Measured on 90 test articles.",
        ),
        "FVU: PCA; topic accuracy: PCA",
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
        "original: 1 better; fair: 1 equivalent",
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
        for module in (arms, corpus, depth, depth_lines, schedules)
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

    for first, second in (("original", "fair"), ("uniform", "geometric"), ("train", "test"), ("PCA", "truncation")):
        a, b = style.look(first), style.look(second)
        assert a.marker != b.marker or abs(luminance(a.color) - luminance(b.color)) > 0.1
        assert a.linestyle != b.linestyle or abs(luminance(a.color) - luminance(b.color)) > 0.1


def test_every_schedule_and_linear_method_has_its_own_look():
    names = ["uniform", "geometric", "bottleneck-heavy-1", "bottleneck-heavy-2", "bottleneck-heavy-3", "wide-heavy-2"]
    assert len({style.look(name) for name in names}) == len(names)
    assert style.look("uniform, size of geometric").color == style.look("uniform").color
    assert style.look("uniform, size of geometric") != style.look("uniform")


def test_a_corpus_of_very_many_languages_still_fits():
    counts = pd.DataFrame({"lang": [f"l{i}" for i in range(200)], "split": "train", "rows": range(1, 201)})
    chart = corpus.rows_by_language(counts)
    labels = [label.get_text() for label in chart.figure.axes[0].get_yticklabels()]
    assert len(labels) == corpus.MOST_LANGUAGES + 1
    assert "170 others" in labels
    assert "in 200 languages" in chart.alt


def test_a_bar_that_dwarfs_the_others_is_cut_off_and_says_so():
    lengths = pd.DataFrame({"tokens": [32, 64, 96], "share": [0.02, 0.03, 0.95]})
    [axes] = corpus.token_lengths(lengths, 0.94).figure.axes
    assert 0.03 < axes.get_ylim()[1] < 0.1
    assert axes.texts[0].get_text() == "cut at 96: 94.0% fill it;\nlast bar 95%, cut off here"
    [even] = corpus.token_lengths(lengths.assign(share=[0.2, 0.3, 0.5]), 0.4).figure.axes
    assert even.get_ylim()[1] > 0.5 and even.texts[0].get_text() == "cut at 96: 40.0% fill it"


def test_shades_of_the_tuning_tell_good_cells_apart():
    tuning = pd.DataFrame({"rate": [0.1, 0.2, 0.3], "validation_fvu": [0.05, 0.1, 3.0]})
    tuning = tuning.assign(bottleneck=8, activation="relu", optimizer="sgd")
    [axes] = depth.tuning_once(tuning).figure.axes
    shades = [axes.collections[0].norm(value) for value in tuning.validation_fvu]
    assert shades[1] - shades[0] > 0.15 and shades[2] > 0.99


def test_only_wide_gaps_are_drawn_on_a_logarithmic_axis():
    scales = [
        depth.gap_by_depth(ONE.assign(gap_test=ONE.gap_test * times)).figure.axes[0].get_yscale() for times in (1, 100)
    ]
    assert scales == ["linear", "symlog"]


def test_a_failed_schedule_bends_the_axes_of_its_protocol_alone():
    cells = ONE[(ONE.schedule == "uniform") & (ONE.epoch == 10)]
    lost = cells.assign(schedule="lost", gap_test=np.where(cells.protocol == "original", 30.0, 0.02))
    pairs = PAIRS[PAIRS.protocol == "fair"]
    far = pairs.assign(protocol="original", schedule="lost", difference=30.0, low=-20.0, high=80.0)
    drawn = (
        schedules.gap_by_schedule(pd.concat([cells, lost])),
        schedules.gap_by_parameters(pd.concat([cells, lost])),
        schedules.paired_differences(pd.concat([pairs, far])),
    )
    for chart in drawn:
        panels = {axes.get_title("left").split(",")[0]: axes for axes in chart.figure.axes}
        scales = {name: (axes.get_xscale(), axes.get_yscale()) for name, axes in panels.items()}
        assert "symlog" in scales["original"] and "symlog" not in scales["fair"], chart.name
    assert all("logarithmic beyond 0.1" in chart.caption for chart in (drawn[0], drawn[2]))
    assert "logarithmic" not in schedules.paired_differences(pairs).caption


def test_a_failed_run_is_counted_at_its_arm_and_hides_no_other():
    last = pd.DataFrame({"arm": ["bent"] * 3 + ["flat"] * 3, "depth": 3, "bottleneck": 8, "bounded": False})
    last["gap_train"] = last["gap_test"] = [17.0, -0.01, -0.02, 0.01, 0.02, 0.03]
    last["test_fvu"] = last.gap_test + 0.1
    chart = arms.arms(last)
    assert [one.get_text() for one in chart.figure.axes[0].get_yticklabels()] == ["flat", "bent (1 failed)"]
    assert "below PCA fitted on train: bent (1 failed)." in chart.alt
    assert "A run failed if it ends worse than the mean" in chart.caption and "Not drawn" not in chart.caption
    gone = arms.arms(last.assign(test_fvu=np.where(last.arm == "bent", 2.0, 0.1)))
    assert "Not drawn: all 3 of bent." in gone.caption
    assert "failed" not in arms.arms(last.assign(test_fvu=0.1)).caption


def test_linear_methods_are_named_beside_their_points():
    rows = [("truncation", 0.3), ("mean", 1.0), ("random projection, gaussian", 0.3)]
    baselines = pd.DataFrame(rows, columns=["method", "test_fvu"]).assign(k=3, seed=0)
    [axes] = arms.widths_and_baselines(FLOOR, baselines).figure.axes
    assert {text.get_text() for text in axes.texts} == {method for method, _ in rows}


@pytest.mark.parametrize("dead", [0, 1])
def test_a_dimension_of_zeros_leaves_room_for_the_others(dead):
    share = np.r_[np.full(9, 0.1), np.full(1, 1e-40 if dead else 0.1)]
    shares = pd.DataFrame({"rank": range(1, 11), "dimension": range(10), "share": share})
    chart = corpus.second_moment(shares, 0.05)
    assert (chart.figure.axes[0].get_ylim()[0] > 5e-5) and len(chart.data) == 10
    assert ("Not shown: 1 of less than 0.0001." in chart.caption) == bool(dead)


def test_a_colour_means_one_thing_on_page_2():
    """The protocols, PCA and the splits keep theirs, and depths take none of these."""
    plain = {style.look(name).color for name in ("original", "fair", "PCA")}
    early = depth.loss_by_depth(CELLS[(CELLS.protocol == "original") & (CELLS.bottleneck == 8)], 0.05)
    legend = early.figure.axes[0].get_legend_handles_labels()[0]
    assert {one.lines[0].get_color() for one in legend} == {style.look("original").color} and len(legend) == 2
    for chart in (corpus.spectrum(FLOOR), arms.widths_and_baselines(FLOOR, BASELINES)):
        assert chart.figure.axes[0].lines[0].get_color() == style.look("PCA").color
    drawn = depth_lines.loss_by_rows(pd.concat([ONE.assign(train_rows=rows, pca_test=0.3) for rows in (900, 20_000)]))
    [axes] = drawn.figure.axes
    pca, *depths = axes.lines
    assert pca.get_color() == style.look("PCA").color
    assert not plain & {line.get_color() for line in depths} and len({line.get_color() for line in depths}) == 3
    assert [text.get_text() for text in axes.get_xticklabels()] == ["900", "20,000"]
    assert corpus.SPLITS["train"] == style.look("train").color and corpus.SPLITS["test"] == style.look("test").color


def test_errors_of_very_different_size_are_all_told_apart():
    means = [0.0, 0.02, 0.02, 0.9]
    table = pd.DataFrame({"method": ["whole embedding", "PCA", "whitening", "truncation"], "metric": "FVU"})
    chart = arms.quality(table.assign(mean=means, half=np.nan), 8, "Measured on 90 test articles.")
    assert chart.figure.axes[0].get_xscale() == "symlog" and "logarithmic from its first tick on" in chart.caption
    assert chart.alt == "Best of the narrow codes by mean. FVU: PCA and whitening."
    near = arms.quality(table.assign(mean=[0.0, 0.2, 0.3, 0.9], half=np.nan), 8, "Measured on 90 test articles.")
    assert near.figure.axes[0].get_xscale() == "linear" and "logarithmic" not in near.caption
    assert near.alt.endswith("FVU: PCA.") and "Measured on 90 test articles." in near.caption


def test_the_chosen_rate_stands_in_the_legend_of_depths():
    [axes] = depth_lines.tuning_each(TUNING).figure.axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["1: 0.2"]


def test_one_depth_is_named_in_the_caption_and_several_at_every_row():
    alone = schedules.paired_differences(PAIRS[PAIRS.depth == PAIRS.depth.min()])
    assert not any("layers" in text.get_text() for text in alone.figure.axes[0].get_yticklabels())
    assert f"same depth, {PAIRS.depth.min()} layers, seed by seed" in alone.caption
    both = schedules.paired_differences(pd.concat([PAIRS, PAIRS.assign(depth=9)]))
    assert all("layers" in text.get_text() for text in both.figure.axes[0].get_yticklabels())
