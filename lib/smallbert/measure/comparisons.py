"""Tests of a paired difference over seeds, and their correction for how many were made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from smallbert.errors import DataError
from smallbert.measure.stats import differences

ROUNDING = 1e-12
"""Values that differ by a smaller share of the largest differ by the order of their sums alone."""


def same(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether all differences are the same up to rounding, so that no spread can be told from them.

    Raises:
        DataError: as of :func:`paired_t`.
    """
    return bool(np.ptp(differences(a, b)) <= ROUNDING * max(np.abs(a).max(), np.abs(b).max()))


def paired_t(a: Sequence[float], b: Sequence[float]) -> float:
    """Two-sided p of the paired t-test.

    Where differences have no spread beyond rounding, t has no scale: few counts of a few questions agree by chance.
    Then only their sign is evidence, and p is the sign test's, 2 / 2^n; 1 where all are zero.

    Raises:
        DataError: unequal lengths, fewer than two pairs, or a value that is not finite.
    """
    d = differences(a, b)
    if same(a, b):
        return 1.0 if np.allclose(a, b, rtol=ROUNDING, atol=0) else 2.0 ** (1 - len(d))
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
