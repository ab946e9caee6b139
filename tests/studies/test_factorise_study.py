"""Truncated word tables in a real encoder: planted ranks cost nothing, measures equal explicit ones, work is kept."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
import transformers

from smallbert.corpus.prepare import prepare
from smallbert.corpus.rows import batch
from smallbert.errors import DataError, SmallbertError, UsageError
from smallbert.figures import factorise as figures
from smallbert.figures import style
from smallbert.measure.stats import wilson_interval
from smallbert.models import encoder as encoders
from smallbert.models.words import with_words, word_table
from smallbert.storage import read_json
from smallbert.studies import factorise
from smallbert.studies.articles import Articles
from smallbert.studies.factorise import WordTable

TOPICS, WIDTH, RANK = ("law", "sport"), 32, 6
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(60))]


def articles(rows=240):
    """Articles whose words tell their topic; one language."""
    rng = np.random.default_rng(4)
    topics = rng.integers(2, size=rows)
    texts = [" ".join(f"w{i}" for i in rng.integers(25, size=12) + 25 * topic) for topic in topics]
    return batch(
        {
            "id": [str(row) for row in range(rows)],
            "lang": ["en"] * rows,
            "content": texts,
            "topic": [TOPICS[topic] for topic in topics],
        }
    )


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    out = tmp_path_factory.mktemp("corpus") / "c"
    return prepare([articles()], out, test_fraction=0.3, validation_fraction=0.1, near_duplicates=False)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A tiny random BERT whose word table has rank 6, up to noise a thousandth of its size."""
    folder = tmp_path_factory.mktemp("bert")
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = transformers.BertModel(
            transformers.BertConfig(
                vocab_size=len(WORDS), hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=4,
                intermediate_size=64,
            )
        )  # fmt: skip
        table = torch.randn(len(WORDS), RANK) @ torch.randn(RANK, WIDTH)
        model.embeddings.word_embeddings.weight.data = table + 1e-3 * torch.randn_like(table)
    model.save_pretrained(folder)
    transformers.BertTokenizerFast(vocab={word: i for i, word in enumerate(WORDS)}).save_pretrained(folder)
    return encoders.load(str(folder), max_tokens=16, precision="fp32", device="cpu")


@pytest.fixture(scope="module")
def tables(encoder, prepared, tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    found = factorise.study("tiny", encoder, prepared, [2, RANK, 64], rows=50, seeds=2, seed=3, store=store)
    return found.curve, found.costs


def test_the_curve_equals_explicit_products(encoder, prepared, tables):
    words = word_table(encoder).astype(np.float64)
    seen = Articles(encoder, prepared, rows=50, seed=3)
    counts = seen.counts(len(WORDS))
    assert counts.sum() == sum(len(ids) for ids in seen.ids["train"])
    both = factorise.truncations(words, counts)
    curve = tables[0].set_index(["fitted", "rank"])
    assert len(curve) == 2 * WIDTH
    for norm in factorise.NORMS:
        for rank in (1, RANK, 20):
            left, right = both[norm].factors(rank)
            squares = ((words - left @ right) ** 2).sum(axis=1)
            row = curve.loc[norm, rank]
            assert row.lost == pytest.approx(squares.sum() / (words**2).sum(), rel=1e-4)
            by_frequency = (counts * squares).sum() / (counts * (words**2).sum(axis=1)).sum()
            assert row["lost by frequency"] == pytest.approx(by_frequency, rel=1e-4)
            assert row.parameters == left.size + right.size == row.bytes / 4
    assert (curve.loc["plain"].lost <= curve.loc["by frequency"].lost + 1e-15).all()
    assert (curve.loc["by frequency"]["lost by frequency"] <= curve.loc["plain"]["lost by frequency"] + 1e-15).all()


def test_the_planted_rank_costs_nothing_and_less_costs_much(tables):
    costs = tables[1].set_index(["fitted", "rank"])
    assert list(costs.index) == [("whole", WIDTH), *((norm, rank) for norm in factorise.NORMS for rank in (2, RANK))]
    whole = costs.loc["whole", WIDTH]
    assert whole["cosine to original"] == pytest.approx(1)
    assert whole["neighbour overlap@10"] == 1
    assert whole["topic accuracy"] > 0.7
    for norm in factorise.NORMS:
        assert costs.loc[norm, RANK]["cosine to original"] > 0.9999
        assert costs.loc[norm, RANK]["neighbour overlap@10"] > 0.95
        assert costs.loc[norm, 2]["cosine to original"] < 0.9
        assert costs.loc[norm, 2]["lost"] > 0.1
    assert costs["language accuracy"].isna().all()  # one language: nothing to tell apart


def test_intervals_are_wilsons(encoder, prepared, tables):
    n = len(Articles(encoder, prepared, rows=50, seed=3).ids["test"])
    for _, row in tables[1].iterrows():
        interval = wilson_interval(round(row["topic accuracy"] * n), n)
        assert (row["topic low"], row["topic high"]) == pytest.approx((interval.low, interval.high))


def test_a_row_equals_the_measures_by_hand(encoder, prepared, tables):
    seen = Articles(encoder, prepared, rows=50, seed=3)
    words = word_table(encoder)
    left, right = factorise.truncations(words, seen.counts(len(WORDS)))["plain"].factors(2)
    changed = with_words(encoder, left @ right)
    before, after = (
        one.encode(seen.ids["test"]) - one.encode(seen.ids["train"]).mean(axis=0) for one in (encoder, changed)
    )
    cosines = (before * after).sum(axis=1) / np.linalg.norm(before, axis=1) / np.linalg.norm(after, axis=1)
    near = [
        np.argsort(((x[:, None] - x[None]) ** 2).sum(axis=2) + 1e9 * np.eye(len(x)), axis=1)[:, :10]
        for x in (before, after)
    ]
    kept = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(*near, strict=True)])
    row = tables[1].set_index(["fitted", "rank"]).loc["plain", 2]
    assert row["cosine to original"] == pytest.approx(cosines.mean(), abs=1e-5)
    assert row["neighbour overlap@10"] == pytest.approx(kept, abs=0.005)


