"""When to say that there is no answer: the threshold tau of SQuAD 2.0 (Devlin et al. 2019, section 4.3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smallbert.errors import DataError


@dataclass(frozen=True, eq=False)
class NullThreshold:
    """The threshold that is best on a development set.

    Attributes:
        tau: answer where the margin, best span minus null score, is larger.
        score: mean score at ``tau``.
        taus: every threshold that makes a difference, ascending (m): half way between two neighbouring margins, and
            one beyond either end.
        scores: mean score at each of them (m).
    """

    tau: float
    score: float
    taus: np.ndarray
    scores: np.ndarray


def choose(margins: np.ndarray, answered: np.ndarray, silent: np.ndarray) -> NullThreshold:
    """The threshold with the best mean score on a development set, and the whole curve, in one sort.

    Args:
        margins: best span score minus null score of each question (n).
        answered: its score (F1) with the best span as the answer (n).
        silent: its score without an answer (n): 1 where the passage holds none.

    Returns:
        The threshold; of several that are equally good, the one nearest to 0.

    Raises:
        DataError: no question, or a margin that is not finite.
    """
    if not len(margins) or not np.isfinite(margins).all():
        raise DataError(f"Expected finite margins of at least one question, got {margins[:8]} of {len(margins)}.")
    order = np.argsort(margins, kind="stable")
    values, counts = np.unique(margins, return_counts=True)
    taus = np.concatenate([[values[0] - 1], values[:-1] + np.diff(values) / 2, [values[-1] + 1]])
    # Passing a margin turns its questions from answered to silent.
    gains = np.concatenate([[0.0], np.cumsum((silent - answered)[order])])
    scores = (np.sum(answered) + gains[np.concatenate([[0], np.cumsum(counts)])]) / len(margins)
    best = np.flatnonzero(scores >= scores.max() - 1e-12)
    chosen = best[np.abs(taus[best]).argmin()]
    return NullThreshold(float(taus[chosen]), float(scores[chosen]), taus, scores)
