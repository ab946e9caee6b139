"""What this machine can do at best, and timings people can trust.

Every benchmark here measures the machine's own limits first, then runs its variants in one process in
alternating order (A B C, C B A, ...) and reports the median of the per-round ratios to the first one.
A ratio inside one run survives a machine whose speed drifts; seconds from two runs do not.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from smallbert import paths, runtime, storage


@dataclass
class Timing:
    """Seconds of one variant, one entry a round, and its ratio to the base variant in the same round.

    Args:
        seconds: wall time a round.
        ratios: base seconds / own seconds a round; above 1 is faster than the base.
        others: cores other processes used meanwhile, one entry a round; above about 0.06 the round is
            disturbed (``nan`` where the system does not tell).
    """

    seconds: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Median seconds."""
        return statistics.median(self.seconds)

    @property
    def ratio(self) -> float:
        """Median of the per-round ratios to the base."""
        return statistics.median(self.ratios)

    def record(self) -> dict[str, Any]:
        """Plain data for the JSON file."""
        return {
            "median_s": self.median,
            "ratio": self.ratio,
            "ratio_range": [min(self.ratios), max(self.ratios)],
            "seconds": self.seconds,
            "others": self.others,
        }


def side_by_side(variants: dict[str, Callable[[], Any]], *, rounds: int = 5, warm_up: bool = True) -> dict[str, Timing]:
    """Time every variant ``rounds`` times, the order reversed each round; the first variant is the base.

    Args:
        variants: name -> function without arguments that does the whole work.
        rounds: timed rounds; publish nothing below 5.
        warm_up: run every variant once before the first round (caches, code generation, page faults).
    """
    timings = {name: Timing() for name in variants}
    if warm_up:
        for run in variants.values():
            run()
    names = list(variants)
    for index in range(rounds):
        for name in names if index % 2 == 0 else names[::-1]:
            seconds, others = _timed(variants[name])
            timings[name].seconds.append(seconds)
            timings[name].others.append(others)
    base = timings[names[0]].seconds
    for timing in timings.values():
        timing.ratios = [b / own for b, own in zip(base, timing.seconds, strict=True)]
    return timings


def limits(threads: int | None = None, seconds: float = 0.6) -> dict[str, float]:
    """The machine's best rates: matrix products in fp32 and bf16 and a copy in memory.

    The matrix rate is the best over two shapes that fit the caches (1,024 cubed and the feed-forward of a
    BERT-base layer), each repeated for ``seconds``, best repetition taken: a limit, not an average. The
    caller's number of torch threads is used unless ``threads`` names another.

    Returns:
        ``threads``, ``fp32_gflops``, ``bf16_gflops``, ``copy_gb_s`` (bytes read plus bytes written).
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        record = {
            "threads": torch.get_num_threads(),
            "fp32_gflops": _matrix_rate(torch.float32, seconds),
            "bf16_gflops": _matrix_rate(torch.bfloat16, seconds),
            "copy_gb_s": _copy_rate(seconds),
        }
    finally:
        torch.set_num_threads(before)
    return record


def best_of(first: dict[str, float], second: dict[str, float]) -> dict[str, float]:
    """The larger of two measurements of the limits, before and after the work: either may be disturbed."""
    return {key: max(value, second[key]) for key, value in first.items()}


def arguments(description: str) -> argparse.ArgumentParser:
    """The options every benchmark shares: ``--quick``, ``--rounds``, ``--out``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a small input, to see that it runs")
    parser.add_argument("--rounds", type=int, default=5, help="timed rounds a variant (default 5)")
    parser.add_argument("--out", type=Path, default=paths.cache() / "benchmarks", help="folder of the JSON")
    return parser


def save(name: str, out: Path, results: dict[str, Any], machine_limits: dict[str, float]) -> Path:
    """Write ``out/NAME.json``: the results beside the machine and the versions they were measured on."""
    path = out / f"{name}.json"
    machine = {
        "processor": runtime.processor(),
        "cores": runtime.cores(),
        "fast_bf16": runtime.has_fast_bf16(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "limits": machine_limits,
    }
    storage.write_json(path, {"benchmark": name, "machine": machine, "results": results})
    return path


def show(title: str, rows: list[dict[str, Any]]) -> None:
    """Print rows of equal keys as an aligned table."""
    cells = [[_text(value) for value in row.values()] for row in rows]
    names = list(rows[0])
    widths = [max(len(line[i]) for line in [names, *cells]) for i in range(len(names))]
    print(f"\n{title}")
    for line in [names, *cells]:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def describe(machine_limits: dict[str, float]) -> str:
    """The machine and its limits in one line."""
    return (
        f"{runtime.processor()}, {runtime.cores()} cores: fp32 {machine_limits['fp32_gflops']:,.0f} and "
        f"bf16 {machine_limits['bf16_gflops']:,.0f} GFLOP/s, "
        f"copy {machine_limits['copy_gb_s']:.0f} GB/s ({machine_limits['threads']} threads)"
    )


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


def _matrix_rate(dtype: torch.dtype, seconds: float) -> float:
    generator = torch.Generator().manual_seed(0)
    rates = []
    for m, k, n in ((1024, 1024, 1024), (1024, 768, 3072)):
        a = torch.randn(m, k, generator=generator).to(dtype)
        b = torch.randn(k, n, generator=generator).to(dtype)
        out = torch.empty(m, n, dtype=dtype)
        rates.append(2e-9 * m * k * n / _best(lambda a=a, b=b, out=out: torch.mm(a, b, out=out), seconds))
    return max(rates)


def _copy_rate(seconds: float) -> float:
    source = torch.zeros(32 * 2**20)  # 128 MiB: past the second-level caches
    target = torch.zeros_like(source)
    return 2e-9 * source.nbytes / _best(lambda: target.copy_(source), seconds)


def _best(run: Callable[[], Any], seconds: float) -> float:
    """The shortest of the calls that fit into ``seconds``, after one warm-up call."""
    run()
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 0.9995 else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
