"""Figures of page 6: BERT and GPT-1 as small twins that differ in one thing at a time."""

from __future__ import annotations

import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from smallbert.figures.intervals import INTERVAL
from smallbert.figures.page import Chart
from smallbert.figures.style import BLUE, FLOOR, GREEN, GRID, INK, VERMILION, WIDTH

CONTROLS = {"commonest answer": (FLOOR, ":"), "bag of words": (INK, "--")}
"""Who answers without an encoder: colour and line, those of the controls of all encoders."""

MARKS = {"higher": (BLUE, "^"), "lower": (VERMILION, "v"), "equivalent": (INK, "s")}
"""Colour and marker of a verdict; an open circle where there is none."""

MEAN = "mean of its tasks"


def twin_scores(means: pd.DataFrame, controls: pd.DataFrame) -> Chart:
    """Test score of every twin, a panel a task, beside what is reached without an encoder.

    Args:
        means: columns ``twin``, ``task``, ``measure``, ``mean``, ``low``, ``high``, ``seeds``.
        controls: columns ``task``, ``control`` (of :data:`CONTROLS`), ``score``.
    """
    tasks, twins = list(dict.fromkeys(means.task)), list(dict.fromkeys(means.twin))
    figure, panels = plt.subplots(
        1, len(tasks), figsize=(WIDTH, 1.5 + 0.27 * len(twins)), sharey=True, squeeze=False
    )  # fmt: skip
    for axes, task in zip(panels[0], tasks, strict=True):
        part = means[means.task == task].set_index("twin").reindex(twins)
        places = np.arange(len(twins))[::-1]
        ends = part["mean"] - part.low, part.high - part["mean"]
        axes.errorbar(part["mean"], places, xerr=ends, color=GREEN, marker="o", linestyle="", capsize=2)
        for row in controls[controls.task == task].itertuples():
            color, style = CONTROLS[row.control]
            axes.axvline(row.score, color=color, linestyle=style, linewidth=1.2, label=row.control)
        axes.set(title=textwrap.fill(task, 20), xlabel=part.measure.iloc[0], yticks=places, yticklabels=twins)
        axes.set_xlim(min(0.0, axes.get_xlim()[0]), 1.02)
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    best = means.loc[means.groupby("task", sort=False)["mean"].idxmax()]
    words = controls[controls.control == "bag of words"].set_index("task").score
    said = "; ".join(
        f"{row.task}: {row.twin} ({row.mean:.2f}; words alone {words[row.task]:.2f})" for row in best.itertuples()
    )
    return Chart(
        "twin_scores",
        figure,
        pd.concat([means, controls.rename(columns={"control": "twin", "score": "mean"})], ignore_index=True),
        f"Highest mean test score by task. {said}.",
        "Test scores of twins after equal tokens of pretraining. Dotted: the commonest answer. Dashed: words without "
        "their order; of entities, each word's usual tag. " + INTERVAL,
    )


def twin_differences(overall: pd.DataFrame, by_task: pd.DataFrame, margin: float) -> Chart:
    """What each difference changes in the mean of its tasks and in each task, a panel each.

    Args:
        overall: columns ``difference``, ``change``, ``low``, ``high``, ``verdict``.
        by_task: columns ``difference``, ``task``, ``change``, ``low``, ``high``.
        margin: a change this small does not matter.
    """
    names, tasks = list(overall.difference), list(dict.fromkeys(by_task.task))
    parts = {MEAN: overall} | {task: by_task[by_task.task == task].assign(verdict="") for task in tasks}
    figure, panels = plt.subplots(1, len(parts), figsize=(WIDTH, 1.1 + 0.42 * len(names)), sharex=True, sharey=True)
    for axes, (title, part) in zip(panels, parts.items(), strict=True):
        _changes(axes, part.set_index("difference").reindex(names), margin)
        axes.set_title(textwrap.fill(title, 16), fontsize=8.5)
    panels[0].set_yticks(range(len(names))[::-1], [textwrap.fill(name, 30) for name in names], fontsize=7.5)
    panels[0].set_ylim(-0.6, len(names) - 0.4)
    figure.supxlabel("score, GPT-1's way less BERT's way", fontsize=9)
    told = {verdict: overall[overall.verdict == verdict] for verdict in MARKS}
    said = "; ".join(
        f"{verdict} with GPT-1's way: "
        + ", ".join(f"{row.difference} ({row.change:+.3f})" for row in rows.itertuples())
        for verdict, rows in told.items()
        if len(rows)
    )
    return Chart(
        "twin_differences",
        figure,
        pd.concat([overall.assign(task=MEAN), by_task], ignore_index=True),
        f"Changes in the mean score of the tasks learnt, of {int(overall.change.notna().sum())} of {len(overall)} "
        f"differences. {said or 'None is told from zero'}.",
        "Every row compares two twins that differ in one thing, the last row in all. Left panel, over the tasks of "
        "which one of the two has learnt more than the commonest answer: triangles are told from zero after Holm's "
        "correction, squares are equivalent to it within the grey band, open circles neither. The tasks' own panels "
        f"have intervals alone. The band is {margin:.2f} wide on either side. " + INTERVAL,
    )


def _changes(axes: Axes, part: pd.DataFrame, margin: float) -> None:
    """One panel: differences from top to bottom; one that does not concern the task is left out."""
    axes.axvspan(-margin, margin, color=GRID, linewidth=0)
    axes.axvline(0, color=FLOOR, linestyle=":")
    for place, row in zip(range(len(part))[::-1], part.itertuples(), strict=True):
        if np.isfinite(row.change):
            color, marker = MARKS.get(row.verdict, (INK, "o"))
            ends = np.nan_to_num([[row.change - row.low], [row.high - row.change]])
            face = color if row.verdict in MARKS else "white"
            axes.errorbar(row.change, place, xerr=ends, color=color, marker=marker, markerfacecolor=face, capsize=2)
