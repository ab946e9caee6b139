"""What the benchmarks say, in sentences that follow from the numbers whatever they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from smallbert.studies import benchmarks, benchmarks_growth, benchmarks_pairs
from smallbert.studies.benchmarks_pairs import FASTEST, SLOWEST, TIMES, Ahead

DEFAULT = "the peer at its default"
"""What the first line of a comparison is: in fp32 on a CPU, and not the fastest there is."""

_KINDS = {False: "the fastest other library", True: "a plain PyTorch loop"}


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
    said = [_ahead(kind) for kind in benchmarks_pairs.ahead(found)]
    if said:
        said[0] = f"in the same number format ours is faster {said[0]}"
    if len(alone := benchmarks_pairs.alone(found)):
        said.append(f"without a peer in their number format: {_tally(alone)}")
    measured = table[table.reached != "not measured"]
    if len(measured):
        reached = int((measured.reached == "yes").sum())
        said.append(f"{reached} of {len(measured)} measured targets, set against {DEFAULT}, are reached")
    if len(exponents):
        own = exponents[(exponents["what"] == benchmarks_growth.EMBEDDING) & (exponents.against == "rows")]
        fitted = own[own.exponent.notna()]
        said += [f"the time of embedding grows with rows^{row.exponent:.2f}" for row in fitted.itertuples()]
        said.append(f"memory of embedding: {benchmarks_growth.embedding_memory(exponents)}")
    if not said:
        return "Not measured: speed beside other libraries, its targets, growth of time and memory; `make bench` does."
    return f"Benchmarks: {'; '.join(said)}."


def speed(found: pd.DataFrame) -> str:
    """How many times as fast as the fastest peer in the same number format ours is, and what has no such peer.

    Args:
        found: from :func:`smallbert.studies.benchmarks.comparisons`.
    """
    said = []
    for loop, part in benchmarks_pairs.closest(found).groupby("loop"):
        told = [
            f"{row['task']} {row[TIMES]:.2f} [{row[SLOWEST]:.2f}, {row[FASTEST]:.2f}] ({row['variant']})"
            for row in part.to_dict("records")
        ]
        kind = f"{_KINDS[bool(loop)]} in the same number format"
        said.append(f"Times as fast as {kind}, with the slowest and fastest round: {'; '.join(told)}.")
    if len(alone := benchmarks_pairs.alone(found)):
        told = [
            f"{row['task']} ({row['ratio']:.2f} times as fast as {row['peer']} in {row['peer form']})"
            for row in alone.to_dict("records")
        ]
        said.append(f"No peer has been measured in the same number format for: {'; '.join(told)}.")
    return " ".join(said) or "How fast ours is beside other libraries has not been measured; `make bench` does."


def peers(found: pd.DataFrame) -> str:
    """Which peers are faster than ours in the same number format, comparison by comparison.

    Args:
        found: from :func:`smallbert.studies.benchmarks.comparisons`.
    """
    beside = found[found[TIMES].notna()]
    if beside.empty:
        return "No peer has been measured in a number format of ours."
    said = []
    for name, part in beside[beside[TIMES] < 1].groupby("comparison", sort=False):
        beaten = [f"{row['variant']} ({1 / row[TIMES]:.2f} times ours)" for row in part.to_dict("records")]
        said.append(f"{name}: {', '.join(beaten)}")
    if not said:
        return "No peer is faster than ours in the same number format."
    return f"Faster than ours in the same number format: {'; '.join(said)}."


def spread(records: list[dict[str, Any]]) -> str:
    """How far rounds of one comparison lie apart.

    Args:
        records: from :func:`smallbert.studies.benchmarks.read`.
    """
    apart = benchmarks.rounds(records)
    if apart.empty:
        return "How far rounds lie apart has not been measured."
    said = []
    for name, kind in (("seconds", "seconds"), ("ratio", "ratios to the first line")):
        if len(part := apart[apart[name].notna()]):
            worst = part.loc[part[name].idxmax()]
            said.append(
                f"{kind} by {part[name].median():.0%} in the median variant of {len(part)} and by {worst[name]:.0%} at "
                f"most ({worst.comparison}, {worst.variant})"
            )
    return f"The slowest and the fastest round of a variant differ in {', in '.join(said)}."


def targets(table: pd.DataFrame) -> str:
    """How many targets were reached, and each that was not.

    Args:
        table: from :func:`smallbert.studies.benchmarks.targets`.
    """
    measured = table[table.reached != "not measured"]
    if measured.empty:
        return "None of the targets has been measured; `make bench` does."
    reached = int((measured.reached == "yes").sum())
    said = [f"{reached} of {len(measured)} measured targets, set against {DEFAULT}, are reached."]
    short = [_short(row) for row in measured[measured.reached == "no"].to_dict("records")]
    if short:
        said.append(f"Short of theirs: {'; '.join(short)}.")
    if missing := [f"{row.comparison}, {row.variant}" for row in table[table.reached == "not measured"].itertuples()]:
        said.append(f"Not measured: {'; '.join(missing)}.")
    return " ".join(said)


def tried(table: pd.DataFrame) -> list[str]:
    """What was tried for each target that was missed, where it is written down.

    Args:
        table: from :func:`smallbert.studies.benchmarks.targets`.
    """
    missed = set(table[table.reached == "no"][["comparison", "variant"]].itertuples(index=False, name=None))
    told: dict[str, list[str]] = {}
    for one in benchmarks.TARGETS:
        if one.tried and (one.comparison, one.variant) in missed:
            told.setdefault(one.tried, []).append(f"{one.comparison}, {one.variant}")
    return [f"Tried for {' and '.join(names)}: {text}." for text, names in told.items()]


def parts(found: pd.DataFrame) -> str:
    """The largest part of each task and number format, how near it is to the limit, and what is lost outside of it.

    Args:
        found: from :func:`smallbert.studies.benchmarks.parts`.
    """
    if found.empty:
        return "Where the time goes has not been measured."
    said: dict[str, list[str]] = {}
    for (place, task, form), part in found.groupby(["processor", "task", "form"], sort=False):
        first = part.loc[part.share.idxmax()]
        told = f"{task} in {form} {first.share:.0%} into {first.part}"
        if first["of limit"] == first["of limit"]:
            told += f" (at {first['of limit']:.0%} of one core's limit)"
        others = part.drop(index=first.name).nlargest(2, "share")
        shares = [told, *(f"{row.share:.0%} into {row.part}" for row in others.itertuples())]
        said.setdefault(str(place), []).append(", ".join(shares))
    if len(said) == 1:
        return f"Where the time goes: {'; '.join(*said.values())}."
    return " ".join(f"Where the time goes on {place}: {'; '.join(told)}." for place, told in said.items())


def _ahead(found: Ahead) -> str:
    told = (
        f"than {_KINDS[found.loop]} in every round of {found.ahead} of {found.pairs} pairs of task and format "
        f"({found.least:.2f} to {found.most:.2f} times as fast)"
    )
    if found.ahead:
        near, behind = (
            {task: one for task, one in found.behind.items() if (one < 1) == less} for less in (False, True)
        )
        told += f", ahead but not in every round in {_named(near)}" if near else ""
        told += f", behind in {_named(behind)}" if behind else ""
    return told


def _named(pairs: Mapping[str, float]) -> str:
    return " and ".join(f"{task} ({times:.2f})" for task, times in pairs.items())


def _tally(alone: pd.DataFrame) -> str:
    """Numbers of tasks by number format: ``8 of 9 tasks in bf16``."""
    forms = alone.groupby("number format", sort=False)
    return ", ".join(f"{part.comparison.nunique()} of {part.tasks.iloc[0]} tasks in {form}" for form, part in forms)


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
