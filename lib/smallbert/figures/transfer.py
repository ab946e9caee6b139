"""Figures of page 6, part one: every encoder on every task, what it retains, and when there is no answer."""

from __future__ import annotations

import textwrap
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.lines import Line2D

from smallbert.figures.absent import absent
from smallbert.figures.page import Chart
from smallbert.figures.style import BLUE, FLOOR, INK, ORANGE, VERBATIM, VERMILION, WIDTH

MODES = {"frozen": (BLUE, "o", "white"), "fine-tuned": (VERMILION, "s", VERMILION)}
"""How an encoder is used: colour, marker, fill."""


def scores(found: pd.DataFrame, examples: str) -> Chart:
    """Score of every encoder on every task, a panel a task, beside what needs no encoder.

    Args:
        found: columns ``task``, ``model``, ``mode``, ``metric``, ``score``, ``low``, ``high``, ``floor``, ``words``.
        examples: how many each task has and where they are from, a sentence.
    """
    tasks, models = list(dict.fromkeys(found.task)), list(dict.fromkeys(found.model))
    columns = min(3, len(tasks))
    rows = -(-len(tasks) // columns)
    size = (WIDTH, (0.85 + 0.21 * len(models)) * rows + 0.4)
    figure, panels = plt.subplots(rows, columns, figsize=size, sharey=True, squeeze=False)
    for axes, task in zip(panels.flat, tasks, strict=False):
        part = found[found.task == task]
        _panel(axes, part, models)
        axes.set_title(textwrap.fill(task, 24), **VERBATIM)
        axes.set_xlabel(part.metric.iloc[0])
    for axes in panels.flat[len(tasks) :]:
        axes.remove()
    shown = [mode for mode in MODES if (found["mode"] == mode).any()]
    handles = [
        Line2D(
            [],
            [],
            color=MODES[mode][0],
            marker=MODES[mode][1],
            markerfacecolor=MODES[mode][2],
            linestyle="",
            label=mode,
        )
        for mode in shown
    ]
    handles.append(Line2D([], [], color=FLOOR, linestyle=":", label="constant answer"))
    handles.append(Line2D([], [], color=INK, linestyle="--", label="bag of words"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    best = found.loc[found.groupby("task", sort=False).score.idxmax()]
    return Chart(
        "scores",
        figure,
        found,
        "Best encoder by task. "
        + "; ".join(
            f"{row.task}: {row.model}, {row.mode} ({row.score:.2f}; bag of words {row.words:.2f}, constant answer "
            f"{row.floor:.2f})"
            for row in best.itertuples()
        )
        + ".",
        "Scores on test by the official metrics. Frozen: a head on an encoder that does not learn. Error bars: 95% t "
        f"interval over seeds, on the same test examples; how other examples would do is not in them. {examples}"
        f"{_cut(found)}",
    )


def _panel(axes: Axes, part: pd.DataFrame, models: list[str]) -> None:
    """One task: encoders from top to bottom, the two modes a little apart."""
    for mode, (color, marker, face) in MODES.items():
        own = part[part["mode"] == mode]
        places = [len(models) - 1 - models.index(model) + (0.14 if mode == "frozen" else -0.14) for model in own.model]
        ends = np.maximum([own.score - own.low, own.high - own.score], 0)
        axes.errorbar(
            own.score, places, xerr=ends, color=color, marker=marker, markerfacecolor=face, linestyle="", capsize=2
        )
    axes.axvline(part.floor.iloc[0], color=FLOOR, linestyle=":")
    axes.axvline(part.words.iloc[0], color=INK, linestyle="--", linewidth=1)
    axes.set_xlim(*_limits(part))
    axes.set_yticks(range(len(models)), models[::-1], fontsize=7.5, **VERBATIM)
    axes.set_ylim(-0.6, len(models) - 0.4)


def _limits(part: pd.DataFrame) -> tuple[float, float]:
    """The axis of one task: all scores and controls have room, intervals of few seeds may leave it."""
    known = [*part.score, part.floor.iloc[0], part.words.iloc[0]]
    low, high = min(known), max(known)
    room = 0.08 * (high - low) + 0.02
    return low - room, high + room


def _cut(found: pd.DataFrame) -> str:
    """How many intervals go on beyond their panel; nothing where all end in it."""
    beyond, known = 0, int((found.low.notna() & found.high.notna()).sum())
    for _, part in found.groupby("task", sort=False):
        low, high = _limits(part)
        beyond += int(((part.low < low) | (part.high > high)).sum())
    verb = "goes" if beyond == 1 else "go"
    return f" Cut off: {beyond} of {known} intervals {verb} on beyond the panel." if beyond else ""


def retained(found: pd.DataFrame, totals: pd.DataFrame, reference: str, examples: str) -> Chart:
    """What each encoder retains of the reference's score above the constant answer: encoder x task, a panel a mode.

    Args:
        found: columns ``task``, ``model``, ``mode``, ``retained``, ``retained low``, ``retained high`` (empty where the
            reference has not learnt the task).
        totals: the same columns but ``task``, over all tasks learnt.
        reference: the encoder that retains all by definition.
        examples: as for :func:`scores`.
    """
    every = pd.concat([found, totals.assign(task="all learnt")], ignore_index=True)
    every = every[every.model != reference]
    known = every[every.retained.notna()]
    modes = [mode for mode in dict.fromkeys(found["mode"]) if (known["mode"] == mode).any()]
    tasks = [task for task in dict.fromkeys(every.task) if (known.task == task).any()]
    if not modes:
        return absent("retained", f"The {reference} has learnt no task; there is nothing to retain.")
    rows = {mode: list(dict.fromkeys(known[known["mode"] == mode].model)) for mode in modes}
    heights = [0.32 * len(models) for models in rows.values()]
    figure, panels = plt.subplots(
        len(modes), 1, figsize=(WIDTH, sum(heights) + 0.3 * len(modes) + 0.6), sharex=True, squeeze=False,
        height_ratios=heights,
    )  # fmt: skip
    for axes, mode in zip(panels[:, 0], modes, strict=True):
        _heat(axes, every[every["mode"] == mode], rows[mode], tasks)
        axes.set_title(mode)
        axes.tick_params(length=0)
    names = [textwrap.fill(task, 14) for task in tasks]
    panels[-1, 0].set_xticks(range(len(tasks)), names, fontsize=7.5, **VERBATIM)
    told = "; ".join(
        f"{row.mode}: {row.model} {row.retained:.0%}" for row in totals[totals.model != reference].itertuples()
    )
    return Chart(
        "retained",
        figure,
        every[["task", "model", "mode", "retained", "retained low", "retained high"]],
        f"Retained over all tasks learnt. {told or 'No task was learnt'}.",
        f"Score above the constant answer as a share of that of the {reference}, per cent, below it the 95% interval "
        "(Fieller) over seeds. Dark: all is retained or more; white: nothing. A dash: the reference has not learnt the "
        f"task in this mode. {_left_out(every, tasks, modes)}Limits beyond a thousand per cent are left out. "
        f"{examples}",
    )


def _left_out(every: pd.DataFrame, tasks: list[str], modes: list[str]) -> str:
    """What has no column or panel, in words."""
    unlearnt = [task for task in dict.fromkeys(every.task) if task not in tasks]
    unused = [mode for mode in dict.fromkeys(every["mode"]) if mode not in modes]
    said = ""
    if unlearnt:
        said += f"Left out, for the reference has not learnt them: {', '.join(unlearnt)}. "
    for mode in unused:
        said += f"No panel for {mode}: the reference has learnt no task so, or was not used so. "
    return said


WIDEST = 10.0
"""Limits beyond ten times the reference are not written: they say only that nothing is known."""

_DARK = 0.9
"""Shares from which white text reads better on their shade than black."""

_SHADES = ListedColormap([plt.get_cmap("Blues")(share) for share in np.linspace(0.0, 0.75, 256)])
"""White to a blue on which white text reads; one hue, so that order shows in grey."""


def _heat(axes: Axes, own: pd.DataFrame, models: list[str], tasks: list[str]) -> None:
    table = own.pivot(index="model", columns="task", values="retained").reindex(index=models, columns=tasks)
    axes.imshow(table.astype(float).clip(0, 1), cmap=_SHADES, vmin=0, vmax=1, aspect="auto")
    axes.grid(False)
    axes.set_yticks(range(len(models)), models, fontsize=7.5, **VERBATIM)
    limits = own.set_index(["model", "task"])[["retained low", "retained high"]]
    for y, model in enumerate(models):
        for x, task in enumerate(tasks):
            kept = table.loc[model, task]
            if np.isnan(kept):
                axes.text(x, y, "–", ha="center", va="center", color=FLOOR)
                continue
            style: dict[str, Any] = {"ha": "center", "va": "center", "color": "white" if kept > _DARK else INK}
            low, high = limits.loc[(model, task)]
            axes.text(x, y - 0.14, str(round(100 * kept)), fontsize=8, **style)
            if max(abs(low), abs(high)) < WIDEST:
                axes.text(x, y + 0.25, f"{round(100 * low)} to {round(100 * high)}", fontsize=6.5, **style)
    if "all learnt" in tasks:
        axes.axvline(tasks.index("all learnt") - 0.5, color=INK, linewidth=1)


def null_threshold(curves: pd.DataFrame) -> Chart:
    """F1 at every threshold below which a question has no answer, and the one that development chose.

    Args:
        curves: columns ``task``, ``mode``, ``seed``, ``tau``, ``development``, ``test`` (F1, 0 to 1), ``chosen`` (the
            threshold), ``silent`` (F1 on test of answering nothing); empty where no task has unanswerable questions.
    """
    if curves.empty:
        return absent("null_threshold", "No task here has questions without an answer.")
    figure, axes = plt.subplots(figsize=(WIDTH, 3.0))
    axes.set(xlabel="threshold: answer where the best span beats the null score by more", ylabel="F1")
    at_chosen, best = [], []
    for place, (_, part) in enumerate(curves.groupby("seed", sort=False)):
        own = None if place else "chosen on development"
        for name, color, style in (("development", ORANGE, "--"), ("test", INK, "-")):
            label = None if place else name
            axes.step(part.tau, part[name], where="mid", color=color, linestyle=style, linewidth=1, label=label)
        at = part.iloc[(part.tau - part.chosen).abs().argmin()]
        axes.plot(
            at.chosen, at.test, color=INK, marker="D", markersize=6.5, markeredgecolor="white", linestyle="", label=own
        )
        at_chosen.append(at.test)
        best.append(part.test.max())
    silent = curves.silent.iloc[0]
    axes.axhline(silent, color=FLOOR, linestyle=":", label="never an answer")
    axes.legend(ncols=2)
    return Chart(
        "null_threshold",
        figure,
        curves,
        f"{curves.task.iloc[0]}, {curves['mode'].iloc[0]}: at the thresholds chosen on development the mean test F1 is "
        f"{np.mean(at_chosen):.3f}; the best thresholds of the test itself would give {np.mean(best):.3f}, never "
        f"answering {silent:.3f}.",
        "F1 against the threshold tau of BERT (Devlin et al. 2019, section 4.3), a pair of curves a seed. Far right "
        "nothing is answered, far left everything.",
    )
