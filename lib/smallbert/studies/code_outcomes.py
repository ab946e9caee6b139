"""What codes for embeddings were worth: one outcome a code and seed, and their intervals over queries and seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from smallbert.compress.codes.code import Code
from smallbert.measure.bootstrap import resampled_means, seeds_interval
from smallbert.measure.stats import Interval
from smallbert.studies.searches import Outcome


@dataclass(frozen=True)
class Cell:
    """One code of the study.

    Args:
        method: its name.
        group: ``maps``, ``formats`` or ``whole``.
        nbytes: bytes a vector.
        seed: of the fit, 0 where there is none.
        fit: makes it.
        trained: key of the training it comes from, where that is not the study's own.
    """

    method: str
    group: str
    nbytes: int
    seed: int
    fit: Callable[[], Code]
    trained: str = ""


class Measured:
    """Outcomes of cells.

    Args:
        outcomes: by cell, in the order of the study.
        groups: from :attr:`smallbert.studies.searches.Searches.groups`; None where every query stands for itself.
    """

    def __init__(self, outcomes: dict[Cell, Outcome], groups: Mapping[str, np.ndarray] | None = None) -> None:
        self.outcomes, self.groups = outcomes, groups or {}
        self._resampled: dict[tuple[str, int, str], np.ndarray] = {}

    def points(self) -> dict[tuple[str, str, int], list[Outcome]]:
        """Outcomes over seeds by method, group and bytes."""
        found: dict[tuple[str, str, int], list[Outcome]] = {}
        for cell, outcome in self.outcomes.items():
            found.setdefault((cell.method, cell.group, cell.nbytes), []).append(outcome)
        return found

    @property
    def whole(self) -> tuple[str, int]:
        """Name and bytes of the whole vector."""
        [found] = [(method, nbytes) for method, group, nbytes in self.points() if group == "whole"]
        return found

    def values(self, method: str, nbytes: int, measure: str) -> np.ndarray | None:
        """What a code was worth to every query: (seeds, queries), None where the measure has no query."""
        own = [
            outcome.queries[measure]
            for cell, outcome in self.outcomes.items()
            if (cell.method, cell.nbytes) == (method, nbytes) and measure in outcome.queries
        ]
        return np.stack(own) if own else None

    def known(self, method: str, nbytes: int, measure: str) -> np.ndarray:
        """:meth:`values` of a measure that has queries: one corpus asks all codes the same."""
        values = self.values(method, nbytes, measure)
        assert values is not None
        return values

    def resampled(self, method: str, nbytes: int, measure: str) -> np.ndarray:
        """Bootstrap means of :meth:`values`, on the same resampled queries, or groups of them, for all codes."""
        key = (method, nbytes, measure)
        if key not in self._resampled:
            self._resampled[key] = resampled_means(self.known(*key), groups=self.groups.get(measure))
        return self._resampled[key]

    def interval(self, method: str, nbytes: int, measure: str) -> Interval:
        """Mean of :meth:`values` with its 95% interval over queries and seeds; all measures lie in 0..1."""
        key = (method, nbytes, measure)
        return seeds_interval(self.known(*key), self.resampled(*key), scale=(0, 1))
