"""Study 7, what was found: means, comparisons and sentences about the questions."""

from __future__ import annotations

import pandas as pd

from smallbert.knowledge.questions import CANDIDATES
from smallbert.measure.stats import Interval, mean_interval, verdict
from smallbert.studies.contrasts import LEVEL, contrast, corrected
from smallbert.studies.knowledge import CLOSED, ENTITIES, READING, TEXT

NEAR_CHANCE = 0.05
"""An accuracy whose whole interval lies this near to chance is called chance."""

MARGIN = 0.05
"""A difference of five points of accuracy does not matter here; intervals within it are equivalent."""


def summary(cells: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds of each accuracy with its 95% t interval, cut to 0 .. 1; of one seed its own interval.

    Returns:
        Columns ``kind``, ``arm``, ``entities``, ``given``, ``others``, ``mean``, ``low``, ``high``, ``follows``,
        ``chance``, ``seeds``.
    """
    keys = ["kind", "arm", "entities", "given", "others"]
    rows = []
    for own, part in cells.groupby(keys, sort=False):
        if len(part) > 1:
            over = mean_interval(part.value)
            limits = over.estimate, max(over.low, 0.0), min(over.high, 1.0)
        else:
            limits = tuple(part.iloc[0][["value", "low", "high"]])
        rows.append((*own, *limits, part.follows.mean(), 1 / CANDIDATES[own[0]], len(part)))
    return pd.DataFrame(rows, columns=[*keys, "mean", "low", "high", "follows", "chance", "seeds"])


def contrasts(cells: pd.DataFrame) -> pd.DataFrame:
    """What a text or a graph adds on held-out entities, and what spoils it; paired by seed, Holm-corrected by kind.

    The text is compared with the closed book. The right triple is compared with a wrong one: whatever a reader believes
    without a triple cancels, and what is left is how far its answers follow what it is given. Retrieved triples, and
    the right one among the most others, are compared with the right one alone.

    Returns:
        Columns ``kind``, ``arm``, ``given``, ``against``, ``difference`` (accuracy), ``low``, ``high``, ``pairs``,
        ``p_holm``, ``verdict``; empty with a single seed.
    """
    columns = ["kind", "arm", "given", "against", "difference", "low", "high", "pairs", "p_holm", "verdict"]
    tables = [pd.DataFrame(columns=columns)]
    for kind, part in cells[cells.entities == ENTITIES["unknown"]].groupby("kind", sort=False):
        wide = part.pivot(index="seed", columns=["arm", "given", "others"], values="value").sort_index(axis=1)
        rows = []
        for arm, own in part[part.arm != CLOSED].groupby("arm", sort=False):
            pairs = [("text", 0, CLOSED, "nothing")] if arm == TEXT else [("right", 0, arm, "wrong")]
            if arm not in READING:
                pairs.append(("retrieved", 0, arm, "right"))
                most = int(own.others.max())
                pairs += [("right", most, arm, "right")] if most else []
            for given, others, other_arm, against in pairs:
                found = contrast(wide[arm, given, others], wide[other_arm, against, 0])
                name = f"{given} among {others + 1}" if others else given
                rows.append({"kind": kind, "arm": arm, "given": name, "against": against} | found)
        if len(wide) > 1:
            tables.append(corrected(pd.DataFrame(rows), margin=MARGIN))
    return pd.concat(tables[1:] or tables, ignore_index=True)[columns]


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
        said.append(
            f"{_KINDS[kind]} About entities that training never named a closed book is {_told(closed)}, the sentence "
            f"that states the answer {_told(text)}; chance is {closed.chance:.0%}."
        )
        compared = differences[(differences.kind == kind) & (differences.given == "right")].set_index("arm").verdict
        arms = [arm for arm in dict.fromkeys(cells.arm) if arm not in READING]
        if compared.empty:
            said.append("There is one seed, so nothing is compared.")
            continue
        used = [arm for arm in arms if compared[arm] == "higher"]
        copied = "; ".join(
            f"{arm} ({of.loc[arm, unknown, 'right', 0]['mean']:.0%} right, of wrong ones "
            f"{of.loc[arm, unknown, 'wrong', 0].follows:.0%} copied)"
            for arm in used
        )
        others = ", ".join(arm for arm in arms if arm not in used)
        told = [f"Answers follow {copied}." if used else "", f"No use is shown of {others}." if others else ""]
        said.append(" ".join(filter(None, told)))
    return " ".join(said)


def details(cells: pd.DataFrame, differences: pd.DataFrame) -> list[str]:
    """What was found, a sentence for each arm and kind of question.

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
        )
        for arm in dict.fromkeys(cells.arm[~cells.arm.isin(READING)]):
            own = of.loc[arm, unknown]
            most = max(own.loc["right"].index)
            given = [f"{_told(own.loc['right', 0])} given the right triple"]
            if most:
                given.append(f"{_told(own.loc['right', most])} with {most} others beside it")
            given.append(f"{_told(own.loc['retrieved', 0])} with what linking finds")
            compared = differences[(differences.kind == kind) & (differences.arm == arm)]
            verdicts = compared.set_index("given").verdict
            said.append(f"With {arm} it is {', '.join(given)}. {_use(verdicts, own.loc['wrong', 0].follows)}")
    return said


def _use(verdicts: pd.Series, follows: float) -> str:
    """What the right triple against a wrong one says of how triples are used."""
    if verdicts.empty:
        return "There is one seed, so nothing is compared."
    if verdicts["right"] != "higher":
        return "No use of the triples is shown."
    return f"Its answers follow what it is given: {follows:.0%} of them copy a wrong triple."


_KINDS = {"tool": "Which tool?", "birthplace": "Born where?"}


def _told(row: pd.Series) -> str:
    return f"{_against_chance(row)} ({row['mean']:.0%} [{row.low:.0%}, {row.high:.0%}])"


def _against_chance(row: pd.Series) -> str:
    """Chance, above or below it, or not told from it."""
    low, mean, high = (row[name] - row.chance for name in ("low", "mean", "high"))
    words = {"equivalent": "at chance", "higher": "above chance", "lower": "below chance"}
    return words.get(verdict(Interval(mean, low, high, 1, LEVEL), margin=NEAR_CHANCE), "not told from chance")
