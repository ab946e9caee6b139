"""The regime map has a field for each number of rows and cloud, marks for each verdict, and a finding in its words."""

import numpy as np
import pandas as pd
import pytest

from smallbert.figures import decoder_curvature, style

DECODERS = {"hidden 8": 100, "quadratic": 200, "quadratic by ridge": 200}


def table(real=True):
    """Two code widths, two numbers of rows; on curved clouds more rows make decoders help."""
    rows = []
    for k in (4, 16):
        for cloud, curvature in (("flat", 0.0), ("30% curved", 0.3), *([("embeddings", np.nan)] if real else [])):
            for n in (100, 1000):
                if np.isnan(curvature) and n == 1000 and k == 16:
                    continue
                helps = curvature > 0 and n == 1000
                for place, (decoder, size) in enumerate(DECODERS.items()):
                    relative = -0.2 - 0.1 * place if helps else 0.003 * (place + 1)
                    rows.append(
                        {
                            "k": k, "cloud": cloud, "curvature": curvature, "rows": n, "decoder": decoder,
                            "parameters": size, "relative": relative, "difference": relative / 3, "low": 0.0,
                            "high": 0.0, "reachable": -curvature,
                            "expected": (-0.1 if helps else 0.1) if decoder == "quadratic" and real else np.nan,
                            "verdict": "helps" if helps else ("hurts" if place else "cannot be told"),
                            "smallest": helps and place == 0,
                        }
                    )  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture
def chart():
    style.use_theme()
    return decoder_curvature.regimes(table())


def words(axes):
    return [text.get_text() for text in axes.texts]


def test_every_field_says_the_smallest_that_helps_or_none(chart):
    first, second = chart.figure.axes
    assert words(first).count("h8  −20%") == 1 and words(first).count("best qr  −40%") == 1
    assert words(first).count("none helps") == 5 and "too few\nvectors" not in words(first)
    assert words(second).count("too few\nvectors") == 1
    assert [label.get_text() for label in first.get_xticklabels()] == ["flat", "30% curved", "embeddings"]
    assert [label.get_text() for label in first.get_yticklabels()] == ["100\nrows", "1,000\nrows"]


def test_every_verdict_has_its_own_mark_not_colour_alone(chart):
    marks = [line.get_marker() for line in chart.figure.axes[0].lines if len(line.get_xdata()) == 1]
    assert {mark: marks.count(mark) for mark in "v^_"} == {"v": 3, "^": 10, "_": 5}
    assert len({mark["marker"] for mark in decoder_curvature.MARKS.values()}) == 3


def test_the_stair_stands_where_least_squares_begins_to_pay(chart):
    stair = next(line for line in chart.figure.axes[0].lines if len(line.get_xdata()) > 1)
    np.testing.assert_array_equal(stair.get_xdata(), [0, 1, 1, 2])
    np.testing.assert_array_equal(stair.get_ydata(), [2, 2, 1, 1])


def test_alt_text_is_computed(chart):
    assert "Codes of 4: a decoder helps in 1 of 2 curved fields and 0 of 2 flat ones" in chart.alt
    assert "on the embeddings with 1,000 rows none is shown to" in chart.alt
    assert "Most harm: quadratic by ridge, codes of 4, 100 rows, +1%" in chart.alt
    assert chart.name == "decoder_regimes" and len(chart.data) == len(table())


def test_without_real_vectors_the_map_is_of_clouds_alone():
    style.use_theme()
    chart = decoder_curvature.regimes(table(real=False))
    assert "embeddings" not in chart.alt and len(chart.figure.axes[0].get_xticks()) == 2


@pytest.mark.parametrize(("share", "text"), [(-0.23, "−23%"), (-0.007, "−0.7%"), (1.2, "+120%"), (0.0, "+0.0%")])
def test_small_shares_keep_a_digit(share, text):
    assert decoder_curvature._percent(share) == text
