"""Everything that is promised of a GPU, measured in one command of under nine minutes: `make gpu-check`.

    python tests/benchmarks/gpu_check.py                       all of it, on the generated world
    python tests/benchmarks/gpu_check.py --corpus news.parquet   on real text
    python tests/benchmarks/gpu_check.py --device cpu --quick    the same code at toy sizes, without a GPU
    python tests/benchmarks/gpu_check.py --draw gpu.json         table and figure again from a finished run

Writes gpu.json after every comparison, then gpu.md, gpu.svg and gpu.png. A part that fails or takes too long is written
down with its error, and the rest goes on.
"""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")

import argparse
import faulthandler
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from gpu_tools import Check, OutOfTime, at_most, limits

from smallbert import paths, runtime
from smallbert.errors import MachineError, SmallbertError
from smallbert.storage import read_json

SECONDS = {"limits": 20, "texts": 80, "extraction": 130, "grid": 190, "pretraining": 70}
"""What each part may take: 490 seconds in all, and a kernel that never ends is cut off at :data:`AT_MOST`."""

AT_MOST = 530


def run(check: Check) -> None:
    """All parts, one after another; each imports what it needs itself, so that a missing package ends one part."""
    inputs: dict[str, Any] = {}

    def texts() -> None:
        import gpu_inputs

        inputs["texts"] = gpu_inputs.articles(check)
        inputs["store"] = gpu_inputs.tokens(check, inputs["texts"])

    def extraction() -> None:
        import gpu_extract

        gpu_extract.measure(check, inputs["texts"], inputs["store"])

    def grid() -> None:
        import gpu_grid

        gpu_grid.measure(check)

    def pretraining() -> None:
        import gpu_pretrain

        gpu_pretrain.measure(check, inputs["store"])

    parts: dict[str, Callable[[], None]] = {
        "limits": lambda: limits(check),
        "texts": texts,
        "extraction": extraction,
        "grid": grid,
        "pretraining": pretraining,
    }
    for name, part in parts.items():
        if name in ("extraction", "pretraining") and "store" not in inputs:
            continue  # why, is among the errors
        print(f"\n== {name}, at most {SECONDS[name]} s", flush=True)
        began, check.deadline = time.monotonic(), time.monotonic() + SECONDS[name]
        try:
            with at_most(SECONDS[name]):
                part()
        except (Exception, OutOfTime) as error:
            check.failed(name, error)
        taken = time.monotonic() - began
        check.record.setdefault("seconds", {})[name] = round(taken, 1)
        check.save()
        print(f"== {name}: {taken:.0f} s", flush=True)
        if check.device.type == "cuda":
            torch.cuda.empty_cache()


def main() -> int:
    """Run the check; 0 where all was measured, 1 where a part failed, 4 without a GPU."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu only with --quick")
    parser.add_argument("--quick", action="store_true", help="toy sizes, to see that it runs; written to the cache")
    parser.add_argument("--rounds", type=int, default=5, help="timed rounds of a comparison (default 5)")
    parser.add_argument("--corpus", type=Path, help="real text: a file or folder that the library reads")
    parser.add_argument("--out", type=Path, help="folder of the results (default data/results/benchmarks)")
    parser.add_argument("--draw", type=Path, metavar="JSON", help="only write table and figure of a finished run")
    options = parser.parse_args()
    out = options.out or (paths.cache() if options.quick else paths.data() / "results") / "benchmarks"
    try:
        if options.draw:
            return report(options.draw, options.out or options.draw.parent)
        if options.device == "cpu" and not options.quick:
            parser.error("--device cpu is for --quick alone: a processor would take days")
        device = where(options.device)
    except SmallbertError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    faulthandler.dump_traceback_later(AT_MOST, exit=True)
    with tempfile.TemporaryDirectory() as scratch:
        rounds = min(options.rounds, 1) if options.quick else options.rounds
        check = Check(device, options.quick, rounds, options.corpus, Path(scratch), out)
        check.record["quick"] = options.quick
        run(check)
    faulthandler.cancel_dump_traceback_later()
    return report(out / "gpu.json", out)


def where(name: str) -> torch.device:
    """The device.

    Raises:
        MachineError: there is no GPU.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise MachineError(
            "The GPU check needs a GPU, and torch sees none.",
            "Run it where there is one, or see that it runs at all: gpu_check.py --device cpu --quick.",
        )
    return runtime.device(name)


def report(path: Path, out: Path) -> int:
    """Table and figure of a finished run; 1 where something in it failed."""
    import gpu_figures

    record = read_json(path)
    gpu_figures.write(record, out)
    for error in record["errors"]:
        print(f"not measured: {error['part']}: {error['error']}")
    return 1 if record["errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
