"""A control for tasks on pairs of texts: how far the mere words go, without their order.

Next-sentence prediction can be solved from the topic, which the words of both segments tell. Sentence order cannot be,
since both answers have the same words (Lan et al. 2020, section 3.1); but words that begin documents give it away.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from smallbert.errors import DataError
from smallbert.measure.stats import Interval, wilson_interval

Features = Literal["symmetric", "signed"]
"""Whether the features of (a, b) and (b, a) are the same."""

FEATURES: tuple[Features, ...] = get_args(Features)

MAX_STEPS = 500


@dataclass(frozen=True)
class Bags:
    """Pairs of texts as counts of their tokens.

    Args:
        first, second: (n, vocabulary).
        labels: numbers of classes, (n,).
    """

    first: sparse.csr_array
    second: sparse.csr_array
    labels: np.ndarray


def counts(ids: np.ndarray, vocabulary_size: int, smallest: int = 0) -> sparse.csr_array:
    """How often each token stands in each row, float64, (n, vocabulary_size).

    Args:
        ids: token ids, (n, width).
        vocabulary_size: above every id.
        smallest: lower ids, such as special tokens and padding, are not counted.
    """
    rows, columns = np.nonzero(ids >= smallest)
    entries = np.ones(len(rows)), (rows, ids[rows, columns])
    return sparse.csr_array(entries, shape=(len(ids), vocabulary_size))  # which adds up what stands twice


def bag_of_words(train: Bags, test: Bags, features: Features) -> Interval:
    """Accuracy of a logistic regression on the bags of both texts, with its Wilson interval.

    Symmetric features are, for each token, whether both texts have it and whether only one has, and the cosine of the
    two bags. They are the same for a pair and for the pair swapped, so on sentence order they cannot beat chance,
    however fitted. Signed features are, for each token, whether the first text alone or the second alone has it: they
    can learn which words begin documents, though nothing of how the words of a text follow one another.

    Args:
        train: pairs to fit on.
        test: pairs to judge.
        features: symmetric or signed.

    Raises:
        DataError: the train labels are all alike, or there is nothing to test on.
    """
    found = probabilities(train, test, features).argmax(1)
    right = int((np.unique(train.labels)[found] == test.labels).sum())
    return wilson_interval(right, len(test.labels))


def probabilities(train: Bags, test: Bags, features: Features) -> np.ndarray:
    """What the logistic regression of :func:`bag_of_words` says of every test pair: (n, classes of train, ascending).

    Raises:
        DataError: as :func:`bag_of_words`.
    """
    if len(np.unique(train.labels)) < 2 or not len(test.labels):
        raise DataError(
            f"Expected pairs of both classes to fit a bag of words on and some to test, got {len(train.labels)} and "
            f"{len(test.labels)}."
        )
    model = LogisticRegression(max_iter=MAX_STEPS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(_features(train, features), train.labels)
    return model.predict_proba(_features(test, features))


def _features(bags: Bags, features: Features) -> sparse.csr_array:
    first, second = bags.first.sign(), bags.second.sign()
    if features == "signed":
        return first - second
    both = first.multiply(second)
    return sparse.hstack([both, abs(first - second), _cosine(bags)], format="csr")


def _cosine(bags: Bags) -> np.ndarray:
    """Cosine of the two bags, (n, 1); 0 where one is empty."""
    dots = bags.first.multiply(bags.second).sum(axis=1)
    norms = np.sqrt(bags.first.multiply(bags.first).sum(axis=1) * bags.second.multiply(bags.second).sum(axis=1))
    return np.divide(dots, norms, out=np.zeros_like(dots), where=norms > 0)[:, None]
