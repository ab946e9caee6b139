"""The generated world as a corpus: reproducible, distinct, natural in frequency, learnable but not trivial."""

import re
from collections import Counter

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from smallbert.corpus.rows import SCHEMA
from smallbert.corpus.world import LANGUAGES, World, stream
from smallbert.corpus.world.draws import Zipf, key, uniform
from smallbert.errors import UsageError

SEED = 20261121


@pytest.fixture(scope="module")
def world() -> World:
    return World(SEED)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    return [row for batch in stream(12_000, SEED) for row in batch.to_pylist()]


def test_rows_follow_the_corpus_contract(rows):
    assert all(batch.schema.equals(SCHEMA) for batch in stream(10, SEED))
    assert len(rows) == 12_000
    assert len({row["id"] for row in rows}) == 12_000
    assert all(row["id"] == f"{row['group']}-{row['lang']}" and row["id"].startswith("world-") for row in rows)
    assert all(row["title"] and row["content"] and row["topic"] for row in rows)
    assert {row["lang"] for row in rows} == set(LANGUAGES)
    assert len({row["topic"] for row in rows}) == 8


def test_the_same_seed_gives_the_same_rows_and_another_seed_others(rows):
    again = [row for batch in stream(200, SEED) for row in batch.to_pylist()]
    other = [row for batch in stream(200, SEED + 1) for row in batch.to_pylist()]
    assert again == rows[:200]
    assert not {row["content"] for row in other} & {row["content"] for row in again}


def test_any_slice_can_be_made_alone(world):
    whole = [row for batch in world.batches(0, 5000) for row in batch.to_pylist()]
    parts = [
        row
        for start, stop in ((4700, 5000), (0, 13), (13, 4700))
        for batch in World(SEED).batches(start, stop)
        for row in batch.to_pylist()
    ]
    assert sorted(whole, key=lambda row: row["id"]) == sorted(parts, key=lambda row: row["id"])


def test_draws_are_uniform_and_independent_of_their_neighbours():
    draws = uniform(key(SEED, "test"), np.arange(20_000), 3)
    assert draws.min() >= 0 and draws.max() < 1
    # Standard error of a mean of 20,000 uniforms is 0.002, of a correlation 0.007.
    assert np.abs(draws.mean(0) - 0.5).max() < 0.01
    assert np.abs(np.corrcoef(np.vstack([draws.T, np.roll(draws[:, 0], 1)]))[~np.eye(4, dtype=bool)]).max() < 0.03
    assert np.array_equal(uniform(key(SEED, "test"), np.array([777, 3]), 3), draws[[777, 3]])


def test_zipf_matches_its_closed_form():
    ranks = Zipf(50, 1.0).rank(uniform(key(SEED, "zipf"), np.arange(200_000), 1)[:, 0])
    expected = 1 / np.arange(1, 51) / np.sum(1 / np.arange(1, 51))
    assert np.abs(np.bincount(ranks, minlength=50) / 200_000 - expected).max() < 0.004


def test_entities_and_words_are_zipf_distributed(world, rows):
    brands = Counter(event.roles["actor"] for event in world.events(0, 20_000) if ":company:" in event.roles["actor"])
    words = Counter(word for row in rows if row["lang"] == "en" for word in re.findall(r"\w+", row["content"]))
    assert 0.85 < _exponent(brands, 40) < 1.15  # planted: 1
    assert 0.7 < _exponent(words, 300) < 1.4  # natural English: about 1


def _exponent(counts: Counter, ranks: int) -> float:
    """Slope of log frequency against log rank over the most frequent."""
    top = np.array([count for _, count in counts.most_common(ranks)])
    return float(-np.polyfit(np.log(np.arange(1, len(top) + 1)), np.log(top), 1)[0])


def test_articles_are_distinct(rows):
    assert len({(row["title"], row["content"]) for row in rows}) == len(rows)


@pytest.mark.slow
def test_two_hundred_thousand_articles_are_distinct():
    seen = {
        hash(text)
        for batch in stream(200_000, SEED)
        for text in zip(batch["title"].to_pylist(), batch["content"].to_pylist(), strict=True)
    }
    assert len(seen) == 200_000


def test_an_event_is_told_in_as_many_languages_as_asked():
    told = Counter(
        row["group"] for batch in World(SEED, languages_per_event=(2, 3)).batches(0, 400) for row in batch.to_pylist()
    )
    assert set(told.values()) == {2, 3}
    pairs = World(SEED, languages=("en", "ko"), languages_per_event=(2, 2))
    assert all(set(pairs.told_in(number)) == {"en", "ko"} for number in range(20))


def test_topics_can_be_learnt_but_no_single_word_gives_one_away(world):
    english = World(SEED, languages=("en",))
    texts, topics = [], []
    for batch in english.batches(0, 2000):
        texts += [f"{row['title']}\n{row['content']}" for row in batch.to_pylist()]
        topics += batch["topic"].to_pylist()
    topics = np.array(topics)
    probe = LogisticRegression(max_iter=300)
    features = TfidfVectorizer(max_features=2000).fit_transform(texts)
    accuracy = probe.fit(features[:1300], topics[:1300]).score(features[1300:], topics[1300:])
    assert accuracy > 0.9  # the most frequent topic alone: below 0.2
    assert Counter(topics.tolist()).most_common(1)[0][1] / len(topics) < 0.2
    seen = CountVectorizer(binary=True).fit_transform(texts)
    totals = np.asarray(seen.sum(0)).ravel()
    for topic in np.unique(topics):
        hits = np.asarray(seen[topics == topic].sum(0)).ravel()
        f1 = 2 * hits / (totals + (topics == topic).sum())  # of the rule "has this word"
        assert f1.max() < 0.9, (topic, f1.max())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"languages": ("en", "xx")}, "got xx"),
        ({"languages": ()}, "got none"),
        ({"languages_per_event": (0, 2)}, "1 <= fewest <= most"),
        ({"languages_per_event": (3, 2)}, "1 <= fewest <= most"),
    ],
)
def test_impossible_worlds_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        World(SEED, **arguments)


def test_a_language_the_world_does_not_have_is_refused(world):
    with pytest.raises(UsageError, match="Expected one of en, ko"):
        world.telling(0, "xx")
