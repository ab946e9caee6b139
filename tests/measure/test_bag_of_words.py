"""What words alone can tell of a pair, against scikit-learn on dense features and against what is impossible."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from smallbert.errors import DataError
from smallbert.measure.bag_of_words import FEATURES, Bags, bag_of_words, counts

TOKENS = 60


def test_counts_are_those_of_each_row(rng):
    ids = rng.integers(0, TOKENS, (7, 30))
    expected = np.stack([np.bincount(row[row >= 5], minlength=TOKENS) for row in ids])
    assert np.array_equal(counts(ids, TOKENS, smallest=5).toarray(), expected)
    assert counts(ids, TOKENS).sum() == ids.size


def topical(rng, count):
    """Pairs of texts that share a topic of ten words or, label 1, do not."""
    labels = rng.integers(2, size=count)
    topics = rng.integers(5, size=count)
    others = (topics + labels * rng.integers(1, 5, count)) % 5
    first, second = (rng.integers(0, 10, (count, 12)) + 10 * topic[:, None] for topic in (topics, others))
    return Bags(counts(first, TOKENS), counts(second, TOKENS), labels)


def ordered(rng, count):
    """Pairs whose first text opens with word 59 or, label 1, whose second one does."""
    labels = rng.integers(2, size=count)
    texts = rng.integers(0, 50, (2, count, 12))
    texts[labels, np.arange(count), 0] = 59
    return Bags(counts(texts[0], TOKENS), counts(texts[1], TOKENS), labels)


def swapped(pairs):
    """The same pairs followed by each with its texts exchanged and the other label."""
    return [
        Bags(pairs.first, pairs.second, pairs.labels),
        Bags(pairs.second, pairs.first, 1 - pairs.labels),
    ]


def test_a_common_topic_is_seen_by_symmetric_features(rng):
    train, test = topical(rng, 600), topical(rng, 400)
    assert bag_of_words(train, test, "symmetric").estimate > 0.95
    assert bag_of_words(train, test, "signed").low < 0.65


def test_what_opens_a_text_is_seen_by_signed_features_alone(rng):
    train, test = ordered(rng, 600), ordered(rng, 400)
    assert bag_of_words(train, test, "signed").estimate == 1.0
    chance = bag_of_words(train, test, "symmetric")
    assert chance.low < 0.5 < chance.high


def test_symmetric_features_cannot_tell_order_however_fitted(rng):
    """A pair and its mirror get the same answer, of which exactly one is right."""
    train = ordered(rng, 300)
    scores = [bag_of_words(train, test, "symmetric").estimate for test in swapped(ordered(rng, 201))]
    assert sum(scores) == pytest.approx(1.0)


@pytest.mark.parametrize("features", FEATURES)
def test_equals_scikit_learn_on_dense_features(rng, features):
    train, test = topical(rng, 200), topical(rng, 150)

    def dense(pairs):
        a, b = pairs.first.toarray(), pairs.second.toarray()
        one, two = (a > 0).astype(float), (b > 0).astype(float)
        if features == "signed":
            return one - two
        cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        return np.hstack([np.minimum(one, two), abs(one - two), cosine[:, None]])

    model = LogisticRegression(max_iter=500).fit(dense(train), train.labels)
    found = bag_of_words(train, test, features)
    assert found.n == 150
    assert found.estimate == pytest.approx(model.score(dense(test), test.labels), abs=1 / 150)


def test_an_empty_text_divides_nothing_by_zero(rng):
    train, test = topical(rng, 100), topical(rng, 3)
    nothing = counts(np.zeros((3, 4), int), TOKENS, smallest=5)
    with np.errstate(all="raise"):
        assert bag_of_words(train, Bags(nothing, test.second, test.labels), "symmetric").n == 3


def test_one_class_is_refused(rng):
    pairs = topical(rng, 20)
    alike = Bags(pairs.first, pairs.second, np.zeros(20, int))
    with pytest.raises(DataError, match=r"pairs of both classes to fit a bag of words on .* got 20 and 20"):
        bag_of_words(alike, pairs, "symmetric")
