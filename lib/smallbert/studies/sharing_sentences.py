"""What is said of encoders trained for a comparison: what they have learnt, how rates came about, what is left out."""

from __future__ import annotations

import pandas as pd

from smallbert.studies.sharing import learnt


def floor_sentence(cells: pd.DataFrame, floor: float) -> str:
    """How many arms have learnt more than how often tokens occur.

    Args:
        cells: of :class:`smallbert.studies.sharing.Trained`.
        floor: held-out loss of word frequencies alone, from :func:`smallbert.models.unigram.frequencies`.
    """
    below, arms = learnt(cells, floor)
    said = (
        f"Word frequencies alone are worth {floor:.3f} nats; {below} of {arms} arms lie below for sure "
        "(95% interval over seeds)."
    )
    if below == arms:
        return said
    if (cells.groupby("arm").loss.mean() > floor).all():
        return (
            f"{said} By its mean loss every arm is worse than word frequencies alone: none has learnt even how often "
            "tokens occur, and differences among them, equivalent or not, say nothing of encoders that have learnt."
        )
    who = "The others" if below else "They"
    return (
        f"{said} {who} are not shown to have learnt any context yet: among them differences may show no more than how "
        "fast frequencies are learnt."
    )


def rates_caption(rates: pd.DataFrame, several: str) -> str:
    """The caption of a table of peak rates: a choice is told only where there was one.

    Args:
        rates: from :func:`smallbert.studies.sharing.tune`, one row an arm and rate.
        several: what the table shows where some arm had several rates to choose from.
    """
    if rates.arm.duplicated().any():
        return several
    if rates.rate.nunique() == 1:
        return f"One peak rate, {rates.rate.iloc[0]:.2g}, set beforehand: there was none to choose from."
    return "One peak rate for each arm, set beforehand: there was none to choose from."


def rates_shown(rates: pd.DataFrame) -> pd.DataFrame:
    """What a table of peak rates shows: losses and the choice only where there was one, as :func:`rates_caption` says.

    Args:
        rates: as there.
    """
    return rates if rates.arm.duplicated().any() else rates[["arm", "rate"]]


def second_task_caption(differences: pd.DataFrame, seeds: int) -> str:
    """The caption of second tasks compared on tasks beyond pretraining, and why there is none.

    Args:
        differences: from :func:`smallbert.studies.sentence_order.contrasts`.
        seeds: of every arm.
    """
    said = "Tasks beyond pretraining: difference in accuracy, paired by seed"
    if len(differences):
        return f"{said}; 95% intervals, uncorrected: lower and higher follow Holm's p."
    why = "a single seed leaves nothing to pair" if seeds < 2 else "this corpus has too few titles and translations"
    return f"{said}: empty, since {why}."
