"""Study 1 on a tiny generated corpus: what is prepared, embedded and said of it."""

import html

import numpy as np
import pandas as pd
import pytest

from smallbert import paths
from smallbert.errors import UsageError
from smallbert.models import encoder as encoders
from smallbert.models.recipe import PretrainRecipe
from smallbert.report.sanitise import markdown
from smallbert.studies import embed, facts, matrices
from smallbert.studies.floor import Floor

OPTIONS = {
    "columns": {},
    "test_fraction": 0.2,
    "validation_fraction": 0.1,
    "near_duplicates": True,
    "max_bad_rows": 0.01,
}
RECIPE = PretrainRecipe(
    layers=1,
    hidden=32,
    heads=2,
    intermediate=64,
    vocabulary_size=900,
    sequence_length=64,
    batch_tokens=512,
    tokens=2048,
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A corpus of the world, an encoder pretrained for four steps, and the embeddings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SMALLBERT_CACHE", str(tmp_path_factory.mktemp("cache")))
        corpus = embed.corpus("world", rows=400, seed=1, **OPTIONS)
        folder = embed.pretrained(corpus, RECIPE, "cpu")
        encoder = encoders.load(str(folder), max_tokens=64, precision="fp32", device="cpu")
        store = embed.embeddings(corpus, encoder)
        assert facts.stored(store.folder).startswith("embeddings/")
        yield corpus, folder, encoder, store


def test_the_same_request_finds_what_is_there(tiny, monkeypatch):
    corpus, folder, encoder, store = tiny
    monkeypatch.setenv("SMALLBERT_CACHE", str(folder.parents[1]))
    assert embed.corpus("world", rows=400, seed=1, **OPTIONS).folder == corpus.folder
    assert embed.pretrained(corpus, RECIPE, "cpu") == folder
    assert embed.embeddings(corpus, encoder).folder == store.folder
    assert paths.cache() == folder.parents[1]


def test_another_request_gets_another_folder(tiny, monkeypatch):
    corpus, folder, *_ = tiny
    monkeypatch.setenv("SMALLBERT_CACHE", str(folder.parents[1]))
    assert embed.corpus("world", rows=400, seed=2, **OPTIONS).key != corpus.key


def test_translations_stay_in_one_split(tiny):
    frame = tiny[0].frame(["group", "split", "lang"])
    assert (frame.groupby("group").split.nunique() == 1).all()
    assert frame.lang.nunique() >= 6


def test_the_reading_adds_up(tiny):
    corpus = tiny[0]
    table = facts.reading(corpus).set_index("step").articles
    assert table.filter(like="kept").sum() == corpus.rows
    assert table["read"] == 400 == table.drop("read").sum()
    assert len(facts.unusable_rows(corpus)) == 0
    assert facts.rows_by_language(corpus).rows.sum() == corpus.rows


def test_generated_articles_are_called_generated(tiny):
    corpus, _, encoder, _ = tiny
    assert "**generated**" in facts.corpus_sentence("world", corpus)
    assert "real" in facts.corpus_sentence("/somewhere/news.csv", corpus)
    assert "/somewhere" not in facts.corpus_sentence("/somewhere/news.csv", corpus)
    origin = facts.corpus_facts("world", corpus)
    assert origin["generated"] is True
    assert len(origin["rows_sha256"]) == 64
    assert facts.encoder_name("pretrain", encoder) == "a small multilingual BERT pretrained here (1 layers, width 32)"


def test_matrices_are_the_stored_vectors_of_each_split(tiny):
    store = tiny[3]
    loaded = matrices.load(store, train_rows=100, seed=0)
    assert len(loaded.train) == 100
    rows = store.rows
    test = np.flatnonzero(rows.split == "test")
    assert np.array_equal(loaded.test, store.vectors(test))
    assert loaded.rows["test"].lang.tolist() == rows.lang[test].tolist()
    whole = {tuple(vector) for vector in store.vectors(np.flatnonzero(rows.split == "train"))}
    assert {tuple(vector) for vector in loaded.train} <= whole
    assert np.abs(loaded.centred().train.mean(axis=0)).max() < 1e-6


def test_token_lengths_count_every_article(tiny):
    store = tiny[3]
    table, filled = embed.token_lengths(store, 64, bins=8)
    assert table.share.sum() == pytest.approx(1)
    counts = store.rows.n_tokens
    assert table.share.iloc[-1] == pytest.approx((counts >= 56).mean())
    assert filled == (counts == 64).mean()


def test_geometry_probes_translations_and_the_answer(tiny):
    corpus, folder, encoder, store = tiny
    loaded = matrices.load(store, train_rows=1000, seed=0)
    floor = Floor.of(loaded)
    shape = embed.geometry(loaded, floor)
    assert shape.set_index("property").value["dimensions"] == 32
    assert embed.second_moment(floor).share.sum() == pytest.approx(1)
    probes = embed.probes(loaded, floor, seed=0)
    assert probes.label.tolist() == ["language", "language", "topic", "topic"]
    pairs = embed.translations(loaded, seed=0)
    assert set(pairs.centred) == {False, True}
    said = facts.answer("the generated world", corpus, "tiny encoder", shape, probes, pairs)
    assert f"{corpus.rows:,} articles (the generated world)" in said
    assert "chance" in said and said.count(" components alone: ") == 2
    table = facts.encoder_table("pretrain", encoder, RECIPE).set_index("property").value
    assert table["width"] == "32"
    assert table["tokens read in pretraining"] == "2,048"
    assert "tokens a second in float32" in facts.pretraining_sentence(
        folder
    ) or "bfloat16" in facts.pretraining_sentence(folder)
    assert {"tokens", "train_loss", "held_out_loss"} <= set(facts.curve(folder))


def test_the_variance_is_split_as_by_regression_on_the_labels(vectors):
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LinearRegression
    from sklearn.metrics import r2_score

    def explained(of: np.ndarray, labels: pd.Series) -> tuple[float, np.ndarray]:
        told = pd.get_dummies(labels).to_numpy(float)
        fitted = LinearRegression(fit_intercept=False).fit(told, of).predict(told)
        return r2_score(of, fitted, multioutput="variance_weighted"), of - fitted

    known = vectors.rows["train"]
    shift = np.where(known.lang == "ko", 5.0, 0.0) + np.where(known.topic == "law", 0.5, 0.0)
    train = vectors.train.astype(np.float64) + shift[:, None]
    apart = matrices.Matrices(train.astype(np.float32), vectors.validation, train[:200], vectors.rows, "apart")
    shape = embed.geometry(apart, Floor.of(apart)).set_index("property").value
    languages, inner = explained(train, known.lang)
    assert shape[facts.BETWEEN_LANGUAGES] == pytest.approx(languages, abs=1e-5) and languages > 0.9
    assert shape[facts.BETWEEN_TOPICS] == pytest.approx(explained(inner, known.topic)[0], abs=1e-5)
    held = PCA(svd_solver="full").fit(inner)
    left = inner[:200] - inner[:200].mean(axis=0)
    fewest = next(
        k
        for k in range(13)
        if ((inner[:200] - held.mean_ - ((inner[:200] - held.mean_) @ held.components_[:k].T) @ held.components_[:k])
            ** 2).sum() <= 0.05 * (left**2).sum()
    )  # fmt: skip
    assert shape[facts.LANGUAGE_COMPONENTS] == fewest > shape[facts.COMPONENTS]


def test_what_the_variance_is_made_of_is_said_of_several_languages_and_of_one(vectors):
    probes = embed.probes(vectors, Floor.of(vectors), seed=0)
    k = embed.enough(Floor.of(vectors).transfer["test"])
    assert probes["read from"].tolist() == ["whole embedding", f"first {k} components"] * 2
    assert set(probes["train articles"]) == {600} and set(probes["test articles"]) == {200}
    shape = embed.geometry(vectors, Floor.of(vectors)).set_index("property").value
    said = " ".join(facts._variance(shape))
    assert f"{shape[facts.BETWEEN_LANGUAGES]:.1%} lies between the means of languages, and of the rest " in said
    assert f"95% takes {int(shape[facts.LANGUAGE_COMPONENTS])} components." in said
    rows = {split: frame.assign(lang="ko") for split, frame in vectors.rows.items()}
    alone = matrices.Matrices(vectors.train, vectors.validation, vectors.test, rows, "one")
    shape = embed.geometry(alone, Floor.of(alone)).set_index("property").value
    assert facts.BETWEEN_LANGUAGES not in shape
    told = f"Of the training variance {shape[facts.BETWEEN_TOPICS]:.1%} lies between the means of topics."
    assert list(facts._variance(shape)) == [told]
    bare = {split: frame.assign(topic="") for split, frame in rows.items()}
    silent = matrices.Matrices(vectors.train, vectors.validation, vectors.test, bare, "bare")
    shape = embed.geometry(silent, Floor.of(silent)).set_index("property").value
    assert list(facts._variance(shape)) == []


def test_a_corpus_without_translations_says_so(tiny):
    loaded = matrices.load(tiny[3], train_rows=100, seed=0)
    blank = {name: frame.assign(group="") for name, frame in loaded.rows.items()}
    bare = matrices.Matrices(loaded.train, loaded.validation, loaded.test, blank, "bare")
    assert embed.translations(bare, seed=0) is None
    probes = embed.probes(bare, Floor.of(bare), seed=0)
    assert isinstance(probes, pd.DataFrame)


def test_names_from_outside_are_text_and_nothing_else(tiny):
    corpus = tiny[0]
    hostile = "[click](http://evil) <b>now</b> $x$ *"
    shown = facts.corpus_sentence("/somewhere/x.csv", corpus, hostile)
    body = markdown(shown)
    assert "<a" not in body
    assert "<b>" not in body
    assert "[click](http://evil)" in html.unescape(body)


def test_places_lose_the_folders_of_the_machine():
    assert facts.short("/home/me/news/thai/dev.tsv:7: title missing (a/b)") == "thai/dev.tsv:7: title missing (a/b)"
    assert facts.short("thai/dev.tsv:7: title missing") == "thai/dev.tsv:7: title missing"
    assert facts.short("my_news.csv") == "my_news.csv"


def test_the_encoder_of_page_1_is_where_page_1_left_it():
    first = {"pretrained": "encoders/own", "encoder": {"name": "own"}}
    assert facts.encoder_place("pretrain", first) == str(paths.cache() / "encoders" / "own")
    assert facts.encoder_place("minilm", first) == "minilm"
    given = {"pretrained": "", "encoder": {"name": "another"}}
    assert facts.encoder_place("some/folder", given) == "some/folder"
    with pytest.raises(UsageError, match="page 1 read with another and pretrained none") as caught:
        facts.encoder_place("pretrain", given)
    assert "-p encoder=" in caught.value.hint
