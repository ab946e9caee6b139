"""What to do to vectors before they are coded, and before they are compared at all."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from smallbert.compress.codes import catalogue, preprocessing
from smallbert.compress.moments import Moments
from smallbert.measure.geometry import anisotropy, second_moment_shares
from smallbert.studies.codes import WHOLE, Cell, measure, summary
from smallbert.studies.searches import OVERLAP, Collection, Searches

CODED = ("PCA, int8", "binary, rescored")
"""Codes that every preprocessing is tried with, beside the whole vector: one that rotates and one that does not."""


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
    loses. The other measures tell what a user gets.

    Args:
        collection: raw vectors.
        chosen: names of preprocessings.
        nbytes: of PCA with int8 numbers; the binary code has a bit for every number.
        store: folder of finished outcomes.
        seed: of the probes.

    Returns:
        One row a preprocessing, code and measure: ``preprocessing``, ``method``, ``bytes``, ``measure``, ``mean``,
        ``low``, ``high``, and of the prepared vectors ``anisotropy`` (mean cosine of two) and ``largest share`` (of
        the second moment, in one dimension).
    """
    tables = []
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
        found = summary(measure(searches, cells, store, epochs=1, label=name))
        shares = second_moment_shares(training.moments.second_moments)
        shape = {"anisotropy": anisotropy(searches.train), "largest share": float(shares.max())}
        tables.append(found.assign(preprocessing=name, **shape))
    columns = ["preprocessing", "method", "bytes", "measure", "mean", "low", "high", "anisotropy", "largest share"]
    return pd.concat(tables, ignore_index=True)[columns]


def sentence(table: pd.DataFrame) -> str:
    """Where a preprocessing is told to be better than the vectors as they come; the rest stands in the figure."""
    told, open_ = [], 0
    for (name, method), part in table[table.measure != OVERLAP].groupby(["measure", "method"], sort=False):
        own = part.set_index("preprocessing")
        raw = own.loc[preprocessing.RAW]
        best = own["mean"].idxmax()
        if own.low[best] > raw.high:
            told.append(f"{name}, {method}: {best} {_limited(own.loc[best])}, {preprocessing.RAW} {_limited(raw)}")
        else:
            open_ += 1
    if not told and not open_:
        return "No use but neighbours is known of this corpus."
    rest = (
        f"In {open_} of {open_ + len(told)} pairs of a use and a code the interval of the best by mean meets {_RAWS}."
    )
    return f"Best by mean, intervals apart from {_RAWS}. {'; '.join(told)}. {rest}" if told else rest


_RAWS = f"that of the vectors as they come ({preprocessing.RAW})"


def _limited(row: pd.Series) -> str:
    return f"{row['mean']:.3f} [{row.low:.3f}, {row.high:.3f}]"
