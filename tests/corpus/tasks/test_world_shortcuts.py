"""No shortcut solves a task of the world: what a part of an example gives away is what chance would give.

Each baseline learns from some events and is judged on others; at chance it is right on a binomial number of these.
"""

import numpy as np
import pytest
from scipy import sparse, stats
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from smallbert.corpus.tasks import world as tasks
from smallbert.corpus.world import World

SEED = 20261123
EVENTS = 1400
LEARN = 900


@pytest.fixture(scope="module")
def world() -> World:
    return World(SEED, languages=("en",))


def split(examples):
    number = [int(example.id.split("-")[2]) for example in examples]
    return [[e for e, n in zip(examples, number, strict=True) if (n < LEARN) is learn] for learn in (True, False)]


def words(learn, judge):
    vectors = TfidfVectorizer(ngram_range=(1, 2), max_features=10_000, token_pattern=r"(?u)\w+")
    return vectors.fit_transform(learn), vectors.transform(judge)


def lengths(learn, judge):
    return [sparse.csr_array(np.array([[len(text) / 100] for text in texts])) for texts in (learn, judge)]


def right(features, columns, labels):
    """How many of the judged labels a linear classifier of these columns gets right, and of how many."""
    learn, judge = (
        sparse.hstack(parts).tocsr() for parts in zip(*(features(*column) for column in columns), strict=True)
    )
    known, wanted = labels
    return int((LogisticRegression(max_iter=300).fit(learn, known).predict(judge) == wanted).sum()), len(wanted)


def at_chance(hits, n, chance):
    """Whether so many hits are within the central 99.9 % of a binomial count, for any of the few checks made here."""
    low, high = stats.binom.interval(0.999, n, chance)
    return low <= hits <= high


@pytest.mark.parametrize("features", [words, lengths])
@pytest.mark.parametrize("read", [("first",), ("second",), ("first", "second")], ids="+".join)
def test_entailment_needs_both_sides(world, features, read):
    parts = split(list(tasks.entailment(world, 0, EVENTS)))
    columns = [[[getattr(pair, name) for pair in part] for part in parts] for name in read]
    hits, n = right(features, columns, [np.array([pair.label for pair in part]) for part in parts])
    assert at_chance(hits, n, 1 / 3)
    assert "first" in read or hits == n / 3  # of the hypothesis alone by construction


@pytest.mark.parametrize("features", [words, lengths])
@pytest.mark.parametrize("read", [("question",), ("context",), ("question", "context")], ids="+".join)
def test_whether_a_question_has_an_answer_needs_both_sides(world, features, read):
    parts = split(list(tasks.questions(world, 0, EVENTS)))
    columns = [[[getattr(one, name) for one in part] for part in parts] for name in read]
    hits, n = right(features, columns, [np.array([bool(one.answers) for one in part]) for part in parts])
    assert at_chance(hits, n, 1 / 2)
    assert "context" in read or hits == n / 2


def test_the_first_candidate_of_a_passage_is_the_answer_half_the_time(world):
    """The other article names another value in the same words, so of two leads either may be the one."""
    answered = [one for one in tasks.questions(world, 0, EVENTS) if one.answers]
    first = sum(one.answers[0].start < len(one.context) / 2 for one in answered)
    assert at_chance(first, len(answered), 1 / 2)


def test_an_ending_alone_is_no_better_than_chance(world):
    learn, judge = split(list(tasks.choices(world, 0, EVENTS)))
    flat = [[ending for choice in part for ending in choice.endings] for part in (learn, judge)]
    known = [i == choice.label for choice in learn for i in range(4)]
    features, judged = words(*flat)
    scores = LogisticRegression(max_iter=300).fit(features, known).decision_function(judged).reshape(-1, 4)
    labels = np.array([choice.label for choice in judge])
    assert at_chance(int((scores.argmax(1) == labels).sum()), len(judge), 1 / 4)
    counted = np.array([[len(ending) for ending in choice.endings] for choice in judge])
    for guess in (counted.argmax(1), counted.argmin(1), np.zeros(len(judge), int)):
        assert at_chance(int((guess == labels).sum()), len(judge), 1 / 4)


def test_words_shared_with_the_context_do_not_give_the_ending_away(world):
    found = list(tasks.choices(world, 0, EVENTS))
    shared = [[len({*c.context.split()} & {*ending.split()}) for ending in c.endings] for c in found]
    hits = sum(int(np.argmax(row)) == choice.label for row, choice in zip(shared, found, strict=True))
    assert at_chance(hits, len(found), 1 / 4)


def test_topics_are_balanced_and_not_given_by_length(world):
    parts = split(list(tasks.topics(world, 0, EVENTS)))
    labels = [np.array([one.label for one in part]) for part in parts]
    shares = np.unique(labels[1], return_counts=True)[1] / len(labels[1])
    assert len(shares) == 8 and shares.max() < 0.25 and shares.min() > 0.05
    hits, n = right(lengths, [[[one.text for one in part] for part in parts]], labels)
    assert hits / n < shares.max() + 0.08


def test_a_words_most_frequent_tag_does_not_find_organisations(world):
    learn, judge = split(list(tasks.entities(world, 0, EVENTS)))
    counts: dict[str, dict[str, int]] = {}
    for one in learn:
        for word, tag in zip(one.words, one.tags, strict=True):
            tags = counts.setdefault(word, {})
            tags[tag] = tags.get(tag, 0) + 1
    usual = {word: max(tags, key=tags.get) for word, tags in counts.items()}
    whole = found = 0
    for one in judge:
        guess = [usual.get(word, "O") for word in one.words]
        for start, tag in enumerate(one.tags):
            if tag == "B-ORG":
                stop = next((i for i in range(start + 1, len(one.tags)) if one.tags[i] != "I-ORG"), len(one.tags))
                whole, found = whole + 1, found + (guess[start:stop] == list(one.tags[start:stop]))
    assert whole > 200 and found / whole < 0.6
