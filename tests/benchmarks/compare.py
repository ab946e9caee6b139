"""Comparisons people can trust: variants in one process, in alternating order, as ratios and as shares of the limit.

A ratio inside one run survives a machine whose speed drifts; seconds from two runs do not.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import machine

DISTURBED = 0.06
"""Cores that other processes used, above which a round counts as disturbed."""


@dataclass(frozen=True)
class Variant:
    """One way to do the work.

    Args:
        run: does all of it.
        form: number format of its matrix products, ``fp32``, ``bf16`` or ``int8``: whose limit it is held against.
    """

    run: Callable[[], Any]
    form: str = "fp32"


@dataclass
class Timing:
    """Seconds of one variant, one entry a round.

    Args:
        seconds: wall time.
        others: cores other processes used meanwhile; ``nan`` where the system does not tell.
    """

    seconds: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)


def side_by_side(runs: Mapping[str, Callable[[], Any]], *, rounds: int) -> dict[str, Timing]:
    """Time everything so many times, in reversed order every other round, after one round that is not counted."""
    timings = {name: Timing() for name in runs}
    for run in runs.values():
        run()  # caches, generated code, page faults
    names = list(runs)
    for index in range(rounds):
        for name in names if index % 2 == 0 else names[::-1]:
            seconds, others = _timed(runs[name])
            timings[name].seconds.append(seconds)
            timings[name].others.append(others)
    return timings


def compare(
    name: str,
    variants: Mapping[str, Variant],
    *,
    amount: float,
    unit: str,
    rounds: int,
    gflop: float | None = None,
    checks: Callable[[], Mapping[str, Mapping[str, float]]] | None = None,
) -> dict[str, Any]:
    """Measure variants beside the first one, print the table and return it as plain data.

    Args:
        name: of the comparison.
        variants: by name; the first is the peer that the others are compared with.
        amount: units of work that each of them does in one run.
        unit: of the work, such as ``tokens``.
        rounds: timed rounds.
        gflop: useful operations in the work, padding and repeats left out; gives the share of the limit.
        checks: called at the end: more columns by variant, such as how far results are from the peer's.

    Returns:
        ``comparison``, ``unit``, ``amount``, ``rounds``, ``disturbed`` (whether other processes ran), ``limits`` and
        ``rows``: ``variant``, ``form``, ``seconds`` (median), ``rate`` (units a second), ``ratio`` (median of the
        rounds' ratios of the peer's seconds to its own) with ``ratio low`` and ``ratio high``, ``gflops`` and
        ``of limit`` (nan without ``gflop``), the checks, and ``all seconds``.
    """
    before = machine.limits()
    timings = side_by_side({key: one.run for key, one in variants.items()}, rounds=rounds)
    best = machine.best_of([before, machine.limits()])
    more = checks() if checks else {}
    base, rows = next(iter(timings.values())).seconds, []
    for key, timing in timings.items():
        ratios = [peer / own for peer, own in zip(base, timing.seconds, strict=True)]
        median = statistics.median(timing.seconds)
        row: dict[str, Any] = {
            "variant": key,
            "form": variants[key].form,
            "seconds": median,
            "rate": amount / median,
            "ratio": statistics.median(ratios),
            "ratio low": min(ratios),
            "ratio high": max(ratios),
        }
        if gflop is not None:
            rate, limit = gflop / median, best[f"{variants[key].form}_gflops"]
            row |= {"gflops": rate, "of limit": rate / limit if limit else float("nan")}
        rows.append(row | dict(more.get(key, {})) | {"others": statistics.median(timing.others)})
    print(machine.describe(best))
    machine.show(f"{name}: {amount:,.0f} {unit}, {rounds} rounds (rate: {unit} a second)", rows)
    disturbed = max(row["others"] for row in rows) > DISTURBED
    if disturbed:
        print(f"Other processes used more than {DISTURBED} of a core: run it again on a quiet machine.")
    for row, timing in zip(rows, timings.values(), strict=True):
        row["all seconds"] = timing.seconds
    found = {"comparison": name, "unit": unit, "amount": amount, "rounds": rounds, "disturbed": disturbed}
    return found | {"limits": best, "rows": rows}


def _timed(run: Callable[[], Any]) -> tuple[float, float]:
    """Wall seconds of one call and the cores other processes used during it."""
    busy, own, start = _busy_seconds(), time.process_time(), time.perf_counter()
    run()
    wall = time.perf_counter() - start
    return wall, max(0.0, _busy_seconds() - busy - (time.process_time() - own)) / wall


def _busy_seconds() -> float:
    """CPU seconds the whole machine has spent working, stolen time included; nan where unknown."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return float("nan")
    user, nice, system, _idle, _wait, irq, soft, steal = map(int, stat.read_text().split()[1:9])
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")
