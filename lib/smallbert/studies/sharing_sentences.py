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
        f"(95% interval over seeds).{_apart(cells, floor)}"
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


def _apart(cells: pd.DataFrame, floor: float) -> str:
    """Arms of which some runs ended above the floor and some below: their mean is of neither."""
    above = cells.assign(above=cells.loss > floor).groupby("arm", sort=False).above.agg(["sum", "size"])
    mixed = above[(above["sum"] > 0) & (above["sum"] < above["size"])]
    if mixed.empty:
        return ""
    told = "; ".join(f"{row.Index}: {row.sum} of {row.size} runs" for row in mixed.itertuples())
    return f" Above it in some runs and below in others, so that a mean tells of neither: {told}."


def rates_caption(rates: pd.DataFrame, several: str) -> str:
    """The caption of a table of peak rates: a choice is told only where there was one.

    Args:
        rates: from :func:`smallbert.studies.sharing.tune`, one row an arm and rate.
        several: what the table shows where some arm had several rates to choose from.
    """
    if rates.arm.duplicated().any():
        return f"{several}{_at_an_end(rates)}"
    if rates.rate.nunique() == 1:
        return f"One peak rate, {rates.rate.iloc[0]:.2g}, set beforehand: there was none to choose from."
    return "One peak rate for each arm, set beforehand: there was none to choose from."


def _at_an_end(rates: pd.DataFrame) -> str:
    """How many arms took the first or the last rate, beyond which another may suit them better."""
    tried = rates.groupby("arm", sort=False).rate.agg(["min", "max"])
    chosen = rates[rates.chosen].set_index("arm").rate.reindex(tried.index)
    low, high = int((chosen == tried["min"]).sum()), int((chosen == tried["max"]).sum())
    ends = [f"{count} at the {which}" for count, which in ((low, "lowest"), (high, "highest")) if count]
    if not ends:
        return ""
    return (
        f" Of {len(chosen)} arms {' and '.join(ends)} of the rates tried: one beyond may suit better, and a difference "
        "between arms may be one of rates."
    )


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
