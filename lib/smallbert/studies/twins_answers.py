"""What the differences between the twins come to: changes paired by seed, and the words they allow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd

from smallbert.published import published
from smallbert.studies.contrasts import NOT_AFTER_CORRECTION, contrast, corrected, worded
from smallbert.studies.twins import ALL, BERT, BOTH, DIFFERENCES, LEFT, PLAIN
from smallbert.studies.twins_tasks import COMMONEST, WORDS, TwinTask

MARGIN = 0.02
"""A difference of two points of accuracy or F1 does not matter; intervals within it are equivalent."""

NOT_LEARNT = "not learnt"


def learnt(means: pd.DataFrame, controls: pd.DataFrame) -> set[tuple[str, str]]:
    """Which twins are told above the commonest answer of which tasks, by their 95% interval over seeds.

    Args:
        means: from :func:`smallbert.studies.twins.summary`.
        controls: from :func:`smallbert.studies.twins_tasks.controls`.

    Returns:
        Pairs of twin and task.
    """
    floor = controls[controls.control == COMMONEST].set_index("task").score
    return {(row.twin, row.task) for row in means.itertuples() if row.low > floor[row.task]}


def contrasts(cells: pd.DataFrame, asked: Sequence[TwinTask], known: Collection[tuple[str, str]]) -> pd.DataFrame:
    """Every difference in the mean of the tasks that it can matter to, paired by seed and corrected by Holm.

    Two twins that both give the commonest answer differ by nothing whatever they are: such a task would make any
    difference look smaller than it is, and count as equivalent. It is left out.

    Args:
        cells: one row a twin, task and seed.
        asked: the tasks.
        known: from :func:`learnt`; a task counts where one of the two twins has learnt it.

    Returns:
        Columns ``difference``, ``tasks`` (how many), ``change`` (GPT-1's way less BERT's, in the mean score), ``low``,
        ``high``, ``pairs``, ``p_holm``, ``verdict``; :data:`NOT_LEARNT` and not-a-number where no task is left.
    """
    rows = []
    for name in DIFFERENCES:
        if concerned := _concerned(name, asked):
            own = [task for task in concerned if any((twin, task) in known for twin in DIFFERENCES[name])]
            change = _change(cells[cells.task.isin(own)], name) if own else contrast(_NONE, _NONE)
            rows.append({"what": name, "tasks": len(own)} | change)
    found = corrected(pd.DataFrame(rows), margin=MARGIN)
    found["verdict"] = found.verdict.where(found.tasks > 0, NOT_LEARNT)
    return found.rename(columns={"difference": "change", "what": "difference"})


_NONE = pd.Series(dtype=float)


def by_task(cells: pd.DataFrame, asked: Sequence[TwinTask]) -> pd.DataFrame:
    """The same changes for each task, with their intervals alone: too many to be tested with a few seeds.

    Returns:
        Columns ``difference``, ``task``, ``change``, ``low``, ``high``, ``pairs``.
    """
    rows = [
        {"what": name, "task": task} | _change(cells[cells.task == task], name)
        for name in DIFFERENCES
        for task in _concerned(name, asked)
    ]
    found = pd.DataFrame(rows).drop(columns="p")
    return found.rename(columns={"difference": "change", "what": "difference"})


def _concerned(difference: str, asked: Sequence[TwinTask]) -> list[str]:
    """Tasks that a difference can matter to."""
    pair = DIFFERENCES[difference]
    if pair == (BOTH, BERT):
        return [one.name for one in asked if one.one_token]
    if pair == (PLAIN, LEFT):
        return [one.name for one in asked if one.pairs]
    return [one.name for one in asked]


def _change(cells: pd.DataFrame, difference: str) -> dict[str, float]:
    means = cells.groupby(["seed", "twin"]).score.mean().unstack()
    gpt, bert = DIFFERENCES[difference]
    return contrast(means[gpt], means[bert])


def answer(differences: pd.DataFrame) -> str:
    """Which differences matter here, which do not, and which cannot be told, in one paragraph.

    Args:
        differences: from :func:`contrasts`.
    """
    alone = differences[differences.difference != ALL]
    untaught = differences.verdict == NOT_LEARNT
    if untaught.all():
        return (
            "No difference between the twins is to be seen: neither of any two that are compared is told above the "
            "commonest answer in any task that concerns them."
        )
    said = [
        f"GPT-1's way less BERT's, mean score of the tasks that one of the two has learnt, "
        f"{int((~untaught).sum())} comparisons over "
        f"{int(differences.pairs.max())} paired seeds, Holm-corrected."
    ]
    for verdict, who in (("higher", "GPT-1's way is better"), ("lower", "BERT's way is better")):
        own = alone[alone.verdict == verdict]
        said.append(f"{who}: {_told(own)}." if len(own) else f"In no single difference is it shown that {who}.")
    nothing = (alone.low == 0) & (alone.high == 0)
    if nothing.any():
        said.append(f"Nothing changes at all, in any seed: {'; '.join(alone.difference[nothing])}.")
    same = alone[(alone.verdict == "equivalent") & ~nothing]
    if len(same):
        said.append(f"Equivalent within {MARGIN:.2f}: {_told(same)}.")
    unknown = alone[~alone.verdict.isin(["higher", "lower", "equivalent", NOT_LEARNT])]
    beside = pd.Series([worded(row) == NOT_AFTER_CORRECTION for row in unknown.itertuples()], unknown.index, dtype=bool)
    if beside.any():
        said.append(f"{NOT_AFTER_CORRECTION.capitalize()} for so many comparisons: {_told(unknown[beside])}.")
    if not beside.all():
        said.append(f"Not told by so few seeds: {'; '.join(unknown.difference[~beside])}.")
    if (alone.verdict == NOT_LEARNT).any():
        names = "; ".join(alone.difference[alone.verdict == NOT_LEARNT])
        said.append(f"Not to be seen, since neither twin has learnt a task that it concerns: {names}.")
    words = {"higher": "better", "lower": "worse", "equivalent": f"equivalent within {MARGIN:.2f}"}
    for row in differences[(differences.difference == ALL) & ~untaught].itertuples():
        said.append(
            f"All of GPT-1's ways against all of BERT's: {words.get(row.verdict, worded(row))} ({_numbers(row)})."
        )
    return " ".join(said)


def _told(rows: pd.DataFrame) -> str:
    return "; ".join(f"{row.difference} ({_numbers(row)})" for row in rows.itertuples())


def _numbers(row: Any) -> str:
    return f"{row.change:+.3f} [{row.low:+.3f}, {row.high:+.3f}]"


def learnt_sentence(means: pd.DataFrame, controls: pd.DataFrame) -> str:
    """What the twins have learnt at all: between two that have learnt nothing, no difference says anything.

    Args:
        means: from :func:`smallbert.studies.twins.summary`.
        controls: from :func:`smallbert.studies.twins_tasks.controls`.
    """
    known = controls.pivot(index="task", columns="control", values="score")
    taught = Counter(task for _, task in learnt(means, controls))
    said = []
    for task, own in means.groupby("task", sort=False):
        above = int((own["mean"] > known.loc[task, WORDS]).sum())
        said.append(
            f"{task}: {taught[task]} of {len(own)} twins are told above the commonest answer "
            f"({known.loc[task, COMMONEST]:.1%}), {above} have a mean above what the words alone give "
            f"({known.loc[task, WORDS]:.1%})"
            + ("" if taught[task] else "; here nothing has been learnt, so nothing follows")
        )
    return ". ".join(part[0].upper() + part[1:] for part in said) + "."


def pretraining_sentence(pretraining: pd.DataFrame) -> str:
    """What the pretraining of both kinds came to: their losses are of different questions and not compared."""
    parts = []
    for name in (BERT, LEFT):
        own = pretraining[pretraining.twin == name]
        kind = "the next token from the left" if own.left.iloc[0] else "masked tokens from both sides"
        parts.append(f"{kind}: {own.accuracy.mean():.1%} right, {own.loss.mean():.2f} nats")
    return "Held out, after equal tokens: " + "; ".join(parts) + ". These are different questions, so not compared."


def reported() -> pd.DataFrame:
    """BERT's own comparison, its Table 5: the left-to-right model against the one without next sentences, in points.

    Returns:
        Columns ``task``, ``both sides``, ``left to right``, ``change``.
    """
    both, left = (published(f"bert.table5.{name}.scores") for name in ("no_nsp", "left_to_right"))
    tasks = [task.strip() for task in both.unit.removeprefix("%:").split("(")[0].split(",")]
    table = pd.DataFrame({"task": tasks, "both sides": both.value, "left to right": left.value})
    return table.assign(change=np.round(table["left to right"] - table["both sides"], 1))
