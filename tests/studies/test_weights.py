"""Weights in fewer bits from a corpus to sentences; and a collection read from a store, titles embedded."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from safetensors.torch import load_file
from scipy import stats

from smallbert.compress.embeddings import extract
from smallbert.corpus.prepare import prepare
from smallbert.corpus.rows import batch
from smallbert.errors import DataError
from smallbert.measure.probe import probe
from smallbert.measure.proportions import paired_difference
from smallbert.models import encoder as encoders
from smallbert.models.throughput import Inference
from smallbert.studies import searches, weight_words, weights
from smallbert.studies.articles import Articles
from smallbert.studies.weights import BFLOAT, DYNAMIC, FULL, HALF, INT4, INT8, KEPT, TOPIC_KEPT

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(60))]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Articles whose words tell their topic; every third has no title."""
    rng = np.random.default_rng(4)
    topics = rng.integers(2, size=240)
    titles, contents = (
        [" ".join(f"w{i}" for i in rng.integers(25, size=n) + 25 * topic) for topic in topics] for n in (4, 9)
    )
    columns = {
        "id": [str(row) for row in range(240)],
        "lang": ["en"] * 240,
        "title": ["" if row % 3 == 0 else title for row, title in enumerate(titles)],
        "content": contents,
        "topic": [("law", "sport")[topic] for topic in topics],
    }
    out = tmp_path_factory.mktemp("corpus") / "c"
    return prepare([batch(columns)], out, test_fraction=0.3, validation_fraction=0.1, near_duplicates=False)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two tiny random encoders, one wide and one narrow, with one tokenizer."""
    found = {}
    for name, width in (("wide", 32), ("narrow", 16)):
        folder = found[name] = tmp_path_factory.mktemp(name)
        with torch.random.fork_rng():
            torch.manual_seed(5)
            config = transformers.BertConfig(
                vocab_size=len(WORDS), hidden_size=width, num_hidden_layers=2, num_attention_heads=4,
                intermediate_size=2 * width, initializer_range=0.2,
            )  # fmt: skip
            transformers.BertModel(config).save_pretrained(folder)
        transformers.BertTokenizerFast(vocab={word: i for i, word in enumerate(WORDS)}).save_pretrained(folder)
    return {name: str(folder) for name, folder in found.items()}


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    return {"max_tokens": 16, "rows": 40, "seed": 0, "store": tmp_path_factory.mktemp("store")}


@pytest.fixture(scope="module")
def quality(folders, prepared, options):
    return weights.quality(folders, prepared, **options)


def test_every_form_is_smaller_and_less_exact(quality, folders):
    own = quality[quality.encoder == "wide"].set_index("form")
    assert list(own.index[:4]) == [FULL, HALF, INT8, INT4]
    assert (np.diff(own.bytes[[FULL, HALF, INT8, INT4]]) < 0).all() and own.share[FULL] == 1
    assert own["cosine to original"][FULL] == pytest.approx(1) and own[f"neighbour overlap@{10}"][FULL] == 1
    assert (np.diff(own["cosine to original"][[FULL, INT8, INT4]]) < 0).all()
    assert own["topic accuracy"][FULL] > 0.7 and own["topic accuracy low"][FULL] < own["topic accuracy high"][FULL]
    numbers = sum(weight.numel() for weight in load_file(f"{folders['wide']}/model.safetensors").values())
    assert own.parameters[FULL] == pytest.approx(numbers, abs=512)  # transformers may store position ids


def test_topics_kept_are_paired_with_the_first_encoder_article_by_article(quality, folders, prepared, options):
    own = quality.set_index(["encoder", "form"])
    assert (own.loc["wide", FULL][[TOPIC_KEPT, f"{TOPIC_KEPT} low", f"{TOPIC_KEPT} high"]] == 1).all()
    assert (own.articles == 40).all()
    right = {}
    for name in folders:
        encoder = encoders.load(folders[name], max_tokens=16, precision="fp32", device="cpu")
        articles = Articles(encoder, prepared, rows=40, seed=0)
        vectors = articles.vectors(encoder, lambda texts: None)
        labels = (articles.known[split].topic for split in ("train", "test"))
        train, test = labels
        right[name] = probe(vectors["train"], train, vectors["test"], test, seed=0).right
    base = right["wide"].mean()
    change = paired_difference(right["narrow"], right["wide"])
    row = own.loc["narrow", FULL]
    assert row[TOPIC_KEPT] == pytest.approx(right["narrow"].mean() / base)
    assert (row[f"{TOPIC_KEPT} low"], row[f"{TOPIC_KEPT} high"]) == pytest.approx(
        (1 + change.low / base, 1 + change.high / base)
    )


def test_neighbours_kept_come_with_an_interval_over_articles(quality):
    for name in (KEPT, f"neighbour overlap@{10}"):
        low, mean, high = (quality[one] for one in (f"{name} low", name, f"{name} high"))
        assert ((low <= mean + 1e-12) & (mean <= high + 1e-12)).all()
        assert (high - low)[quality.form == INT4].min() > 0.01 and (high - low).iloc[0] == pytest.approx(0)


def test_another_first_encoder_is_another_measure(folders, prepared, options, quality):
    turned = dict(reversed(folders.items()))
    found = weights.quality(turned, prepared, **options).set_index(["encoder", "form"])
    assert found[KEPT]["narrow", FULL] == 1 and found[KEPT]["wide", FULL] < 0.9


def test_a_second_encoder_is_held_to_itself_and_to_the_first(quality):
    own = quality.set_index(["encoder", "form"])
    assert own[KEPT]["wide", FULL] == 1 and own[KEPT]["narrow", FULL] < 0.9
    assert own["cosine to original"]["narrow", FULL] == pytest.approx(1)
    assert own.share["narrow", FULL] < 0.6


def test_measured_forms_are_found_again(quality, folders, prepared, options, monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("quantised again")

    monkeypatch.setattr(weights.quantize, "write", never)
    monkeypatch.setattr(weights.quantize, "restore", never)
    pd.testing.assert_frame_equal(weights.quality(folders, prepared, **options), quality)


def test_integer_products_are_measured_where_there_are_units(quality, monkeypatch):
    has_units = weights.quantize.integer_units() is not None
    assert (DYNAMIC in set(quality.form)) == has_units
    monkeypatch.setattr(weights.quantize, "integer_units", lambda: None)
    assert (BFLOAT in weights.forms()) == (BFLOAT in set(quality.form)) == weights.runtime.has_fast_bf16()
    monkeypatch.setattr(weights.runtime, "has_fast_bf16", lambda: False)
    assert weights.forms() == [FULL, HALF, INT8, INT4]


def test_products_in_bf16_are_another_form_of_the_same_file(quality):
    if BFLOAT in set(quality.form):
        own = quality[quality.encoder == "wide"].set_index("form")
        assert own.bytes[BFLOAT] == own.bytes[FULL] and 0.99 < own["cosine to original"][BFLOAT] < 1


def test_the_shown_table_has_every_form_with_its_intervals(quality):
    found = weight_words.shown(quality)
    assert found.form.tolist() == quality.form.tolist()
    assert found["first's topics kept"].iloc[0] == "100.0% [100.0%, 100.0%]"
    row = quality.iloc[3]
    assert found["own neighbours kept"][3] == "{:.1%} [{:.1%}, {:.1%}]".format(
        *(row[f"neighbour overlap@10{end}"] for end in ("", " low", " high"))
    )
    unknown = quality.assign(**{TOPIC_KEPT: np.nan})
    assert (weight_words.shown(unknown)["first's topics kept"] == "–").all()


def test_topics_that_the_first_encoder_does_not_tell_are_not_kept(quality):
    first = quality.iloc[0]
    counts = first[weights.COMMONEST], first[weights.ASKED], first[weights.FITTED]
    assert 0.4 < counts[0] < 0.7 and counts[1:] == (40, 80)  # two topics, drawn evenly; all articles have one
    said = weight_words.topics_sentence(quality)
    assert "Topics, fitted on 80 articles and asked of 40" in said and "nothing to keep" not in said
    assert "on 40 test articles; topics on 40, by a probe fitted on 80;" in weight_words.caption(quality)
    found = {weights.COSINE: [1.0] * 40, weights.OWN: [1.0] * 40, KEPT: [1.0] * 40}
    right = found | {weights.TOPIC: [True] * 24 + [False] * 16}  # 0.6, its lower limit about 0.45
    for floor, kept in ((0.4, 1.0), (0.5, np.nan)):
        for own in (right, dict(right)):
            told = weights._summary(own, right, 0, floor)
            assert told[TOPIC_KEPT] == pytest.approx(kept, nan_ok=True)
            assert told[weights.TOPIC] == 0.6
    poor = quality.assign(**{weights.COMMONEST: 1.0})
    assert "no better for sure, so there is nothing to keep" in weight_words.topics_sentence(poor)
    unknown = quality.assign(**{weights.TOPIC: np.nan})
    assert weight_words.topics_sentence(unknown) == "This corpus names no two topics."
    assert "topics" not in weight_words.caption(unknown)


@pytest.fixture(scope="module")
def timed(folders):
    texts = ["w1 w2 w3", "w4 w5", "w9"] * 4
    return weights.timings(folders, texts, max_tokens=16, rounds=2, singles=2)


def test_speeds_are_against_the_first_encoder_in_fp32(timed):
    assert (timed.microseconds > 0).all() and set(timed.measure) == {"one text", "many texts"}
    first = timed[(timed.encoder == "wide") & (timed.form == FULL)]
    assert (first.speed == 1).all() and (first["speed low"] == 1).all()
    shown = weight_words.shown_times(timed)
    assert shown.speed[0] == "1.00 [1.00, 1.00]" and set(shown["read"]) == {"one text", "many texts"}
    assert shown.microseconds.str.contains(" a text| a token").all()


def test_the_fastest_is_named_with_what_the_intervals_allow(timed, monkeypatch):
    """Two tests: against fp32 by the ratio's own interval, against other formats by whether intervals meet."""
    forms = [FULL, "fast", "other"]
    made = timed.iloc[:3].assign(encoder="whole", measure="one text", form=forms, speed=[1.0, 3.0, 2.0])
    sure = made.assign(**{"speed low": [1.0, 2.5, 1.5], "speed high": [1.0, 3.5, 2.6]})
    said = weight_words.speed_sentence(sure)
    start = ". Whole, one text: fastest is fast, 3.00 "
    assert f"{start}[2.50, 3.50] times as fast as fp32 (faster); ahead of other by mean only." in said
    apart = sure.assign(**{"speed high": [1.0, 3.5, 2.4]})
    assert "(faster); ahead of other by whole intervals." in weight_words.speed_sentence(apart)
    near = made.assign(**{"speed low": [1.0, 0.9, 1.5], "speed high": [1.0, 9.0, 2.6]})
    assert "(not told faster or slower); ahead of other by mean only." in weight_words.speed_sentence(near)
    slow = made.assign(speed=[1.0, 0.5, 0.4], **{"speed low": [1.0, 0.4, 0.3], "speed high": [1.0, 0.6, 0.5]})
    said = "fastest is fp32, which the others are told against; ahead of fast and other by whole intervals."
    assert said in weight_words.speed_sentence(slow)
    # Of another encoder the table has the numbers.
    both = pd.concat([sure, slow.assign(encoder="small")], ignore_index=True)
    said = weight_words.speed_sentence(both)
    assert said.startswith(weight_words.speed_sentence(sure))
    assert said.endswith(" Small: fastest by mean are fp32 for one text.")
    alone = made[:1].assign(**{"speed low": 1.0, "speed high": 1.0})
    assert weight_words.speed_sentence(alone).endswith("fastest is fp32, which the others are told against.")
    monkeypatch.setattr(weights.quantize, "integer_units", lambda: None)
    assert weight_words.speed_sentence(near).startswith("This processor has no integer units.")


