"""The frontier: quality kept against size and time, what nothing else beats, and the answers to three usual needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from smallbert.errors import DataError
from smallbert.measure.pareto import front
from smallbert.results import Results
from smallbert.studies import frontier_encoders as encoders
from smallbert.studies import frontier_index as index
from smallbert.studies.code_words import KEEP
from smallbert.studies.frontier_points import (
    ALBERT,
    COLUMNS,
    DEPTH,
    DISTIL,
    ENCODER,
    FRONTIER,
    INDEX,
    TEACHER,
    TRANSFER,
    TWIN,
    Row,
)
from smallbert.studies.points import WHOLE as WHOLE_POINT

COSTS = {"bytes": INDEX, "megabytes": ENCODER, "time": ENCODER}
"""What a front can be against, and the kind of points that have it."""

NEEDS = {
    "The smallest index": "bytes",
    "The fastest service on a CPU": "time",
    "The smallest download": "megabytes",
}
"""Typical needs, and the cost that each is about."""


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
        One row a point and measure, and what is missing, in words. Columns: ``point`` (name on a command line),
        ``name``, ``kind`` (``index`` or ``encoder``), ``method``, ``measure``, ``detail`` (one task of several),
        ``kept`` with ``low`` and ``high`` (95%; not-a-number where only a mean was measured), ``n`` of ``over`` (seeds,
        articles, queries), ``bytes`` a vector, ``megabytes`` of the weights, ``operations`` and ``time`` of a text read
        alone as shares of the reference's (``time low``, ``time high``), ``page``, ``where`` (figure), ``command``.
    """
    readers: dict[str, tuple[str, Callable[[], Iterator[Row]] | None]] = {
        DEPTH: (DEPTH, lambda: index.narrowed(results.of(DEPTH))),
        ALBERT: (ALBERT, lambda: encoders.shared(results.of(ALBERT))),
        DISTIL: (DISTIL, lambda: encoders.distilled(results.of(DISTIL))),
        TRANSFER: (TRANSFER, lambda: encoders.retained(results.of(TRANSFER))),
        f"{FRONTIER}: codes": (FRONTIER, None if codes is None else lambda: index.coded(codes)),
        f"{FRONTIER}: weights": (FRONTIER, None if quantised is None else lambda: encoders.weighed(quantised, timed)),
    }
    rows, missing = [], []
    for name, (page, reader) in readers.items():
        try:
            found = [{"page": page} | row for row in reader()] if reader else []
        except DataError:  # the page has not run in this edition
            found = []
        rows += found
        missing += [] if found else [name]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return frame.assign(detail=frame.detail.eq(True), command=frame.command.fillna("")), missing


def missing_sentence(missing: list[str]) -> str:
    """What the frontier does not hold."""
    return f"Not in this edition: {', '.join(missing)}." if missing else "Every page has given its points."


def measures(points: pd.DataFrame, cost: str) -> list[str]:
    """The measures, without single tasks, in which something besides the reference has this cost."""
    own = points[points[cost].notna() & (points.kind == COSTS[cost]) & ~points.detail]
    return [name for name, part in own.groupby("measure", sort=False) if part["name"].nunique() > 1]


def against(points: pd.DataFrame, cost: str) -> pd.DataFrame:
    """The points that have this cost, measure by measure, with ``front``: whether nothing beats the mean at its cost.

    Args:
        points: from :func:`collect`.
        cost: of :data:`COSTS`.
    """
    parts = []
    for measure in measures(points, cost):
        own = points[(points.measure == measure) & points[cost].notna() & points.kept.notna()]
        parts.append(own.assign(front=front(own[cost].to_numpy(), own.kept.to_numpy())).sort_values(cost))
    return pd.concat(parts, ignore_index=True) if parts else points[:0].assign(front=False)


