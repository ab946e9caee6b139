"""What a page found, in one sentence: true whatever the numbers say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import singledispatch
from math import isinf

from smallbert.report.front.answers import Frontier, Triples
from smallbert.report.front.encoders import Copied, Judged, Kept, Narrowed, Sharing, Students, Tasks
from smallbert.report.front.narrowing import Articles, Floor, Schedules
from smallbert.report.front.planned import Planned
from smallbert.report.front.reference import Reference
from smallbert.report.front.taking import take
from smallbert.report.front.tally import Tally
from smallbert.studies.contrasts import NOT_AFTER_CORRECTION
from smallbert.studies.decoder_best import Best
from smallbert.studies.depth_training import Outcome, TrainingEffect
from smallbert.studies.distillation_measures import effect

CLAIMS = ("holds", "does not hold", "cannot be told", "not measured in this edition")
"""Verdicts on claims, see :mod:`smallbert.studies.claims_checks`, which loads too much for a first page."""


_TRAINING: dict[Outcome, str] = {
    "none": "no loss is shown that training could remove",
    "removed": "more training removes what depth costs",
    "partly": "more training removes part of what depth costs, not all",
    "untold rest": "more training removes part of what depth costs, and of the rest nothing can be told",
    "grows": "more training does not remove what depth costs",
    "untold": "whether more training removes what depth costs cannot be told",
}


@singledispatch
def sentence(found: object) -> str:
    """The sentence of a finding of :mod:`smallbert.report.front.findings`, plain text."""
    raise TypeError(f"Expected a finding, got {found!r}.")


@sentence.register
def _(found: Articles) -> str:
    between = topic = ""
    if found.between:
        share, within = found.between
        between = f"; {percent(share)} of it lies between languages, and within them 95% takes {within:,}"
    if found.topic:
        whole, alone = found.topic
        first = f" From the first {found.components:,} alone a linear probe reads"
        topic = f"{first} {alone:.0%} of topics, from the whole vector {whole:.0%}."
    return (
        f"{counted(found.rows, 'article')} in {counted(found.languages, 'language')} become vectors of "
        f"{counted(found.width, 'number')}; {counted(found.components, 'principal component')} "
        f"{'hold' if found.components != 1 else 'holds'} 95% of their variance{between}.{topic}"
    )


@sentence.register
def _(found: Floor) -> str:
    return (
        f"In {counted(found.cells, 'cell')} no encoder with one affine decoder layer gets below PCA (nearest: "
        f"{distance(found.least)} of the variance above). Deeper encoders against "
        f"{counted(found.shallowest, 'layer')}, trained fairly for {counted(found.epochs, 'epoch')}: "
        f"{told(found.deeper)}.{_training(found.training)} Freed decoders trained with their encoder that get "
        f"below PCA on held-out articles for sure: {'; '.join(found.freed) or 'none'}.{_bent(found.bent)}"
    )


def _bent(found: Sequence[Best]) -> str:
    """What decoders of PCA's own code gain, each width of it apart."""
    each = "; ".join(
        f"{_gained(one.gain)} with codes of {one.k}"
        + ("" if one.within is None else f" ({_gained(one.within)} with each language's mean taken off)")
        for one in found
    )
    return f" Fitted to PCA's own code instead, the best decoder takes off PCA's error: {each}." if found else ""


def _gained(share: float) -> str:
    return percent(share) if share else "nothing for sure"


def _training(found: TrainingEffect | None) -> str:
    """Whether what depth costs is one of training: as page 2 tells it, and no more."""
    if not found:
        return ""
    lost = (
        f" On average deeper encoders {_lose(found.before.estimate)} of the variance after {found.shortest} epochs and "
        f"{_lose(found.after.estimate)} after {found.longest}: "
    )
    return f"{lost}{_TRAINING[found.outcome]}."


def _lose(share: float) -> str:
    return f"{'gain' if share < 0 else 'lose'} {abs(share):.4f}"


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
            f"None of the {counted(found.arms, 'small encoder')} that page 4 trains from scratch is shown to have "
            "learnt more than word frequencies, so what sharing or factorising costs in quality cannot be told."
        )
    which = f"All {found.arms}" if found.learnt == found.arms else f"{found.learnt} of the {found.arms}"
    some = f"{which} small encoders that page 4 trains from scratch are shown to have learnt more than word frequencies"
    narrowed = _narrowed(found.narrowed)
    if not found.trained.total:
        return f"{some}, but no two that differ in sharing alone: what it costs in quality cannot be told.{narrowed}"
    twins = f"those that share layers, against their unshared twins, by held-out loss: {told(found.trained)}"
    return f"{some}; {twins}.{narrowed}"


def _narrowed(found: Narrowed | None) -> str:
    if not found:
        return " What factorising costs cannot be told: no two that differ in that alone have."
    return (
        f" Those with a factorised embedding, against their twins of width {found.against}: {told(found.pairs)} "
        f"(E = {found.width}, {found.sharing}, {effect('loss', found.change)})."
    )


@sentence.register
def _(found: Students) -> str:
    name = "loss" if found.by_loss else "similarity"
    what = "the held-out loss, in nats" if found.by_loss else "the similarity to the teacher"
    verdict = told(found.against_longer, alone=True)
    below = ""
    if found.learnt:
        learnt, taught = found.learnt
        below = (
            f" Shown to have learnt more than word frequencies alone ({found.frequencies:.3f} nats): "
            f"{learnt or 'none'} of the {counted(taught, 'small student')} that page 5 teaches."
        )
    return (
        f"Taught students against one trained alone for as many steps, by {what}: {told(found.methods)}. Best by its "
        f"mean: {found.best}, which {effect(name, found.gain)}; against training alone for as many operations: "
        f"{verdict} (it {effect(name, found.longer)}).{below}{_copied(found.copied, name)}{_judged(found.judged)}"
    )


