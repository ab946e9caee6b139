"""Scores of classes and of similarities, by scikit-learn and scipy, defined also where one side is constant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from sklearn import metrics

from smallbert.errors import DataError
from smallbert.measure.similarity import spearman


@dataclass(frozen=True)
class ClassScores:
    """Agreement of predicted with gold classes.

    Attributes:
        accuracy: share of right predictions.
        matthews: Matthews' correlation (1975; Gorodkin 2004 for more than two classes), 0 where one side is constant.
        majority: accuracy of always predicting the most frequent gold class: what accuracy has to beat.
        n: examples.
    """

    accuracy: float
    matthews: float
    majority: float
    n: int


@dataclass(frozen=True)
class Correlations:
    """Agreement of predicted with gold similarities: Pearson's and Spearman's correlation; NaN where one side is
    constant, which has no order. ``n``: pairs."""

    pearson: float
    spearman: float
    n: int


def classes(gold: Sequence[str], predicted: Sequence[str]) -> ClassScores:
    """Compare predicted classes with gold ones, which may lack some, or be all alike.

    Raises:
        DataError: other lengths, or nothing to compare.
    """
    _same_length(gold, predicted)
    wanted, said = np.asarray(gold), np.asarray(predicted)
    right = wanted == said
    # Of a single class everywhere scikit-learn would warn; there is no correlation to speak of.
    constant = len(set(wanted.tolist()) | set(said.tolist())) == 1
    matthews = 0.0 if constant else float(metrics.matthews_corrcoef(wanted, said))
    majority = np.unique(wanted, return_counts=True)[1].max() / len(wanted)
    return ClassScores(float(right.mean()), matthews, float(majority), len(wanted))


def similarities(gold: Sequence[float], predicted: Sequence[float]) -> Correlations:
    """Compare predicted similarities with gold ones.

    Raises:
        DataError: other lengths, fewer than two pairs, or a value that is not finite.
    """
    _same_length(gold, predicted)
    wanted, said = np.asarray(gold, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if len(wanted) < 2 or not (np.isfinite(wanted).all() and np.isfinite(said).all()):
        raise DataError(f"Expected at least two pairs of finite similarities, got {len(wanted)} pairs.")
    constant = np.ptp(wanted) == 0 or np.ptp(said) == 0
    pearson = float("nan") if constant else float(stats.pearsonr(wanted, said).statistic)
    return Correlations(pearson, spearman(wanted, said), len(wanted))


def _same_length(gold: Sequence, predicted: Sequence) -> None:
    if len(gold) != len(predicted) or not len(gold):
        raise DataError(f"Expected as many predictions as gold values, and some, got {len(predicted)} and {len(gold)}.")
