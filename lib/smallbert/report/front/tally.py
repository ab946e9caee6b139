"""How several comparisons came out."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from smallbert.errors import DataError
from smallbert.studies.contrasts import NOT_AFTER_CORRECTION, worded


@dataclass(frozen=True)
class Tally:
    """Comparisons by verdict.

    Args:
        better, worse: told apart, after correction for their number.
        equivalent: the interval lies within the margin that does not matter.
        open: no difference shown, which is not the same as none.
        failed: could not be compared (diverged, or a single seed).
        uncorrected: an interval leaves zero out, and only the correction for many comparisons forbids to tell it.
    """

    better: int = 0
    worse: int = 0
    equivalent: int = 0
    open: int = 0
    failed: int = 0
    uncorrected: int = 0

    @classmethod
    def of(cls, rows: pd.DataFrame, *, lower_is_better: bool = True) -> Tally:
        """Counts of the words of :func:`smallbert.studies.contrasts.worded`; any other word counts as failed.

        Args:
            rows: of comparisons, with ``verdict``, ``low`` and ``high``.
            lower_is_better: what a lower value means.
        """
        words = [worded(row) for row in rows.itertuples()]
        low, high = words.count("lower"), words.count("higher")
        better, worse = (low, high) if lower_is_better else (high, low)
        known = better, worse, words.count("equivalent"), words.count("no difference shown")
        beside = words.count(NOT_AFTER_CORRECTION)
        return cls(*known, len(words) - sum(known) - beside, beside)

    @property
    def total(self) -> int:
        """Number of comparisons."""
        return sum(vars(self).values())

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


def compared(rows: pd.DataFrame) -> pd.DataFrame:
    """``rows`` of comparisons, of which there must be some.

    Raises:
        DataError: nothing was compared, so nothing can be said.
    """
    if rows.empty:
        raise DataError("Expected comparisons, got none.", "Compare at least two arms over at least two seeds.")
    return rows
