"""The benchmarks, the most important first: `make bench`. Each prints its table and writes its JSON.

    python tests/benchmarks/run.py                      all of them
    python tests/benchmarks/run.py extract pca --quick  some, at sizes that only show that they run

Run them on a machine with nothing else to do: each table says how much other processes used meanwhile.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from smallbert import paths

BENCHMARKS = ("extract", "grid", "pca", "parts", "growth", "pretrain", "finetune", "distil")


def main() -> int:
    """Run the benchmarks named, all by default, with the options given; the worst exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(BENCHMARKS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="small inputs and one round, written to the cache")
    parser.add_argument("--rounds", type=int, help="timed rounds a variant (default 5)")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"expected names out of {', '.join(BENCHMARKS)}, got {unknown[0]!r}")
    out = (paths.cache() if options.quick else paths.data() / "results") / "benchmarks"
    more = ["--quick"] * options.quick + (["--rounds", str(options.rounds)] if options.rounds else [])
    status = 0
    for name in options.names or BENCHMARKS:
        print(f"\n== {name}", flush=True)
        began = time.monotonic()
        script = Path(__file__).with_name(f"bench_{name}.py")
        done = subprocess.run([sys.executable, str(script), "--out", str(out), *more], check=False)
        print(f"== {name}: {time.monotonic() - began:.0f} s, exit status {done.returncode}", flush=True)
        status = max(status, abs(done.returncode))
    return status


if __name__ == "__main__":
    sys.exit(main())
