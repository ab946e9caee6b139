"""The frontier: quality kept against size and time, and what nothing else beats."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from smallbert.errors import DataError
from smallbert.measure.pareto import front
from smallbert.results import Results
from smallbert.studies import frontier_encoders as encoders
from smallbert.studies import frontier_index as index
from smallbert.studies import frontier_shelf
from smallbert.studies.frontier_points import (
    ALBERT,
    COLUMNS,
    COSTS,
    DEPTH,
    DISTIL,
    FRONTIER,
    TRANSFER,
    Row,
    cost_words,
    kept_words,
)

ROUNDING = 1e-9
"""Shares that differ by less are the same count of something."""


def collect(
    results: Results,
    *,
    codes: pd.DataFrame | None = None,
    quantised: pd.DataFrame | None = None,
    timed: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, list[str]]:
    """All points that the pages of this edition have measured; nothing is measured here.

    Args:
        results: of any page of the edition.
        codes: from :func:`smallbert.studies.codes.summary`.
        quantised: from :func:`smallbert.studies.weights.quality`.
        timed: from :func:`smallbert.studies.weights.timings`.

    Returns:
        One row a point and measure, and which pages have not run. Columns: ``point`` (name on a command line),
        ``name``, ``kind`` (``index`` or ``encoder``), ``method``, ``measure``, ``detail`` (one task of several),
        ``kept`` with ``low`` and ``high`` (95%; not-a-number where only a mean was measured), ``floor`` (kept without
        training: by word frequencies, always the commonest topic, neighbours drawn blindly, fresh weights; not-a-number
        where unknown), ``n`` of ``over`` (seeds, articles, queries), ``among`` (articles that neighbours were sought
        among; measures of neighbours that differ in it have it in their name), ``bytes`` a vector, ``megabytes`` of the
        weights that make a vector, ``operations`` and ``time`` of a text read alone as shares of the reference's
        (``time low``, ``time high``; ``time many``: of many texts together), ``page``, ``where`` (figure), ``command``.
        A measure by which the reference itself is worth nothing has no row.
    """
    readers: dict[str, tuple[str, Callable[[], Iterator[Row]] | None]] = {
        DEPTH: (DEPTH, lambda: index.narrowed(results.of(DEPTH))),
        ALBERT: (ALBERT, lambda: encoders.shared(results.of(ALBERT))),
        DISTIL: (DISTIL, lambda: encoders.distilled(results.of(DISTIL))),
        TRANSFER: (TRANSFER, lambda: frontier_shelf.retained(results.of(TRANSFER))),
        f"{FRONTIER}: codes": (FRONTIER, None if codes is None else lambda: index.coded(codes, results.of(FRONTIER))),
        f"{FRONTIER}: weights": (
            FRONTIER,
            None if quantised is None else lambda: encoders.weighed(quantised, timed, results.of(FRONTIER)),
        ),
    }
    rows, missing = [], []
    for name, (page, reader) in readers.items():
        try:
            # A row at a time: what a page has told before something it lacks stays told.
            for row in reader() if reader else ():
                rows.append({"page": page} | row)
        except DataError:
            reader = None if not _has_run(results.of(page)) else reader
        missing += [] if reader else [name]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    frame = frame.assign(detail=frame.detail.eq(True), command=frame.command.fillna(""), measure=_apart(frame))
    return frame, missing


def _apart(points: pd.DataFrame) -> pd.Series:
    """Measures, those of neighbours by how many articles they were sought among where pages differ in that.

    The more there are, the more of them are nearly as near: shares of 100 and of 400 articles do not compare.
    """
    differs = points.groupby("measure").among.transform("nunique") > 1
    number = points.among.map("{:,.0f}".format)
    return points.measure.mask(differs & points.among.notna(), points.measure + " among " + number + " articles")


def _has_run(results: Results) -> bool:
    try:
        return bool(results.values())
    except DataError:
        return False


def missing_sentence(points: pd.DataFrame, missing: list[str]) -> str:
    """What the frontier does not hold.

    Args:
        points, missing: from :func:`collect`.
    """
    given = {*points.page, *missing}
    without = [page for page in (DEPTH, ALBERT, DISTIL, TRANSFER) if page not in given]
    told = [f"Not in this edition: {', '.join(missing)}."] if missing else []
    told += [f"Of this edition, but without a point to compare: {', '.join(without)}."] if without else []
    return " ".join(told) or "Every page has given its points."


def measures(points: pd.DataFrame, cost: str) -> list[str]:
    """The measures, without single tasks, in which something besides the reference has this cost."""
    own = points[points[cost].notna() & points.kept.notna() & (points.kind == COSTS[cost]) & ~points.detail]
    return [name for name, part in own.groupby("measure", sort=False) if part["name"].nunique() > 1]


def against(points: pd.DataFrame, cost: str) -> pd.DataFrame:
    """The points that have this cost, measure by measure, with ``front``: whether nothing beats the mean at its cost.

    What keeps no more than the floor is worth nothing, however cheap: it is on no front. A share and its floor may be
    the same count of articles and differ in the last bit, by the sums they come from.

    Args:
        points: from :func:`collect`.
        cost: of :data:`smallbert.studies.frontier_points.COSTS`.
    """
    parts = []
    for measure in measures(points, cost):
        own = points[(points.measure == measure) & points[cost].notna() & points.kept.notna()]
        worth = (~(own.kept <= own.floor + ROUNDING)).to_numpy()
        best = np.zeros(len(own), dtype=bool)
        best[worth] = front(own[cost].to_numpy()[worth], own.kept.to_numpy()[worth])
        parts.append(own.assign(front=best).sort_values(cost))
    return pd.concat(parts, ignore_index=True) if parts else points[:0].assign(front=False)


def fronts(found: pd.DataFrame, cost: str) -> pd.DataFrame:
    """What nothing else beats in cost and mean, measure by measure, from the least cost on.

    Args:
        found: from :func:`against`.
        cost: the same.

    Returns:
        Columns ``measure``, ``point``, ``cost``, ``kept``, ``page``, ``command``, in words.
    """
    own = found[found.front].drop_duplicates(["measure", cost, "name"])
    rows = [
        {
            "measure": row["measure"],
            "point": row["name"],
            "cost": cost_words(cost, row),
            "kept": kept_words(row),
            "page": int(row["page"][:2]),
            "command": row["command"],
        }
        for row in own.to_dict("records")
    ]
    return pd.DataFrame(rows, columns=["measure", "point", "cost", "kept", "page", "command"])
