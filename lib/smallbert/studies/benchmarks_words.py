"""What the benchmarks say, in sentences that follow from the numbers whatever they are."""

from __future__ import annotations

from typing import Any

import pandas as pd

from smallbert.studies import benchmarks, benchmarks_growth
from smallbert.studies.benchmarks import OURS


def machines(records: list[dict[str, Any]], here: dict[str, Any]) -> str:
    """On what the benchmarks ran, and on what this page was made.

    Args:
        records: from :func:`smallbert.studies.benchmarks.read`.
        here: this machine, from :func:`smallbert.provenance.machine`.
    """
    if not records:
        return "No benchmark has been measured yet; `make bench` does."
    found = benchmarks.machines(records)
    places = [
        f"{row.processor} with {row.cores} cores" for row in found.drop_duplicates(["processor", "cores"]).itertuples()
    ]
    days = sorted(found.measured.unique())
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    own = f"{here['processor']} with {here['cores']} cores"
    same = "a machine of the same description" if places == [own] else own
    loud = found[~found.quiet].benchmark.tolist()
    told = f"The benchmarks ran on {' and '.join(places)} ({when}); this page was made on {same}."
    return told + (f" Other processes ran beside {', '.join(loud)}." if loud else "")


def brief(found: pd.DataFrame, table: pd.DataFrame, exponents: pd.DataFrame) -> str:
    """All benchmarks in one sentence.

    Args:
        found: from :func:`smallbert.studies.benchmarks.comparisons`.
        table: from :func:`smallbert.studies.benchmarks.targets`.
        exponents: from :func:`smallbert.studies.benchmarks_growth.exponents`.
    """
    best = list(_fastest(found).values())
    measured = table[table.reached != "not measured"]
    said = []
    if best:
        ratios = [row.ratio for row in best]
        ahead = sum(row["ratio low"] > 1 for row in best)
        said.append(
            f"beside other libraries ours, in its fastest number format, is faster in every round of {ahead} of "
            f"{len(best)} comparisons ({min(ratios):.2f} to {max(ratios):.2f} times as fast)"
        )
    if len(measured):
        said.append(f"{int((measured.reached == 'yes').sum())} of {len(measured)} measured targets are reached")
    if len(exponents):
        own = exponents[(exponents["what"] == benchmarks_growth.EMBEDDING) & (exponents.against == "rows")]
        said += [f"the time of embedding grows with rows^{row.exponent:.2f}" for row in own.itertuples()]
        said.append(f"memory of embedding: {benchmarks_growth.embedding_memory(exponents)}")
    if not said:
        return "Not measured: speed beside other libraries, its targets, growth of time and memory; `make bench` does."
    return f"Benchmarks: {'; '.join(said)}."


def speed(found: pd.DataFrame) -> str:
    """How many times as fast as the peer ours is, the fastest of each comparison.

    Args:
        found: from :func:`smallbert.studies.benchmarks.comparisons`.
    """
    told = [
        f"{name} {best.ratio:.2f} (in {best['number format']}, against {best.peer})"
        for name, best in _fastest(found).items()
    ]
    if not told:
        return "How fast ours is beside other libraries has not been measured; `make bench` does."
    return f"Times as fast as the peer, at our fastest: {'; '.join(told)}."


def peers(found: pd.DataFrame) -> str:
    """Which peers are faster than ours in the same number format, comparison by comparison.

    Args:
        found: from :func:`smallbert.studies.benchmarks.comparisons`.
    """
    if found.empty:
        return "No comparison has been measured."
    said = []
    for name, part in found.groupby("comparison", sort=False):
        ours = part[part.variant.str.startswith(OURS)].groupby("number format").ratio.max()
        beaten = []
        for row in part[~part.variant.str.startswith(OURS)].to_dict("records"):
            form = row["number format"]
            if form in ours and row["ratio"] > ours[form]:
                beaten.append(f"{row['variant']} ({row['ratio'] / ours[form]:.2f} times ours)")
        if beaten:
            said.append(f"{name}: {', '.join(beaten)}")
    if not said:
        return "No peer is faster than ours in the same number format."
    return f"Faster than ours in the same number format: {'; '.join(said)}."


def targets(table: pd.DataFrame) -> str:
    """How many targets were reached, and each that was not.

    Args:
        table: from :func:`smallbert.studies.benchmarks.targets`.
    """
    measured = table[table.reached != "not measured"]
    if measured.empty:
        return "None of the targets has been measured; `make bench` does."
    said = [f"{int((measured.reached == 'yes').sum())} of {len(measured)} measured targets are reached."]
    short = [_short(row) for row in measured[measured.reached == "no"].to_dict("records")]
    if short:
        said.append(f"Short of theirs: {'; '.join(short)}.")
    if missing := [f"{row.comparison}, {row.variant}" for row in table[table.reached == "not measured"].itertuples()]:
        said.append(f"Not measured: {'; '.join(missing)}.")
    return " ".join(said)


def parts(found: pd.DataFrame) -> str:
    """The largest part in each number format, how near it is to the limit, and what is lost outside of it.

    Args:
        found: from :func:`smallbert.studies.benchmarks.parts`.
    """
    if found.empty:
        return "Where the time of an extraction goes has not been measured."
    said = []
    for form, part in found.groupby("form", sort=False):
        first = part.loc[part.share.idxmax()]
        told = f"in {form} {first.share:.0%} into {first.part}"
        if first["of limit"] == first["of limit"]:
            told += f" (at {first['of limit']:.0%} of one core's limit)"
        others = part.drop(index=first.name).nlargest(2, "share")
        said.append(", ".join([told, *(f"{row.share:.0%} into {row.part}" for row in others.itertuples())]))
    return f"Of the time of one core go {'; '.join(said)}."


def _fastest(found: pd.DataFrame) -> dict[str, pd.Series]:
    """Our fastest variant of each comparison that has a peer."""
    ours = found[found.variant.str.startswith(OURS) & found.ratio.notna()] if len(found) else found
    return {str(name): part.loc[part.ratio.idxmax()] for name, part in ours.groupby("comparison", sort=False)}


def _short(row: dict[str, Any]) -> str:
    told = f"{row['comparison']}, {row['variant']}: "
    missed = []
    if row["ratio"] < row["target ratio"]:
        missed.append(f"{row['ratio']:.2f} times as fast as the peer where {row['target ratio']:g} is asked")
    if row["share"] < row["target share"]:
        missed.append(f"{row['share']:.0%} of the machine's limit where {row['target share']:.0%} is asked")
    if row["distance"] > row["target distance"]:
        missed.append(f"a worst cosine of {1 - row['distance']:.3f} where {1 - row['target distance']:g} is asked")
    return told + " and ".join(missed)
