"""What page 1 works on: too small a corpus is refused before anything is trained."""

import threading

import numpy as np
import pytest

from smallbert.compress.codes.product import CODEWORDS
from smallbert.errors import DataError
from smallbert.storage import lock
from smallbert.studies import articles, embed, quality

OPTIONS = {
    "columns": {},
    "test_fraction": 0.1,
    "validation_fraction": 0.05,
    "near_duplicates": False,
    "max_bad_rows": 0.01,
}


def test_what_later_pages_need_is_asked_for_on_the_first(tmp_path, monkeypatch):
    monkeypatch.setenv("SMALLBERT_CACHE", str(tmp_path))
    with pytest.raises(DataError, match="at least 256 / 2 / 11 articles in train / validation / test"):
        embed.corpus("world", rows=30, seed=0, **OPTIONS)
    assert embed.corpus("world", rows=30, seed=0, least={}, **OPTIONS).rows == 30
    assert embed.corpus("world", rows=400, seed=0, **OPTIONS).rows > 300
    assert embed.LEAST["train"] == CODEWORDS
    assert embed.LEAST["test"] > max(articles.NEIGHBOURS, quality.NEIGHBOURS)


def test_news_are_held_to_it_too(tmp_path, monkeypatch):
    monkeypatch.setenv("SMALLBERT_CACHE", str(tmp_path / "cache"))
    news = tmp_path / "news.csv"
    news.write_text("title,text\n" + "".join(f"t{i},c{i}\n" for i in range(30)))
    with pytest.raises(DataError, match=r"Take more articles: .* about 340 are enough"):
        embed.corpus(str(news), rows=1000, seed=0, **OPTIONS)


class Lengths:
    """An encoder whose vector is the text's length."""

    width = 1

    def describe(self):
        return {"name": "lengths", "sha256": "0" * 64}

    def tokenize(self, texts):
        return [np.arange(len(text)) for text in texts]

    def encode(self, ids, *, advance):
        advance(len(ids))
        return np.array([[len(one)] for one in ids], np.float32)


def test_two_editions_may_embed_one_corpus_side_by_side(tmp_path, monkeypatch):
    monkeypatch.setenv("SMALLBERT_CACHE", str(tmp_path))
    prepared = embed.corpus("world", rows=30, seed=0, least={}, **OPTIONS)
    store = embed.embeddings(prepared, Lengths())
    found = []
    second = threading.Thread(target=lambda: found.append(embed.embeddings(prepared, Lengths())))
    with lock(store.folder, "1-of-1"):
        second.start()
        second.join(0.3)
        assert second.is_alive()
    second.join(30)
    assert [len(one) for one in found] == [30]
