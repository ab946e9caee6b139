"""The figures of page 9 draw what they were given, and say when there is nothing."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from smallbert.figures import scale, scale_benchmarks


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def comparisons():
    columns = ["comparison", "variant", "peer", "number format", "ratio", "ratio low", "ratio high", "of limit"]
    rows = [
        ("Extraction", "peer", "peer", "fp32", 1.0, 1.0, 1.0, 0.5),
        ("Extraction", "ours", "peer", "bf16", 4.0, 3.5, 4.5, 0.3),
        ("PCA", "peer", "peer", "fp32", 1.0, 1.0, 1.0, 0.9),
        ("PCA", "ours", "peer", "fp32", 1.1, 1.0, 1.2, np.nan),
    ]
    return pd.DataFrame(rows, columns=columns)


TARGETS = pd.DataFrame(
    [("Extraction", "ours", 2.7), ("PCA", "ours", np.nan), ("Grid", "ours", 1.6)],
    columns=["comparison", "variant", "target ratio"],
)


def test_ratios_bars_targets_and_limits():
    chart = scale_benchmarks.side_by_side(comparisons(), TARGETS)
    [axes] = chart.figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["peer", "ours"] * 2
    points = [one.lines[0].get_xydata()[0].tolist() for one in axes.containers]
    assert points == [[1, 1], [4, 2], [1, 4], [1.1, 5]]
    assert axes.containers[1].lines[2][0].get_segments()[0][:, 0] == pytest.approx((3.5, 4.5))
    upright = [line.get_xydata().tolist() for line in axes.lines if line.get_linewidth() == 1.4]
    assert upright == [[[2.7, 1.58], [2.7, 2.42]]]
    written = ["Extraction", "1.00", "50%", "4.00", "30%", "PCA", "1.00", "90%", "1.10", "", "ratio", "of limit"]
    assert [text.get_text() for text in axes.texts] == written
    assert "Extraction, against peer: ours 4.00" in chart.alt


def test_forty_variants_fit_a_sheet_of_paper():
    many = pd.concat([comparisons().assign(comparison=f"{place}") for place in range(10)], ignore_index=True)
    assert scale_benchmarks.side_by_side(many, TARGETS).figure.get_figheight() < 8.7


def test_parts_fill_the_bar():
    rows = [
        ("A", "fp32", "products", 0.7, 0.9),
        ("A", "fp32", "rest", 0.3, np.nan),
        ("B", "fp32", "products", 1.0, 0.4),
    ]
    chart = scale_benchmarks.parts(pd.DataFrame(rows, columns=["task", "form", "part", "share", "of limit"]))
    [axes] = chart.figure.axes
    bars = [(one.get_x(), one.get_width()) for one in axes.patches]
    assert np.array(bars) == pytest.approx(np.array([(0, 0.7), (0.7, 0.3), (0, 1.0)]))
    assert "A, fp32 products 70%" in chart.alt
    assert [text.get_text() for text in axes.get_yticklabels()] == ["A, fp32", "B, fp32"]


def runs():
    sizes, seconds, peak = [1_000, 10_000, 1_000_000], [0.1, 1.0, 100.0], [120.0, 130.0, 131.0]
    frame = pd.DataFrame({"size": sizes, "seconds": seconds, "peak": peak})
    return frame.assign(**{"what": "reading", "against": "rows", "started at": 100.0})


def test_growth_draws_seconds_memory_and_a_straight_line():
    exponents = pd.DataFrame([("reading", "rows", 1.0)], columns=["what", "against", "exponent"])
    chart = scale.growth(runs(), exponents)
    [axes] = chart.figure.axes
    seconds, memory, straight = (line.get_ydata().tolist() for line in axes.lines)
    assert (seconds, memory) == ([0.1, 1.0, 100.0], [20, 30, 31])
    assert straight == pytest.approx([0.1, 1.0, 100.0])
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1k", "10k", "1M"]
    assert chart.alt == "Exponents of time: reading 1.00 in rows."


def test_memory_that_did_not_rise_lies_hollow_on_the_border():
    exponents = pd.DataFrame([("reading", "rows", 1.0)], columns=["what", "against", "exponent"])
    chart = scale.growth(runs().assign(peak=[99.9, 100.0, 131.0]), exponents)
    [axes] = chart.figure.axes
    filled, hollow = axes.lines[1], axes.lines[2]
    assert np.isnan(filled.get_ydata()).tolist() == [True, True, False]
    assert hollow.get_xdata().tolist() == [1_000, 10_000] and hollow.get_ydata().tolist() == [0, 0]
    assert hollow.get_markerfacecolor() == "white" and hollow.get_transform() == axes.get_xaxis_transform()
    [legend] = chart.figure.legends
    assert "MiB, below what can be measured" in [text.get_text() for text in legend.get_texts()]
    assert chart.caption.endswith("Hollow: memory below what can be measured, 2 of 3 runs.")
    assert "Hollow" not in scale.growth(runs(), exponents).caption


def test_a_single_run_has_no_power_of_its_size():
    exponents = pd.DataFrame([("reading", "rows", np.nan)], columns=["what", "against", "exponent"])
    chart = scale.growth(runs()[:1], exponents)
    assert chart.alt == "Exponents of time: reading not fitted to one size." and not chart.figure.axes[0].texts


def test_plans_draw_only_what_is_known():
    rows = [("CPU", 10**6, 2.0, 1.0), ("CPU", 10**9, 2000.0, 1000.0), ("GPU", 10**6, np.nan, np.nan)]
    rows.append(("GPU", 10**9, np.nan, np.nan))
    chart = scale.plans(pd.DataFrame(rows, columns=["machine", "articles", "hours", "money"]))
    left, right = chart.figure.axes
    assert [line.get_ydata().tolist() for line in left.lines] == [[2.0, 2000.0]]
    assert [line.get_ydata().tolist() for line in right.lines] == [[1.0, 1000.0]]
    assert "1 h" in [text.get_text() for text in left.get_yticklabels()]
    assert chart.alt == "Time for 1,000,000,000 articles: CPU 2,000.0 hours, GPU not measured."


@pytest.mark.parametrize(
    "chart",
    [
        lambda: scale_benchmarks.side_by_side(comparisons()[:0], TARGETS),
        lambda: scale_benchmarks.parts(pd.DataFrame(columns=["task", "form", "part", "share", "of limit"])),
        lambda: scale.growth(runs()[:0], pd.DataFrame(columns=["what", "against", "exponent"])),
    ],
)
def test_nothing_measured_is_a_figure_that_says_so(chart):
    found = chart()
    found.figure.draw_without_rendering()
    assert "has not been measured" in found.alt or "has been measured" in found.alt
