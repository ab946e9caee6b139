"""Study 4, what a factorised embedding costs: narrower ones against one as wide as the layers, by held-out loss."""

from __future__ import annotations

import pandas as pd

from smallbert.measure.stats import mean_interval
from smallbert.studies.contrasts import by_seed, contrast, corrected, worded

MARGIN = 0.02
"""Nats of held-out loss that do not matter: two per cent of perplexity. Intervals within it are equivalent."""


def below(losses: pd.Series, floor: float) -> bool:
    """Whether the 95% t interval of losses over seeds lies below what word frequencies alone are worth."""
    return len(losses) > 1 and bool(mean_interval(losses).high < floor)


def contrasts(cells: pd.DataFrame, floor: float) -> pd.DataFrame:
    """Every narrower embedding against the widest with as much shared, paired by seed, Holm-corrected together.

    Args:
        cells: one row an arm and seed: ``sharing``, ``embedding``, ``seed``, ``parameters``, ``loss``.
        floor: held-out loss of word frequencies alone, from :func:`smallbert.models.unigram.frequencies`.

    Returns:
        Columns ``sharing``, ``embedding``, ``against`` (widths), ``parameters saved`` (share of 1), ``difference``
        (held-out loss, nats) with ``low``, ``high``, ``pairs``, ``p_holm``, ``verdict``, and ``learnt``: whether both
        have learnt more than word frequencies for sure.
    """
    rows, learnt = [], []
    for sharing, part in cells.assign(finite=True).groupby("sharing", sort=False):
        wide, size = by_seed(part, "embedding", "loss"), part.groupby("embedding").parameters.first()
        *narrow, widest = sorted(wide.columns)
        learnt += [below(wide[width], floor) and below(wide[widest], floor) for width in narrow]
        rows += [
            {"sharing": sharing, "embedding": int(width), "against": int(widest)}
            | {"parameters saved": 1 - size[width] / size[widest]}
            | contrast(wide[width], wide[widest])
            for width in narrow
        ]
    columns = ["sharing", "embedding", "against", "parameters saved", "difference", "low", "high", "p", "pairs"]
    return corrected(pd.DataFrame(rows, columns=columns), margin=MARGIN).assign(learnt=learnt)


def sentence(found: pd.DataFrame) -> str:
    """What narrower embeddings do to the held-out loss, and what that says where not both have learnt.

    Args:
        found: from :func:`contrasts`.
    """
    if found.empty:
        return ""
    words = {"higher": "worse", "lower": "better", "equivalent": f"equivalent within {MARGIN} nats"}
    told = "; ".join(
        f"E = {row.embedding}, {row.sharing}: {row.difference:+.3f} [{row.low:+.3f}, {row.high:+.3f}], "
        f"{words.get(row.verdict, worded(row))}"
        for row in found.itertuples()
    )
    said = (
        f"A factorised embedding against one of width {found.against.iloc[0]}, held-out loss in nats, paired by seed "
        f"(95% intervals, uncorrected; words after Holm's correction of {len(found)}): {told}."
    )
    untold = int((~found.learnt).sum())
    if not untold:
        return said
    which = "None of these pairs has" if untold == len(found) else f"In {untold} of {len(found)} pairs not both have"
    return (
        f"{said} {which} learnt more than word frequencies: such a difference may be no more than how fast frequencies "
        "are learnt, and not what factorising costs."
    )
