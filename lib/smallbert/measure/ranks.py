"""Is an order real? Agreement of the order of arms between seeds, and with an order someone published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from math import factorial, sqrt

import numpy as np
import pandas as pd
from scipy import stats

from smallbert.errors import DataError, UsageError
from smallbert.measure.stats import Interval

MOST_ARMS = 8
"""Arms up to which all orders are enumerated (40,320)."""


@dataclass(frozen=True)
class RankStability:
    """How far seeds agree on the order of arms.

    Attributes:
        tau: mean Kendall tau-b over all pairs of seeds, 1 for one common order, about 0 for chance; jackknife
            t interval over seeds, cut to -1..1.
        w: Kendall's coefficient of concordance, corrected for ties, 0 to 1.
        p: of Friedman's test that all orders are equally likely, which is the test of w.
    """

    tau: Interval
    w: float
    p: float


@dataclass(frozen=True)
class OrderAgreement:
    """How far our order of arms agrees with a published one.

    Attributes:
        order: arms by our mean, largest first.
        tau: Kendall tau-b of the published order with the order of our means.
        p: share of all possible published orders that would agree at least as well.
    """

    order: tuple
    tau: float
    p: float


def rank_stability(table: pd.DataFrame, *, level: float = 0.95) -> RankStability:
    """Agreement of seeds on the order of arms.

    Args:
        table: one row per seed, one column per arm.
        level: of tau's interval.

    Raises:
        DataError: fewer than three seeds or arms, or a value that is not finite.
    """
    x = _checked(table, seeds=3, arms=3)
    n, k = x.shape
    taus = np.eye(n)
    for i, j in combinations(range(n), 2):
        taus[i, j] = taus[j, i] = _tau(x[i], x[j])
    mean = (taus.sum() - n) / (n * (n - 1))
    # Leaving seed i out drops its row and column; pseudo-values give the variance of a mean over pairs.
    without = (taus.sum() - 2 * taus.sum(axis=1) + 1 - (n - 1)) / ((n - 1) * (n - 2))
    pseudo = n * mean - (n - 1) * without
    half = stats.t.ppf((1 + level) / 2, n - 1) * pseudo.std(ddof=1) / sqrt(n)
    tau = Interval(float(mean), max(float(mean - half), -1.0), min(float(mean + half), 1.0), n, level)
    ranks = stats.rankdata(x, axis=1)
    ties = sum(((counts := np.unique(row, return_counts=True)[1]) ** 3 - counts).sum() for row in ranks)
    spread = ((ranks.sum(axis=0) - n * (k + 1) / 2) ** 2).sum()
    most = (n**2 * (k**3 - k) - n * ties) / 12
    w = float(spread / most) if most else 0.0
    return RankStability(tau, w, float(stats.chi2.sf(w * n * (k - 1), k - 1)))


def order_agreement(published: Sequence, table: pd.DataFrame) -> OrderAgreement:
    """Agreement of our order with a published one, with an exact permutation p (one-sided).

    Args:
        published: the arms, the one with the largest value first.
        table: one row per seed, one column per arm; other columns are left out.

    Raises:
        UsageError: a published arm is not in the table, or more arms than can be enumerated.
        DataError: fewer than two arms, or a value that is not finite.
    """
    missing = [arm for arm in published if arm not in table.columns]
    if missing or len(published) > MOST_ARMS:
        raise UsageError(
            f"Expected at most {MOST_ARMS} published arms among {list(table.columns)}, got {list(published)}."
        )
    x = _checked(table[list(published)], seeds=1, arms=2)
    means, falling = x.mean(axis=0), -np.arange(len(published))
    tau = _tau(falling, means)
    agreeing = sum(_tau(np.array(order), means) >= tau - 1e-12 for order in permutations(falling))
    return OrderAgreement(
        order=tuple(published[i] for i in np.argsort(-means, kind="stable")),
        tau=tau,
        p=agreeing / factorial(len(published)),
    )


def _tau(a: np.ndarray, b: np.ndarray) -> float:
    """Kendall tau-b; 0 where one side is all ties, as it then orders nothing."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(stats.kendalltau(a, b).statistic)


def _checked(table: pd.DataFrame, *, seeds: int, arms: int) -> np.ndarray:
    x = table.to_numpy(dtype=np.float64)
    if x.shape[0] < seeds or x.shape[1] < arms:
        raise DataError(f"Expected at least {seeds} seeds and {arms} arms, got {x.shape[0]} and {x.shape[1]}.")
    if not np.isfinite(x).all():
        seed, arm = np.argwhere(~np.isfinite(x))[0]
        raise DataError(f"Expected finite values, got {x[seed, arm]} in row {seed}, arm {table.columns[arm]!r}.")
    return x
