"""Every benchmark, one after another: `make bench`. Each prints its table and writes its JSON.

Run it on a machine with nothing else to do: each table says how much other processes used meanwhile.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from smallbert import paths

BENCHMARKS = (
    ("bench_extract.py",),
    ("bench_extract.py", "--memory"),
    ("bench_grid.py",),
    ("bench_pretrain.py",),
    ("bench_pretrain.py", "--vocabulary", "30522"),
    ("bench_distil.py",),
    ("bench_finetune.py",),
)


def main() -> int:
    """Run all benchmarks with the options given (``--quick``, ``--rounds N``); the worst exit status."""
    out = paths.data() / "results" / "benchmarks"
    here = Path(__file__).parent
    status = 0
    for script, *options in BENCHMARKS:
        print(f"\n== {script} {' '.join(options)}", flush=True)
        command = [sys.executable, str(here / script), *options, "--out", str(out), *sys.argv[1:]]
        status = max(status, subprocess.run(command, check=False).returncode)
    return status


if __name__ == "__main__":
    sys.exit(main())
