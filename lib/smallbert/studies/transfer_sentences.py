"""The sentences of page 6, computed: which tasks were learnt at all, which reduction costs which, and the answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from smallbert.published import published
from smallbert.studies.contrasts import NOT_AFTER_CORRECTION, worded
from smallbert.studies.facts import WORLD
from smallbert.studies.transfer_shelf import FRESH, REFERENCE
from smallbert.studies.transfer_table import MARGIN

UNDECIDED = "no difference shown"

_WORDS = {
    "lower": "lower on",
    "higher": "higher on",
    "equivalent": f"equivalent within {MARGIN:.2f} on",
    NOT_AFTER_CORRECTION: f"{NOT_AFTER_CORRECTION} on",
    UNDECIDED: "no difference shown on",
    "diverged": "not measured twice on",
}


def learnt(found: pd.DataFrame) -> str:
    """Which tasks the reference has learnt at all, and where words without order know as much.

    Args:
        found: from :func:`smallbert.studies.transfer_table.summary`.
    """
    own, said = found[found.model == REFERENCE], []
    for mode, part in own.groupby("mode", sort=False):
        known = [
            f"{row.task} ({row.metric} {row.score:.2f}, floor {row.floor:.2f})"
            for row in part[part.learnt].itertuples()
        ]
        lost = list(part.task[~part.learnt])
        said.append(
            f"{mode.capitalize()}, the {REFERENCE} beats a constant answer on {listed(known) or 'no task'}"
            + (f"; not on {listed(lost)}, of which nothing can be retained." if lost else ".")
            + f" Of these it beats a bag of words for sure on {listed(_over_words(part)) or 'none'}."
        )
    said += [
        f"{mode.capitalize()}, the {REFERENCE} is not used here, being too large: the others stand alone."
        for mode in dict.fromkeys(found["mode"])
        if mode not in set(own["mode"])
    ]
    best = own.groupby("task", sort=False).agg({"score": "max", "words": "first"})
    beaten = list(best.index[best.words >= best.score])
    said.append(
        f"By its mean a bag of words is as good or better on {_all_or(beaten, len(best))}."
        if beaten
        else f"By their means no bag of words is as good as the {REFERENCE}."
    )
    return " ".join(said)


def _over_words(part: pd.DataFrame) -> list[str]:
    """Tasks of one mode on which the reference's whole interval lies above a constant answer and a bag of words.

    A bag of words can be worse than a constant answer: to beat it alone says nothing.
    """
    own = part[part.model == REFERENCE]
    return list(own.task[own.learnt & (own.low > own.words)])


def _all_or(tasks: list[str], count: int) -> str:
    """Their names, or that they are all of several."""
    return f"all {count} tasks" if len(tasks) == count > 1 else listed(tasks)


def fresh(totals: pd.DataFrame) -> str:
    """What the architecture alone is worth, without pretraining.

    Args:
        totals: from :func:`smallbert.studies.transfer_table.overall`.
    """
    told = [
        f"{row.mode}, {row.retained:.0%} {_interval(row)} of what the {REFERENCE} reaches above a constant answer"
        for row in _rows(totals[totals.model == FRESH])
    ]
    return f"The same architecture with {FRESH} reaches, {'; '.join(told)}." if told else ""


def costs(totals: pd.DataFrame, differences: pd.DataFrame, facts: pd.DataFrame) -> list[str]:
    """Which reduction costs which task: a sentence an encoder and mode.

    Args:
        totals: from :func:`smallbert.studies.transfer_table.overall`.
        differences: from :func:`smallbert.studies.transfer_table.contrasts`.
        facts: from :meth:`smallbert.studies.transfer_shelf.Shelf.facts`.
    """
    size, said = facts.set_index("model")["of reference"], []
    for row in _rows(totals[~totals.model.isin([REFERENCE, FRESH])]):
        part = differences[(differences.model == row.model) & (differences["mode"] == row.mode)]
        told, verdicts = [], pd.Series([worded(one) for one in part.itertuples()], part.index, dtype=object)
        for verdict, word in _WORDS.items():
            own = part[verdicts == verdict]
            if len(own):  # the table has the numbers of what is not told
                known = list(own.task) if verdict == UNDECIDED else [_change(one) for one in own.itertuples()]
                told.append(f"{word} {listed(known)}")
        said.append(
            f"{row.model}, {row.mode}: {size[row.model]:.0%} of the parameters, {row.retained:.0%} {_interval(row)} of "
            f"the score above the floor; {'; '.join(told)}."
        )
    return said


def answer(
    totals: pd.DataFrame, differences: pd.DataFrame, facts: pd.DataFrame, tasks: int, found: pd.DataFrame
) -> str:
    """The answer in one paragraph: what the best reduction and the smallest leave, and how many lose for sure.

    Args:
        totals, differences, facts: as of :func:`costs`.
        tasks: number of all tasks.
        found: as of :func:`learnt`.
    """
    size, said = facts.set_index("model")["of reference"], []
    for mode, part in totals.groupby("mode", sort=False):
        own = found[(found.model == REFERENCE) & (found["mode"] == mode)]
        known = list(own.task[own.learnt])
        shrunk = part[~part.model.isin([REFERENCE, FRESH])]
        said.append(
            f"{mode.capitalize()}, on the {len(known)} of {tasks} tasks on which the {REFERENCE} beats a constant "
            f"answer ({listed(known)}; a bag of words too on {len(_over_words(own))}), of the points above that "
            f"answer{', summed over these tasks' if len(known) > 1 else ''}: "
            f"{_ends(shrunk, differences[differences['mode'] == mode], size)}."
        )
        said += [
            f"The same architecture with {FRESH} retains {row.retained:.0%} {_interval(row)}; "
            f"{int((shrunk.retained <= row.retained).sum())} of the {len(shrunk)} encoders are not above it by mean."
            for row in _rows(part[part.model == FRESH])
        ]
    if not said:
        return f"The {REFERENCE} beats a constant answer on none of the {tasks} tasks: nothing can be retained."
    return " ".join(said)


def _ends(shrunk: pd.DataFrame, differences: pd.DataFrame, size: pd.Series) -> str:
    """What the best encoder of a mode retains and what the smallest; :func:`costs` has the others."""
    if shrunk.empty:
        return "no other encoder stands beside it"
    worse = differences.model[differences.verdict == "lower"].value_counts()
    ends = dict.fromkeys([shrunk.retained.idxmax(), shrunk.model.map(size).idxmin()])
    told = [
        f"{name}, {row.model}, {size[row.model]:.0%} of the parameters, retains {row.retained:.0%} {_interval(row)}"
        + (f", lower for sure on {worse[row.model]}" if row.model in worse else "")
        for name, row in zip(["the best by its mean", "the smallest"], _rows(shrunk.loc[list(ends)]), strict=False)
    ]
    count = f"{len(worse)} of {len(shrunk)}" if len(worse) else f"none of {len(shrunk)}"
    return "; ".join([*told, f"lower for sure on some task: {count}"])


def rates_caption(rates: pd.DataFrame) -> str:
    """The caption of the table of rates: a choice is told only where there was one.

    Args:
        rates: of :class:`smallbert.studies.transfer.Cells`.
    """
    tried = {mode: list(part.rate.unique()) for mode, part in rates.groupby("mode", sort=False)}
    several = [mode for mode, own in tried.items() if len(own) > 1]
    single = ", ".join(f"{mode} {own[0]:g}" for mode, own in tried.items() if len(own) == 1)
    if not several:
        return f"One peak rate, set beforehand ({single}); none was chosen."
    if not single:
        return "Peak rates taken, the best on development."
    return f"Peak rates taken; {listed(several)}, the best on development; one rate set beforehand: {single}."


def examples(facts: pd.DataFrame) -> str:
    """How many examples every task has to learn from and on test, and whether they are generated.

    Args:
        facts: from :func:`smallbert.studies.task_suite.facts`.
    """
    sizes = [
        f"{train:,} and {test:,} ({'; '.join(part.task)})"
        for (train, test), part in facts.groupby(["train", "test"], sort=False)
    ]
    origin = (
        "All tasks are generated" if (facts.source == WORLD).all() else "No task is generated: all are read from files"
    )
    return f"Examples to learn from and to be tested on: {', '.join(sizes)}. {origin}."


def answering_caption(table: pd.DataFrame) -> str:
    """The caption of questions with and without an answer, and why there is none.

    Args:
        table: from :func:`smallbert.studies.transfer_table.answering`.
    """
    said = "Questions with and without an answer, apart"
    return f"{said}." if len(table) else f"{said}: empty, since no task here asks questions that have no answer."


def rates(chosen: pd.DataFrame) -> str:
    """The peak rates tried beside BERT's.

    Args:
        chosen: rates of :class:`smallbert.studies.transfer.Cells`.
    """
    printed = published("bert.fine_tuning_rates").value
    told = [
        f"{mode} {listed([f'{rate:g}' for rate in sorted(part.rate.unique())])} "
        f"({_range(sorted(part.rate.unique() / max(printed)))} times its largest)"
        for mode, part in chosen.groupby("mode", sort=False)
    ]
    return (
        f"BERT chooses its rate among {listed([f'{rate:g}' for rate in sorted(printed)])}. Small encoders and heads "
        f"take larger steps; tried here: {'; '.join(told)}."
    )


def listed(names: Sequence[str]) -> str:
    """``a, b and c``; empty where there are none."""
    return " and ".join([", ".join(names[:-1]), *names[-1:]]) if len(names) > 1 else "".join(names)


def _range(values: Sequence[float]) -> str:
    return " to ".join(f"{value:.3g}" for value in dict.fromkeys((values[0], values[-1])))


def _rows(frame: pd.DataFrame) -> list[Any]:
    return list(frame.rename(columns={"retained low": "low", "retained high": "high"}).itertuples())


def _interval(row: Any) -> str:
    if math.isinf(row.low) or math.isinf(row.high):
        return "[without limits]"
    return f"[{row.low:.0%}, {row.high:.0%}]"


def _change(row: Any) -> str:
    return f"{row.task} ({row.difference:+.2f} [{row.low:+.2f}, {row.high:+.2f}])"
