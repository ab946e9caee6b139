"""What every page of an edition found, where it has run: numbers, which each language puts into words."""

from __future__ import annotations

from typing import Protocol, Self

from smallbert.errors import DataError
from smallbert.paths import Edition
from smallbert.report.front.answers import KNOWLEDGE, Frontier, Triples
from smallbert.report.front.encoders import Sharing, Students
from smallbert.report.front.narrowing import CORPUS, SCHEDULES, Articles, Floor, Schedules
from smallbert.report.front.planned import SCALE, Planned
from smallbert.report.front.tasks import Tasks
from smallbert.results import Results
from smallbert.studies.frontier_points import ALBERT, DEPTH, DISTIL, FRONTIER, TRANSFER


class Finding(Protocol):
    """What a page found."""

    @classmethod
    def of(cls, results: Results) -> Self:
        """As the page recorded it in the edition of ``results``.

        Raises:
            DataError: it has not run there, or compared nothing.
        """


FINDINGS: dict[str, type[Finding]] = {
    CORPUS: Articles,
    DEPTH: Floor,
    SCHEDULES: Schedules,
    ALBERT: Sharing,
    DISTIL: Students,
    TRANSFER: Tasks,
    KNOWLEDGE: Triples,
    FRONTIER: Frontier,
    SCALE: Planned,
}


def collect(edition: Edition, stems: list[str]) -> dict[str, Finding]:
    """The findings of an edition by page, in order; a page that has not run or compared nothing is left out, and so is
    one that another version ran, whose results lack a column or value that this one reads.

    Args:
        edition: its folders.
        stems: pages that have finished.
    """
    found = {}
    for stem in stems:
        if stem in FINDINGS:
            try:
                found[stem] = FINDINGS[stem].of(Results(edition, stem))
            except (DataError, LookupError, AttributeError):
                continue
    return found
