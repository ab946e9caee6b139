"""Study 6, batch size: what its encoders show of generalisation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats

from smallbert.measure.stats import Interval, mean_interval, verdict
from smallbert.studies.batch_size import MEASURES
from smallbert.studies.contrasts import LEVEL, contrast, corrected
from smallbert.studies.embedding_widths import MARGIN, below

AT_EQUAL, RANKS = "held-out loss at equal training loss", "rank correlation of sharpness and gap"

NOT_LEARNT = "not learnt"

ALMOST = 1 - 1e-9
"""A correlation's farthest end: Fisher's transformation of 1 is infinite."""

LEAST_ENCODERS = 6
"""Encoders of a seed for a regression of four coefficients."""


def contrasts(cells: pd.DataFrame) -> pd.DataFrame:
    """The largest batch against the smallest, by regime and rule, paired by seed; Holm-corrected measure by measure.

    Args:
        cells: from :func:`smallbert.studies.batch_size.train`.

    Returns:
        Columns ``measure``, ``regime``, ``rule``, ``batch``, ``against``, ``difference`` (nats) with ``low``, ``high``,
        ``pairs``, ``p_holm`` and ``verdict``.
    """
    small, large = int(cells.batch.min()), int(cells.batch.max())
    tables = []
    for name in MEASURES:
        rows = []
        for (regime, rule), part in cells.groupby(["regime", "rule"], sort=False):
            wide = part.pivot(index="seed", columns="batch", values=name)
            row = {"measure": name, "regime": regime, "rule": rule, "batch": large, "against": small}
            rows.append(row | contrast(wide[large], wide[small]))
        tables.append(corrected(pd.DataFrame(rows), margin=MARGIN))
    return pd.concat(tables, ignore_index=True)


def relations(cells: pd.DataFrame, floor: float) -> pd.DataFrame:
    """What batch size does beyond deciding how far training gets, and whether sharpness goes with the gap.

    Within each seed the held-out loss of all encoders is regressed on their training loss, its square and the logarithm
    of the batch; the last coefficient, times the span of batches, is the first relation: the change from the smallest
    batch to the largest at equal training loss, nats. The second is Spearman's correlation over the same encoders.

    The seeds share one handful of encoders, so what the curve leaves unexplained need not differ between them:
    Student's t over seeds knows nothing of it. Each end of an interval is the farther out of that one and of one seed's
    own, as if more seeds were no help: the regression's (their mean standard error, n - 4 degrees of freedom), and
    Fisher's for a rank correlation (Fieller, Hartley & Pearson 1957).

    Args:
        cells: from :func:`smallbert.studies.batch_size.train`.
        floor: held-out loss of word frequencies alone, from :func:`smallbert.models.unigram.frequencies`.

    Returns:
        Columns ``relation``, ``estimate``, ``low``, ``high`` (95%), ``seeds``, ``verdict``; not-a-number and
        ``too few`` where there are too few encoders or seeds. ``verdict`` is :data:`NOT_LEARNT` of the first relation
        where not both the smallest and the largest batch have an encoder that is below the floor for sure.
    """
    span = float(np.log2(cells.batch.max() / cells.batch.min()))
    equal, ranks = [], []
    for _, own in cells.drop_duplicates(["seed", "batch", "rate", "steps"]).groupby("seed"):
        if len(own) >= LEAST_ENCODERS:
            equal.append(_beyond_training(own, span))
            ranks.append((float(own.sharpness.rank().corr(own.gap.rank())), len(own)))
    rows = []
    for name, values, one_seed, margin in (
        (AT_EQUAL, [one for one, *_ in equal], partial(_regressed, equal), MARGIN),
        (RANKS, [one for one, _ in ranks], partial(_ranked, ranks), 0.0),
    ):
        if len(values) < 2 or not np.isfinite(values).all():
            rows.append((name, np.nan, np.nan, np.nan, len(values), "too few"))
            continue
        over, own_limits = mean_interval(values, level=LEVEL), one_seed()
        low, high = min(over.low, own_limits[0]), max(over.high, own_limits[1])
        if name == RANKS:
            low, high = max(low, -1.0), min(high, 1.0)
        word: str = verdict(Interval(over.estimate, low, high, over.n, LEVEL), margin=margin)
        if name == AT_EQUAL and not _learnt(cells, floor):
            word = NOT_LEARNT
        rows.append((name, over.estimate, low, high, over.n, word))
    return pd.DataFrame(rows, columns=["relation", "estimate", "low", "high", "seeds", "verdict"])


def _beyond_training(own: pd.DataFrame, span: float) -> tuple[float, float, int]:
    """Change over ``span`` doublings of the batch, its standard error, and the degrees of freedom, of one seed."""
    fitted = own.train - own.train.mean()
    terms = np.column_stack([np.ones(len(own)), fitted, fitted**2, np.log2(own.batch)])
    beta = np.linalg.lstsq(terms, own["held out"], rcond=None)[0]
    freedom = len(own) - terms.shape[1]
    variance = float(np.square(own["held out"] - terms @ beta).sum()) / freedom
    error = float(np.sqrt(variance * np.linalg.pinv(terms.T @ terms)[-1, -1]))
    return span * float(beta[-1]), span * error, freedom


def _regressed(equal: Sequence[tuple[float, float, int]]) -> tuple[float, float]:
    estimate, error = np.mean([one[:2] for one in equal], axis=0)
    half = stats.t.ppf((1 + LEVEL) / 2, min(one[2] for one in equal)) * error
    return float(estimate - half), float(estimate + half)


def _ranked(ranks: Sequence[tuple[float, int]]) -> tuple[float, float]:
    centre = np.arctanh(np.clip(np.mean([one for one, _ in ranks]), -ALMOST, ALMOST))
    half = stats.norm.ppf((1 + LEVEL) / 2) * np.sqrt(1.06 / (min(n for _, n in ranks) - 3))
    return float(np.tanh(centre - half)), float(np.tanh(centre + half))


def _learnt(cells: pd.DataFrame, floor: float) -> bool:
    """Whether both ends of the batches have an encoder that knows more than word frequencies for sure."""
    known = {
        batch
        for (batch, *_), own in cells.drop_duplicates(["seed", "batch", "rate", "steps"]).groupby(
            ["batch", "rate", "steps"]
        )
        if below(own["held out"], floor)
    }
    return {cells.batch.min(), cells.batch.max()} <= known


def answer(cells: pd.DataFrame, differences: pd.DataFrame, related: pd.DataFrame) -> str:
    """Do small batches generalise better? What the encoders show.

    Args:
        cells: from :func:`smallbert.studies.batch_size.train`.
        differences: from :func:`contrasts`.
        related: from :func:`relations`.
    """
    small, large = int(cells.batch.min()), int(cells.batch.max())
    gaps = cells.groupby(["regime", "rule", "batch"]).gap.mean()
    said = [
        f"The encoders read the same text {cells.epochs.min():.1f} to {cells.epochs.max():.1f} times; their loss on "
        f"new text is {gaps.min():.3f} to {gaps.max():.3f} nats above that on the text they read"
        + (
            ": hardly anything was memorised, so these runs say little of generalisation."
            if gaps.max() <= MARGIN
            else "."
        )
    ]
    for regime, part in differences.groupby("regime", sort=False):
        each = "; ".join(f"{MEASURES[name]} {_told(part[part.measure == name])}" for name in ("held out", "gap"))
        said.append(f"Batches of {large:,} tokens against {small:,} at {regime}, nats, by rule for the rate: {each}.")
    equal, ranks = (related.set_index("relation").loc[name] for name in (AT_EQUAL, RANKS))
    said += [_equal_sentence(equal, small, large), _ranks_sentence(ranks)]
    return " ".join(said)


def _told(rows: pd.DataFrame) -> str:
    """``lower (fixed -0.226), no difference shown (linear)``: the table has the numbers of what is not told."""
    said = []
    for word, own in rows.groupby(rows.verdict.where(rows.difference.notna(), "not compared"), sort=False):
        told = word in ("lower", "higher")
        rules = [f"{row.rule} {row.difference:+.3f}" if told else row.rule for row in own.itertuples()]
        said.append(f"{word} ({', '.join(rules)})")
    return ", ".join(said)


def _equal_sentence(row: pd.Series, small: int, large: int) -> str:
    words = {
        "higher": "small batches generalise better here than how far training got explains",
        "lower": "large batches generalise better here than how far training got explains",
        "equivalent": "batch size matters here through how far training gets, and no further",
        "no difference shown": "whether batch size matters here beyond how far training gets cannot be told",
    }
    if row.verdict == NOT_LEARNT:
        return (
            "Not both the smallest and the largest batch are shown to have taught more than word frequencies, so what "
            "batches do to generalisation at equal training loss is not to be seen."
        )
    if row.verdict not in words:
        return "There are too few encoders or seeds to compare batches at equal training loss."
    return (
        f"At equal training loss, from {small:,} to {large:,} tokens a batch the held-out loss changes by "
        f"{row.estimate:+.3f} nats [{row.low:+.3f}, {row.high:+.3f}]: {words[row.verdict]}."
    )


def _ranks_sentence(row: pd.Series) -> str:
    words = {
        "higher": "sharper encoders have the larger gap",
        "lower": "sharper encoders have the smaller gap",
        "no difference shown": "sharpness says nothing certain of the gap",
    }
    if row.verdict not in words:
        return "There are too few encoders or seeds to relate sharpness to the gap."
    return (
        f"The rank correlation of sharpness and gap is {row.estimate:+.2f} [{row.low:+.2f}, {row.high:+.2f}]: "
        f"{words[row.verdict]}."
    )
