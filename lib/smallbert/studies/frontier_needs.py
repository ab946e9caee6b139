"""What to take for three usual needs, by the points of the frontier; and where nothing is sure to do, why."""

from __future__ import annotations

import numpy as np
import pandas as pd

from smallbert.studies.frontier_points import COSTS, KEEP, OTHERS, cost_words, kept_words
from smallbert.studies.points import WHOLE

NEEDS = {
    "The smallest index": "bytes",
    "The fastest service on a CPU": "time",
    "The smallest download": "megabytes",
}
"""Typical needs, and the cost that each is about."""

CHEAPEST = "nothing that was measured costs less and keeps enough by its means"
"""Why an answer stands alone."""


def sure(points: pd.DataFrame, cost: str, keep: float = KEEP) -> pd.DataFrame:
    """Points that keep this share in every measure that any page has for them, best first.

    A point is what one command builds, whatever its pages call it. A measure with an interval must keep the share with
    its lower limit, one without by its mean. What is measured against another reference than the run's encoder counts
    for nothing here, nor do the references; a time must be told to be shorter.

    Args:
        points: from :func:`smallbert.studies.frontier.collect`.
        cost: of :data:`smallbert.studies.frontier_points.COSTS`; what comes first has the least of it.
        keep: share of the reference's.

    Returns:
        One row a point, as the last page that has its cost tells it: ``point``, ``name``, ``page``, ``where``,
        ``command``, the cost and ``time many``; ``least`` (of the lower limits), ``measures`` (names, joined),
        ``among`` (most articles that neighbours were sought among), ``lacks`` (what others were measured by and it was
        not), ``pages`` (their numbers), ``without`` (how many
        measures have no interval).
    """
    own = _answering(points, cost)
    asked = list(dict.fromkeys(own.measure))
    rows = []
    for _, part in own.groupby("point", sort=False):
        least = part.low.fillna(part.kept).min()
        if least >= keep:
            last, measured = part[_affordable(part, cost)].iloc[-1], list(dict.fromkeys(part.measure))
            rows.append(
                {
                    **last[["point", "name", cost, "time many", "page", "where", "command"]],
                    "least": least,
                    "among": part.among.max(),
                    "measures": ", ".join(measured),
                    "lacks": ", ".join(_lacking(asked, measured)),
                    "pages": sorted({int(page[:2]) for page in part.page}),
                    "without": int(part.groupby("measure").low.apply(lambda low: low.isna().any()).sum()),
                }
            )
    columns = ["point", "name", cost, "time many", "page", "where", "command"]
    found = pd.DataFrame(rows, columns=[*columns, "least", "among", "measures", "lacks", "pages", "without"])
    return found.sort_values([cost, "least"], ascending=[True, False]).reset_index(drop=True)


def table(points: pd.DataFrame, keep: float = KEEP) -> pd.DataFrame:
    """The answer to every typical need.

    Args:
        points: from :func:`smallbert.studies.frontier.collect`.
        keep: share of the reference's.

    Returns:
        Columns ``need``, ``answer``, ``cost``, ``least kept``, ``measured by``, ``not measured by``, ``page`` (its
        number), ``command``, ``why`` (what costs less and may do too, or :data:`CHEAPEST`; where nothing is sure to do,
        why, and then of the others only ``need`` and ``answer`` say something).
    """
    rows: list[dict[str, str | float | None]] = []
    for need, cost in NEEDS.items():
        found = sure(points, cost, keep)
        if found.empty:
            rows.append({"need": need, "answer": _kept_whole(cost), "why": _why(points, cost, keep)})
            continue
        best = found.iloc[0]
        rows.append(
            {
                "need": need,
                "answer": best["name"],
                "cost": _priced(cost, best),
                "least kept": best.least,
                "measured by": best.measures,
                "not measured by": best.lacks or None,
                "page": str(int(best.page[:2])),
                "command": best.command,
                "why": _hopeful(points, cost, keep, best[cost]) or CHEAPEST,
            }
        )
    columns = ["cost", "least kept", "measured by", "not measured by", "page", "command", "why"]
    return pd.DataFrame(rows, columns=["need", "answer", *columns])


def sentence(points: pd.DataFrame, keep: float = KEEP) -> str:
    """The same in words, with what each answer does not say."""
    said, among = [f"To keep {keep:.0%} of the reference, lower limits included."], set[int]()
    for need, cost in NEEDS.items():
        found = sure(points, cost, keep)
        if found.empty:
            said.append(f"{need}: {_kept_whole(cost)}; {_why(points, cost, keep)}.")
            continue
        best = found.iloc[0]
        pages = " and ".join(map(str, best.pages))
        limits = [f"by {best.measures} on page{'s' if len(best.pages) > 1 else ''} {pages}"]
        among |= {int(best.among)} if best.among > 0 else set()
        if form := arithmetic(best["name"]):
            limits.append(f"where the processor has {form} arithmetic, as this one")
        if best.lacks:
            limits.append(f"not by {best.lacks}")
        if best.without:
            limits.append(f"{best.without} of these without an interval")
        size = "" if cost == "bytes" else f", {_priced(cost, best)}"  # a code's name says it
        cheaper = _hopeful(points, cost, keep, best[cost])
        said.append(f"{need}: {best['name']}{size} ({'; '.join(limits)}){cheaper and f'; {cheaper}'}.")
    if among:
        numbers = " and ".join(f"{number:,}" for number in sorted(among))
        said.append(f"Neighbours were sought among {numbers} articles: of more, the nearest are harder to keep.")
    return " ".join(said)


