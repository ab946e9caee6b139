"""A comparison in words: a few lines for a terminal, and plain data for other programs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

from smallbert.report.compare import Comparison, tally
from smallbert.report.compare_cells import FIGURE
from smallbert.report.compare_check import TOLERANCES, Reproduction
from smallbert.report.compare_runs import page_number

_CHANGES = 4
"""Settings and the like named on a terminal; all are counted."""
_CELLS = 10
_WIDTH = 44


def headline(comparison: Comparison) -> str:
    """The finding in one sentence."""
    names = f"{printable(comparison.a.called)} and {printable(comparison.b.called)}"
    counts, unjudged = comparison.counts, len(comparison.counted) - comparison.counts["real"]
    if comparison.differs:
        parts = [
            f"{_many(counts['real'], 'cell')} beyond noise" if counts["real"] else "",
            f"{_many(unjudged, 'cell')} though nothing was set otherwise" if unjudged else "",
            f"{tally(comparison.missing.what)} only in one" if len(comparison.missing) else "",
        ]
        return f"{names} differ: {'; '.join(filter(None, parts))}."
    if other := counts["no interval"] + counts["word"]:
        return (
            f"{names} do not differ beyond noise; {_many(other, 'cell')} changed with the settings, judged by nothing."
        )
    if counts["noise"]:
        return f"{names} do not differ beyond noise: {_many(counts['noise'], 'cell')} differ within it."
    return f"{names} are the same in all {counts['same']:,} cells."


def summary(comparison: Comparison) -> list[str]:
    """A comparison for a terminal."""
    facts = _facts(comparison)
    if not (comparison.a.has_figures and comparison.b.has_figures):
        bare = " and ".join(run.called for run in (comparison.a, comparison.b) if not run.has_figures)
        facts.append(("figures", f"not compared: none lie with {bare}"))
    names = comparison.a.called, comparison.b.called
    return [headline(comparison), "", *_aligned(facts), *_listed(comparison.counted, "what differs", *names)]


def check_summary(found: Reproduction) -> list[str]:
    """A reproduction for a terminal."""
    facts = _facts(found.comparison)
    if found.elsewhere:
        facts.append(("note", f"{', '.join(found.elsewhere)}: computed numbers may move, within their tolerances"))
    for position, (kind, told) in enumerate(TOLERANCES.items()):
        facts.append(("tolerance" if not position else "", f"{kind}: {told}"))
    names = "published", found.comparison.b.called
    return [verdict(found), "", *_aligned(facts), *_listed(found.failed, "outside their tolerance", *names)]


def verdict(found: Reproduction) -> str:
    """Whether a run reproduces, in one sentence."""
    run, name = printable(found.comparison.b.called), printable(found.comparison.a.name)
    if found.reproduces:
        return f"{run} reproduces the published edition {name}."
    return f"{run} does not reproduce the published edition {name}: {'; '.join(found.reasons)}."


def tally_of(comparison: Comparison) -> str:
    """How many cells there are of each verdict."""
    words = {
        "same": "the same",
        "real": "beyond noise",
        "noise": "within it",
        "no interval": "without an interval",
        "word": "words",
        "not held": "not held (times, and what follows other cells)",
    }
    return ", ".join(f"{count:,} {words[name]}" for name, count in comparison.counts.items() if count or name == "same")


def ordered(cells: pd.DataFrame) -> pd.DataFrame:
    """Tables before the data behind figures, then by page, the surest difference of a table first."""
    behind = cells.table.str.startswith(FIGURE)
    keys = cells.assign(behind=behind, unsure=cells.p.fillna(2.0))
    return cells.loc[keys.sort_values(["behind", "page", "table", "unsure"], kind="stable").index]


def as_json(comparison: Comparison, found: Reproduction | None = None) -> dict[str, Any]:
    """Everything a comparison holds, as plain data; what is not a number is null."""
    told: dict[str, Any] = {
        "a": _run(comparison.a),
        "b": _run(comparison.b),
        "differs": comparison.differs,
        "same_experiment": comparison.same_experiment,
        "settings": _records(comparison.settings),
        "inputs": _records(comparison.inputs),
        "environment": _records(comparison.environment),
        "missing": _records(comparison.missing),
        "counts": comparison.counts,
        "cells": _records(comparison.cells),
    }
    if found is not None:
        told |= {
            "reproduces": found.reproduces,
            "reasons": list(found.reasons),
            "elsewhere": list(found.elsewhere),
            "tolerances": TOLERANCES,
            "failed": _records(found.failed),
        }
    return told


def shown(value: Any) -> str:
    """A cell's value for people: five digits, thousands apart, words without control characters."""
    if isinstance(value, str):
        return printable(value)
    if value is None or math.isnan(value):
        return "–"
    return f"{int(value):,}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.5g}"