def test_what_is_measured_is_kept(encoder, prepared, tmp_path, monkeypatch):
    first = factorise.study("tiny", encoder, prepared, [4], rows=30, seeds=1, seed=3, store=tmp_path).costs
    measured = {path: read_json(path)["neighbour overlap@10"] for path in tmp_path.iterdir()}
    assert sorted(measured.values())[2] == 1
    min(measured, key=measured.get).unlink()  # not the whole table's
    calls = []
    vectors = Articles.vectors
    monkeypatch.setattr(Articles, "vectors", lambda *arguments: calls.append(1) or vectors(*arguments))
    again = factorise.study("tiny", encoder, prepared, [4], rows=30, seeds=1, seed=3, store=tmp_path).costs
    pd.testing.assert_frame_equal(again, first)
    assert len(calls) == 2  # the original and the missing one
    calls.clear()
    pd.testing.assert_frame_equal(
        factorise.study("tiny", encoder, prepared, [4], rows=30, seeds=1, seed=3, store=tmp_path).costs, first
    )
    assert not calls
    factorise.study(
        "tiny", encoder, prepared, [4], rows=30, seeds=1, seed=4, store=tmp_path
    )  # another draw is another study
    assert len(calls) == 3


def test_ranks_that_are_all_too_wide_are_refused(encoder, prepared, tmp_path):
    with pytest.raises(UsageError, match=r"at most 32, which the word table of tiny has, got \[33, 64\]"):
        factorise.study("tiny", encoder, prepared, [33, 64], rows=30, seeds=1, seed=3, store=tmp_path)


def test_too_few_articles_are_told(encoder, prepared, tmp_path):
    with pytest.raises(UsageError, match="more than 10 rows, to find 10 neighbours, got 10"):
        Articles(encoder, prepared, rows=10, seed=0)
    small = prepare([articles(30)], tmp_path / "c", test_fraction=0.2, validation_fraction=0.1, near_duplicates=False)
    with pytest.raises(DataError, match=r"more than 10 test articles, got \d"):
        Articles(encoder, small, rows=20, seed=0)


def test_trained_factorisations_are_held_to_the_truncation(encoder):
    words = word_table(encoder)
    found = factorise.trained_factors(factorise.truncate(words), [2, RANK], seeds=2)
    assert found["rank"].tolist() == [2, 2, RANK, RANK]
    checked = factorise.check_trained(found).iloc[0]
    assert checked["factorisations checked"] == 4
    assert 0 <= checked["least above the truncation"] <= checked["most above the truncation"] < 0.01
    found.loc[2, "above"] = -2e-6
    with pytest.raises(SmallbertError, match=r"rank 6 \(seed 0\) loses 2.00e-06 less, which Eckart and Young exclude"):
        factorise.check_trained(found)


def test_the_sentence_reads_the_tables(tables):
    curve, costs = tables
    said = factorise.sentence(WordTable("tiny", curve, costs, pd.DataFrame()))
    assert said.startswith("tiny: a table of 65 x 32 saves nothing from rank 21.4 on; rank ")
    plain = costs[(costs.fitted == "plain") & (costs["rank"] == RANK)].iloc[0]
    assert f"Truncated plain to rank 6 (28% of the parameters), it leaves test articles at cosine {1:.3f}" in said
    assert f"keeps {plain['neighbour overlap@10']:.0%} of their neighbours" in said
    assert "Truncated by frequency to rank 6" in said
    bare = costs.assign(**dict.fromkeys(("topic accuracy", "topic low", "topic high"), np.nan))
    assert "topic" not in factorise.sentence(WordTable("tiny", curve, bare, pd.DataFrame()))
    poor = costs.copy()
    poor.loc[poor.fitted != "whole", "topic accuracy"] = 0.1
    assert "at no rank tried is topic accuracy within" in factorise.sentence(
        WordTable("tiny", curve, poor, pd.DataFrame())
    )
    poor.loc[(poor.fitted == "plain") & (poor["rank"] == RANK), "topic accuracy"] = 1.0
    assert "from rank 6 on topic accuracy is within" in factorise.sentence(
        WordTable("tiny", curve, poor, pd.DataFrame())
    )
    vain = costs.assign(**{"topic commonest": 1.0})
    assert "is not told from always the commonest topic, 100%: nothing to keep" in factorise.sentence(
        WordTable("tiny", curve, vain, pd.DataFrame())
    )


def test_the_figure_shows_both_panels(tables):
    style.use_theme()
    curve, costs = tables
    chart = figures.truncation("truncation", "tiny", curve, costs, 21.4)
    left, right = chart.figure.axes
    assert len(left.get_lines()) == 3 + 1  # three errors and the break-even
    names = [text.get_text() for text in chart.figure.legends[0].get_texts()]
    assert names == ["cosine to original", "neighbour overlap@10", "topic accuracy"]
    assert [tick.get_text() for tick in right.get_xticklabels()] == ["2", "6", "32"]
    low = costs[(costs.fitted == "plain") & (costs["rank"] == 2)].iloc[0]
    assert f"at rank 2: cosine to original {low['cosine to original']:.2f} (whole table 1.00)" in chart.alt
    chart.figure.canvas.draw()
    plt.close("all")
