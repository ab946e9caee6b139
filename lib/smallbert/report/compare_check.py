"""Does a run reproduce the published edition of its name? Cell by cell, within tolerances that are stated here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from smallbert.report.compare import Comparison, tally
from smallbert.report.compare_cells import FIGURE
from smallbert.report.compare_numbers import VALUES
from smallbert.studies.verdicts import MARGIN

RELATIVE = 0.05
"""Tolerance of a computed number, as a share of the larger value. The same run with another processor's kernels moved
most by less than a thousandth, and shares of a few hundred articles by one or two articles."""

TOLERANCES = {
    "whole numbers, words and recorded values": "exact",
    "numbers with an interval or seeds": "no difference beyond noise, or the next line's tolerance",
    "other numbers": f"within {MARGIN} (half a point, half a per cent of the variance) or {RELATIVE:.0%} of the larger",
    "data behind figures": "only where an interval or seeds judge them",
    "times; limits and p-values, which follow what they belong to": "not held",
}
"""What is asked of each kind of cell, in words."""


@dataclass(frozen=True)
class Reproduction:
    """Whether a run reproduces a published edition.

    Args:
        comparison: the published edition (a) against the run (b).
        failed: cells outside their tolerance.
        reasons: why it is no reproduction; empty where it is one.
        elsewhere: what of the environment differs that moves numbers without anybody's fault: machine, versions,
            number format.
    """

    comparison: Comparison
    failed: pd.DataFrame
    reasons: tuple[str, ...]
    elsewhere: tuple[str, ...]

    @property
    def reproduces(self) -> bool:
        """Whether everything published is there again, within its tolerance."""
        return not self.reasons


def check(comparison: Comparison) -> Reproduction:
    """Hold a run to the published edition it repeats.

    Args:
        comparison: of the published edition with the run.
    """
    cells, missing = comparison.cells, comparison.missing
    behind = cells.table.str.startswith(FIGURE)
    unjudged = cells.verdict.isin(["no interval", "word"]) & ~behind
    failed = cells[(unjudged | (cells.verdict == "real")) & ~_near(cells)]
    decisive = comparison.settings[comparison.settings.decides.astype(bool)]
    reasons = []
    if len(decisive):
        reasons.append(f"another experiment, with {_some(decisive.what)} set otherwise")
    elif not comparison.same_experiment:
        reasons.append("another corpus, whose articles have another checksum")
    for side, words in (("a", "published and missing"), ("b", "not in the published edition")):
        if len(own := missing[missing.run == side]):
            reasons.append(f"{tally(own.what)} {words}")
    if len(failed):
        reasons.append(f"{len(failed):,} cell{'s' if len(failed) > 1 else ''} outside their tolerance")
    return Reproduction(comparison, failed, tuple(reasons), _elsewhere(comparison))


def _near(cells: pd.DataFrame) -> pd.Series:
    """Which cells are computed numbers within their tolerance."""
    computed = (cells.kind == "number") & (cells.table != VALUES)
    a, b = (cells[side].where(computed).astype(float) for side in "ab")
    return (a - b).abs() <= np.maximum(MARGIN, RELATIVE * np.maximum(a.abs(), b.abs()))


def _elsewhere(comparison: Comparison) -> tuple[str, ...]:
    environment, inputs = comparison.environment.what, comparison.inputs.what
    machine = environment.str.startswith("machine: ")
    versions = ~machine & ~environment.isin(["profile", "code"])
    found = {
        "another machine": machine.any(),
        "other package versions": versions.any(),
        "another number format": (inputs == "encoder: precision").any(),
    }
    return tuple(name for name, holds in found.items() if holds)


def _some(names: pd.Series, most: int = 4) -> str:
    told = list(dict.fromkeys(names))
    return ", ".join(told[:most]) + (f" and {len(told) - most} more" if len(told) > most else "")
