"""What a page found, in one English sentence: true whatever the numbers say."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch

from smallbert.report.front import encoders_en, narrowing_en
from smallbert.report.front.answers import Frontier, Triples
from smallbert.report.front.encoders import Sharing, Students
from smallbert.report.front.narrowing import Articles, Floor, Schedules
from smallbert.report.front.phrases import be, counted, told
from smallbert.report.front.planned import Planned
from smallbert.report.front.reference import Reference
from smallbert.report.front.taking import take
from smallbert.report.front.tasks import Tasks

CLAIMS = ("holds", "does not hold", "cannot be told", "not measured in this edition")
"""Verdicts on claims, see :mod:`smallbert.studies.claims_checks`, which loads too much for a first page."""


@singledispatch
def sentence(found: object) -> str:
    """The sentence of a finding of :mod:`smallbert.report.front.findings`, plain text."""
    raise TypeError(f"Expected a finding, got {found!r}.")


sentence.register(Articles, narrowing_en.articles)
sentence.register(Floor, narrowing_en.floor)
sentence.register(Schedules, narrowing_en.schedules)
sentence.register(Sharing, encoders_en.sharing)
sentence.register(Students, encoders_en.students)
sentence.register(Tasks, encoders_en.tasks)


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
        said.append(f"{reached}, set against the peer at its default, {be(found.reached)} reached")
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
