"""What this machine can do at best, and what every benchmark shares: options, the JSON it writes, tables it prints.

Fractions of a limit are taken against rates measured here, in the same process, right before and after the work: a
processor's data sheet knows nothing of the machine it is shared with.
"""

from __future__ import annotations

import argparse
import datetime
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch

from smallbert import paths, provenance, storage

SHAPES = ((1024, 1024, 1024), (1024, 768, 3072))
"""Matrix products that fit the caches: a cube, and the feed-forward of a BERT-base layer."""


def limits(threads: int | None = None, seconds: float = 0.4) -> dict[str, float]:
    """The machine's best rates: matrix products in fp32, bf16 and int8, and a copy in memory.

    A matrix rate is the best repetition over :data:`SHAPES`, each repeated for ``seconds``: a limit, not an average.
    The caller's number of torch threads is used unless ``threads`` names another.

    Returns:
        ``threads``, ``fp32_gflops``, ``bf16_gflops``, ``int8_gflops`` (integers in, sums in int32; 0 where torch has no
        such product here), ``copy_gb_s`` (bytes read plus bytes written).
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        return {
            "threads": torch.get_num_threads(),
            "fp32_gflops": _matrix_rate(torch.float32, seconds),
            "bf16_gflops": _matrix_rate(torch.bfloat16, seconds),
            "int8_gflops": _matrix_rate(torch.int8, seconds),
            "copy_gb_s": _copy_rate(seconds),
        }
    finally:
        torch.set_num_threads(before)


def best_of(measured: Iterable[dict[str, float]]) -> dict[str, float]:
    """The largest of several measurements of the limits: any of them may have been disturbed."""
    found = list(measured)
    return {key: max(one[key] for one in found) for key in found[0]}


def best_limits(times: int = 3) -> dict[str, float]:
    """The largest of several measurements of the limits, for what is measured once: a machine's speed drifts."""
    return best_of(limits() for _ in range(times))


def arguments(description: str) -> argparse.ArgumentParser:
    """The options every benchmark shares: ``--quick``, ``--rounds``, ``--out``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a small input and one round, to see that it runs")
    parser.add_argument("--rounds", type=int, help="timed rounds a variant (default 5; publish nothing below)")
    parser.add_argument("--out", type=Path, default=paths.cache() / "benchmarks", help="folder of the JSON")
    return parser


def rounds(options: argparse.Namespace) -> int:
    """How many are wanted."""
    return options.rounds or (1 if options.quick else 5)


def save(name: str, out: Path, best: dict[str, float], **parts: Any) -> None:
    """Write ``out/NAME.json``: what was measured, when, on which machine and with which versions.

    Args:
        name: of the benchmark.
        out: folder.
        best: the machine's limits, from :func:`limits`.
        **parts: ``comparisons`` (from :func:`compare.compare`), ``growth``, ``parts``: lists of plain data.
    """
    path = out / f"{name}.json"
    made = provenance.stamp()
    measured = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    storage.write_json(path, {"benchmark": name, "measured": measured, "limits": best, **made, **parts})
    print("written:", path)


def show(title: str, rows: list[dict[str, Any]]) -> None:
    """Print rows as an aligned table; a row may lack columns."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[_text(row.get(name, "")) for name in names] for row in rows]
    widths = [max(len(line[i]) for line in [names, *cells]) for i in range(len(names))]
    print(f"\n{title}")
    for line in [names, *cells]:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip(), flush=True)


def describe(best: dict[str, float]) -> str:
    """The machine and its limits in one line."""
    made = provenance.machine()
    rates = ", ".join(f"{form} {best[f'{form}_gflops']:,.0f}" for form in ("fp32", "bf16", "int8"))
    return (
        f"{made['processor']}, {made['cores']} cores: {rates} GFLOP/s, copy {best['copy_gb_s']:.0f} GB/s "
        f"({best['threads']:.0f} threads)"
    )


def _matrix_rate(dtype: torch.dtype, seconds: float) -> float:
    generator = torch.Generator().manual_seed(0)
    rates = []
    for m, k, n in SHAPES:
        a, b = (torch.randn(size, generator=generator) for size in ((m, k), (k, n)))
        if dtype == torch.int8:
            a, b = (torch.clamp(one * 40, -127, 127).to(dtype) for one in (a, b))
            run = lambda a=a, b=b: torch._int_mm(a, b)  # noqa: E731
        else:
            a, b, out = a.to(dtype), b.to(dtype), torch.empty(m, n, dtype=dtype)
            run = lambda a=a, b=b, out=out: torch.mm(a, b, out=out)  # noqa: E731
        try:
            rates.append(2e-9 * m * k * n / _best(run, seconds))
        except (AttributeError, RuntimeError):  # no integer product in this torch or on this processor
            return 0.0
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
