"""Study 2, the decoder: the best one on the embeddings, from the figure's own numbers, for pages that load nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

EMBEDDINGS, WITHIN = "embeddings", "within languages"
"""The real vectors as they are, and with the mean of their language taken off: languages are clusters, and a decoder
that tells clusters apart bends as much as one that follows a sheet."""

HELPS, HURTS, UNTOLD = "helps", "hurts", "cannot be told"


@dataclass(frozen=True)
class Best:
    """The decoder that takes most off PCA's test error on the embeddings, at the most training rows.

    Args:
        k: width of PCA's code.
        rows: training rows.
        decoder: its name, empty where none is shown to help.
        gain: what it takes off, share of PCA's error; 0 where none helps.
        within: what the best takes off where each language's mean has been; None where there is one language only.
    """

    k: int
    rows: int
    decoder: str
    gain: float
    within: float | None


def on_embeddings(table: pd.DataFrame) -> Iterator[Best]:
    """The best decoder at every code width.

    Args:
        table: from :func:`smallbert.studies.decoder_gains.gains`.
    """
    for k, own in table[table.cloud == EMBEDDINGS].groupby("k", sort=False):
        rows = int(own.rows.max())
        decoder, gain = _best(own[own.rows == rows])
        inner = table[(table.cloud == WITHIN) & (table.k == k) & (table.rows == rows)]
        yield Best(int(k), rows, decoder, gain, _best(inner)[1] if len(inner) else None)


def _best(field: pd.DataFrame) -> tuple[str, float]:
    """Name and gain of the best decoder of those that help."""
    helping = field[field.verdict == HELPS]
    if helping.empty:
        return "", 0.0
    best = helping.loc[helping.relative.idxmin()]
    return str(best.decoder), -float(best.relative)
