"""What a page found, in one sentence: true whatever the numbers say."""

from __future__ import annotations

from functools import singledispatch
from math import isinf

from smallbert.report.front.encoders import Frontier, Kept, Sharing, Students, Tasks, Triples
from smallbert.report.front.narrowing import Articles, Floor, Schedules
from smallbert.report.front.tally import Tally

CLAIMS = ("holds", "does not hold", "cannot be told", "not measured in this edition")
"""Verdicts on claims, see :mod:`smallbert.studies.claims_checks`, which loads too much for a first page."""


@singledispatch
def sentence(found: object) -> str:
    """The sentence of a finding of :mod:`smallbert.report.front.findings`, plain text."""
    raise TypeError(f"Expected a finding, got {found!r}.")


@sentence.register
def _(found: Articles) -> str:
    return (
        f"{counted(found.rows, 'article')} in {counted(found.languages, 'language')} become vectors of "
        f"{counted(found.width, 'number')}; {counted(found.components, 'principal component')} "
        f"{'hold' if found.components != 1 else 'holds'} 95% of their variance."
    )


@sentence.register
def _(found: Floor) -> str:
    freed = f"decoders that do: {'; '.join(found.freed)}" if found.freed else "no freed decoder does"
    return (
        f"In {counted(found.cells, 'cell')} no encoder with one affine decoder layer gets below PCA (nearest: "
        f"{found.least:.4f} of the variance above). Deeper encoders against {counted(found.shallowest, 'layer')}, "
        f"trained fairly: {told(found.deeper)}. Below PCA on held-out articles for sure, {freed}."
    )


@sentence.register
def _(found: Schedules) -> str:
    return (
        f"At equal size and trained fairly, {found.rule} against uniform widths: {told(found.equal_size)} (mean "
        f"difference {found.difference:+.4f} of the variance)."
    )


@sentence.register
def _(found: Sharing) -> str:
    return (
        f"Factorised and shared ({found.smallest}), multilingual BERT keeps {found.kept:.0%} of its "
        f"{found.parameters:,} parameters and {found.operations:.0%} of its operations. Encoders trained here that "
        f"share layers, against their unshared twins, by held-out loss: {told(found.trained)}; {found.learnt} of "
        f"{counted(found.arms, 'encoder')} have learnt more than how often words occur."
    )


@sentence.register
def _(found: Students) -> str:
    unit = "nats of held-out loss" if found.by_loss else "of similarity to the teacher"
    return (
        f"Taught students against one trained alone for as many steps: {told(found.methods)}. Best by its mean: "
        f"{found.best}, {change(found.gain)} {unit}; against training alone for as many operations, "
        f"{change(found.longer)}."
    )


@sentence.register
def _(found: Tasks) -> str:
    if found.best is None or found.smallest is None:
        return f"The whole encoder, frozen, has learnt none of {counted(found.tasks, 'task')}: nothing can be kept."
    kept = [found.best] if found.best == found.smallest else [found.best, found.smallest]
    names = ["most is kept by", "the smallest is"]
    said = "; ".join(f"{name} {_kept(one)}" for name, one in zip(names, kept, strict=False))
    return f"Frozen, on the {found.learnt} of {counted(found.tasks, 'task')} that the whole encoder has learnt: {said}."


@sentence.register
def _(found: Triples) -> str:
    return (
        f"About entities it was not trained on, the reader with the sentence that answers, against none: "
        f"{told(found.text)}; with the right triple, against a wrong one: {told(found.follows)}; with other triples "
        f"beside the right one, against it alone: {told(found.crowded)}."
    )


@sentence.register
def _(found: Frontier) -> str:
    needs = "; ".join(
        f"{one.need[0].lower()}{one.need[1:]}: {f'{one.take}, {one.cost}' if one.cost else 'nothing measured does'}"
        for one in found.needs
    )
    counts = ", ".join(f"{verdict} {found.count(verdict)}" for verdict in CLAIMS if found.count(verdict))
    keep = f"To keep {found.keep} of the reference for sure" if found.keep else "To keep the reference's worth"
    return f"{keep}, {needs}. Of {counted(len(found.claims), 'claim')} of the original write-ups: {counts}."


def told(tally: Tally) -> str:
    """``better in 2 and worse in 1 of 3``, ``worse in all 5``."""
    names = {
        "better": tally.better,
        "worse": tally.worse,
        "equivalent": tally.equivalent,
        "no difference shown": tally.open,
        "not comparable": tally.failed,
    }
    some = [f"{name} in {'all ' if count == tally.total > 1 else ''}{count}" for name, count in names.items() if count]
    if len(some) == 1 < tally.total:
        return some[0]
    return f"{_listed(some)} of {tally.total}" if some else "not compared"


def counted(count: int, name: str) -> str:
    """``1 cell``, ``2,300 cells``."""
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def percent(share: float) -> str:
    """A share of something that is not nothing: ``13%``, ``0.4%``."""
    return f"{share:.0%}" if share >= 0.01 else f"{share:.1%}"


def change(limits: tuple[float, float, float]) -> str:
    """A difference with its limits: ``-0.626 [-0.664, -0.589]``."""
    return "{:+.3f} [{:+.3f}, {:+.3f}]".format(*limits)


def _kept(one: Kept) -> str:
    limits = "without limits" if isinf(one.low) or isinf(one.high) else f"{one.low:.0%}, {one.high:.0%}"
    return f"{one.name} ({percent(one.parameters)} of the parameters, {one.share:.0%} [{limits}] of the scores)"


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
