"""What a page found, in one sentence: true whatever the numbers say."""

from __future__ import annotations

from functools import singledispatch
from math import isinf

from smallbert.report.front.answers import Frontier, Need, Triples
from smallbert.report.front.encoders import Kept, Sharing, Students, Tasks
from smallbert.report.front.narrowing import Articles, Floor, Schedules
from smallbert.report.front.reference import Reference
from smallbert.report.front.tally import Tally
from smallbert.studies.contrasts import NOT_AFTER_CORRECTION
from smallbert.studies.distillation_measures import effect

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
        f"trained fairly for {counted(found.epochs, 'epoch')}: {told(found.deeper)}{_budgets(found)}. Below PCA on "
        f"held-out articles for sure, {freed}."
    )


def _budgets(found: Floor) -> str:
    if not found.budgets:
        return ""
    (few, before), (many, after) = found.budgets
    if not found.fell:
        return f"; from {few} to {many} epochs the largest gap to PCA did not fall ({before:.4f}, then {after:.4f})"
    return (
        f"; from {few} to {many} epochs the largest gap to PCA fell from {before:.4f} to {after:.4f}, so part of it is "
        "training, not depth"
    )


@sentence.register
def _(found: Schedules) -> str:
    return (
        f"At equal size and trained fairly, {found.rule} against uniform widths: {told(found.equal_size)} (mean "
        f"difference {found.difference:+.4f} of the variance)."
    )


@sentence.register
def _(found: Sharing) -> str:
    operations = 1 - found.operations
    saved = f"{percent(operations)} of its operations" if operations >= 0.005 else "none of its operations"
    return (
        f"Factorised and shared ({found.smallest}), multilingual BERT saves {1 - found.kept:.0%} of its "
        f"{found.parameters:,} parameters and {saved}. {_sharing(found)}"
    )


def _sharing(found: Sharing) -> str:
    if not found.learnt:
        return (
            f"None of the {counted(found.arms, 'encoder')} trained here has learnt more than word frequencies, so what "
            "sharing costs in quality cannot be told."
        )
    which = f"All {found.arms}" if found.learnt == found.arms else f"{found.learnt} of {found.arms}"
    some = f"{which} encoders trained here have learnt more than word frequencies"
    if not found.trained.total:
        return f"{some}, but no two that differ in sharing alone: what it costs in quality cannot be told."
    return f"{some}; those that share layers, against their unshared twins, by held-out loss: {told(found.trained)}."


@sentence.register
def _(found: Students) -> str:
    name = "loss" if found.by_loss else "similarity"
    what = "the held-out loss, in nats" if found.by_loss else "the similarity to the teacher"
    verdict = told(found.against_longer, alone=True)
    below = ""
    if found.learnt:
        learnt, taught = found.learnt
        below = (
            f" Of {counted(taught, 'taught student')}, those that have learnt more than word frequencies alone "
            f"({found.frequencies:.3f} nats): {learnt}."
        )
    return (
        f"Taught students against one trained alone for as many steps, by {what}: {told(found.methods)}. Best by its "
        f"mean: {found.best}, which {effect(name, found.gain)}; against training alone for as many operations: "
        f"{verdict} (it {effect(name, found.longer)}).{below}"
    )


@sentence.register
def _(found: Tasks) -> str:
    said = (
        f"Frozen, the whole encoder beats a constant answer on {len(found.learnt)} of {counted(found.tasks, 'task')} "
        f"and a bag of words too on {found.over_words}"
    )
    if found.best is None or found.smallest is None:
        return f"{said}: nothing to keep can be told."
    kept = [found.best] if found.best == found.smallest else [found.best, found.smallest]
    names = ["most is kept by", "the smallest is"]
    each = "; ".join(f"{name} {_kept(one)}" for name, one in zip(names, kept, strict=False))
    summed = f"summed over {'; '.join(found.learnt)}"
    random = (
        f" The same architecture with random weights keeps {found.random.share:.0%} [{_limits(found.random)}]; of "
        f"{counted(found.encoders, 'encoder')} {found.not_above} {'is' if found.not_above == 1 else 'are'} not above "
        "that by mean."
        if found.random
        else ""
    )
    return f"{said}. Of its points above a constant answer ({summed}) {each}.{random}"


@sentence.register
def _(found: Triples) -> str:
    return (
        f"About entities it was not trained on, the reader with the sentence that answers, against none: "
        f"{told(found.text)}; with the right triple, against a wrong one: {told(found.follows)}; with other triples "
        f"beside the right one, against it alone: {told(found.crowded)}."
    )


@sentence.register
def _(found: Frontier) -> str:
    counts = ", ".join(f"{verdict} {found.count(verdict)}" for verdict in CLAIMS if found.count(verdict))
    return f"{take(found)} Of {counted(len(found.claims), 'claim')} of the original write-ups: {counts}."


def take(found: Frontier) -> str:
    """What to take for usual needs; where nothing is sure to do, why."""
    needs = " ".join(f"{one.need}: {_answer(one)}." for one in found.needs)
    return f"What to take to be sure of {found.keep or 'the share asked for'} of the reference's worth. {needs}"


def _answer(one: Need) -> str:
    if one.cost:  # a code's name has its bytes
        return one.take if one.cost.removesuffix(" a vector") in one.take else f"{one.take}, {one.cost}"
    return f"{one.take} ({one.why})" if one.why else one.take


def measured(found: Reference) -> str:
    """With what encoder and articles everything was measured, and that another may differ."""
    size = f", {found.parameters:,} parameters" if found.parameters else ""
    texts = f"{',' if size else ''} on {counted(found.rows, 'article')} ({found.corpus})" if found.rows else ""
    said = f"Measured with {found.encoder}{size}{texts}"
    if not found.own:
        return f"{said}: another encoder may differ."
    released = f" ({found.released:,} parameters)" if found.released else ""
    return f"{said}, not with released multilingual BERT{released}, which may differ."


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


def _kept(one: Kept) -> str:
    return f"{one.name} ({one.share:.0%} [{_limits(one)}], with {percent(one.parameters)} of the parameters)"


def _limits(one: Kept) -> str:
    return "without limits" if isinf(one.low) or isinf(one.high) else f"{one.low:.0%}, {one.high:.0%}"


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
