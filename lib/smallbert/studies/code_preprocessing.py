"""What to do to vectors before they are coded, and before they are compared at all."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path

import pandas as pd

from smallbert.compress.codes import catalogue, preprocessing
from smallbert.compress.moments import Moments
from smallbert.measure.geometry import anisotropy, second_moment_shares
from smallbert.studies.code_outcomes import Cell, Measured
from smallbert.studies.codes import MARGIN, WHOLE, contrast, floor, has_worth, measure, summary
from smallbert.studies.contrasts import corrected
from smallbert.studies.searches import MEASURES, OVERLAP, Collection, Searches

CODED = ("PCA, int8", "binary, rescored")
"""Codes that every preprocessing is tried with, beside the whole vector: one that rotates and one that does not."""

KEYS = ["preprocessing", "method", "bytes", "measure"]
DIFFERENCE = {"difference": "difference", "low": "difference low", "high": "difference high"}
"""Columns of a contrast, as they are called beside those of a mean."""

VERDICTS = {"higher": "Better", "lower": "Worse"}
"""How a difference that is told is called."""


def names(width: int) -> list[str]:
    """The preprocessings compared: all-but-the-top at 1, 3 and a hundredth of the width, which its authors advise."""
    tops = sorted({1, 3, max(1, width // 100)})
    kinds = (preprocessing.RAW, preprocessing.CENTRED, preprocessing.USUAL)
    return [
        *kinds,
        preprocessing.LAYER_NORM,
        preprocessing.STANDARDISED,
        *(f"{preprocessing.TOP}{top}" for top in tops),
    ]


def compare(collection: Collection, chosen: Sequence[str], nbytes: int, store: Path, *, seed: int) -> pd.DataFrame:
    """Every preprocessing with the whole vector and with two codes.

    Neighbours are compared with those of the whole vectors under the same preprocessing: that column tells what coding
    loses. The other measures tell what a user gets, and are asked with the same queries of all preprocessings: there
    each is also compared with the vectors as they come, paired by query.

    Args:
        collection: raw vectors.
        chosen: names of preprocessings, the vectors as they come among them.
        nbytes: of PCA with int8 numbers; the binary code has a bit for every number.
        store: folder of finished outcomes.
        seed: of the probes.

    Returns:
        One row a preprocessing, code and measure: ``preprocessing``, ``method``, ``bytes``, ``measure``, ``mean``,
        ``low``, ``high``; ``difference`` from the vectors as they come, ``difference low``, ``difference high``,
        ``p_holm`` (corrected over all of these) and ``verdict`` (not-a-number for neighbours, for these vectors
        themselves, and where neither whole vector has anything to keep); and of the prepared vectors ``anisotropy``
        (mean cosine of two) and ``largest share`` (of the second moment, in one dimension).
    """
    tables, known = [], {}
    train = Moments.of(collection.matrices.train)
    for name in chosen:
        searches = Searches(collection, preprocessing.fit(name, train), seed=seed)
        training = catalogue.Training(searches.train, [nbytes], epochs=1)
        whole = catalogue.whole(training.width)
        cells = [Cell(WHOLE, "whole", whole.nbytes, 0, partial(catalogue.whole, training.width))]
        for method, sizes in catalogue.offers(training.width, [nbytes]):
            if method.name in CODED:
                cells += [
                    Cell(method.name, method.group, size, 0, partial(method.fit, training, size, 0)) for size in sizes
                ]
        known[name] = measure(searches, cells, store, epochs=1, label=name)
        least = floor(searches)
        shares = second_moment_shares(training.moments.second_moments)
        shape = {"anisotropy": anisotropy(searches.train), "largest share": float(shares.max())}
        tables.append(summary(known[name], least).assign(preprocessing=name, **shape))
    found = pd.concat(tables, ignore_index=True).join(_against_raw(known, least), on=KEYS)
    told = [*DIFFERENCE.values(), "p_holm", "verdict"]
    return found[[*KEYS, "mean", "low", "high", *told, "anisotropy", "largest share"]]


def _against_raw(known: dict[str, Measured], least: float) -> pd.DataFrame:
    """Every preprocessing against the vectors as they come, use by use and code by code, Holm-corrected together.

    Args:
        known: by preprocessing.
        least: accuracy of always answering the commonest topic.

    Returns:
        Index :data:`KEYS`; columns ``difference``, ``difference low``, ``difference high``, ``p_holm``, ``verdict``.
    """
    raw, rows = known[preprocessing.RAW], []
    for (name, own), use in product(known.items(), MEASURES):
        # Each has neighbours of its own; and what is worth nothing before and after is equal without being alike.
        if name == preprocessing.RAW or use == OVERLAP or not any(has_worth(one, use, least) for one in (own, raw)):
            continue
        for method, _, nbytes in own.points():
            difference = contrast(own, raw, method, method, nbytes, use)
            rows.append({**dict(zip(KEYS, (name, method, nbytes, use), strict=True)), **difference})
    columns = [*KEYS, "difference", "low", "high", "p", "pairs"]
    found = corrected(pd.DataFrame(rows, columns=columns), margin=MARGIN)
    return found.drop(columns="pairs").rename(columns=DIFFERENCE).set_index(KEYS)


def sentence(table: pd.DataFrame) -> str:
    """Which preprocessing is told better or worse than the vectors as they come, for which use and code."""
    asked = table[(table.measure != OVERLAP) & (table.preprocessing != preprocessing.RAW)]
    if asked.empty:
        return "No use but neighbours is known of this corpus."
    compared, left = asked[asked.verdict.notna()], asked[asked.verdict.isna()]
    said = []
    if len(compared):
        said.append(
            f"Each preprocessing against the vectors as they come ({preprocessing.RAW}), paired by query, 95% "
            f"intervals, Holm-corrected over all {len(compared)} pairs, each for one use and one code."
        )
    for verdict, word in VERDICTS.items():
        said += [f"{word}: {told}." for told in [_told(compared[compared.verdict == verdict])] if told]
    rest = compared[~compared.verdict.isin(VERDICTS)]
    if len(rest):
        words = rest.verdict.replace("equivalent", f"equivalent within {MARGIN:g}")
        counts = ", ".join(f"{word} {count}" for word, count in words.value_counts(sort=False).items())
        said.append(f"Told neither better nor worse: {len(rest)} of {len(compared)} ({counts}).")
    if len(left):
        uses = "; ".join(left.measure.unique())
        said.append(f"Not compared, as neither whole vector has anything to keep: {len(left)} pairs ({uses}).")
    return " ".join(said)


def _told(rows: pd.DataFrame) -> str:
    """Use and code with the preprocessings and their differences, in words; empty where there is no row."""
    return "; ".join(
        f"{use}, {method}: "
        + ", ".join(
            f"{row['preprocessing']} ({row['difference']:+.3f} [{row['difference low']:+.3f}, "
            f"{row['difference high']:+.3f}])"
            for row in part.to_dict("records")
        )
        for (use, method), part in rows.groupby(["measure", "method"], sort=False)
    )
