"""What a linear classifier can read from codes: topic, language, anything a row is labelled with."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss
from threadpoolctl import threadpool_limits

from smallbert.arrays import Array, blocks, matrix, require_finite, require_same_rows
from smallbert.errors import DataError
from smallbert.measure.stats import Interval, wilson_interval

MAX_STEPS = 500
"""Optimizer steps allowed; scaled codes need far fewer."""

PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0)
"""Inverse ridge penalties (scikit-learn's C) that a probe chooses from, for codes whose variances sum to 1."""

CHOOSES_BY = 4
"""One train row of so many tells which penalty suits the codes."""


@dataclass(frozen=True)
class Probe:
    """Result of one linear probe.

    Attributes:
        accuracy: share of test rows classified rightly, with its Wilson interval.
        macro_f1: mean over test classes of F1, so that small classes count as much as large ones.
        majority: accuracy of always answering the commonest train class.
        classes: number of train classes.
        n_train: rows the classifier was fitted on.
        n_test: rows it was tested on.
        penalty: the inverse ridge penalty that was chosen.
        converged: whether the optimizer finished within its steps.
        right: which labelled test rows were classified rightly, in their order, bool, (n_test,): what pairs two probes.
    """

    accuracy: Interval
    macro_f1: float
    majority: float
    classes: int
    n_train: int
    n_test: int
    penalty: float
    converged: bool
    right: np.ndarray = field(repr=False, compare=False)


def probe(
    train: Array,
    train_labels: ArrayLike,
    test: Array,
    test_labels: ArrayLike,
    *,
    seed: int,
    n_train: int = 10_000,
    scaling: Literal["whole", "columns"] = "whole",
    penalties: Sequence[float] = PENALTIES,
) -> Probe:
    """Fit a logistic regression on train codes and score it on test codes.

    What can be read from a vector depends neither on the axes it is written in nor on its length, and so must a probe's
    answer: codes are scaled as a whole, to variances that sum to 1, and the ridge penalty, which then is no larger for
    narrow codes than for wide ones, is chosen for each of them: the one of ``penalties`` that gives a quarter of the
    train rows, for which the others are fitted, the least log loss. Rows whose label is empty (unknown) are left out of
    both splits; a test class that train lacks counts as an error.

    Args:
        train: shape (n, k).
        train_labels: n labels.
        test: shape (m, k).
        test_labels: m labels.
        seed: of the draw of train rows.
        n_train: train rows used at most, drawn without replacement.
        scaling: ``columns`` gives every column an equal share of the variance (a constant one stays at zero): for
            features of different kinds side by side, where an axis is a feature and not an accident.
        penalties: to choose from, ascending; one alone is taken as it is.

    Raises:
        DataError: shapes that do not agree, fewer than two train classes, no labelled test row, or a value
            that is not finite (its row is named).
    """
    x, y = _labelled(train, train_labels, "train codes")
    x_test, y_test = _labelled(test, test_labels, "test codes", width=x.shape[1])
    if not len(y_test):
        raise DataError("Expected at least one labelled test row for a probe, got none.")
    if len(y) > n_train:
        kept = np.sort(np.random.default_rng(seed).choice(len(y), n_train, replace=False))
        x, y = x[kept], y[kept]
    names, counts = np.unique(y, return_counts=True)
    if len(names) < 2:
        raise DataError(f"Expected at least 2 classes among the train labels, got {names.tolist()}.")
    mean, scale = _scale(x, scaling)
    scaled = (x - mean) * scale
    # Products this small are slower on many threads than on one.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # told by Probe.converged
        penalty = _penalty(scaled, y, penalties, seed) if len(penalties) > 1 else penalties[0]
        model = LogisticRegression(C=penalty, max_iter=MAX_STEPS).fit(scaled, y)
    answers = np.concatenate([model.predict((block - mean) * scale) for block in blocks(x_test)])
    return Probe(
        accuracy=wilson_interval(int((answers == y_test).sum()), len(y_test)),
        macro_f1=float(f1_score(y_test, answers, labels=np.unique(y_test), average="macro", zero_division=0.0)),
        majority=float((y_test == names[counts.argmax()]).mean()),
        classes=len(names),
        n_train=len(y),
        n_test=len(y_test),
        penalty=penalty,
        converged=bool(model.n_iter_.max() < MAX_STEPS),
        right=answers == y_test,
    )


def _scale(x: np.ndarray, scaling: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean of each column, and what to multiply by so that variances sum to 1; zero where nothing varies."""
    mean = x.mean(axis=0, dtype=np.float64)
    # The mean of equal numbers can miss them by a rounding error, which is then their standard deviation.
    spread = np.where(np.ptp(x, axis=0) > 0, x.std(axis=0, dtype=np.float64), 0.0)
    if scaling == "whole":
        spread = np.where(spread > 0, np.linalg.norm(spread), 0.0)
    else:
        spread = spread * np.sqrt(np.count_nonzero(spread))
    return mean, np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)


def _penalty(x: np.ndarray, y: np.ndarray, penalties: Sequence[float], seed: int) -> float:
    """The penalty under which most of the rows tell most about the others."""
    order = np.random.default_rng([seed, 1]).permutation(len(y))
    told, asked = order[len(y) // CHOOSES_BY :], order[: len(y) // CHOOSES_BY]
    asked = asked[np.isin(y[asked], y[told])]  # of other classes no penalty knows anything
    if not len(asked) or len(np.unique(y[told])) < 2:
        return penalties[len(penalties) // 2]
    model, losses = LogisticRegression(max_iter=MAX_STEPS, warm_start=True), []
    for penalty in penalties:
        model.set_params(C=penalty).fit(x[told], y[told])
        losses.append(log_loss(y[asked], model.predict_proba(x[asked]), labels=model.classes_))
    return penalties[int(np.argmin(losses))]


def _labelled(codes: Array, labels: ArrayLike, what: str, width: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Codes and labels of the rows whose label is known."""
    rows, names = matrix(codes, width=width, what=what), np.asarray(labels, dtype=np.str_)
    require_same_rows(codes=rows, labels=names)
    require_finite(rows, what=what)
    known = names != ""
    return rows[known], names[known]
