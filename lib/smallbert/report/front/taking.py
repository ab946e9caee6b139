"""What to take, in English: the sentence of a first page, and what stands beside its table."""

from __future__ import annotations

from smallbert.report.front.answers import Frontier, Need, Worthless
from smallbert.report.front.reasons import Reason


def take(found: Frontier) -> str:
    """What to take for usual needs; what costs less and may do too; where nothing is sure to do, why."""
    needs = " ".join(f"{one.need}: {_answer(one)}." for one in found.needs)
    return f"What to take to be sure of {found.keep or 'the share asked for'} of the reference's worth. {needs}"


def unjudged(found: Frontier) -> str:
    """Which measures count for nothing since the reference is worth too little in them, and what rests on one measure.

    Empty where every measure counts.
    """
    if not found.worthless:
        return ""
    lost = "; ".join(f"{one.measure} of the {one.kind} ({_worth(one)})" for one in found.worthless)
    said = f"Left out, because the reference itself is worth too little there to keep a share of: {lost}."
    single = [f"{one.need[0].lower()}{one.need[1:]} ({one.measures})" for one in found.on_one_measure]
    return f"{said} On one measure alone rest: {'; '.join(single)}." if single else said


def _answer(one: Need) -> str:
    if not one.cost:
        return f"{one.take}; {_short(one.why)}" if one.why else one.take
    # A code's name has its bytes.
    taken = one.take if one.cost.removesuffix(" a vector") in one.take else f"{one.take}, {one.cost}"
    if one.arithmetic:
        taken += f", where the processor has {one.arithmetic} arithmetic"
    return f"{taken}; {_short(one.why)}" if one.why else taken


def _short(why: str) -> str:
    """What may do, without its interval, which stands below the table; what comes nearest as it is told."""
    reason = Reason.of(why)
    if not (reason and reason.may):
        return why
    unsure = []
    if reason.time is not None:
        unsure.append("its time not told to be shorter")
    if reason.kept:
        unsure.append(f"measured on too few {reason.kept.over or 'texts'} to be sure")
    cost = f" ({reason.cost})" if reason.cost else ""
    return f"{reason.name}{cost} may do{' too' * reason.too}, {', and '.join(unsure)}"


def _worth(one: Worthless) -> str:
    if one.commonest != one.commonest:
        return f"{one.worth:.3f}"
    return f"{one.worth:.3f}, no better for sure than always the commonest, {one.commonest:.3f}"
