"""Figures of page 7: questions with and without a graph, triples among others, embeddings and words of a graph."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from smallbert.figures.absent import absent
from smallbert.figures.intervals import line
from smallbert.figures.page import Chart
from smallbert.figures.style import BLUE, FLOOR, INK, ORANGE, WIDTH

TITLES = {"tool": "which tool?", "birthplace": "born where?"}
SEEN = {"of training": (ORANGE, "s"), "held out": (BLUE, "o")}
"""Which entities, or triples, a question is about: blue is what training never held, in all figures of the page."""

PARTS = {"given": SEEN["of training"], "held out": SEEN["held out"]}
WORDS = {"names": (FLOOR, "o"), "names and glosses": (INK, "^")}


def answers(found: pd.DataFrame) -> Chart:
    """Accuracy of every arm with everything that it was given, a panel a kind of question.

    Args:
        found: columns ``kind``, ``arm``, ``entities`` (of training, held out), ``given``, ``others``, ``mean``,
            ``low``, ``high``, ``chance``, ``seeds``, ``questions``.
    """
    shown = found[found.others == 0].copy()
    shown["row"] = [_row(row.arm, row.given) for row in shown.itertuples()]
    rows = list(dict.fromkeys(shown.row))
    figure, panels = _panels(shown, 0.9 + 0.25 * len(rows))
    for axes, (kind, part) in zip(panels, shown.groupby("kind", sort=False), strict=True):
        for (entities, (color, marker)), shift in zip(SEEN.items(), (0.14, -0.14), strict=True):
            own = part[part.entities == entities]
            _points(
                axes,
                own["mean"],
                [len(rows) - 1 - rows.index(row) + shift for row in own.row],
                own,
                color,
                marker,
                entities,
            )
        axes.axvline(part.chance.iloc[0], color=FLOOR, linestyle=":")
        axes.set(title=TITLES[kind], xlabel="accuracy", xlim=(-0.02, 1.02), ylim=(-0.6, len(rows) - 0.4))
    panels[0].set_yticks(range(len(rows)), rows[::-1])
    _legend(figure, panels[0])
    best = shown[shown.entities == "held out"].sort_values("mean", ascending=False).groupby("kind", sort=False).first()
    return Chart(
        "answers",
        figure,
        found,
        "Highest mean accuracy about held-out entities: "
        + "; ".join(
            f"{TITLES[kind]} {row.row} ({row['mean']:.2f}, chance {row.chance:.2f})" for kind, row in best.iterrows()
        )
        + ".",
        "Share of questions answered rightly, by arm and by what it is given when asked. About entities of training a "
        "memory helps; about held-out ones none can. Dotted: chance. " + _bars(found),
    )


def distractors(found: pd.DataFrame) -> Chart:
    """Accuracy about held-out entities against the number of triples given, of which one answers.

    Args:
        found: as for :func:`answers`.
    """
    shown = found[(found.given == "right") & (found.entities == "held out")]
    arms = [arm for arm, part in shown.groupby("arm", sort=False) if part.others.max() > 0]
    shown = shown[shown.arm.isin(arms)]
    if shown.empty:
        return absent("distractors", "No arm was given other triples beside the right one.")
    figure, panels = _panels(shown, 2.9)
    for axes, (kind, part) in zip(panels, shown.groupby("kind", sort=False), strict=True):
        for position, (arm, own) in enumerate(part.groupby("arm", sort=False)):
            own = own.sort_values("others")
            x = own.others + 1 + 0.05 * (position - (len(arms) - 1) / 2)
            ends = np.nan_to_num([own["mean"] - own.low, own.high - own["mean"]]).clip(0)
            axes.errorbar(x, own["mean"], yerr=ends, **line(arm, position), capsize=2.5, label=arm)
        axes.axhline(part.chance.iloc[0], color=FLOOR, linestyle=":")
        axes.set(title=TITLES[kind], xlabel="triples given, one of them right", ylim=(-0.02, 1.05))
        axes.set_xticks(sorted(shown.others.unique() + 1))
    panels[0].set_ylabel("accuracy")
    _legend(figure, panels[0])
    most = shown.others.max()
    ends = shown.pivot(index=["kind", "arm"], columns="others", values="mean")
    said = "; ".join(f"{TITLES[kind]} {arm} {row[0]:.2f} to {row[most]:.2f}" for (kind, arm), row in ends.iterrows())
    return Chart(
        "distractors",
        figure,
        shown,
        f"Mean accuracy with one triple and with {most + 1}: {said}.",
        "Questions about held-out entities. The other triples are true, of the same relation and about other entities; "
        "the first of them name the other candidates. Dotted: chance. " + _bars(shown),
    )


def ranking(found: pd.DataFrame, reported: pd.DataFrame) -> Chart:
    """Filtered mean reciprocal rank by relation and form of embedding.

    Args:
        found: columns ``form``, ``part`` (given, held out), ``relation`` (or ``all``), ``triples``, ``mrr``, ``low``,
            ``high``.
        reported: columns ``form``, ``mrr``; empty where no paper ranks this graph.
    """
    forms, rows = list(dict.fromkeys(found.form)), list(dict.fromkeys(found.relation))
    figure, panels = plt.subplots(
        1, len(forms), figsize=(WIDTH, 1.0 + 0.25 * len(rows)), sharey=True, sharex=True, squeeze=False
    )
    for axes, form in zip(panels[0], forms, strict=True):
        for part, (color, marker) in PARTS.items():
            own = found[(found.form == form) & (found.part == part)]
            _points(axes, own.mrr, [len(rows) - 1 - rows.index(one) for one in own.relation], own, color, marker, part)
        known = reported[reported.form == form]
        axes.plot(known.mrr, [len(rows) - 1] * len(known), color=FLOOR, marker="D", fillstyle="none", linestyle="")
        axes.set(title=form, xlabel="filtered MRR", xlim=(-0.03, 1.05))
    panels[0][0].set_yticks(range(len(rows)), rows[::-1])
    _legend(figure, panels[0][0])
    own = found[found.relation == "all"].set_index(["form", "part"]).mrr
    return Chart(
        "ranking",
        figure,
        pd.concat([found, reported.assign(part="reported", relation="all")], ignore_index=True)
        if len(reported)
        else found,
        "Over all relations, given and held out: "
        + "; ".join(f"{form} {own[form, 'given']:.2f} and {own[form, 'held out']:.2f}" for form in forms)
        + ".",
        "Mean reciprocal rank of the right head and tail among all entities, other right ones left out, for triples "
        "the embedding was given and for held-out ones; n = "
        f"{_range(found.triples[found.relation == 'all'])} triples over all relations, two ranks each. Error bars: 95% "
        "t interval over ranks, cut to 0 and 1, of no width where all ranks are equal; one training."
        + (" Open diamonds: reported in papers, held out, far longer trainings." if len(reported) else ""),
    )


def by_text(found: pd.DataFrame) -> Chart:
    """How well words tell true triples from false ones, by relation.

    Args:
        found: columns ``relation``, ``words`` (names; names and glosses), ``accuracy``, ``low``, ``high``,
            ``n``.
    """
    rows = list(dict.fromkeys(found.relation))
    figure, axes = plt.subplots(figsize=(WIDTH, 1.1 + 0.27 * len(rows)))
    for (words, (color, marker)), shift in zip(WORDS.items(), (0.12, -0.12), strict=True):
        own = found[found.words == words]
        if len(own):
            _points(
                axes,
                own.accuracy,
                [len(rows) - 1 - rows.index(one) + shift for one in own.relation],
                own,
                color,
                marker,
                words,
            )
    axes.axvline(0.5, color=FLOOR, linestyle=":")
    axes.set(yticks=range(len(rows)), yticklabels=rows[::-1], xlabel="accuracy", ylim=(-0.6, len(rows) - 0.4))
    if found.words.nunique() > 1:
        _legend(figure, axes)
    said = "No relation has triples enough."
    if len(found):
        best, worst = (found.loc[place] for place in (found.accuracy.idxmax(), found.accuracy.idxmin()))
        said = (
            f"Best told from {best.words}: {best.relation} ({best.accuracy:.2f}); worst, from {worst.words}: "
            f"{worst.relation} ({worst.accuracy:.2f})."
        )
    return Chart(
        "by_text",
        figure,
        found,
        said,
        "True triples told from false ones, as many of each, whose head or tail is another of the same relation, by a "
        f"logistic regression on the frozen vectors of both entities' {' or '.join(found.words.unique()) or 'names'}. "
        f"Dotted: chance. Error bars: 95% Wilson interval over {_range(found.n)} triples asked of a relation.",
    )


def _row(arm: str, given: str) -> str:
    return arm if given in ("text",) or arm == "closed book" else f"{arm}: {given}"


def _panels(found: pd.DataFrame, height: float) -> tuple:
    kinds = found.kind.nunique()
    figure, panels = plt.subplots(1, kinds, figsize=(WIDTH, height), sharey=True, squeeze=False)
    return figure, panels[0]


def _points(axes: Axes, x: pd.Series, y: list[float], found: pd.DataFrame, color: str, marker: str, label: str) -> None:
    ends = np.nan_to_num(np.array([x - found.low, found.high - x], float)).clip(0)
    axes.errorbar(x, y, xerr=ends, color=color, marker=marker, linestyle="", capsize=2, label=label)


def _legend(figure: plt.Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))


def _bars(found: pd.DataFrame) -> str:
    seeds, asked = int(found.seeds.max()), _range(found.questions)
    return "Error bars: 95%, each for itself, " + (
        f"at each end the wider of Student's t over {seeds} seeds and Wilson's over the {asked} different subjects of "
        "their questions."
        if seeds > 1
        else f"Wilson's over {asked} different subjects of questions; one seed."
    )


def _range(counts: pd.Series) -> str:
    """``96``, ``40 to 120``; nothing where nothing was counted."""
    return " to ".join(f"{one:,}" for one in sorted({int(counts.min()), int(counts.max())})) if len(counts) else "no"
