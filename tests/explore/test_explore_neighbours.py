"""Neighbours before and after narrowing, held against scikit-learn's; the widget driven as a reader would."""

import numpy as np
import pytest
from sklearn.decomposition import TruncatedSVD
from sklearn.neighbors import NearestNeighbors

from smallbert.compress.linear import Pca
from smallbert.compress.moments import Moments
from smallbert.errors import MachineError
from smallbert.explore import articles
from smallbert.explore.articles import ChosenArticles
from smallbert.explore.narrowing import ways
from smallbert.explore.neighbours import COUNT, Neighbours, compared, kept, matching
from smallbert.explore.runs import Chooser
from smallbert.report.compare_runs import open_run
from smallbert.storage import read_json, write_json

WIDTH = 5


@pytest.fixture
def found(embedded):
    return articles.of(open_run("default"))


@pytest.fixture
def way(found):
    return {one.name: one for one in ways(found)}


def references(vectors, count=COUNT):
    """scikit-learn's nearest others of every row: row numbers and cosines."""
    distances, rows = NearestNeighbors(n_neighbors=count + 1, metric="cosine").fit(vectors).kneighbors(vectors)
    assert (rows[:, 0] == np.arange(len(vectors))).all()
    return rows[:, 1:], 1 - distances[:, 1:]


def test_neighbours_before_and_after_pca_are_scikit_learns(found, way):
    # About the origin: preprocessing has chosen it, and TruncatedSVD, unlike PCA, takes no mean off.
    narrow = TruncatedSVD(WIDTH, algorithm="arpack").fit(found.matrices.train).transform(found.vectors)
    before, after = references(found.vectors), references(narrow)
    frames = [compared(found, way["PCA"].narrow(WIDTH), article) for article in range(len(found.vectors))]
    for article, frame in enumerate(frames):
        for when, (rows, scores) in (("before", before), ("after", after)):
            own = frame[frame.when == when]
            assert own.id.tolist() == found.rows.id[rows[article]].tolist()
            np.testing.assert_allclose(own.cosine, scores[article], atol=1e-5)
        stay = set(before[0][article]) & set(after[0][article])
        assert set(frame[frame.kept].id) == set(found.rows.id[list(stay)])
    shares = [len(set(a) & set(b)) / COUNT for a, b in zip(before[0], after[0], strict=True)]
    np.testing.assert_allclose(kept(found, way["PCA"].narrow(WIDTH)), shares)


def test_at_full_width_nothing_is_lost(found, way):
    for name in ("PCA", "truncation"):
        assert kept(found, way[name].narrow(found.matrices.width)).min() == 1


def test_a_stored_autoencoder_is_found_and_answers_with_its_reconstructions(found, way):
    assert list(way) == ["PCA", "truncation", "random projection", "autoencoder"]
    assert way["autoencoder"].widths == [4]
    narrowed = way["autoencoder"].narrow(4)
    np.testing.assert_array_equal(narrowed.queries, found.vectors)
    # An affine decoder reconstructs within an affine subspace of 4 dimensions, and no better than the best one there.
    error = ((narrowed.documents - found.vectors) ** 2).sum()
    oracle = Pca.fit(Moments.of(found.vectors)).code(4).sse(Moments.of(found.vectors))
    spread = np.linalg.svd(narrowed.documents - narrowed.documents.mean(axis=0), compute_uv=False)
    assert spread[4:].max() < 1e-4 * spread[0]
    assert oracle < error < 2 * ((found.vectors - found.vectors.mean(axis=0)) ** 2).sum()


def test_the_first_seed_of_an_autoencoder_is_shown(embedded, found, way):
    [folder] = (embedded / "data" / "cache" / "grid").iterdir()
    first = way["autoencoder"].narrow(4).documents
    [second] = [path for path in folder.glob("*.json") if read_json(path)["cell"]["seed"] == 1]
    second.unlink()
    again = {one.name: one for one in ways(found)}
    np.testing.assert_array_equal(again["autoencoder"].narrow(4).documents, first)


@pytest.mark.parametrize("change", [{"weights_sha256": None}, {"cell": 3}, {"curve": []}])
def test_cells_without_weights_or_damaged_are_not_offered(embedded, found, change):
    for path in (embedded / "data" / "cache" / "grid").rglob("*.json"):
        write_json(path, {**read_json(path), **change})
    assert [one.name for one in ways(found)] == ["PCA", "truncation", "random projection"]


def test_words_are_found_in_title_language_and_topic(found):
    rows = found.rows
    storms = matching(rows, "STORM ko")
    assert storms and set(rows.lang[storms]) == {"ko"}
    assert all("storm" in f"{rows.title[row]} {rows.topic[row]}" for row in storms)
    assert matching(rows, "") == list(range(len(rows)))
    assert matching(rows, "no such word") == []
    assert matching(rows, "[") == [], "words are no pattern"


def test_the_widget_follows_article_way_and_width(embedded):
    view = Neighbours(ChosenArticles(Chooser()))
    assert "70 test articles of the run default, 12 numbers each" in view.said
    assert view.width.value == 12 and view.frame.kept.all()
    view.width.value = 2
    assert 0 < view.frame.kept.sum() < 2 * COUNT
    before = view.frame[view.frame.when == "after"].id.tolist()
    view.way.value = "autoencoder"
    assert view.width.options == (4,) and view.width.value == 4
    assert "after: autoencoder, 4 numbers" in view.shown
    assert view.frame[view.frame.when == "after"].id.tolist() != before
    view.article.value = 5
    assert not (view.frame.id == view._articles.rows.id[5]).any()
    view.words.value = "match en"
    assert view.article.value == matching(view._articles.rows, "match en")[0]
    view.words.value = "no such word"
    assert view.article.value is None and "No title holds" in view.shown and view.frame.empty
    view.words.value = "storm"
    assert len(view.frame) == 2 * COUNT


def test_what_is_said_is_what_is_shown(embedded):
    view = Neighbours(ChosenArticles(Chooser()))
    view.width.value = 3
    stay = int(view.frame.kept.sum() / 2)
    mean = 10 * kept(view._articles, view._ways["PCA"].narrow(3)).mean()
    assert f"{stay} of 10 neighbours stay. On average over 70 articles {mean:.1f} stay" in view.shown
    assert view.shown.count("●") == 2 * stay + 1  # and one in the caption


def test_hostile_titles_are_shown_as_text(embedded, hostile):
    view = Neighbours(ChosenArticles(Chooser()))
    rows = view._articles.rows
    assert hostile in rows.title.tolist() or not rows.title.str.contains("img").any()
    rows.loc[:, "title"] = hostile
    view.width.value = 2
    assert "<img" not in view.shown and "<script" not in view.shown
    assert "&lt;img src=x onerror=alert(1)&gt;" in view.shown


def test_neither_articles_nor_encoder_is_an_alert(home, monkeypatch):
    def missing():
        raise MachineError("Expected the encoder <minilm>.", "Install it.")

    monkeypatch.setattr(articles, "generated", missing)
    view = Neighbours(ChosenArticles(Chooser()))
    assert "Expected the encoder &lt;minilm&gt;. Install it." in view.said and view.shown == ""
    view.words.value = "storm"  # changes nothing, raises nothing
    assert view.frame.empty
