"""A corpus that is too small for what is to come: refused, with how many articles it takes."""

import re

import pytest

from smallbert.corpus.prepare import prepare
from smallbert.corpus.prepared import Corpus
from smallbert.corpus.rows import COLUMNS, batch
from smallbert.errors import DataError
from smallbert.storage import read_json, write_json

LEAST = {"train": 256, "validation": 2, "test": 11}


def corpus(folder, n, seed=0, **shares):
    rows = {name: [""] * n for name in COLUMNS}
    rows |= {"id": [f"r{i}" for i in range(n)], "content": [f"content of row {i}" for i in range(n)]}
    return prepare([batch(rows)], folder, seed=seed, **shares)


def test_a_corpus_that_is_large_enough_passes(tmp_path):
    made = corpus(tmp_path / "c", 400)
    made.require({})
    made.require(LEAST)
    made.require(made.counts["split"])  # as many as there are
    with pytest.raises(DataError):
        made.require({"test": made.counts["split"]["test"] + 1})


@pytest.mark.parametrize("name", ["reading", "counts", "key"])
def test_a_manifest_that_lacks_a_fact_is_refused(tmp_path, name):
    """Generated rows were not read: their manifest says so, with nothing under ``reading``."""
    folder = corpus(tmp_path / "c", 400).folder
    manifest = read_json(folder / "manifest.json")
    assert manifest["reading"] is None
    Corpus.open(folder)
    write_json(folder / "manifest.json", {key: value for key, value in manifest.items() if key != name})
    with pytest.raises(DataError, match=r"manifest\.json"):
        Corpus.open(folder)


def test_too_few_articles_are_told_by_split_with_how_many_it_takes(tmp_path):
    made = corpus(tmp_path / "c", 30)
    has = " / ".join(str(made.counts["split"][split]) for split in ("train", "validation", "test"))
    with pytest.raises(DataError) as caught:
        made.require(LEAST)
    assert caught.value.message == (f"Expected at least 256 / 2 / 11 articles in train / validation / test, got {has}.")
    # 256 of 85%, and a tenth more: 331.3.
    assert caught.value.hint == (
        "Take more articles: with validation_fraction=0.05 and test_fraction=0.1 about 340 are enough, "
        "copies not counted."
    )


def test_as_many_articles_as_it_advises_suffice(tmp_path):
    with pytest.raises(DataError) as caught:
        corpus(tmp_path / "few", 30).require(LEAST)
    advised = int(re.search(r"about (\d+)", caught.value.hint)[1])
    short = 0
    for seed in range(25):
        made = corpus(tmp_path / str(seed), advised, seed)
        short += any(made.counts["split"][split] < rows for split, rows in LEAST.items())
    assert short <= 2
    assert advised < 1.15 * 256 / 0.85  # and little more


def test_a_split_that_is_short_of_enough_articles_asks_for_other_shares(tmp_path):
    made = corpus(tmp_path / "c", 400, test_fraction=0.01)
    with pytest.raises(DataError, match=r"Move articles from one split to another: now .* test_fraction=0\.01"):
        made.require(LEAST)


def test_a_split_without_a_share_does_not_divide_by_nothing(tmp_path):
    made = corpus(tmp_path / "c", 30, validation_fraction=0.0)
    with pytest.raises(DataError, match=r"Move articles .* validation_fraction=0 "):
        made.require(LEAST)