def test_speeds_are_geometric_means_round_by_round(folders, monkeypatch):
    """Two rounds at 1 and 4 times the speed: 2 on average, and an interval that stays above zero."""

    def inference(loaded, ids, *, rounds, singles):
        seconds = {name: [0.04, 0.04] if "fp32, wide" in name else [0.04, 0.01] for name in loaded}
        return {name: Inference(latency=own, throughput=[1 / one for one in own]) for name, own in seconds.items()}

    monkeypatch.setattr(weights, "inference", inference)
    found = weights.timings(folders, ["w1 w2"], max_tokens=16, rounds=2).set_index(["encoder", "form", "measure"])
    row = found.loc["narrow", FULL, "one text"]
    half = stats.t.ppf(0.975, 1) * np.log(4) / 2
    expected = (2.0, 2 * np.exp(-half), 2 * np.exp(half))
    assert (row.speed, row["speed low"], row["speed high"]) == pytest.approx(expected)
    assert (row.microseconds, row.low, row.high) == pytest.approx(tuple(4e4 / one for one in (2, *expected[:0:-1])))


def test_a_collection_is_the_test_articles_and_their_titles(folders, prepared, tmp_path):
    encoder = encoders.load(folders["wide"], max_tokens=16, precision="fp32", device="cpu")
    store = extract(prepared, encoder, tmp_path / "vectors")
    own = searches.reader(store, folders["wide"], "cpu")
    found = searches.collect(store, prepared, own, train_rows=50, rows=30, seed=1, cache=tmp_path)
    assert len(found.matrices.test) == 30 and len(found.matrices.train) == 50 and found.width == 32
    texts = prepared.frame(["id", "split", "title", "content"])
    test = texts[texts["split"] == "test"].reset_index(drop=True)
    chosen = np.sort(np.random.default_rng(1).permutation(len(test))[:30])
    titles = test.title.iloc[chosen].to_numpy()
    assert found.titled.tolist() == [row for row, title in enumerate(titles) if title] and len(found.titled) < 30
    np.testing.assert_allclose(found.titles, encoder.encode(encoder.tokenize(list(titles[found.titled]))), atol=1e-5)
    whole = [f"{row.title}\n{row.content}" if row.title else row.content for row in test.iloc[chosen].itertuples()]
    np.testing.assert_allclose(found.matrices.test, encoder.encode(encoder.tokenize(whole)), atol=1e-4)
    again = searches.collect(store, prepared, own, train_rows=50, rows=30, seed=1, cache=tmp_path)
    assert again.key == found.key and (again.titles == found.titles).all()
    with pytest.raises(DataError, match="Expected the encoder of the embeddings"):
        searches.reader(store, folders["narrow"], "cpu")


