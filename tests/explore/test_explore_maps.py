"""Maps held against scikit-learn's; groups, shapes and words of the drawing."""

import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from smallbert.errors import MachineError
from smallbert.explore import articles, maps, scatter
from smallbert.explore.articles import ChosenArticles
from smallbert.explore.runs import Chooser


@pytest.fixture
def vectors(rng):
    return (rng.standard_normal((90, 6)) * [3, 2, 1, 1, 1, 0.5] + np.repeat([0, 4, 9], 30)[:, None]).astype(np.float32)


def test_principal_map_is_scikit_learns_up_to_signs(vectors):
    reference = PCA(2, svd_solver="full").fit(vectors)
    points, share = maps.principal(vectors)
    expected = reference.transform(vectors)
    signs = np.sign((points * expected).sum(axis=0))
    np.testing.assert_allclose(points, expected * signs, atol=1e-4)
    assert share == pytest.approx(reference.explained_variance_ratio_.sum(), rel=1e-5)


def test_tsne_keeps_groups_apart_and_is_repeatable(vectors):
    points = maps.tsne(vectors)
    assert points.shape == (90, 2)
    np.testing.assert_array_equal(points, maps.tsne(vectors))
    assert maps.agreement(points, pd.Series(np.repeat(["a", "b", "c"], 30))) > 0.9


def test_agreement_counts_the_nearest_other_with_a_label(rng):
    points = rng.standard_normal((60, 2)).astype(np.float32)
    labels = pd.Series(rng.choice(["a", "b", ""], 60), index=range(100, 160))
    known = np.flatnonzero(labels != "")
    rows = NearestNeighbors(n_neighbors=2).fit(points[known]).kneighbors(points[known])[1][:, 1]
    expected = (labels.to_numpy()[known] == labels.to_numpy()[known][rows]).mean()
    assert maps.agreement(points, labels) == pytest.approx(expected)
    assert maps.agreement(points, pd.Series([""] * 60)) is None


def test_without_languages_each_has_mean_zero(vectors):
    languages = pd.Series(np.tile(["en", "ko", ""], 30))
    found = maps.without_languages(vectors, languages)
    for code in ("en", "ko", ""):
        np.testing.assert_allclose(found[(languages == code).to_numpy()].mean(axis=0), 0, atol=1e-5)


def test_groups_name_the_commonest_and_join_the_others():
    names = [f"topic {n}" for n in range(12)]
    labels = pd.Series([name for n, name in enumerate(names) for _ in range(12 - n)] + [""] * 5)
    found = scatter.groups(labels)
    assert set(found) == {*names[: len(scatter.LOOKS)], scatter.OTHERS, scatter.UNKNOWN}
    assert (found == scatter.OTHERS).sum() == 4 + 3 + 2 + 1
    few = pd.Series(["a"] * 3 + ["b"] * 2)
    assert set(scatter.groups(few)) == {"a", "b"}


def test_every_group_differs_in_colour_and_in_shape():
    colours, shapes = zip(*scatter.LOOKS, scatter.REST, strict=True)
    assert len(set(scatter.LOOKS)) == len(scatter.LOOKS) == len(set(shapes)) - 1
    assert set(shapes) == set(scatter._SHAPES)
    assert len(set(colours)) == len(scatter.LOOKS)


def test_the_drawing_places_every_article_and_escapes_its_title():
    points = np.array([[0.0, 0.0], [10.0, 5.0], [0.0, 5.0]])
    labels, titles = pd.Series(["<b>", "<b>", "two"]), ["<script>", 'a "b"', "c & d"]
    tree = ElementTree.fromstring(scatter.svg(points, labels, titles, 'says "so" & <b>'))
    assert tree.attrib["aria-label"] == 'says "so" & <b>'
    drawn = tree.findall("path")
    assert [path.find("title").text for path in drawn] == titles
    placed = np.array([re.match(r"M([\d.]+),([\d.]+)", path.attrib["d"]).groups() for path in drawn], float)
    # One scale for both axes, the larger extent from margin to margin; up is up.
    np.testing.assert_allclose(placed[:, 0], [12, 408, 12], atol=0.06)
    np.testing.assert_allclose(placed[:, 1], [309, 111, 111], atol=0.06)
    assert len({path.attrib["fill"] for path in drawn[:2]}) == 1 != len({path.attrib["fill"] for path in drawn})
    assert "&lt;b&gt;" in scatter.legend(labels) and "<b>" not in scatter.legend(labels)


def test_the_widget_follows_kind_run_and_languages(embedded):
    chooser = Chooser()
    view = maps.Map(ChosenArticles(chooser))
    first = view.points
    assert first.shape == (70, 2)
    assert "by topic" in view.shown and "by language" in view.shown and "% of the variance" in view.shown
    view.centred.value = True
    assert not np.allclose(view.points, first)
    view.centred.value = False
    np.testing.assert_array_equal(view.points, first)
    view.kind.value = maps.TSNE_MAP
    assert not np.allclose(view.points, first) and "% of the variance" not in view.shown


def test_more_articles_than_a_browser_draws_are_cut(embedded, monkeypatch):
    monkeypatch.setattr(maps, "MOST", 20)
    assert len(maps.Map(ChosenArticles(Chooser())).points) == 20


def test_neither_articles_nor_encoder_leaves_no_map(home, monkeypatch):
    def missing():
        raise MachineError("Expected the encoder.")

    monkeypatch.setattr(articles, "generated", missing)
    view = maps.Map(ChosenArticles(Chooser()))
    assert "Expected the encoder." in view.said and view.shown == ""
