"""How time and memory grow with rows, text length, width and the size of a grid: fitted exponents.

    python tests/benchmarks/bench_growth.py           rows to 100,000 (PCA: a million)
    python tests/benchmarks/bench_growth.py --long    rows to a million everywhere: some five minutes more
    python tests/benchmarks/bench_growth.py --quick   two small sizes of each

Every run has a process of its own, so that its peak of memory is its own; the jobs are in growth_jobs.py.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import machine

from smallbert.studies.benchmarks_growth import exponents, growth, sentence

SIZES: dict[str, tuple[str, str, tuple[int, ...]]] = {
    "embedding": ("embedding a corpus", "rows", (1_000, 10_000, 100_000)),
    "preparing": ("preparing a corpus", "rows", (1_000, 10_000, 100_000)),
    "components": ("PCA, 768 wide", "rows", (1_000, 10_000, 100_000, 1_000_000)),
    "lengths": ("MiniLM, 64 texts", "tokens a text", (32, 64, 128, 256, 512)),
    "hidden": ("an encoder's forward", "width", (128, 256, 512, 1024)),
    "widths": ("PCA, 50,000 rows", "width", (192, 384, 768, 1536)),
    "cells": ("a grid of autoencoders", "models", (4, 8, 16, 32)),
}
"""Job: what the report calls it, against what, and the sizes."""

LONG = 1_000_000


def run(job: str, size: int) -> dict[str, Any]:
    """One run in a process of its own."""
    command = [sys.executable, str(Path(__file__).with_name("growth_jobs.py")), job, str(size)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    before, peak, seconds = map(float, done.stdout.split())
    return {"size": size, "seconds": seconds, "before mib": before, "peak mib": peak}


def main() -> None:
    parser = machine.arguments(__doc__.splitlines()[0])
    parser.add_argument("--long", action="store_true", help="a million rows everywhere")
    options = parser.parse_args()
    best, found = machine.limits(), []
    print(machine.describe(best))
    for job, (what, against, sizes) in SIZES.items():
        wanted = sizes[:2] if options.quick else sizes
        if options.long and against == "rows" and LONG not in wanted:
            wanted = (*wanted, LONG)
        found.append({"what": what, "against": against, "runs": [run(job, size) for size in wanted]})
        machine.show(f"{what}, by {against}", found[-1]["runs"])
    table = exponents(growth([{"growth": found}]))
    machine.show("Fitted powers of the size", table.to_dict("records"))
    print(sentence(table))
    machine.save("growth", options.out, best, growth=found)


if __name__ == "__main__":
    main()
