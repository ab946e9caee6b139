"""Study 7, what was found: means, comparisons and sentences about the questions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from smallbert.knowledge.questions import CANDIDATES
from smallbert.measure.stats import Interval
from smallbert.studies.accuracy_contrasts import accuracy, accuracy_contrast
from smallbert.studies.contrasts import LEVEL, NOT_AFTER_CORRECTION, against_chance, corrected, worded
from smallbert.studies.knowledge import CLOSED, ENTITIES, READING, TEXT

NEAR_CHANCE = 0.05
"""An accuracy whose whole interval lies this near to chance is called chance."""

MARGIN = 0.05
"""A difference of five points of accuracy does not matter here; intervals within it are equivalent."""

SIGNIFICANT = 0.05
"""Below it a corrected p is told."""

_COMPARED = ["kind", "arm", "given", "against", "difference", "low", "high", "pairs", "questions", "p_holm"]


def summary(cells: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds of each accuracy with its 95% interval over seeds and questions; of one seed over questions.

    Returns:
        Columns ``kind``, ``arm``, ``entities``, ``given``, ``others``, ``mean``, ``low``, ``high``, ``follows``,
        ``chance``, ``seeds``, ``questions`` (different subjects, of all seeds).
    """
    keys = ["kind", "arm", "entities", "given", "others"]
    rows = []
    for own, part in cells.groupby(keys, sort=False):
        questions = _different(part)
        over = accuracy(part.right, questions)
        limits = over.estimate, over.low, over.high
        rows.append((*own, *limits, part.follows.mean(), 1 / CANDIDATES[own[0]], len(part), questions))
    return pd.DataFrame(rows, columns=[*keys, "mean", "low", "high", "follows", "chance", "seeds", "questions"])


def contrasts(cells: pd.DataFrame) -> pd.DataFrame:
    """What a text or a graph adds on held-out entities, and what spoils it; paired by seed, Holm-corrected by kind.

    The text is compared with the closed book. The right triple is compared with a wrong one: whatever a reader believes
    without a triple cancels, and what is left is how far its answers follow what it is given. Retrieved triples, and
    the right one among the most others, are compared with the right one alone.

    Returns:
        Columns ``kind``, ``arm``, ``given``, ``against``, ``difference`` (accuracy), ``low``, ``high``, ``pairs``,
        ``questions``, ``p_holm``, ``verdict``, ``note`` (what the verdict alone would hide); empty with a single seed.
    """
    tables = [pd.DataFrame(columns=[*_COMPARED, "verdict", "note"])]
    for kind, part in cells[cells.entities == ENTITIES["unknown"]].groupby("kind", sort=False):
        wide = part.pivot(index="seed", columns=["arm", "given", "others"], values="right").sort_index(axis=1)
        rows, notes = [], []
        for arm, own in part[part.arm != CLOSED].groupby("arm", sort=False):
            pairs = [("text", 0, CLOSED, "nothing")] if arm == TEXT else [("right", 0, arm, "wrong")]
            if arm not in READING:
                pairs.append(("retrieved", 0, arm, "right"))
                most = int(own.others.max())
                pairs += [("right", most, arm, "right")] if most else []
            for given, others, other_arm, against in pairs:
                first, second = wide[arm, given, others], wide[other_arm, against, 0]
                name = f"{given} among {others + 1}" if others else given
                row = {"kind": kind, "arm": arm, "given": name, "against": against}
                rows.append(row | accuracy_contrast(first, second, _different(part)))
                notes.append(_agreement(first, second))
        if len(wide) > 1:
            table = corrected(pd.DataFrame(rows), margin=MARGIN)
            tables.append(table.assign(note=notes))
    return pd.concat(tables[1:] or tables, ignore_index=True)[[*_COMPARED, "verdict", "note"]]


def _different(part: pd.DataFrame) -> int:
    """Subjects that questions are about: those about the same one stand and fall together."""
    return len({subject for subjects in part.subjects for subject in subjects})


def _agreement(a: pd.Series, b: pd.Series) -> str:
    """Whether the seeds differ by the same number of answers, so that an interval over them would have no width."""
    gained = a.map(np.sum).astype(int) - b.map(np.sum).astype(int)
    return f"the same in all {len(gained)} seeds" if len(gained) > 1 and gained.nunique() == 1 else ""


def compared_caption(differences: pd.DataFrame) -> str:
    """How the table of :func:`contrasts` is to be read, with its numbers of seeds and questions."""
    if differences.empty:
        return "Accuracy on held-out entities: there is one seed, so nothing is compared."
    word = NOT_AFTER_CORRECTION.capitalize()
    return (
        f"Accuracy on held-out entities, paired over {_range(differences.pairs)} seeds and the "
        f"{_range(differences.questions)} different subjects of their questions. Intervals are 95% and not corrected: "
        "at each end the wider of Student's t over seeds and Tango's over subjects, cut to -1 and 1. Verdicts follow "
        f"Holm's p over the comparisons of a kind of question; equivalent: an interval within {MARGIN:g} of zero. "
        f"{word}: the interval leaves zero out, the corrected p does not."
    )


