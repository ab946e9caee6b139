"""How time and memory grow with rows, length, width and the size of a grid: fitted exponents of measured runs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from smallbert.measure.scaling import fit
from smallbert.studies.benchmarks import GROWTH

FLAT = 1.5
"""Memory counts as flat where the largest run takes at most so many times what the one before it takes beyond its
start; the smallest runs do not yet fill one block."""

LEAST = 1.0
"""MiB that count as none in that: Linux gathers a process's pages in a count of each core before it adds them up."""

EMBEDDING = "embedding a corpus"
"""What the benchmarks call the work that page 9 plans for."""


def growth(records: list[dict[str, Any]]) -> pd.DataFrame:
    """Every measured run, each in a process of its own.

    Args:
        records: from :func:`smallbert.studies.benchmarks.read`.

    Returns:
        Columns ``what``, ``against`` (rows, tokens a text, ...), ``size``, ``seconds``, ``started at`` and ``peak``
        (resident memory before the work and at most, MiB).
    """
    rows = [
        {
            "what": one["what"],
            "against": one["against"],
            "size": run["size"],
            "seconds": run["seconds"],
            "started at": run["before mib"],
            "peak": run["peak mib"],
        }
        for record in records
        for one in record.get(GROWTH, [])
        for run in one["runs"]
    ]
    return pd.DataFrame(rows, columns=["what", "against", "size", "seconds", "started at", "peak"])


def exponents(found: pd.DataFrame) -> pd.DataFrame:
    """The power of the size that seconds grow with, by least squares on the seconds, and what memory does.

    Args:
        found: from :func:`growth`.

    Returns:
        Columns ``what``, ``against``, ``from``, ``to`` (sizes), ``exponent``, ``a unit`` (microseconds, at the largest
        size), ``memory before``, ``memory at most`` (MiB beyond the start, at the largest size but one and at the
        largest; 0 where the peak read is not above the start), ``runs`` and ``without memory`` (runs of the latter
        kind; their seconds count in the exponent as all others do).
    """
    rows = []
    for (what, against), part in found.groupby(["what", "against"], sort=False):
        part = part.sort_values("size")
        first, before, last = part.iloc[0], part.iloc[max(len(part) - 2, 0)], part.iloc[-1]
        rows.append(
            {
                "what": what,
                "against": against,
                "from": int(first["size"]),
                "to": int(last["size"]),
                "exponent": -fit(part["size"], part.seconds, "power law").b if len(part) > 1 else float("nan"),
                "a unit": 1e6 * last.seconds / last["size"],
                # Read twice from a count that lags, the peak can be below the start: that is no memory given back.
                "memory before": max(0.0, before.peak - before["started at"]),
                "memory at most": max(0.0, last.peak - last["started at"]),
                "runs": len(part),
                "without memory": int((part.peak <= part["started at"]).sum()),
            }
        )
    columns = ["what", "against", "from", "to", "exponent", "a unit", "memory before", "memory at most"]
    return pd.DataFrame(rows, columns=[*columns, "runs", "without memory"])


def sentence(table: pd.DataFrame) -> str:
    """The exponents in words, and where memory is not flat.

    Args:
        table: from :func:`exponents`.
    """
    if table.empty:
        return "How time and memory grow has not been measured; `make bench` does."
    fitted = table[table.exponent.notna()]
    said = [f"{row.what} with {row.against}^{row.exponent:.2f}" for row in fitted.itertuples()]
    over_rows = table[table.against == "rows"]
    flat = over_rows[_flat(over_rows)]
    told = f"Time grows: {', '.join(said)}." if said else "How time grows needs runs of several sizes."
    if len(over_rows):
        told += f" Memory is flat in rows for {len(flat)} of {len(over_rows)}"
        rising = [
            f"{row['what']} ({row['memory before']:,.0f} to {row['memory at most']:,.0f} MiB at {row['to']:,} rows)"
            for row in over_rows.drop(index=flat.index).to_dict("records")
        ]
        told += f"; not flat: {'; '.join(rising)}." if rising else "."
    return told + _without_memory(table)


def _without_memory(table: pd.DataFrame) -> str:
    none = table[table["without memory"] > 0].to_dict("records")
    if not none:
        return ""
    named = [f"{row['what']} {row['without memory']} of {row['runs']}" for row in none]
    return (
        f" In {int(table['without memory'].sum())} of {int(table.runs.sum())} runs ({', '.join(named)}) memory beyond "
        "the start was below what can be measured, and counts as 0; exponents are of seconds, and so of these runs too."
    )


def embedding_memory(table: pd.DataFrame) -> str:
    """Whether the memory of embedding has been measured not to grow with the articles.

    Args:
        table: from :func:`exponents`.
    """
    own = table[(table["what"] == EMBEDDING) & (table.against == "rows")]
    if own.empty:
        return "assumed; growth not measured"
    [row] = own.assign(flat=_flat(own)).to_dict("records")
    if row["from"] == row["to"]:
        return f"measured at {row['to']:,} rows alone"
    used = f"{row['memory before']:,.0f} and {row['memory at most']:,.0f} MiB beyond its start at the two largest sizes"
    return f"measured {'flat' if row['flat'] else 'to grow'} up to {row['to']:,} rows: {used}"


def _flat(table: pd.DataFrame) -> pd.Series:
    return table["memory at most"] <= FLAT * table["memory before"].clip(lower=LEAST)
