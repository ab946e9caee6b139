"""Accuracies of a few seeds with few questions each: intervals that neither leave the scale nor vanish.

Student's t interval over three seeds can end beyond 1, and has no width where the seeds agree by chance; an interval
over the questions alone does not know that seeds differ. So each end is the one farther out of the two, cut to what an
accuracy can be: it covers wherever one of the two does.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy.stats import norm

from smallbert.measure.proportions import paired_difference
from smallbert.measure.stats import Interval, mean_interval, wilson_interval
from smallbert.studies.contrasts import LEVEL, contrast


def accuracy(right: pd.Series) -> Interval:
    """Mean accuracy over seeds: Student's t over seeds and Wilson's over all questions; of one seed Wilson's alone.

    Args:
        right: which questions were answered rightly, an array of bool a seed.
    """
    marks = np.concatenate([np.asarray(one, dtype=bool) for one in right])
    asked = wilson_interval(int(marks.sum()), len(marks), level=LEVEL)
    if len(right) < 2:
        return asked
    seeds = mean_interval([np.mean(one) for one in right], level=LEVEL)
    low, high = max(min(seeds.low, asked.low), 0.0), min(max(seeds.high, asked.high), 1.0)
    return Interval(seeds.estimate, low, high, len(marks), LEVEL)


def accuracy_contrast(a: pd.Series, b: pd.Series) -> dict[str, float]:
    """Mean of accuracy ``a - b`` over the seeds both have: Student's t over seeds and Tango's over all questions.

    Args:
        a: which questions were answered rightly, an array of bool a seed, seeds in the index.
        b: the same questions in the same order, likewise.

    Returns:
        What :func:`smallbert.studies.contrasts.contrast` does, and ``questions``, their number. ``p`` is the larger of
        the paired t-test's over seeds and McNemar's (1947) over questions, of which Tango's is the interval.

    Raises:
        DataError: a seed has other questions in ``a`` than in ``b``.
    """
    both = pd.DataFrame({"a": a, "b": b}).dropna()
    found = contrast(both.a.map(np.mean).astype(float), both.b.map(np.mean).astype(float))
    if len(both) < 2:
        return found | {"questions": int(both.a.map(len).sum())}
    first, second = (np.concatenate([np.asarray(one, dtype=bool) for one in own]) for own in (both.a, both.b))
    asked = paired_difference(first, second, level=LEVEL)
    return found | {
        "low": max(min(found["low"], asked.low), -1.0),
        "high": min(max(found["high"], asked.high), 1.0),
        "p": max(found["p"], _mcnemar(first, second)),
        "questions": len(first),
    }


def _mcnemar(a: np.ndarray, b: np.ndarray) -> float:
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    return float(2 * norm.sf(abs(only_a - only_b) / math.sqrt(only_a + only_b))) if only_a + only_b else 1.0