def answer(cells: pd.DataFrame, differences: pd.DataFrame) -> str:
    """What was found about held-out entities, in two sentences a kind of question.

    Args:
        cells: from :func:`run`.
        differences: from :func:`contrasts`.
    """
    found = summary(cells).set_index(["kind", "arm", "entities", "given", "others"]).sort_index()
    unknown = ENTITIES["unknown"]
    said = []
    for kind in dict.fromkeys(cells.kind):
        of = found.loc[kind]
        closed, text = of.loc[CLOSED, unknown, "nothing", 0], of.loc[TEXT, unknown, "text", 0]
        own = differences[differences.kind == kind]
        said.append(
            f"{_KINDS[kind]} About entities that training never named a closed book is {_told(closed)}, the sentence "
            f"that states the answer {_told(text)}; chance is {closed.chance:.0%}.{_added(own)}"
        )
        if own.empty:
            said.append("There is one seed, so nothing is compared.")
            continue
        compared = own[own.against == "wrong"]
        words = {row.arm: worded(row) for row in compared.itertuples()}
        arms = [arm for arm in dict.fromkeys(cells.arm) if arm not in READING]
        copied = "; ".join(
            f"{arm} ({of.loc[arm, unknown, 'right', 0]['mean']:.0%} right, of wrong ones "
            f"{of.loc[arm, unknown, 'wrong', 0].follows:.0%} copied)"
            for arm in arms
            if words[arm] == "higher"
        )
        unused = ", ".join(arm for arm in arms if words[arm] in _UNUSED)
        rest = [
            f"Right less wrong triple with {row.arm}: {_difference(row)}."
            for row in compared.itertuples()
            if words[row.arm] != "higher" and words[row.arm] not in _UNUSED
        ]
        told = [f"Answers follow {copied}." if copied else "", *rest, f"No use is shown of {unused}." if unused else ""]
        said.append(" ".join(filter(None, told)))
    return " ".join(said)


def details(cells: pd.DataFrame, differences: pd.DataFrame) -> list[str]:
    """What was found, a sentence for each arm and kind of question, and one on what "chance" rests on.

    Args:
        cells: from :func:`run`.
        differences: from :func:`contrasts`.
    """
    found = summary(cells).set_index(["kind", "arm", "entities", "given", "others"]).sort_index()
    known, unknown = ENTITIES.values()
    said = []
    for kind in dict.fromkeys(cells.kind):
        of = found.loc[kind]
        closed = of.loc[CLOSED, unknown, "nothing", 0]
        leak = ", so the questions may give something away" if _against_chance(closed) == "above chance" else ""
        said.append(
            f"{_KINDS[kind]} Closed book: {_told(of.loc[CLOSED, known, 'nothing', 0])} about entities of its training, "
            f"{_told(closed)} about others{leak}; with the sentence that states the answer "
            f"{_told(of.loc[TEXT, unknown, 'text', 0])} about others. Chance is {closed.chance:.0%}."
            f"{_added(differences[differences.kind == kind])}"
        )
        for arm in dict.fromkeys(cells.arm[~cells.arm.isin(READING)]):
            own = of.loc[arm, unknown]
            most = max(own.loc["right"].index)
            given = [f"{_told(own.loc['right', 0])} given the right triple"]
            if most:
                given.append(f"{_told(own.loc['right', most])} with {most} others beside it")
            given.append(f"{_told(own.loc['retrieved', 0])} with what linking finds")
            compared = differences[(differences.kind == kind) & (differences.arm == arm)]
            said.append(f"With {arm} it is {', '.join(given)}. {_use(compared, own.loc['wrong', 0].follows)}")
    return [*said, "Above, at or below chance: each by its own 95% interval, not corrected for their number."]


def _use(compared: pd.DataFrame, follows: float) -> str:
    """What the right triple against a wrong one says of how triples are used."""
    if compared.empty:
        return "There is one seed, so nothing is compared."
    [row] = compared[compared.against == "wrong"].itertuples()
    word = worded(row)
    if word == "higher":
        return f"Its answers follow what it is given: {follows:.0%} of them copy a wrong triple."
    told = f"Right less wrong triple: {_difference(row)}."
    return f"No use of the triples is shown. {told}" if word in _UNUSED else told


_KINDS = {"tool": "Which tool?", "birthplace": "Born where?"}

_UNUSED = ("equivalent", "no difference shown")


def _added(own: pd.DataFrame) -> str:
    """What the sentence that states the answer adds; nothing where there are no comparisons."""
    return "".join(f" The sentence adds {_difference(row)}." for row in own[own.given == "text"].itertuples())


def _difference(row: Any) -> str:
    """``+0.906 [+0.568, +1.000], not told after correction (3 seeds, p 0.0601)``."""
    word = worded(row)
    if word in ("higher", "lower", NOT_AFTER_CORRECTION):
        told = word if word == NOT_AFTER_CORRECTION else "told after correction"
        word = f"{told} ({row.pairs} seeds, p {_p(row.p_holm)})"
    return f"{row.difference:+.3f} [{row.low:+.3f}, {row.high:+.3f}], {word}"


def _p(p: float) -> str:
    """In as many digits as keep it on its side of what is told."""
    if p < 0.001:
        return "below 0.001"
    told = (f"{p:#.{digits}g}" for digits in range(3, 18))
    return next(text for text in told if (float(text) < SIGNIFICANT) == (p < SIGNIFICANT))


def _range(counts: pd.Series) -> str:
    return " to ".join(f"{one:,}" for one in sorted({int(counts.min()), int(counts.max())}))


def _told(row: pd.Series) -> str:
    return f"{_against_chance(row)} ({row['mean']:.0%} [{row.low:.0%}, {row.high:.0%}])"


def _against_chance(row: pd.Series) -> str:
    low, mean, high = (row[name] - row.chance for name in ("low", "mean", "high"))
    return against_chance(Interval(mean, low, high, 1, LEVEL), margin=NEAR_CHANCE)
