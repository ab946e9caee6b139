"""What to take for three usual needs, by the points of the frontier; and where nothing is sure to do, why."""

from __future__ import annotations

import pandas as pd

from smallbert.studies.code_words import KEEP
from smallbert.studies.frontier import COSTS
from smallbert.studies.frontier_points import OTHERS, cost_words, kept_words
from smallbert.studies.points import WHOLE

NEEDS = {
    "The smallest index": "bytes",
    "The fastest service on a CPU": "time",
    "The smallest download": "megabytes",
}
"""Typical needs, and the cost that each is about."""


def sure(points: pd.DataFrame, cost: str, keep: float = KEEP) -> pd.DataFrame:
    """Points that keep this share in every measure that any page has for them, best first.

    A point is what one command builds, whatever its pages call it. A measure with an interval must keep the share with
    its lower limit, one without by its mean. What is measured against another reference than the run's encoder counts
    for nothing here, nor do the references; a time must be told to be shorter.

    Args:
        points: from :func:`smallbert.studies.frontier.collect`.
        cost: of :data:`smallbert.studies.frontier.COSTS`; what comes first has the least of it.
        keep: share of the reference's.

    Returns:
        One row a point, as the last page that has its cost tells it: ``point``, ``name``, ``page``, ``where``,
        ``command``, the cost and ``time many``; ``least`` (of the lower limits), ``measures`` (names, joined),
        ``lacks`` (what others were measured by and it was not), ``pages`` (their numbers), ``without`` (how many
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
                    "measures": ", ".join(measured),
                    "lacks": ", ".join(_lacking(asked, measured)),
                    "pages": sorted({int(page[:2]) for page in part.page}),
                    "without": int(part.groupby("measure").low.apply(lambda low: low.isna().any()).sum()),
                }
            )
    columns = ["point", "name", cost, "time many", "page", "where", "command"]
    found = pd.DataFrame(rows, columns=[*columns, "least", "measures", "lacks", "pages", "without"])
    return found.sort_values([cost, "least"], ascending=[True, False]).reset_index(drop=True)


def table(points: pd.DataFrame, keep: float = KEEP) -> pd.DataFrame:
    """The answer to every typical need.

    Args:
        points: from :func:`smallbert.studies.frontier.collect`.
        keep: share of the reference's.

    Returns:
        Columns ``need``, ``answer``, ``cost``, ``least kept``, ``measured by``, ``not measured by``, ``page``,
        ``command``, ``why`` (what costs less and may do too; where nothing is sure to do, why, and then of the others
        only ``need`` and ``answer`` say something).
    """
    rows = []
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
                "cost": cost_words(cost, best),
                "least kept": best.least,
                "measured by": best.measures,
                "not measured by": best.lacks,
                "page": best.page,
                "command": best.command,
                "why": _cheaper(points, cost, keep, best[cost]),
            }
        )
    columns = ["cost", "least kept", "measured by", "not measured by", "page", "command", "why"]
    return pd.DataFrame(rows, columns=["need", "answer", *columns])


def sentence(points: pd.DataFrame, keep: float = KEEP) -> str:
    """The same in words, with what each answer does not say."""
    said = [f"To keep {keep:.0%} of the reference, lower limits included."]
    for need, cost in NEEDS.items():
        found = sure(points, cost, keep)
        if found.empty:
            said.append(f"{need}: {_kept_whole(cost)}; {_why(points, cost, keep)}.")
            continue
        best = found.iloc[0]
        pages = " and ".join(map(str, best.pages))
        limits = [f"by {best.measures} on page{'s' if len(best.pages) > 1 else ''} {pages}"]
        if best.lacks:
            limits.append(f"not by {best.lacks}")
        if best.without:
            limits.append(f"{best.without} of these without an interval")
        size = "" if cost == "bytes" else f", {cost_words(cost, best)}"  # a code's name says it
        cheaper = _cheaper(points, cost, keep, best[cost])
        said.append(f"{need}: {best['name']}{size} ({'; '.join(limits)}){cheaper and f'; {cheaper}'}.")
    return " ".join(said)


def _affordable(points: pd.DataFrame, cost: str) -> pd.Series:
    """Rows with this cost; a time counts where it is told to be shorter than the reference's."""
    return points["time high"] < 1 if cost == "time" else points[cost].notna()


def _answering(points: pd.DataFrame, cost: str) -> pd.DataFrame:
    """All that was measured of points that can answer a need, against the run's encoder or the whole vector."""
    own = points[(points.kind == COSTS[cost]) & points.kept.notna() & ~points.detail & (points.point != WHOLE)]
    own = own[~own.measure.str.startswith(OTHERS)]
    return own[own.point.isin(own.point[_affordable(own, cost)])]


def _lacking(asked: list[str], measured: list[str]) -> list[str]:
    """Measures of others, by the part before the comma where that says enough: ``task scores kept``."""
    known = {one.split(", ")[0] for one in measured}
    lacking = [one for one in asked if one not in measured]
    return list(dict.fromkeys(one if one.split(", ")[0] in known else one.split(", ")[0] for one in lacking))


def _kept_whole(cost: str) -> str:
    return f"keep the whole {'vector' if cost == 'bytes' else 'encoder'} in fp32"


def _why(points: pd.DataFrame, cost: str, keep: float) -> str:
    """Why nothing is sure to do: what comes nearest, and whether it is worse or only not told well enough."""
    tried = _answering(points, cost)
    if tried.empty:
        return "nothing was measured that is told to need less"
    row = _worst(tried).iloc[-1]
    own = tried[(tried.point == row.point) & _affordable(tried, cost)].iloc[-1]
    size = "" if cost == "bytes" else f" ({cost_words(cost, own)})"
    nearest = f"{own['name']}{size} comes nearest, with {kept_words(row, 1)} of {row.measure.replace(' kept', '')}"
    return nearest if row.kept < keep else f"{nearest}{_too_few(row, keep)}"


def _cheaper(points: pd.DataFrame, cost: str, keep: float, than: float) -> str:
    """What costs less than the answer and keeps enough by all its means, but not for sure; nothing without such."""
    tried = _answering(points, cost)
    costs = tried[_affordable(tried, cost)].drop_duplicates("point", keep="last").set_index("point")
    enough = tried.groupby("point").kept.min() >= keep
    own = costs[enough.reindex(costs.index) & (costs[cost] < than)]
    if own.empty:
        return ""
    worst = _worst(tried).set_index("point")
    first = own.assign(sure=worst.sure).sort_values([cost, "sure"], ascending=[True, False]).iloc[0]
    row = worst.loc[first.name]
    size = "" if cost == "bytes" else f", {cost_words(cost, first)},"
    kept = f"{kept_words(row, 1)} of {row.measure.replace(' kept', '')}{_too_few(row, keep)}"
    return f"{first['name']}{size} may do too: {kept}"


def _worst(tried: pd.DataFrame) -> pd.DataFrame:
    """The measure that each point keeps least of, which it is as good as; the best point last."""
    return tried.assign(sure=tried.low.fillna(tried.kept)).sort_values("sure").drop_duplicates("point")


def _too_few(row: pd.Series, keep: float) -> str:
    number = "" if pd.isna(row.n) else f"{row.n:,.0f} "
    return f" over {number}{row.over}, too few to be sure of {keep:.0%}"
