"""Why nothing is sure to do, or what costs less and may do too: read from the words that page 8 recorded."""

from __future__ import annotations

import re
from dataclasses import dataclass

NOTHING = "nothing was measured that is told to need less"

_COST = r"[\d.,e+]+ MB(?: of weights)?|\d+% of .+? read alone(?: \(\d+% for many\))?"
_FORMS = (
    re.compile(rf"(?P<name>.+?)(?:, (?P<cost>{_COST}),)? (?P<form>may do)(?P<too> too)?: (?P<unsure>.+)"),
    re.compile(rf"(?P<name>.+?)(?: \((?P<cost>{_COST})\))? (?P<form>comes nearest), with (?P<unsure>.+)"),
)
_TIME = re.compile(r"its time(?: \[(\S+), ([^\]]+)\])? is not told to be shorter")
_KEPT = re.compile(
    r"(?P<kept>\S+ (?:\[[^\]]+\]|\(no interval\))) of (?P<measure>.+?)"
    r"(?: over (?:(?P<number>[\d,]+) )?(?P<over>\w+), too few to be sure of (?P<keep>\S+))?"
)


@dataclass(frozen=True)
class Kept:
    """What a point keeps of its least or least sure measure.

    Args:
        words: with its interval, such as ``98.0% [94.0%, 101.0%]``.
        measure: name.
        number, over: of how many of what it was measured; empty where that is not why it is not sure.
        keep: the share that these are too few for, likewise.
    """

    words: str
    measure: str
    number: str = ""
    over: str = ""
    keep: str = ""


@dataclass(frozen=True)
class Reason:
    """A point that is not sure to do.

    Args:
        name: the point's.
        cost: in words; empty where its name says it.
        may: whether it does by all its means; else it comes nearest.
        too: whether something else is sure to do, which costs more.
        time: interval of its time, low and high limit, where that may not be shorter; empty without limits; None where
            the time is told, or is not asked for.
        kept: the measure that is not sure, or not enough; None where only the time is not told.
    """

    name: str
    cost: str
    may: bool
    too: bool
    time: tuple[str, ...] | None
    kept: Kept | None

    @classmethod
    def of(cls, text: str) -> Reason | None:
        """From the column ``why`` of :func:`smallbert.studies.frontier_needs.table`; None where it names no point."""
        for form in _FORMS:
            if found := form.fullmatch(text):
                parts = found["unsure"].split("; ")
                timed = _TIME.fullmatch(parts[0])
                kept = _KEPT.fullmatch(parts[-1])
                if not (timed or kept):
                    return None
                return cls(
                    found["name"],
                    found["cost"] or "",
                    found["form"] == "may do",
                    bool(found.groupdict().get("too")),
                    tuple(one for one in timed.groups() if one) if timed else None,
                    Kept(*(kept[one] or "" for one in ("kept", "measure", "number", "over", "keep"))) if kept else None,
                )
        return None
