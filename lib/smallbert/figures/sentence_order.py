"""Figure of page 4: what arms with another second task know of both tasks."""

from __future__ import annotations

import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from smallbert.figures.page import Chart
from smallbert.figures.style import BLUE, FLOOR, GREEN, INK, WIDTH

COLOURS = {"own head": (BLUE, "o"), "fresh head": (GREEN, "^"), "bag of words": (INK, "s")}
"""Who answers: colour and marker."""

CHANCE = 0.5


def cross_table(found: pd.DataFrame, reported: pd.DataFrame) -> Chart:
    """Accuracy of every arm on every task, a panel a task, beside what the paper reports.

    Args:
        found: columns ``arm``, ``task``, ``reader`` (own head, fresh head, bag of words), ``mean``, ``low``, ``high``
            (empty where there is no interval), ``seeds``.
        reported: columns ``arm``, ``task``, ``mean``.
    """
    tasks, arms = list(dict.fromkeys(found.task)), list(dict.fromkeys(found.arm))
    columns = min(3, len(tasks))
    rows = -(-len(tasks) // columns)
    figure, panels = plt.subplots(
        rows, columns, figsize=(WIDTH, (1.0 + 0.27 * len(arms)) * rows + 0.4), sharey=True, squeeze=False
    )
    for axes, task in zip(panels.flat, tasks, strict=False):
        _panel(axes, found[found.task == task], reported[reported.task == task], arms)
        axes.set(title=textwrap.fill(task, 26), xlabel="accuracy")
    for axes in panels.flat[len(tasks) :]:
        axes.remove()
    shown = [reader for reader in COLOURS if (found.reader == reader).any()]
    handles = [
        Line2D([], [], color=COLOURS[reader][0], marker=COLOURS[reader][1], linestyle="", label=reader)
        for reader in shown
    ]
    handles.append(Line2D([], [], color=FLOOR, marker="D", fillstyle="none", linestyle="", label="reported (ALBERT)"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    several = int(found.seeds.max()) > 1
    best = found.loc[found.groupby("task", sort=False)["mean"].idxmax()]
    return Chart(
        "second_task_accuracy",
        figure,
        pd.concat([found, reported.assign(reader="reported")], ignore_index=True),
        "Highest accuracy by task. "
        + "; ".join(f"{row.task}: {row.arm}, {row.reader} ({row.mean:.2f})" for row in best.itertuples())
        + ".",
        "Accuracy on test articles of arms that differ in their second task alone, and of words without their order. "
        "Own head: as it was trained. Fresh head: a logistic regression on the frozen encoder. Dotted: chance. Open "
        "diamonds: ALBERT, Table 5, far larger models on other text. Error bars: "
        + (
            "95%, at each end the wider of Student's t over seeds and Wilson's over pairs, which every seed shares; of "
            "masked words over seeds alone, of the bags of words over pairs alone."
            if several
            else "95% Wilson interval over pairs; one seed."
        ),
    )


def _panel(axes: plt.Axes, part: pd.DataFrame, reported: pd.DataFrame, arms: list[str]) -> None:
    """One task: arms from top to bottom, those who answer a little apart."""
    places = {arm: len(arms) - 1 - number for number, arm in enumerate(arms)}
    shifts = {"own head": 0.16, "fresh head": -0.16}
    for row in part.itertuples():
        color, marker = COLOURS[row.reader]
        ends = np.nan_to_num(np.array([[row.mean - row.low], [row.high - row.mean]]))
        place = places[row.arm] + shifts.get(row.reader, 0)
        axes.errorbar(row.mean, place, xerr=ends, color=color, marker=marker, capsize=2)
    known = reported[reported.arm.isin(arms)]
    places_known = [places[arm] for arm in known.arm]
    axes.plot(known["mean"], places_known, color=FLOOR, marker="D", fillstyle="none", linestyle="")
    if part.reader.isin(["fresh head", "bag of words"]).any():  # two classes, as many of each
        axes.axvline(CHANCE, color=FLOOR, linestyle=":")
        axes.set_xlim(min(0.4, max(axes.get_xlim()[0], 0)), 1.02)  # where an interval of few seeds leaves 0 to 1
    axes.set_yticks(list(places.values()), list(places))
    axes.set_ylim(-0.6, len(arms) - 0.4)
