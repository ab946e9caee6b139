"""Is a difference between two runs real or noise? Intervals of differences, from intervals and from seeds."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from smallbert.measure.stats import Interval
from smallbert.studies.contrasts import LEVEL

COUNTS = ("pairs", "seeds", "rounds")
"""Columns that say how many repetitions are behind an interval."""

SPREAD = re.compile(r"p|p_holm|sem|half|sd|sd of .+")
"""Columns that tell how sure a number is: they follow it, and are not compared themselves."""

_LIMIT = re.compile(r"(.+[ _])?(low|high)")


@dataclass(frozen=True)
class Limits:
    """Where a table keeps the interval of a column.

    Args:
        estimate: the column.
        low: column of the lower limit, or of half the interval's width.
        high: column of the upper limit; the same where ``low`` is half a width.
    """

    estimate: str
    low: str
    high: str

    def interval(self, row: pd.Series, repetitions: int | None) -> Interval | None:
        """The interval in a row; None where it has none or no width.

        Args:
            row: of the table.
            repetitions: behind the interval where the row does not say; None for intervals over many articles.
        """
        estimate, low, high = (float(row[name]) for name in (self.estimate, self.low, self.high))
        if self.low == self.high:
            low, high = estimate - low, estimate + high
        if not (math.isfinite(low) and math.isfinite(high)) or low == high:
            return None
        told = next((int(row[name]) for name in COUNTS if name in row and pd.notna(row[name])), repetitions)
        return Interval(estimate, low, high, told or 0, LEVEL)


def limits(frame: pd.DataFrame) -> list[Limits]:
    """The intervals a table holds: columns ``low`` and ``high``, ``WHAT low`` and ``WHAT high``, or ``half``.

    The estimate is the nearest number to the left that lies between the limits in every row.
    """
    found = []
    for position, name in enumerate(frame.columns):
        if name == "half":
            low = high = name
        elif _LIMIT.fullmatch(name) and name.endswith("low") and (high := name.removesuffix("low") + "high") in frame:
            low = name
        else:
            continue
        for estimate in reversed(frame.columns[:position]):
            if not _is_number_column(frame[estimate]) or _LIMIT.fullmatch(estimate):
                continue
            if low == high or _between(frame[low], frame[estimate], frame[high]):
                found.append(Limits(estimate, low, high))
                break
    return found


def difference(a: Interval, b: Interval) -> tuple[Interval, float]:
    """b - a of two independent estimates, with its interval and p.

    The limits' distances from their estimates are added as squares (MOVER: Zou and Donner 2008, eq. 4 and 5, which
    for Wilson's limits is Newcombe's method 10 of 1998). Runs that share articles or seeds go up and down together,
    which makes the interval too wide, never too narrow. p is that of Student's t of the fewer repetitions, scaled
    so that it is 1 - level where a limit touches zero; normal where no repetitions are told.
    """
    d = b.estimate - a.estimate
    low = d - math.hypot(b.estimate - b.low, a.high - a.estimate)
    high = d + math.hypot(b.high - b.estimate, a.estimate - a.low)
    told = [one.n for one in (a, b) if one.n >= 2]
    distribution = stats.t(min(told) - 1) if told else stats.norm()
    half = d - low if d > 0 else high - d
    p = 2 * distribution.sf(abs(d) / half * distribution.ppf((1 + LEVEL) / 2)) if half > 0 else float(d == 0)
    return Interval(d, low, high, min(told, default=0), LEVEL), float(p)


def beyond_noise(low: pd.Series, high: pd.Series, p: pd.Series) -> np.ndarray:
    """Which differences are real: an interval beside zero, and p below 0.05 with the false discovery rate controlled.

    Two runs have thousands of cells. With Benjamini and Hochberg's (1995) correction at most 5% of what is called real
    is expected to be noise, and runs that differ by nothing but chance pass in 95% of cases, while a few real
    differences are not drowned by the number of cells, as they would be under the report's own Holm correction. The
    same cells may stand behind several figures: equal p count once.

    Args:
        low: lower limits of the differences, not-a-number where nothing judges one.
        high: upper limits.
        p: p-values.
    """
    judged = p.notna().to_numpy()
    values, where = np.unique(p[judged], return_inverse=True)
    adjusted = np.full(len(p), np.nan)
    adjusted[judged] = stats.false_discovery_control(values)[where]
    return ((low > 0) | (high < 0)).to_numpy() & (adjusted < 1 - LEVEL)


def _between(low: pd.Series, estimate: pd.Series, high: pd.Series) -> bool:
    rows = pd.DataFrame({"low": low, "estimate": estimate, "high": high}).dropna()
    slack = 1e-9 * (1 + rows.abs().max(axis=1))
    return bool(len(rows)) and bool(((rows.low - slack <= rows.estimate) & (rows.estimate <= rows.high + slack)).all())


def _is_number_column(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