def test_bytes_that_embed_are_counted_as_on_other_pages(quality, folders):
    """4 bytes a parameter without the pooler in fp32, 2 for each of a matrix in fp16, 1 and a scale a row in int8."""
    own = quality[quality.encoder == "wide"].set_index("form")[weights.EMBEDDING]
    model = transformers.AutoModel.from_pretrained(folders["wide"], add_pooling_layer=False)
    shapes = [tuple(one.shape) for one in model.parameters()]
    numbers = sum(int(np.prod(shape)) for shape in shapes)
    matrices = sum(int(np.prod(shape)) for shape in shapes if len(shape) == 2)
    rows = sum(shape[0] for shape in shapes if len(shape) == 2)
    assert own[FULL] == 4 * numbers
    assert own[HALF] == own[FULL] - 2 * matrices and own[INT8] == own[FULL] - 3 * matrices + 4 * rows
    assert (quality[weights.EMBEDDING] < quality.bytes).all()


def test_sizes_are_those_of_the_files(folders, prepared, options, quality):
    own = quality.set_index(["encoder", "form"]).bytes
    stored = list(options["store"].glob("*-8/quantised.safetensors"))
    assert sorted(path.stat().st_size for path in stored) == sorted(own[name, INT8] for name in folders)
    for path in options["store"].glob("*-8/config.json"):
        assert json.loads(path.read_text())["model_type"] == "bert"
