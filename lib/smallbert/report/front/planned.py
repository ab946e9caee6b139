"""What page 9 found, as numbers: what many articles take, and how fast the library is beside others."""

from __future__ import annotations

from dataclasses import dataclass

from smallbert.results import Results
from smallbert.studies.benchmarks_pairs import Ahead, ahead

SCALE = "09_scale"


@dataclass(frozen=True)
class Plan:
    """What so many articles take: ``time`` and ``disk`` in words, such as ``3.1 days`` and ``92.6 GB``."""

    articles: int
    time: str
    disk: str


@dataclass(frozen=True)
class Planned:
    """Page 9.

    Args:
        machine: on which the edition's encoder was timed, such as ``one CPU``.
        plans: numbers of articles there; empty where no rate was measured.
        beside: how the library stands beside other libraries and plain loops; empty where no pair was measured.
        reached, targets: of the measured targets.
    """

    machine: str
    plans: tuple[Plan, ...]
    beside: tuple[Ahead, ...]
    reached: int
    targets: int

    @classmethod
    def of(cls, results: Results) -> Planned:
        """As the edition's page 9 recorded it.

        Raises:
            DataError: the page has not run.
        """
        page = results.of(SCALE)
        costs, found, targets = page.table("costs"), page.table("benchmarks"), page.table("targets")
        # The first machine reads with the edition's own encoder.
        own = costs[(costs.machine == costs.machine.iloc[0]) & costs["machine hours"].notna()]
        measured = targets[targets.reached != "not measured"]
        return cls(
            str(costs.machine.iloc[0]).partition(",")[0],
            tuple(Plan(int(row["articles"]), row["time"], row["disk"]) for row in own.to_dict("records")),
            tuple(ahead(found)),
            int((measured.reached == "yes").sum()),
            len(measured),
        )
