"""The articles of a run are those page 8 searched; where they are not here, that is said and others are shown."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from smallbert import paths
from smallbert.compress.codes import preprocessing
from smallbert.compress.moments import Moments
from smallbert.compress.store import EmbeddingStore
from smallbert.corpus.prepared import Corpus
from smallbert.errors import DataError, MachineError
from smallbert.explore import articles
from smallbert.explore.articles import ChosenArticles
from smallbert.explore.runs import Chooser
from smallbert.report.compare_runs import open_run
from smallbert.storage import read_json, write_json
from smallbert.studies import searches


def test_articles_are_those_that_page_8_searches(embedded, reader):
    cache = paths.cache()
    store, corpus = EmbeddingStore.open(cache / "embeddings" / "e"), Corpus.open(cache / "corpora" / "c")
    options = open_run("default").stages[articles.LAST_PAGE]["parameters"]
    collection = searches.collect(store, corpus, reader, rows=options["search_rows"], cache=cache / "titles", **{
        name: options[name] for name in ("train_rows", "seed")
    })  # fmt: skip
    usual = preprocessing.fit("centred, unit length", Moments.of(collection.matrices.train))
    asked = searches.Searches(collection, usual, seed=options["seed"])
    found = articles.of(open_run("default"))
    np.testing.assert_array_equal(found.vectors, asked.test)
    np.testing.assert_array_equal(found.matrices.train, asked.train)
    assert found.rows.topic.tolist() == collection.matrices.rows["test"].topic.tolist()


def test_every_article_has_its_own_words(embedded, reader):
    found = articles.of(open_run("default"))
    whole = Corpus.open(paths.cache() / "corpora" / "c").frame(["id", "title", "content"]).set_index("id")
    store = EmbeddingStore.open(paths.cache() / "embeddings" / "e")
    raw = dict(zip(store.rows.id, store.vectors(), strict=True))
    mean = np.mean([raw[row] for row in store.rows.id[store.rows.split == "train"]], axis=0)
    for one, vector in zip(found.rows.itertuples(), found.vectors, strict=True):
        text = whole.loc[one.id]
        assert one.title == (text.title or text.content)
        # Centred by at most TRAIN_ROWS of train: a direction, not to the digit.
        assert np.corrcoef(raw[one.id] - mean, vector)[0, 1] > 0.98


def test_a_run_of_another_corpus_is_refused(embedded):
    manifest = embedded / "data" / "cache" / "corpora" / "c" / "manifest.json"
    write_json(manifest, {**read_json(manifest), "key": "another"})
    with pytest.raises(DataError, match="are not of the corpus"):
        articles.of(open_run("default"))


def test_a_run_without_its_first_page_is_refused(home):
    shutil.rmtree(home / "data" / "results" / "default" / articles.FIRST_PAGE)
    with pytest.raises(DataError, match="has no first page"):
        articles.of(open_run("default"))


def test_without_a_cache_generated_articles_are_shown_and_that_is_said(home, monkeypatch):
    stand_in = SimpleNamespace(source="9 articles")
    monkeypatch.setattr(articles, "generated", lambda: stand_in)
    found, told = ChosenArticles(Chooser()).get()
    assert found is stand_in
    assert "texts of default are not here" in told and "smallbert run --only 01" in told
    assert "Shown instead: 9 articles" in told


def test_without_an_encoder_either_the_error_is_raised(home, monkeypatch):
    def missing():
        raise MachineError("Expected the encoder.")

    monkeypatch.setattr(articles, "generated", missing)
    with pytest.raises(MachineError, match="Expected the encoder"):
        ChosenArticles(Chooser()).get()


def test_articles_are_read_once_a_run(embedded, monkeypatch):
    read, calls = articles.of, []
    monkeypatch.setattr(articles, "of", lambda run: calls.append(run.name) or read(run))
    chooser = Chooser()
    chosen = ChosenArticles(chooser)
    assert chosen.get() is chosen.get()
    chooser.edition.value = "other"
    chosen.get()
    assert calls == ["default", "other"]