def arithmetic(name: str) -> str:
    """The number format, ``bf16`` or ``int8``, that a processor must multiply in for a point to be fast; or empty."""
    return next((form for form in ("bf16", "int8") if f"{form} products" in name), "")


def _affordable(points: pd.DataFrame, cost: str) -> pd.Series:
    """Rows with this cost; a time counts where it is told to be shorter than the reference's."""
    return points["time high"] < 1 if cost == "time" else points[cost].notna()


def _answering(points: pd.DataFrame, cost: str) -> pd.DataFrame:
    """All that was measured of points that can answer a need, against the run's encoder or the whole vector."""
    own = _own(points, cost)
    return own[own.point.isin(own.point[_affordable(own, cost)])]


def _own(points: pd.DataFrame, cost: str) -> pd.DataFrame:
    """All that was measured against the run's encoder or the whole vector, of all points but these."""
    own = points[(points.kind == COSTS[cost]) & points.kept.notna() & ~points.detail & (points.point != WHOLE)]
    return own[~own.measure.str.startswith(OTHERS)]


def _lacking(asked: list[str], measured: list[str]) -> list[str]:
    """Measures of others, by the part before the comma where that says enough: ``task scores kept``."""
    known = {one.split(", ")[0] for one in measured}
    lacking = [one for one in asked if one not in measured]
    return list(dict.fromkeys(one if one.split(", ")[0] in known else one.split(", ")[0] for one in lacking))


def _priced(cost: str, row: pd.Series) -> str:
    """A cost with what its megabytes are of: a file to download holds a little more."""
    return f"{cost_words(cost, row)}{' of weights' * (cost == 'megabytes')}"


def _kept_whole(cost: str) -> str:
    return f"keep the whole {'vector' if cost == 'bytes' else 'encoder'} in fp32"


def _why(points: pd.DataFrame, cost: str, keep: float) -> str:
    """Why nothing is sure to do: the cheapest that does by its means and what it is not sure of, else the nearest."""
    if said := _hopeful(points, cost, keep):
        return said
    tried = _answering(points, cost)
    if tried.empty:
        return "nothing was measured that is told to need less"
    # The measure that a point keeps least of by its mean; of points as near as each other the one that costs least.
    least = tried.sort_values("kept").drop_duplicates("point").set_index("point")
    costs = _costs(tried[_affordable(tried, cost)], cost)
    near = costs.assign(near=least.kept.round(9)).sort_values(["near", cost], ascending=[False, True]).iloc[0]
    size = "" if cost == "bytes" else f" ({_priced(cost, near)})"
    return f"{near['name']}{size} comes nearest, with {_kept(least.loc[near.name])}"


def _hopeful(points: pd.DataFrame, cost: str, keep: float, than: float | None = None) -> str:
    """The cheapest that costs less by its mean and keeps enough by all its means, and what of it is not sure.

    Args:
        points: from :func:`smallbert.studies.frontier.collect`.
        cost: of :data:`smallbert.studies.frontier_points.COSTS`.
        keep: share of the reference's.
        than: cost of the answer; without one a time is less than the reference's, and any size is.

    Returns:
        Nothing where there is no such point.
    """
    own = _own(points, cost)
    most = than if than is not None else 1.0 if cost == "time" else float("inf")
    costs = _costs(own[own[cost] < most], cost)
    enough = own.groupby("point").kept.min() >= keep
    costs = costs[enough.reindex(costs.index)]
    if costs.empty:
        return ""
    # The measure that a point is least sure of.
    worst = own.assign(sure=own.low.fillna(own.kept)).sort_values("sure").drop_duplicates("point").set_index("point")
    first = costs.assign(sure=worst.sure).sort_values([cost, "sure"], ascending=[True, False]).iloc[0]
    row = worst.loc[first.name]
    unsure = [] if cost != "time" or first["time high"] < 1 else [f"its time{_limits(first)} is not told to be shorter"]
    if row.sure < keep:
        number = "" if pd.isna(row.n) else f"{row.n:,.0f} "
        unsure.append(f"{_kept(row)} over {number}{row.over}, too few to be sure of {keep:.0%}")
    size = "" if cost == "bytes" else f", {_priced(cost, first)},"
    return f"{first['name']}{size} may do{'' if than is None else ' too'}: {'; '.join(unsure)}"


def _costs(own: pd.DataFrame, cost: str) -> pd.DataFrame:
    """Every point as the last page that has its cost tells it."""
    return own[own[cost].notna()].drop_duplicates("point", keep="last").set_index("point")


def _kept(row: pd.Series) -> str:
    return f"{kept_words(row, 1)} of {row.measure.replace(' kept', '')}"


def _limits(row: pd.Series) -> str:
    """The interval of a time: `` [48%, 166%]``."""
    high = f"{row['time high']:.0%}" if np.isfinite(row["time high"]) else "no upper limit"
    return "" if pd.isna(row["time low"]) else f" [{row['time low']:.0%}, {high}]"
