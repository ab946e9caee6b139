"""Searches against the project's other measures and against what must be true of a perfect and of a useless code."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from smallbert.compress.codes import catalogue, preprocessing
from smallbert.compress.codes.code import Code, cosines
from smallbert.compress.moments import Moments
from smallbert.errors import DataError, UsageError
from smallbert.measure.neighbours import nearest
from smallbert.measure.neighbours import overlap as shared
from smallbert.measure.probe import probe
from smallbert.measure.retrieval import retrieval
from smallbert.studies import searches
from smallbert.studies.searches import OVERLAP, TITLES, TOPIC, TRANSLATIONS, Collection, Outcome, Searches


@pytest.fixture(scope="module")
def collection(vectors):
    rng = np.random.default_rng(3)
    titled = np.arange(0, 200, 2)
    titles = vectors.test[titled] + 0.1 * rng.standard_normal((100, 12)).astype(np.float32)
    return Collection(vectors, titles, titled, "k")


@pytest.fixture(scope="module")
def asked(collection):
    usual = preprocessing.fit("centred, unit length", Moments.of(collection.matrices.train))
    return Searches(collection, usual, seed=0)


class Constant(Code):
    """Every vector becomes the same byte."""

    nbytes = 1

    def encode(self, vectors):
        return np.zeros((len(vectors), 1), np.uint8)

    def decode(self, stored):
        return np.ones((len(stored), 2), np.float32)

    def query(self, vectors):
        return np.ones((len(vectors), 2), np.float32)


def test_the_whole_vector_keeps_all_neighbours(asked):
    found = asked.measure(catalogue.whole(12))
    assert (found.queries[OVERLAP] == 1).all() and len(found.queries[OVERLAP]) == 200
    assert found.queries[TITLES].mean() > 0.5 and len(found.queries[TITLES]) == 100
    assert found.encode > 0
    expected = probe(
        asked.train[:200], asked.collection.matrices.rows["train"].topic[:200], asked.test, asked.rows.topic, seed=0
    )
    assert found.queries[TOPIC].mean() == expected.accuracy.estimate


def test_a_useless_code_finds_nothing(asked):
    found = asked.measure(Constant())
    assert found.queries[TITLES].max() == 0 and found.queries[TRANSLATIONS].max() == 0
    assert found.queries[OVERLAP].mean() < 0.15


def test_neighbours_agree_with_the_measure_of_other_pages(asked):
    code = catalogue.METHODS["PCA, int8"].fit(catalogue.Training(asked.train, [4], epochs=1), 4, 0)
    decoded = code.decode(code.encode(asked.test))
    queries = np.arange(200)
    expected = shared(nearest(asked.test, queries, 10), nearest(decoded, queries, 10))
    found = searches.overlap(
        searches.neighbours(cosines(asked.test, asked.test)), searches.neighbours(cosines(decoded, decoded))
    )
    np.testing.assert_allclose(found, expected)


def test_translations_are_those_of_the_retrieval_measure(asked):
    scores = cosines(asked.test, asked.test)
    rows = asked.rows
    first = retrieval(asked.test, rows.lang, rows.group, seed=0).pairs
    # With two languages the candidates are the same; nDCG is 1 just where the translation is first.
    found = asked.translations(scores)
    assert (found == 1).mean() == pytest.approx(first.precision_at_1.mean())


def test_the_group_of_a_query_for_translations_is_its_event(collection):
    rows = {name: frame.copy() for name, frame in collection.matrices.rows.items()}
    test = rows["test"]
    test.loc[:5, "group"] = ""  # six articles without an event
    test.loc[[6, 7], "lang"] = "en"  # an event told in one language alone
    test.loc[[9, 10], "group"] = "event-9"  # one of three articles, and one left alone
    known = replace(collection, matrices=replace(collection.matrices, rows=rows))
    raw = preprocessing.fit("raw", Moments.of(known.matrices.train))
    searches_ = Searches(known, raw, seed=0)
    own = test[test.group != ""]
    told = own[own.groupby("group").lang.transform("nunique") > 1]
    assert searches_.groups.keys() == {TRANSLATIONS}
    assert searches_.groups[TRANSLATIONS].tolist() == told.group.tolist()
    assert len(told) == len(searches_.measure(catalogue.whole(12)).queries[TRANSLATIONS]) < 194


def test_a_corpus_without_topics_translations_or_titles_is_asked_for_neighbours_alone(collection):
    blank = {name: frame.assign(topic="", group="") for name, frame in collection.matrices.rows.items()}
    bare = Collection(replace(collection.matrices, rows=blank), np.zeros((0, 12), np.float32), np.zeros(0, int), "b")
    raw = preprocessing.fit("raw", Moments.of(bare.matrices.train))
    found = Searches(bare, raw, seed=0)
    assert set(found.measure(catalogue.whole(12)).queries) == {OVERLAP} and found.groups == {}


def test_outcomes_are_kept_and_damaged_ones_are_measured_again(asked, tmp_path):
    found = asked.measure(catalogue.whole(12))
    found.save(tmp_path / "a.npz")
    read = Outcome.open(tmp_path / "a.npz")
    assert read.encode == found.encode and read.queries.keys() == found.queries.keys()
    assert all((read.queries[name] == values).all() for name, values in found.queries.items())
    (tmp_path / "a.npz").write_bytes(b"PK" + bytes(30))
    assert Outcome.open(tmp_path / "a.npz") is None and Outcome.open(tmp_path / "b.npz") is None


def test_embeddings_of_another_corpus_are_refused(monkeypatch, vectors):
    store, corpus = SimpleNamespace(manifest={"corpus": "other"}), SimpleNamespace(key="mine")
    monkeypatch.setattr(searches.embedded, "load", lambda store, **options: vectors)
    with pytest.raises(DataError, match="corpus mine, got those of other"):
        searches.collect(store, corpus, None, train_rows=9, rows=20, seed=0, cache=None)
    with pytest.raises(UsageError, match="more than 10 rows"):
        searches.collect(store, corpus, None, train_rows=9, rows=10, seed=0, cache=None)
