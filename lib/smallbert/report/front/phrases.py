"""How counts, shares and verdicts of pairs are said in English; shares are written so in Korean too."""

from __future__ import annotations

from smallbert.report.front.tally import Tally
from smallbert.studies.contrasts import NOT_AFTER_CORRECTION


def told(tally: Tally, *, alone: bool = False) -> str:
    """``better in 2 and worse in 1 of 3``, ``worse in all 5``; of one ``alone``, ``better``."""
    names = {
        "better": tally.better,
        "worse": tally.worse,
        "equivalent": tally.equivalent,
        "no difference shown": tally.open,
        NOT_AFTER_CORRECTION: tally.uncorrected,
        "not comparable": tally.failed,
    }
    if alone:
        return next((name for name, count in names.items() if count), "not compared")
    every = "both" if tally.total == 2 else f"all {tally.total}"
    some = [f"{name} in {every if count == tally.total > 1 else count}" for name, count in names.items() if count]
    if len(some) == 1 < tally.total:
        return some[0]
    return f"{_listed(some)} of {tally.total}" if some else "not compared"


def counted(count: int, name: str) -> str:
    """``1 cell``, ``2,300 cells``."""
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def distance(share: float) -> str:
    """A distance of the variance, which is not nothing where it is small: ``0.0065``, ``2e-05``; ``0`` is none."""
    return f"{share:.4f}" if share >= 1e-4 else f"{share:.1g}"


def percent(share: float) -> str:
    """A share of something that is not nothing: ``13%``, ``0.4%``."""
    return f"{share:.0%}" if share >= 0.01 else f"{share:.1%}"


def be(count: int) -> str:
    """``is`` of one, ``are`` of any other number."""
    return "is" if count == 1 else "are"


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
