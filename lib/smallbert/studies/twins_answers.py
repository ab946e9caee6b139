"""What the differences between the twins come to: changes paired by seed, and the words they allow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from smallbert.published import published
from smallbert.studies.contrasts import NOT_AFTER_CORRECTION, contrast, corrected, worded
from smallbert.studies.twins import ALL, BERT, BOTH, DIFFERENCES, LEFT, PLAIN
from smallbert.studies.twins_tasks import COMMONEST, WORDS, TwinTask

MARGIN = 0.02
"""A difference of two points of accuracy or F1 does not matter; intervals within it are equivalent."""


def contrasts(cells: pd.DataFrame, asked: Sequence[TwinTask]) -> pd.DataFrame:
    """Every difference in the mean of the tasks that it can matter to, paired by seed and corrected by Holm.

    Returns:
        Columns ``difference``, ``tasks`` (how many), ``change`` (GPT-1's way less BERT's, in the mean score), ``low``,
        ``high``, ``pairs``, ``p_holm``, ``verdict``.
    """
    rows = []
    for name in DIFFERENCES:
        own = _concerned(name, asked)
        if own:
            rows.append({"what": name, "tasks": len(own)} | _change(cells[cells.task.isin(own)], name))
    found = corrected(pd.DataFrame(rows), margin=MARGIN)
    return found.rename(columns={"difference": "change", "what": "difference"})


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
    said = [
        f"GPT-1's way less BERT's, mean score of the tasks, {len(differences)} comparisons over "
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
    unknown = alone[~alone.verdict.isin(["higher", "lower", "equivalent"])]
    beside = pd.Series([worded(row) == NOT_AFTER_CORRECTION for row in unknown.itertuples()], unknown.index, dtype=bool)
    if beside.any():
        said.append(f"{NOT_AFTER_CORRECTION.capitalize()} for so many comparisons: {_told(unknown[beside])}.")
    if not beside.all():
        said.append(f"Not told by so few seeds: {'; '.join(unknown.difference[~beside])}.")
    words = {"higher": "better", "lower": "worse", "equivalent": f"equivalent within {MARGIN:.2f}"}
    for row in differences[differences.difference == ALL].itertuples():
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
    said = []
    for task, own in means.groupby("task", sort=False):
        taught = own.low > known.loc[task, COMMONEST]
        above = int((own["mean"] > known.loc[task, WORDS]).sum())
        said.append(
            f"{task}: {int(taught.sum())} of {len(own)} twins are told above the commonest answer "
            f"({known.loc[task, COMMONEST]:.1%}), {above} have a mean above what the words alone give "
            f"({known.loc[task, WORDS]:.1%})"
            + ("" if taught.any() else "; here nothing has been learnt, so nothing follows")
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
