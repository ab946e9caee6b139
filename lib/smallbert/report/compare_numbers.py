"""Every number and word of two runs, cell by cell: the same, noise, a real difference, or one nothing judges."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from smallbert.report.compare_cells import FIGURE, cells, differing
from smallbert.report.compare_noise import beyond_noise
from smallbert.report.compare_runs import Run, flat
from smallbert.report.compare_tables import match
from smallbert.report.parameters import MODELS

VALUES = "values"
"""Name of the table that a page's recorded values make."""

_TIME = re.compile(r"(.+[ _])?(seconds|milliseconds|microseconds)([ _].+)?")
_KEYED = re.compile(r".*[0-9a-f]{12}.*", re.DOTALL)
_NUMERAL = re.compile(r"\d[\d,.]*")
_RECORDS = ("corpus", "encoder")
"""Recorded values that say what went in; :mod:`smallbert.report.compare_settings` compares them."""

COLUMNS = ["page", "table", "row", "column", "kind", "a", "b", "difference", "low", "high", "p", "verdict"]


@dataclass
class Numbers:
    """What the cells of two runs say.

    Args:
        rows: one row a cell that differs: ``page``, ``table`` (``figure NAME`` for the data behind a figure), ``row``,
            ``column``, ``kind``, the values ``a`` and ``b``, their ``difference`` with ``low``, ``high`` and ``p``
            where something judges it, and a ``verdict``: ``real`` (beyond noise, all cells considered), ``noise``,
            ``no interval``, ``word``, or ``not held`` (times, checksums, and what follows another cell).
        same: cells that are equal but for rounding, by page.
        missing: what only one run has, as (page, table, what, name, which run: ``a`` or ``b``).
    """

    rows: pd.DataFrame
    same: Counter[str] = field(default_factory=Counter)
    missing: list[tuple[str, str, str, str, str]] = field(default_factory=list)


def compare_numbers(a: Run, b: Run, stems: list[str]) -> Numbers:
    """Compare the tables, values and figure data of the pages ``stems``, which both runs have."""
    found = Numbers(pd.DataFrame())
    rows: list[dict[str, Any]] = []
    for stem in stems:
        timed = MODELS[stem].timed if stem in MODELS else ()
        repetitions = _repetitions(a, b, stem)
        for name, what, first, second in _pairs(a, b, stem, found):
            table = FIGURE + name if what != "table" else name
            own = match(first, second)
            for part, sides in (("row", own.rows), ("column", own.columns)):
                found.missing += [
                    (stem, table, part, one, side) for side, only in zip("ab", sides, strict=True) for one in only
                ]
            differs = differing(own)
            found.same[stem] += int((~differs).sum().sum())
            for cell in cells(own, differs, repetitions):
                kind = "time" if name in timed or _TIME.fullmatch(cell["column"]) else cell["kind"]
                rows.append({"page": stem, "table": table} | cell | {"kind": kind})
    found.rows = _judged(pd.DataFrame(rows, columns=COLUMNS))
    return found


def _pairs(a: Run, b: Run, stem: str, found: Numbers) -> Iterator[tuple[str, str, pd.DataFrame, pd.DataFrame]]:
    """Name, kind and both frames of everything on a page; what one run lacks is noted in ``found``."""
    kinds = [("table", a.tables(stem), b.tables(stem))]
    if a.has_figures and b.has_figures:
        _lacking(stem, "figure", a.figures(stem), b.figures(stem), found)
        kinds.append(("figure data", a.drawn(stem), b.drawn(stem)))
    for what, first, second in kinds:
        _lacking(stem, what, first, second, found)
        yield from ((name, what, first[name], second[name]) for name in first if name in second)
    yield VALUES, "table", *(_flat_frame(one.values(stem)) for one in (a, b))


def _lacking(stem: str, what: str, a: Collection[str], b: Collection[str], found: Numbers) -> None:
    found.missing += [(stem, "", what, name, "a") for name in a if name not in b]
    found.missing += [(stem, "", what, name, "b") for name in b if name not in a]


def _flat_frame(values: dict[str, Any]) -> pd.DataFrame:
    """Recorded values, one a row; records of what went in, and texts that hold keys of the cache, left out.

    Sentences are compared without their numbers, which stand in tables.
    """
    own = {name: value for name, value in values.items() if name not in _RECORDS}
    told = [
        (name, _NUMERAL.sub("…", value) if isinstance(value, str) else value)
        for name, value in flat(own)
        if not (isinstance(value, str) and _KEYED.fullmatch(value))
    ]
    return pd.DataFrame(told, columns=["name", "value"], dtype=object)


def _repetitions(a: Run, b: Run, stem: str) -> int | None:
    """How often the page repeated its cells, the fewer of both runs; None where it did not."""
    told = [seeds for run in (a, b) if isinstance(seeds := run.values(stem).get("seeds"), list)]
    return min(map(len, told), default=1) if min(map(len, told), default=1) > 1 else None


def _judged(rows: pd.DataFrame) -> pd.DataFrame:
    """``rows`` with verdicts; what is real is told over all of them."""
    held = ~rows.kind.isin(["time", "spread", "digest"])
    rows = rows.assign(p=rows.p.where(held).astype(float))
    real = beyond_noise(rows.low.astype(float), rows.high.astype(float), rows.p)
    verdicts = [~held, rows.kind == "word", real, rows.p.notna()]
    return rows.assign(verdict=np.select(verdicts, ["not held", "word", "real", "noise"], "no interval"))
