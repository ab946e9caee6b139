"""Accuracies of a few seeds with few questions each: intervals that neither leave the scale nor vanish.

Student's t interval over three seeds can end beyond 1, and has no width where the seeds agree by chance; an interval
over the questions alone does not know that seeds differ. So each end is the one farther out of the two, cut to what an
accuracy can be: it covers wherever one of the two does. Questions that are asked again, by another seed or in other
words, are no more evidence: the interval over questions is that of the different ones.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy.stats import norm

from smallbert.measure.comparisons import same
from smallbert.measure.proportions import paired_difference
from smallbert.measure.stats import Interval, mean_interval, wilson_interval
from smallbert.studies.contrasts import LEVEL, contrast


def accuracy(right: pd.Series, different: int) -> Interval:
    """Mean accuracy over seeds: Student's t over seeds and Wilson's over questions; of one seed Wilson's alone.

    Args:
        right: which questions were answered rightly, an array of bool a seed.
        different: how many of all these questions are different ones.
    """
    marks = np.concatenate([np.asarray(one, dtype=bool) for one in right])
    asked = wilson_interval(int(marks.sum()), len(marks), level=LEVEL, independent=different)
    if len(right) < 2:
        return asked
    seeds = mean_interval([np.mean(one) for one in right], level=LEVEL)
    low, high = max(min(seeds.low, asked.low), 0.0), min(max(seeds.high, asked.high), 1.0)
    return Interval(seeds.estimate, low, high, len(marks), LEVEL)


def accuracy_contrast(a: pd.Series, b: pd.Series, different: int) -> dict[str, float]:
    """Mean of accuracy ``a - b`` over the seeds both have: Student's t over seeds and Tango's over questions.

    Args:
        a: which questions were answered rightly, an array of bool a seed, seeds in the index.
        b: the same questions in the same order, likewise.
        different: how many of all these questions are different ones.

    Returns:
        What :func:`smallbert.studies.contrasts.contrast` does, and ``questions``, the number of different ones. ``p``
        is the larger of the paired t-test's over seeds and McNemar's (1947) over questions, of which Tango's is the
        interval; of seeds that all differ by the same McNemar's alone.

    Raises:
        DataError: a seed has other questions in ``a`` than in ``b``.
    """
    both = pd.DataFrame({"a": a, "b": b}).dropna()
    means = [own.map(np.mean).astype(float) for own in (both.a, both.b)]
    found = contrast(*means)
    if len(both) < 2:
        return found | {"questions": different}
    first, second = (np.concatenate([np.asarray(one, dtype=bool) for one in own]) for own in (both.a, both.b))
    asked = paired_difference(first, second, level=LEVEL, independent=different)
    over_seeds = 0.0 if same(*means) else found["p"]
    return found | {
        "low": max(min(found["low"], asked.low), -1.0),
        "high": min(max(found["high"], asked.high), 1.0),
        "p": max(over_seeds, _mcnemar(first, second, different)),
        "questions": different,
    }


def _mcnemar(a: np.ndarray, b: np.ndarray, different: int) -> float:
    only_a, only_b = (float(one.sum()) * different / len(a) for one in (a & ~b, b & ~a))
    return float(2 * norm.sf(abs(only_a - only_b) / math.sqrt(only_a + only_b))) if only_a + only_b else 1.0
