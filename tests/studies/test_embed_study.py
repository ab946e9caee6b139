"""What page 1 works on: too small a corpus is refused before anything is trained."""

import pytest

from smallbert.compress.codes.product import CODEWORDS
from smallbert.errors import DataError
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
