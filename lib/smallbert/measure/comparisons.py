"""Tests of a paired difference over seeds, and their correction for how many were made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from smallbert.errors import DataError
from smallbert.measure.stats import differences


def paired_t(a: Sequence[float], b: Sequence[float]) -> float:
    """Two-sided p of the paired t-test.

    Differences without any spread leave no doubt: p is 1 where all are zero, else 0.

    Raises:
        DataError: unequal lengths, fewer than two pairs, or a value that is not finite.
    """
    d = differences(a, b)
    if np.ptp(d) == 0:
        return 1.0 if d[0] == 0 else 0.0
    # By hand, since scipy warns of lost precision where differences are nearly the same.
    t = d.mean() / (d.std(ddof=1) / np.sqrt(len(d)))
    return float(2 * stats.t.sf(abs(t), len(d) - 1))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """p-values adjusted for their number by Holm (1979): valid under any dependence, never worse than Bonferroni.

    Returns:
        Shape (m,), in the order given.

    Raises:
        DataError: a value outside 0..1.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise DataError(f"Expected p-values from 0 to 1, got {p.tolist()}.")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted
