"""The charts of indexes draw the points and intervals they were given, and say what is best."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from smallbert.compress.codes.catalogue import METHODS
from smallbert.figures import codes

OVERLAP, TITLES = "neighbour overlap@10", "title finds its article, nDCG@10"


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def points():
    rows = [
        (method, group, nbytes, measure, mean + step, mean + step - 0.02, mean + step + 0.01)
        for method, group, sizes, mean in (
            ("whole vector", "whole", (128,), 0.9),
            ("PCA", "maps", (8, 16), 0.5),
            ("k-sparse", "maps", (8, 16), 0.3),
            ("PCA, int8", "formats", (8, 16), 0.6),
            ("int8", "formats", (32,), 0.8),
        )
        for nbytes, step in zip(sizes, (0, 0.05), strict=False)
        for measure in (OVERLAP, TITLES)
    ]
    return pd.DataFrame(rows, columns=["method", "group", "bytes", "measure", "mean", "low", "high"])


def drawn(axes):
    """Points of every labelled line: label -> x, y, lower and upper end."""
    found = {}
    for container in axes.containers:
        ends = np.array([segment[:, 1] for segment in container.lines[2][0].get_segments()])
        found[container.get_label()] = np.c_[container.lines[0].get_xydata(), ends]
    return found


def test_every_method_has_a_look_of_its_own():
    names = [*METHODS, "autoencoder", "autoencoder, two-layer decoder", "whole vector"]
    assert set(names) <= set(codes.LOOKS)
    looks = [codes.LOOKS[name] for name in names]
    assert len({(one.color, one.marker, one.linestyle) for one in looks}) == len(looks)


def test_what_a_map_is_fitted_on_has_the_looks_of_no_other_code():
    first, *others = ((one.color, one.marker) for one in codes.FITTED_ON)
    known = {(one.color, one.marker) for one in codes.LOOKS.values()}
    assert first == (codes.LOOKS["PCA, int8"].color, codes.LOOKS["PCA, int8"].marker) and not known & {*others}


def test_sizes_that_lie_close_share_one_written_tick(points):
    more = [points, *(points[points.method == "PCA"].assign(bytes=nbytes) for nbytes in (18, 20, 21))]
    axes = codes.pareto(pd.concat(more, ignore_index=True), points[:1]).figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["8", "16", "", "", "21", "32", "128"]


def test_equal_bytes_draws_one_group_with_its_intervals_and_the_whole_vector(points):
    chart = codes.at_equal_bytes(points, "maps")
    first, second = chart.figure.axes
    assert [axes.get_title(loc="left") or axes.get_title() for axes in (first, second)] == [OVERLAP, TITLES]
    found = drawn(first)
    assert set(found) == {"PCA", "k-sparse"}
    assert found["PCA"] == pytest.approx(np.array([[8, 0.5, 0.48, 0.51], [16, 0.55, 0.53, 0.56]]))
    assert any((np.asarray(line.get_ydata()) == 0.9).all() for line in first.lines)
    assert [label.get_text() for label in first.get_xticklabels()] == ["8", "16"]
    assert chart.name == "codes_maps" and f"{OVERLAP}: 8 bytes PCA, 16 bytes PCA" in chart.alt
    assert "128 bytes" in chart.caption and "bootstrap" in chart.caption
    assert set(chart.data.method) == {"whole vector", "PCA", "k-sparse"}


def test_formats_stand_beside_pca_in_16_bits(points):
    chart = codes.at_equal_bytes(points, "formats")
    assert set(drawn(chart.figure.axes[0])) == {"PCA", "PCA, int8", "int8"}
    assert "32 bytes int8" in chart.alt


def test_the_front_is_drawn_over_all_codes(points):
    best = points[points.method.isin(["PCA, int8", "int8"])]
    chart = codes.pareto(points, best)
    axes = chart.figure.axes[0]
    assert set(drawn(axes)) == {"PCA, int8", "int8"}
    assert max(len(line.get_xdata()) for line in axes.lines) == (points.measure == OVERLAP).sum()
    assert chart.data.front.sum() == len(best) and len(chart.data) == len(points)
    assert "8 bytes PCA, int8, 16 bytes PCA, int8, 32 bytes int8" in chart.alt


def test_arms_of_languages_are_lines():
    rows = [
        (arm, nbytes, OVERLAP, mean, mean - 0.1, mean + 0.1)
        for arm, mean in (("one map", 0.4), ("one map, languages centred", 0.5), ("a map a language", 0.6), ("x", 0.2))
        for nbytes in (8, 16)
    ]
    chart = codes.languages(pd.DataFrame(rows, columns=["arm", "bytes", "measure", "mean", "low", "high"]), "")
    [axes] = chart.figure.axes
    assert drawn(axes)["a map a language"][0] == pytest.approx([8, 0.6, 0.5, 0.7])
    assert f"{OVERLAP}: 8 bytes a map a language, 16 bytes a map a language" in chart.alt


def test_preprocessings_are_rows():
    rows = [
        (name, method, measure, mean, mean - 0.1, mean + 0.1)
        for name, mean in (("raw", 0.4), ("centred", 0.6))
        for method in ("whole vector", "PCA, int8", "binary, rescored")
        for measure in (OVERLAP, TITLES)
    ]
    table = pd.DataFrame(rows, columns=["preprocessing", "method", "measure", "mean", "low", "high"])
    chart = codes.preprocessing(table)
    axes = chart.figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["centred", "raw"]
    [pca] = [one for one in axes.containers if one.get_label() == "PCA, int8"]
    assert pca.lines[0].get_xydata() == pytest.approx(np.array([[0.4, 1.0], [0.6, 0.0]]))
    assert f"{TITLES}, PCA, int8: centred" in chart.alt


def test_numbers_of_bytes_are_written_where_they_have_room():
    whole = {"group": "whole", "method": "whole vector", "bytes": 1536}
    rows = [{"group": "formats", "method": "PCA, int8", "bytes": size} for size in (16, 32, 128, 288, 384)] + [whole]
    points = pd.DataFrame(rows).assign(measure="nDCG@10", mean=0.5, low=0.4, high=0.6)
    written = [
        [text.get_text() for text in chart.figure.axes[0].get_xticklabels() if text.get_text()]
        for chart in (codes.pareto(points, points), codes.at_equal_bytes(points, "formats"))
    ]
    assert written == [["16", "32", "128", "288", "1536"], ["16", "32", "128", "288", "384"]]
