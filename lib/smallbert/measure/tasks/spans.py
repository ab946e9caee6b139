"""Exact match and F1 of answers, as the official scripts of SQuAD 1.1 and 2.0 compute them.

Rajpurkar et al. (2016), section 6.1; Rajpurkar, Jia and Liang (2018), section 5. All scores are in per cent.
The two versions differ in one point beyond the unanswerable questions: where nothing is left of a prediction and an
answer after normalisation, F1 is 0 in 1.1 and 1 in 2.0.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from smallbert.corpus.tasks.examples import Question
from smallbert.errors import DataError

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


@dataclass(frozen=True)
class Scores:
    """Mean scores of some questions, in per cent."""

    exact: float
    f1: float
    questions: int


@dataclass(frozen=True)
class Threshold:
    """The best score any threshold gives, and the threshold: no answer where its probability is higher."""

    score: float
    threshold: float


@dataclass(frozen=True)
class Report:
    """What the official script prints.

    Attributes:
        all: every question.
        answerable, unanswerable: the two parts; None where a part is empty.
        missing: ids of questions without a prediction, which score 0.
        best_exact, best_f1: over all thresholds; None without probabilities of no answer.
    """

    all: Scores
    answerable: Scores | None
    unanswerable: Scores | None
    missing: tuple[str, ...]
    best_exact: Threshold | None = None
    best_f1: Threshold | None = None


def normalise(text: str) -> str:
    """Lower case, without ASCII punctuation, English articles and surplus white space."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def judge(prediction: str, answers: Sequence[str], *, unanswerable: bool) -> tuple[float, float]:
    """Exact match and F1 of one prediction against its best answer, each 0 to 1.

    Args:
        prediction: the predicted span; ``""`` says that there is no answer.
        answers: the accepted answers, at least one; none where there is no answer (2.0 only).
        unanswerable: score as version 2.0 does.
    """
    wanted = {normalise(answer) for answer in answers}
    if unanswerable:
        wanted = wanted - {""} or {""}
    said = normalise(prediction)
    return float(said in wanted), max(_f1(said.split(), answer.split(), unanswerable) for answer in wanted)


def _f1(said: list[str], wanted: list[str], unanswerable: bool) -> float:
    if not said or not wanted:
        return float(unanswerable and said == wanted)
    same = (Counter(said) & Counter(wanted)).total()
    if same == 0:
        return 0.0
    precision, recall = same / len(said), same / len(wanted)
    return 2 * precision * recall / (precision + recall)


def score(
    questions: Sequence[Question],
    predictions: Mapping[str, str],
    *,
    unanswerable: bool,
    na_probs: Mapping[str, float] | None = None,
    na_prob_threshold: float = 1.0,
) -> Report:
    """Score predictions.

    A question without a prediction scores 0, as in the script of 1.1; that of 2.0 stops there. Predictions for other
    questions are ignored, as by both.

    Args:
        questions: the gold questions, n of them.
        predictions: id -> predicted answer.
        unanswerable: score as version 2.0 does.
        na_probs: id -> how surely there is no answer, a probability or any other number that grows with it.
        na_prob_threshold: a prediction counts as "no answer" where its ``na_probs`` is higher.

    Raises:
        DataError: no question, no prediction for any of them, or a prediction without its ``na_probs``.
    """
    known = [question.id in predictions for question in questions]
    if not any(known):
        raise DataError(
            f"Expected predictions for {len(questions):,} questions, got {len(predictions):,} for others.",
            "Do the two files belong together?",
        )
    judged = [
        judge(predictions[question.id], [answer.text for answer in question.answers], unanswerable=unanswerable)
        if there
        else (0.0, 0.0)
        for question, there in zip(questions, known, strict=True)
    ]
    raw = np.array(judged)  # (n, 2)
    answered, has_answer = np.array(known), np.array([bool(question.answers) for question in questions])
    missing = tuple(question.id for question, there in zip(questions, known, strict=True) if not there)
    if na_probs is None:
        return Report(*_means(raw, has_answer), missing)
    doubt = _doubts(questions, answered, na_probs)
    silent = answered & (doubt > na_prob_threshold)
    empty = np.array([predictions.get(question.id) == "" for question in questions])
    # Of equal probabilities the script takes the order of their file, which may decide what is best.
    rank = {name: place for place, name in enumerate(na_probs)}
    taken = sorted(np.flatnonzero(answered).tolist(), key=lambda i: rank[questions[i].id])
    curves = (threshold_curve(column[taken], doubt[taken], has_answer[taken], empty[taken]) for column in raw.T)
    best = (_best(*curve, len(questions)) for curve in curves)
    return Report(*_means(np.where(silent[:, None], ~has_answer[:, None], raw), has_answer), missing, *best)


def threshold_curve(
    scores: np.ndarray, na_probs: np.ndarray, has_answer: np.ndarray, empty: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The summed score at every threshold: questions above it are taken to have no answer.

    As in the official script, questions of equal ``na_probs`` are let in one by one, in the order given, so between
    them the curve passes through points that no threshold reaches.

    Args:
        scores: exact match or F1 of each question where its prediction is taken, 0 to 1, shape (n,).
        na_probs: how surely there is no answer, shape (n,); for BERT the null score less the best span's.
        has_answer: shape (n,), bool.
        empty: whether the prediction itself says that there is no answer, shape (n,), bool.

    Returns:
        thresholds in ascending order, from -inf, where no prediction is taken; the sum of the n scores at each.
        Both float64 of shape (n + 1,).
    """
    order = np.argsort(na_probs, kind="stable")
    # A prediction for a question without an answer costs the point that silence would have earned.
    gains = np.where(has_answer, scores, np.where(empty, 0.0, -1.0))[order]
    return np.append(-np.inf, na_probs[order]), np.cumsum(np.append((~has_answer).sum(), gains))


def _best(thresholds: np.ndarray, sums: np.ndarray, questions: int) -> Threshold:
    at = int(sums.argmax())
    # Where silence is best the official script names 0, whatever the scale of the probabilities.
    return Threshold(100 * float(sums[at]) / questions, float(thresholds[at]) if at else 0.0)


def _means(scores: np.ndarray, has_answer: np.ndarray) -> tuple[Scores, Scores | None, Scores | None]:
    """Means in per cent, of scores (n, 2): of all, and of the questions with and without an answer."""

    def mean(part: np.ndarray) -> Scores:
        exact, f1 = (100 * float(column.sum()) / len(part) for column in part.T)
        return Scores(exact, f1, len(part))

    there, absent = scores[has_answer], scores[~has_answer]
    return mean(scores), mean(there) if len(there) else None, mean(absent) if len(absent) else None


def _doubts(questions: Sequence[Question], answered: np.ndarray, na_probs: Mapping[str, float]) -> np.ndarray:
    without = [q.id for q, there in zip(questions, answered, strict=True) if there and q.id not in na_probs]
    if without:
        raise DataError(
            f"Expected a probability of no answer for every prediction, got none for {len(without):,}, such as "
            f"{without[0]!r}."
        )
    return np.array([na_probs.get(question.id, np.nan) for question in questions], dtype=np.float64)