def sure(points: pd.DataFrame, cost: str, keep: float = KEEP) -> pd.DataFrame:
    """Points that keep this share in every measure their page has for them, best first.

    A measure with an interval must keep it with its lower limit, one without by its mean. What is measured against
    another reference than the run's encoder counts for nothing here, and a time must be told to be shorter.

    Args:
        points: from :func:`collect`.
        cost: of :data:`COSTS`; what comes first has the least of it.
        keep: share of the reference's.

    Returns:
        One row a point: ``point``, ``name``, the cost, ``least`` (of the lower limits), ``measures`` (names, joined),
        ``without`` (how many of them have no interval), ``page``, ``where``, ``command``. References are left out.
    """
    own = _answering(points, cost)
    rows = []
    for (page, name), part in own.groupby(["page", "name"], sort=False):
        least = part.low.fillna(part.kept).min()
        if least >= keep:
            first = part.iloc[0]
            rows.append(
                {
                    "point": first.point,
                    "name": name,
                    cost: first[cost],
                    "least": least,
                    "measures": ", ".join(part.measure),
                    "without": int(part.low.isna().sum()),
                    "page": page,
                    "where": first["where"],
                    "command": first.command,
                }
            )
    columns = ["point", "name", cost, "least", "measures", "without", "page", "where", "command"]
    found = pd.DataFrame(rows, columns=columns)
    return found.sort_values([cost, "least"], ascending=[True, False]).reset_index(drop=True)


def needs(points: pd.DataFrame, keep: float = KEEP) -> pd.DataFrame:
    """The answer to every typical need.

    Returns:
        Columns ``need``, ``answer``, ``cost``, ``least kept``, ``measured by``, ``page``, ``command``; where nothing
        qualifies only the first two say something.
    """
    rows = []
    for need, cost in NEEDS.items():
        found = sure(points, cost, keep)
        if found.empty:
            rows.append({"need": need, "answer": f"nothing measured keeps {keep:.0%} for sure"})
            continue
        best = found.iloc[0]
        rows.append(
            {
                "need": need,
                "answer": best["name"],
                "cost": _cost(cost, best[cost]),
                "least kept": best.least,
                "measured by": best.measures,
                "page": best.page,
                "command": best.command,
            }
        )
    columns = ["need", "answer", "cost", "least kept", "measured by", "page", "command"]
    return pd.DataFrame(rows, columns=columns)


def needs_sentence(points: pd.DataFrame, keep: float = KEEP) -> str:
    """The same in words, with what each answer does not say."""
    said = [f"To keep {keep:.0%} of the reference, lower limits included."]
    for need, cost in NEEDS.items():
        found = sure(points, cost, keep)
        if found.empty:
            said.append(_nothing(need, _answering(points, cost)))
            continue
        best = found.iloc[0]
        limits = [f"measured by {best.measures} on page {_number(best.page)} only"]
        if best.without:
            limits.append(f"{best.without} of these without an interval")
        size = "" if cost == "bytes" else f", {_cost(cost, best[cost])}"  # a code's name says it
        said.append(f"{need}: {best['name']}{size} ({', '.join(limits)}).")
    return " ".join(said)


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
            "cost": _cost(cost, row[cost]),
            "kept": _kept(row),
            "page": _number(row["page"]),
            "command": row["command"],
        }
        for row in own.to_dict("records")
    ]
    return pd.DataFrame(rows, columns=["measure", "point", "cost", "kept", "page", "command"])


def _answering(points: pd.DataFrame, cost: str) -> pd.DataFrame:
    """Points that can answer a need: measured against the run's encoder or the whole vector, and neither of these.

    A time counts where it is told to be shorter than the reference's.
    """
    own = points[(points.kind == COSTS[cost]) & points[cost].notna() & points.kept.notna() & ~points.detail]
    if cost == "time":
        own = own[own["time high"] < 1]
    return own[~own.measure.isin([TWIN, TEACHER]) & (own.point != WHOLE_POINT)]


def _nothing(need: str, tried: pd.DataFrame) -> str:
    if tried.empty:
        return f"{need}: nothing was measured that is told to need less."
    # A point is as good as the measure that it keeps least of.
    least = tried.assign(sure=tried.low.fillna(tried.kept)).sort_values("sure").drop_duplicates(["page", "name"])
    row = least.iloc[-1]
    return f"{need}: nothing qualifies; nearest is {row['name']}, {_kept(row)} in {row.measure}."


def _kept(row: pd.Series | Row) -> str:
    if np.isnan(row["low"]):
        return f"{row['kept']:.0%} (no interval)"
    return f"{row['kept']:.0%} [{row['low']:.0%}, {row['high']:.0%}]"


def _cost(cost: str, value: float) -> str:
    units = {
        "bytes": f"{value:,.0f} bytes a vector",
        "megabytes": f"{value:.3g} MB",
        "time": f"{value:.0%} of the reference's time",
    }
    return units[cost]


def _number(page: str) -> int:
    return int(page.split("_", 1)[0])