def row_of(cell: Any) -> tuple[str, ...]:
    """Page, table, row, column, both values and their difference, of a row of cells, as text."""
    places = (page_number(cell.page), cell.table, cell.row, cell.column)
    return (*map(printable, places), shown(cell.a), shown(cell.b), _interval(cell))


def _interval(cell: Any) -> str:
    """The difference in a cell with its interval, where it has them."""
    if cell.difference is None or math.isnan(cell.difference):
        return ""
    limits = "" if cell.low is None or math.isnan(cell.low) else f" [{cell.low:+.4g}, {cell.high:+.4g}]"
    return f"{cell.difference:+.4g}{limits}"


def printable(text: str) -> str:
    """``text`` without control characters, which a corpus could use to write elsewhere on a terminal."""
    return "".join(one if one.isprintable() else " " for one in text)


def _facts(comparison: Comparison) -> list[tuple[str, str]]:
    """What is told of every comparison, by its name."""
    facts = []
    for title in ("settings", "inputs", "environment"):
        rows = getattr(comparison, title)
        told = [
            f"{row.what}: {_cut(row.a)} → {_cut(row.b)}{_pages(row.pages) if 'pages' in rows else ''}"
            for row in rows.head(_CHANGES).itertuples()
        ]
        told += [f"and {len(rows) - _CHANGES} more"] if len(rows) > _CHANGES else []
        facts += [(title if not position else "", line) for position, line in enumerate(told or ["the same"])]
    for side, run in (("a", comparison.a), ("b", comparison.b)):
        if len(own := comparison.missing[comparison.missing.run == side]):
            facts.append((f"only in {run.called}", tally(own.what)))
    return [*facts, ("cells", tally_of(comparison))]


def _pages(told: str) -> str:
    return f" (page{'s' if ',' in told else ''} {told})"


def _aligned(facts: list[tuple[str, str]]) -> list[str]:
    width = max(len(name) for name, _ in facts)
    return [printable(f"{name:<{width}}  {told}") for name, told in facts]


def _listed(cells: pd.DataFrame, title: str, a: str, b: str) -> list[str]:
    if cells.empty:
        return []
    head = ("page", "table", "row", "column", a, b, "difference")
    rows = [
        tuple(_cut(one) for one in row_of(cell)[:-1]) + row_of(cell)[-1:]
        for cell in ordered(cells).head(_CELLS).itertuples()
    ]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]
    many = f", {_CELLS} of {len(cells):,}" if len(cells) > _CELLS else ""
    return ["", f"{title}{many}", *(printable(line.rstrip()) for line in lines)]


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _cut(text: str) -> str:
    text = printable(str(text))
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


def _run(run: Any) -> dict[str, Any]:
    told = ("edition", "profile", "command", "finished", "seconds", "commit", "modified", "versions", "machine")
    return {"called": run.called} | {name: run.record.get(name) for name in told}


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain data; NaN, which is no JSON, becomes None."""
    rows: Iterable[dict[str, Any]] = frame.to_dict("records")
    return [{name: None if isinstance(v, float) and math.isnan(v) else v for name, v in row.items()} for row in rows]