def _copied(found: Copied | None, name: str) -> str:
    if not found:
        return ""
    return (
        f" A start from the teacher's layers (students of its width), against a fresh one and trained alone: "
        f"{told(found.against_fresh, alone=True)} (it {effect(name, found.start)}); what teaching adds to that: "
        f"{told(found.against_alone, alone=True)} (it {effect(name, found.taught)})."
    )


def _judged(found: Judged | None) -> str:
    """On what small a ground it stands."""
    if not found:
        return ""
    texts = "generated text" if found.generated else "articles"
    which = f"one language ({found.only})" if found.only else counted(found.languages, "language")
    return f" Read and judged on {texts} in {which}; probes on {counted(found.articles, 'test article')}."


@sentence.register
def _(found: Tasks) -> str:
    if not found.learnt:
        return (
            f"Frozen, the whole encoder beats a constant answer on none of {counted(found.tasks, 'task')}: nothing to "
            f"keep can be told. {_samples(found)}"
        )
    said = (
        f"Frozen, the whole encoder beats a constant answer on {len(found.learnt)} of {counted(found.tasks, 'task')} "
        f"and a bag of words too on {found.over_words or 'none'}"
    )
    if found.best is None or found.smallest is None:
        return f"{said}: nothing to keep can be told. {_samples(found)}"
    kept = [found.best] if found.best == found.smallest else [found.best, found.smallest]
    names = ["most is kept by", "the smallest is"]
    each = "; ".join(f"{name} {_kept(one)}" for name, one in zip(names, kept, strict=False))
    summed = f"summed over {'; '.join(found.learnt)}"
    random = ""
    if found.random:
        above = f"{found.not_above} {_is(found.not_above)} not" if found.not_above else "all are"
        random = (
            f" The same architecture with random weights keeps {found.random.share:.0%} [{_limits(found.random)}]; of "
            f"{counted(found.encoders, 'encoder')} {above} above that by mean."
        )
    return f"{said}. Of its points above a constant answer ({summed}) {each}.{random} {_samples(found)}"


def _samples(found: Tasks) -> str:
    """How few examples the tasks have, and how little the least certain share says."""
    few, many = found.examples
    said = f"Each task is learnt from {few:,}{f' to {many:,}' if many > few else ''} examples"
    if not found.widest:
        return f"{said}."
    if isinf(found.widest.low) or isinf(found.widest.high):
        return f"{said}: the least certain share, that of {found.widest.name}, has no limits."
    return (
        f"{said}: the least certain share, that of {found.widest.name}, lies anywhere from {found.widest.low:.0%} to "
        f"{found.widest.high:.0%}."
    )


@sentence.register
def _(found: Triples) -> str:
    return (
        "In the generated world, whatever the edition's articles are: about entities it was not trained on, the reader "
        f"with the sentence that answers, against none: {told(found.text)}; with the right triple, against a wrong "
        f"one: {told(found.follows)}; with other triples beside the right one, against it alone: {told(found.crowded)}."
    )


@sentence.register
def _(found: Frontier) -> str:
    counts = ", ".join(f"{one} {found.count(one)}{_looked_up(found, one)}" for one in CLAIMS if found.count(one))
    return f"{take(found)} Of {counted(len(found.claims), 'claim')} of the original write-ups: {counts}."


def _looked_up(found: Frontier, verdict: str) -> str:
    count = found.by_source.get(verdict, 0)
    return f" ({count} of these by a source, not by a measurement)" if count else ""


@sentence.register
def _(found: Planned) -> str:
    if found.plans:
        each = "; ".join(f"{plan.articles:,} articles in {plan.time} and {plan.disk} of disk" for plan in found.plans)
        said = f"On {found.machine} the edition's encoder would read, if its rate on few articles held, {each}."
    else:
        said = "What many articles take is not told: no rate of the edition's encoder was measured."
    return f"{said} {_benchmarks(found)}"


def _benchmarks(found: Planned) -> str:
    """These are of their own models and data, whatever the edition."""
    said = [
        f"ours is faster than {'a plain PyTorch loop' if one.loop else 'the fastest other library'} in the same number "
        f"format in every round of {one.ahead or 'none'} of {counted(one.pairs, 'pair')} of task and format "
        f"({one.least:.2f} to {one.most:.2f} times as fast){_others(one.behind)}"
        for one in found.beside
    ]
    if found.targets:
        reached = f"{found.reached or 'none'} of {counted(found.targets, 'measured target')}"
        said.append(f"{reached}, set against the peer at its default, {_is(found.reached)} reached")
    if not said:
        return "Benchmarks have not been measured."
    return f"Benchmarks, each on an encoder and articles of its own: {'; '.join(said)}."


def _others(pairs: Mapping[str, float]) -> str:
    """Pairs of task and format in which ours is not ahead in every round, with how many times as fast it is."""
    return f", not in {' and '.join(f'{task} ({times:.2f})' for task, times in pairs.items())}" if pairs else ""


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


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _kept(one: Kept) -> str:
    return f"{one.name} ({one.share:.0%} [{_limits(one)}], with {percent(one.parameters)} of the parameters)"


def _limits(one: Kept) -> str:
    return "without limits" if isinf(one.low) or isinf(one.high) else f"{one.low:.0%}, {one.high:.0%}"


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
