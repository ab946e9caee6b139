"""What page 5 judges students by, and the differences that do not matter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from smallbert.studies.contrasts import contrast, corrected

ALONE, EQUAL = "alone", "alone, equal operations"
FRESH = "fresh start"
EMBEDDED = "embeddings"
"""A start from the teacher's embeddings, and its head where it has one, under fresh layers."""

MEASURES = {
    "loss": "held-out loss, nats",
    "agreement": "agreement with the teacher",
    "similarity": "similarity to the teacher",
    "topic": "topic probe",
    "language": "language probe",
}
"""What students are judged by; of the first, less is better, of the others more."""

MARGINS = {"loss": 0.02, "agreement": 0.01, "similarity": 0.01, "topic": 0.02, "language": 0.02}
"""Differences that do not matter: two per cent of perplexity; one or two points."""


UNDEFINED = "not defined"
"""The verdict on a measure that a student does not have: without a head for words it has no loss on them."""


def against(
    cells: pd.DataFrame, pairs: Mapping[Any, Any] | Sequence[tuple[Any, Any]], measure: str, by: str = "label"
) -> pd.DataFrame:
    """Some arms against others, paired by seed, Holm-corrected together.

    Args:
        cells: of one panel.
        pairs: arm and what it is compared with.
        measure: of :data:`MEASURES`.
        by: column that names an arm.

    Returns:
        Columns ``label``, ``against``, ``measure``, ``difference``, ``low``, ``high``, ``pairs``, ``p_holm``,
        ``verdict``.
    """
    wide = cells.pivot(index="seed", columns=by, values=measure)
    rows = [
        {"label": one, "against": other, "measure": measure} | contrast(wide[one], wide[other])
        for one, other in (pairs.items() if isinstance(pairs, Mapping) else pairs)
    ]
    columns = ["label", "against", "measure", "difference", "low", "high", "p", "pairs"]
    found = corrected(pd.DataFrame(rows, columns=columns), margin=MARGINS[measure])
    lacking = wide.columns[wide.isna().all()]
    undefined = found.label.isin(lacking) | found.against.isin(lacking)
    return found.assign(verdict=found.verdict.mask(undefined, UNDEFINED))


def starts(cells: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Every start against a fresh one with the same losses; columns of :func:`against`.

    Args:
        cells: of the panel ``starts``.
        measure: as of :func:`against`.
    """
    pairs = {
        label: f"{label.split(', ')[0]}, {FRESH}" for label in dict.fromkeys(cells.label) if not label.endswith(FRESH)
    }
    return against(cells, pairs, measure)


def copied(labels: Iterable[str]) -> str:
    """Which of the teacher's layers a student alone starts from too, as labels of the panel ``starts`` have it."""
    [found] = {label.removeprefix(f"{ALONE}, ") for label in labels if label.startswith(ALONE)} - {FRESH, EMBEDDED}
    return found


def layers(cells: pd.DataFrame, measure: str) -> pd.DataFrame:
    """What layers add to embeddings: a start from both against one from embeddings; columns of :func:`against`.

    Args:
        cells: of the panel ``starts``.
        measure: as of :func:`against`.
    """
    own = copied(cells.label)
    methods = [label.split(", ")[0] for label in dict.fromkeys(cells.label) if label.endswith(EMBEDDED)]
    return against(cells, {f"{method}, {own}": f"{method}, {EMBEDDED}" for method in methods}, measure)


def effect(name: str, limits: tuple[float, float, float]) -> str:
    """A difference as what it does: ``lowers the loss by 0.249 [0.202, 0.296]``.

    So no reader has to know of which measure less is better, or what was taken from what.

    Args:
        name: of :data:`MEASURES`.
        limits: the difference, low and high limit.
    """
    estimate, low, high = limits
    verb = "raises"
    if estimate < 0:
        verb, estimate, low, high = "lowers", -estimate, -high, -low
    return f"{verb} the {name} by {estimate:.3f} [{low:.3f}, {high:.3f}]"
