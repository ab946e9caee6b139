"""The tasks are what they are called: every label can be looked up in the articles."""

import numpy as np
import pytest

from smallbert.corpus import world
from smallbert.corpus.prepare import prepare
from smallbert.errors import DataError
from smallbert.models import tokenizer as wordpiece
from smallbert.models.tokenizer import SPECIAL_TOKENS
from smallbert.studies.pair_tasks import EVENT, NEAR, NSP, SOP, TITLE, articles, tasks

LENGTH = 64


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    batches = world.stream(900, 3, languages=("en", "es"))
    return prepare(batches, tmp_path_factory.mktemp("corpus"), test_fraction=0.3, validation_fraction=0.0, seed=1)


@pytest.fixture(scope="module")
def frames(prepared):
    return [articles(prepared, split, rows=rows, seed=4) for split, rows in (("train", 300), ("test", 10_000))]


@pytest.fixture(scope="module")
def tokenizer(frames, tmp_path_factory):
    texts = [f"{row.title} {row.content}" for row in frames[0].itertuples()]
    return wordpiece.load(wordpiece.train_wordpiece(texts, 900, tmp_path_factory.mktemp("tokenizer")))


def asked(frames, tokenizer):
    return {task.name: task for task in tasks(*frames, tokenizer, LENGTH, seed=2)}


def found_in(texts, tokenizer):
    """For token ids the numbers of the texts that hold them."""
    encoded = [" ".join(map(str, found.ids)) for found in tokenizer.encode_batch(list(texts), add_special_tokens=False)]
    return lambda ids: {i for i, text in enumerate(encoded) if f" {ids} " in f" {text} "}


def segments(pairs):
    """First and second segment of each pair, and its label."""
    ids = [" ".join(str(i) for i in row if i >= len(SPECIAL_TOKENS)) for row in pairs.rows.ids]
    return [
        (ids[a], ids[b], label)
        for a, b, label in zip(pairs.arrangement.first, pairs.arrangement.second, pairs.labels, strict=True)
    ]


def test_articles_are_drawn_once_from_their_split(prepared, frames):
    assert len(frames[0]) == 300 and len(frames[1]) == prepared.counts["split"]["test"]
    every = {(row.title, row.content, row.lang) for row in prepared.frame(["title", "content", "lang"]).itertuples()}
    drawn = [[(row.title, row.content, row.lang) for row in frame.itertuples()] for frame in frames]
    assert set(drawn[0]) <= every and not set(drawn[0]) & set(drawn[1])
    again = articles(prepared, "train", rows=300, seed=4)
    other = articles(prepared, "train", rows=300, seed=5)
    assert again.equals(frames[0]) and not other.equals(frames[0])


def test_all_tasks_of_a_corpus_that_allows_them(frames, tokenizer):
    assert list(asked(frames, tokenizer)) == [NSP, NEAR, SOP, TITLE, EVENT]
    poor = [frame.assign(title="", group="", lang="en") for frame in frames]
    assert list(asked(poor, tokenizer)) == [NSP, SOP]
    assert list(asked([frame.iloc[:30] for frame in frames], tokenizer)) == [NSP, NEAR, SOP]
    with pytest.raises(DataError, match="several articles of two segments to fit on and to judge, got 300 and 5"):
        asked([frames[0], frames[1].head(5).assign(title="", content="too short")], tokenizer)


@pytest.mark.parametrize("name", [NSP, NEAR, SOP])
def test_segments_follow_one_another_as_labelled(frames, tokenizer, name):
    train = frames[0]
    where = found_in(train.title + "\n" + train.content, tokenizer)
    lang = train.lang.to_numpy()
    labels, languages = [], []
    for first, second, label in segments(asked(frames, tokenizer)[name].train):
        labels.append(label)
        together, turned = where(f"{first} {second}"), where(f"{second} {first}")
        if name == SOP:
            assert bool(together) != label and bool(turned) == label
        elif not label:
            assert together
        else:
            assert not (where(first) & where(second))
            languages.append({*lang[list(where(first))]} == {*lang[list(where(second))]})
    assert 0.4 < np.mean(labels) < 0.6
    if name == NEAR:
        assert all(languages)
    if name == NSP:
        assert 0.2 < np.mean(languages) < 0.8


def test_titles_are_those_of_articles_as_labelled(frames, tokenizer):
    """Negatives are of the same language and topic."""
    test = frames[1]
    titles, contents = (found_in(test[name], tokenizer) for name in ("title", "content"))
    right, kinds = [], list(zip(test.lang, test.topic, strict=True))
    for first, second, label in segments(asked(frames, tokenizer)[TITLE].test):
        of_title, of_content = titles(first), contents(second)
        right.append(bool(of_title & of_content) != label)
        assert {kinds[i] for i in of_title} & {kinds[i] for i in of_content}
    assert np.mean(right) > 0.98  # two articles may have the same title


def test_events_are_the_same_as_labelled(frames, tokenizer):
    test = frames[1]
    where = found_in(test.content, tokenizer)
    for first, second, label in segments(asked(frames, tokenizer)[EVENT].test):
        one, other = (test.iloc[list(where(ids))] for ids in (first, second))
        assert not set(one.lang) & set(other.lang)
        assert bool(set(one.group) & set(other.group)) != label


def test_all_draws_follow_the_seed(frames, tokenizer):
    once, again = asked(frames, tokenizer), asked(frames, tokenizer)
    for name, task in once.items():
        assert np.array_equal(task.test.arrangement.second, again[name].test.arrangement.second)
        assert np.array_equal(task.test.rows.ids, again[name].test.rows.ids)
