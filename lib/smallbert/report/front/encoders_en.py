"""What pages 4 to 6 found, as one English sentence each."""

from __future__ import annotations

from math import isinf

from smallbert.report.front.encoders import Copied, Judged, Narrowed, Sharing, Students
from smallbert.report.front.phrases import be, counted, percent, told
from smallbert.report.front.tasks import Kept, Tasks
from smallbert.studies.distillation_measures import effect
from smallbert.studies.layer_effect import LayerEffect


def sharing(found: Sharing) -> str:
    """Page 4: what factorising and sharing save, and cost where that can be told."""
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
    return f"{some}; {twins}.{_layers(found.layers)}{narrowed}"


def _layers(found: LayerEffect | None) -> str:
    """That there may have been nothing to lose."""
    if found is None or found.told:
        return ""
    return (
        f" But {found.many} layers of one set of weights are not told to be better than {found.few} (that "
        f"{effect('loss', found.change)}), and sharing can cost no more than layers add."
    )


def _narrowed(found: Narrowed | None) -> str:
    if not found:
        return " What factorising costs cannot be told: no two that differ in that alone have."
    return (
        f" Those with a factorised embedding, against their twins of width {found.against}: {told(found.pairs)} "
        f"(E = {found.width}, {found.sharing}, {effect('loss', found.change)})."
    )


def students(found: Students) -> str:
    """Page 5: what a teacher gives a student beyond training alone."""
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
    joined, under = (", ", "embeddings and head") if name == "loss" else (" and ", "embeddings")
    return (
        f" A start from the teacher's layers{joined}{under} (students of its width), against a fresh one and trained "
        f"alone: {told(found.against_fresh, alone=True)} (it {effect(name, found.start)}), of which what the layers "
        f"add to its {under}: {told(found.against_embeddings, alone=True)} (it {effect(name, found.layers)}); what "
        "teaching adds to that start: "
        f"{told(found.against_alone, alone=True)} (it {effect(name, found.taught)})."
    )


def _judged(found: Judged | None) -> str:
    """On what small a ground it stands."""
    if not found:
        return ""
    texts = "generated text" if found.generated else "articles"
    which = f"one language ({found.only})" if found.only else counted(found.languages, "language")
    return f" Read and judged on {texts} in {which}; probes on {counted(found.articles, 'test article')}."


def tasks(found: Tasks) -> str:
    """Page 6: what compressed encoders keep on tasks, and on how few examples that stands."""
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
        above = f"{found.not_above} {be(found.not_above)} not" if found.not_above else "all are"
        random = (
            f" The same architecture with random weights keeps {found.random.share:.0%} [{_limits(found.random)}]; of "
            f"{counted(found.encoders, 'encoder')} {above} above that by mean."
        )
    return f"{said}. Of its points above a constant answer ({summed}) {each}.{random} {_samples(found)}"


def _samples(found: Tasks) -> str:
    """How few examples the tasks have, and how little the least certain share says."""
    few, many = found.examples
    said = f"Each task is learnt from {few:,}{f' to {many:,}' if many > few else ''} examples"
    if found.generated:
        which = "all tasks" if found.generated == found.tasks else f"{found.generated} of the tasks"
        said += f" ({which}: generated English)"
    if not found.widest:
        return f"{said}."
    if isinf(found.widest.low) or isinf(found.widest.high):
        return f"{said}: the least certain share, that of {found.widest.name}, has no limits."
    return (
        f"{said}: the least certain share, that of {found.widest.name}, lies anywhere from {found.widest.low:.0%} to "
        f"{found.widest.high:.0%}."
    )


def _kept(one: Kept) -> str:
    return f"{one.name} ({one.share:.0%} [{_limits(one)}], with {percent(one.parameters)} of the parameters)"


def _limits(one: Kept) -> str:
    return "without limits" if isinf(one.low) or isinf(one.high) else f"{one.low:.0%}, {one.high:.0%}"
