"""How several comparisons came out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from smallbert.errors import DataError


@dataclass(frozen=True)
class Tally:
    """Comparisons by verdict.

    Args:
        better, worse: told apart, after correction for their number.
        equivalent: the interval lies within the margin that does not matter.
        open: no difference shown, which is not the same as none.
        failed: could not be compared (diverged, or a single seed).
    """

    better: int = 0
    worse: int = 0
    equivalent: int = 0
    open: int = 0
    failed: int = 0

    @classmethod
    def of(cls, verdicts: Iterable[str], *, lower_is_better: bool = True) -> Tally:
        """Counts of the words of :func:`smallbert.measure.stats.verdict`; any other word counts as failed."""
        words = list(verdicts)
        low, high = words.count("lower"), words.count("higher")
        better, worse = (low, high) if lower_is_better else (high, low)
        equivalent, undecided = words.count("equivalent"), words.count("no difference shown")
        return cls(better, worse, equivalent, undecided, len(words) - low - high - equivalent - undecided)

    @property
    def total(self) -> int:
        """Number of comparisons."""
        return self.better + self.worse + self.equivalent + self.open + self.failed

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
