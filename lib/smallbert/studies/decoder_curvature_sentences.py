"""What is said of decoders that bend: computed, with words for every outcome."""

from __future__ import annotations

import numpy as np
import pandas as pd

from smallbert.studies.decoder_best import EMBEDDINGS, HELPS, HURTS, UNTOLD, on_embeddings
from smallbert.studies.decoder_curvature import LEAST_SQUARES


def clouds(table: pd.DataFrame) -> str:
    """How curved must a cloud be before a decoder pays, and what too few rows do.

    Args:
        table: from :func:`smallbert.studies.decoder_gains.gains`.
    """
    said = [_control(table), _law(table), _smallest(table), _overfitting(table)]
    return " ".join(sentence for sentence in said if sentence)


def _control(table: pd.DataFrame) -> str:
    """What is found where there is nothing to find: the map's own error rate."""
    flat = table[table.curvature == 0]
    if flat.empty:
        return ""
    counts = flat.verdict.value_counts()
    told = ", ".join(f"{counts.get(word, 0)} {word}" for word in (HELPS, HURTS, UNTOLD))
    wrong = counts.get(HELPS, 0)
    return f"On flat clouds, where no decoder can gain, the {len(flat)} comparisons say: {told}" + (
        f"; {wrong} of them is an error of the method." if wrong == 1
        else f"; {wrong} of them are errors of the method." if wrong else "; none is claimed that is not there."
    )  # fmt: skip


def _law(table: pd.DataFrame) -> str:
    """Whether least squares does what its closed form says."""
    known = table[(table.decoder == LEAST_SQUARES) & np.isfinite(table.expected) & np.isfinite(table.relative)]
    if known.empty:
        return ""
    told = known[known.verdict != UNTOLD]
    right = int(((told.verdict == HELPS) == (told.expected < 0)).sum())
    apart = (known.relative - known.expected).abs()
    return (
        f"Of the {len(known)} clouds where the gain of the quadratic decoder is known in advance, "
        f"a verdict is told on {len(told)}, on {right} of them with the sign expected; the gains lie "
        f"{apart.median():.1%} of PCA's error from what is expected in the median, {apart.max():.1%} at most."
    )


def _smallest(table: pd.DataFrame) -> str:
    """The smallest decoder that helps on curved clouds, by code width."""
    curved = table[table.curvature > 0]
    if curved.empty:
        return ""
    parts = []
    for k, own in curved.groupby("k"):
        fields = own.drop_duplicates(["cloud", "rows"])
        first = own[own.smallest]
        if first.empty:
            parts.append(f"with codes of {k} no decoder is shown to help on any of the {len(fields)}")
            continue
        counts = first.decoder.value_counts(sort=True)
        names = ", ".join(f"{name} in {count}" for name, count in counts.items())
        nowhere = len(fields) - len(first)
        least = first.loc[[first.curvature.idxmin()]].iloc[0]
        parts.append(
            f"with codes of {k} the smallest decoder that helps is {names} of {len(fields)} fields"
            + (f", none in {nowhere}" if nowhere else "")
            + f" (least curved: {least.curvature:.0%}, {_rows(first[first.curvature == least.curvature])})"
        )
    return "On curved clouds, " + "; ".join(parts) + "."


def _rows(part: pd.DataFrame) -> str:
    return f"at {part.rows.min():,} rows"


def _overfitting(table: pd.DataFrame) -> str:
    """What too few rows do to a decoder that is too large for them."""
    harmed = table[table.verdict == HURTS]
    if harmed.empty:
        return "No decoder is shown to hurt anywhere."
    worst = harmed.loc[harmed.relative.idxmax()]
    by_rows = harmed.groupby("rows").size()
    fields = table.groupby("rows").size()
    shares = ", ".join(f"{by_rows.get(n, 0)} of {count} at {n:,} rows" for n, count in fields.items())
    return (
        f"Decoders that hurt, those larger than their rows can teach among them: {shares}; most with codes of "
        f"{worst.k} and {worst.rows:,} rows, where {worst.decoder} errs {worst.relative:.0%} more than PCA "
        f"({worst.cloud})."
    )


def embeddings(table: pd.DataFrame, embedded: pd.DataFrame) -> str:
    """Where the embeddings fall on the map.

    Args:
        table: from :func:`smallbert.studies.decoder_gains.gains`.
        embedded: from :func:`smallbert.studies.decoder_gains.embedded`.
    """
    said = []
    for row in embedded.itertuples():
        field = table[(table.cloud == row.cloud) & (table.k == row.k) & (table.rows == row.rows)]
        first, untold = field[field.smallest], field.verdict.eq(UNTOLD).any()
        what = "these embeddings" if row.cloud == EMBEDDINGS else "the same embeddings, each language's mean taken off"
        head = f"Of what PCA of {row.k} leaves of {what}, {row.share:.1%} [{row.low:.1%}, {row.high:.1%}, over "
        head += "draws of the same articles] is "
        head += "quadratic in the code"
        if row.low <= 0 <= row.high:
            head += ", which may be nothing"
        elif row.high < 0:
            head += ", less than nothing: the correction for the rows' number goes too far here"
        else:
            head += f", so that a quadratic decoder should pay from {row.break_even:,.0f} rows"
        if len(first):
            one = first.iloc[0]
            found = f"with {row.rows:,} rows the smallest that helps is {one.decoder}, {one.relative:+.1%}"
            helping = field[field.verdict == HELPS]
            best = helping.loc[helping.relative.idxmin()]
            if best.decoder != one.decoder:
                found += f", and the best {best.decoder}, {best.relative:+.1%}"
        elif untold:
            found = f"with {row.rows:,} rows none is shown to help"
        else:
            found = f"with {row.rows:,} rows every one hurts"
        said.append(f"{head}; {found}.")
    return " ".join(said) or "The embeddings have too few vectors to tell how curved they are."


def answer(table: pd.DataFrame) -> str:
    """What decoders of PCA's own code gain on the embeddings, for the page's answer; empty where none was fitted.

    Args:
        table: from :func:`smallbert.studies.decoder_gains.gains`.
    """
    said = []
    for best in on_embeddings(table):
        within = "" if best.within is None else f" ({best.within:.1%} with each language's mean taken off)"
        taken = (
            f"takes {best.gain:.1%} off PCA's error{within}" if best.decoder else f"is shown to take anything{within}"
        )
        said.append(f"with codes of {best.k} and {best.rows:,} rows {best.decoder or 'none'} {taken}")
    if not said:
        return ""
    return f"Of decoders that bend, fitted to PCA's own code and not trained with an encoder: {'; '.join(said)}."
