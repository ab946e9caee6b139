"""What the parts of the GPU check share: limits of the device, comparisons as data, time that is bounded."""

from __future__ import annotations

import signal
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import machine
import torch
from compare import DISTURBED, Variant, side_by_side

from smallbert.studies.benchmarks import COMPARISONS, OURS

ALONE = "alone"
"""Where comparisons among our own variants stand: the report's page asks for those beside peers."""


class OutOfTime(BaseException):
    """A part has used up its time; no ``except Exception`` on the way swallows it."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """End the block by :class:`OutOfTime` once it has taken so long: between two Python instructions, main thread."""

    def stop(number: int, frame: object) -> None:
        raise OutOfTime(f"stopped at its limit of {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@dataclass
class Check:
    """One run of the check: its settings and what has been measured so far.

    Args:
        device: where everything runs.
        quick: toy sizes, to see that it runs.
        rounds: timed rounds of a comparison.
        corpus: real text, whatever the library reads; the generated world where it is None.
        scratch: a folder for models and tokens.
        out: folder of the JSON.
        record: what the JSON holds: ``limits``, ``comparisons``, ``alone``, ``errors`` and the parts' own keys.
        deadline: when the part that runs is stopped, on the monotonic clock.
    """

    device: torch.device
    quick: bool
    rounds: int
    corpus: Path | None
    scratch: Path
    out: Path
    record: dict[str, Any] = field(default_factory=lambda: {"limits": {}, COMPARISONS: [], ALONE: [], "errors": []})
    deadline: float = float("inf")

    def size(self, whole: int, toy: int) -> int:
        """A number for the real run, and one for the toy run."""
        return toy if self.quick else whole

    def left(self) -> float:
        """Seconds until the part that runs is stopped."""
        return self.deadline - time.monotonic()

    def sync(self) -> None:
        """Wait until the device has done all that was asked of it."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def save(self) -> None:
        """Write ``gpu.json`` as it stands."""
        rest = {key: value for key, value in self.record.items() if key != "limits"}
        machine.save("gpu", self.out, self.record["limits"], **rest)

    def failed(self, name: str, error: BaseException) -> None:
        """Write down what did not work."""
        said = f"{type(error).__name__}: {str(error).strip() or 'no message'}"
        self.record["errors"].append({"part": name, "error": said[:2000]})
        print(f"{name} failed: {said[:500]}", flush=True)

    def attempt(self, name: str, call: Callable[[], Any]) -> Any:
        """What ``call`` returns; None, and a line among the errors, where it fails."""
        try:
            return call()
        except Exception as error:  # whatever a GPU says, the rest is still worth measuring
            self.failed(name, error)
            return None

    def compare(
        self,
        name: str,
        variants: Mapping[str, Variant],
        *,
        amount: float,
        unit: str,
        gflop: float,
        checks: Callable[[], Mapping[str, Mapping[str, float]]] = dict,
        **more: Any,
    ) -> None:
        """Measure variants beside the first one, in alternating order, print the table and keep it.

        As :func:`compare.compare`, whose form the result has, with the device's limits in place of the processor's.
        """

        def finished(one: Variant) -> Callable[[], None]:
            def run() -> None:
                one.run()
                self.sync()

            return run

        timings = side_by_side({key: finished(one) for key, one in variants.items()}, rounds=self.rounds)
        columns, rows, base = checks(), [], next(iter(timings.values())).seconds
        for key, timing in timings.items():
            ratios = [peer / own for peer, own in zip(base, timing.seconds, strict=True)]
            median = statistics.median(timing.seconds)
            measured = self.row(key, variants[key].form, median, amount, gflop) | {
                "ratio": statistics.median(ratios),
                "ratio low": min(ratios),
                "ratio high": max(ratios),
                "others": statistics.median(timing.others),
            }
            rows.append(measured | dict(columns.get(key, {})) | {"all seconds": timing.seconds})
        self.keep(name, rows, amount=amount, unit=unit, rounds=self.rounds, **more)

    def row(self, variant: str, form: str, seconds: float, amount: float, gflop: float) -> dict[str, Any]:
        """A variant's seconds as a rate and as a share of the device's limit in its number format."""
        limit = self.record["limits"].get(f"{form}_gflops", 0.0)
        share = gflop / seconds / limit if limit else float("nan")
        measured = {"seconds": seconds, "rate": amount / seconds, "gflops": gflop / seconds, "of limit": share}
        return {"variant": variant, "form": form, **measured}

    def keep(self, name: str, rows: list[dict[str, Any]], *, amount: float, unit: str, **more: Any) -> None:
        """Print a comparison's rows and write them to the JSON."""
        shown = [{key: value for key, value in row.items() if key != "all seconds"} for row in rows]
        machine.show(f"{name}: {amount:,.0f} {unit} (rate: {unit} a second)", shown)
        found = {"comparison": name, "unit": unit, "amount": amount, **more}
        found["disturbed"] = max(row.get("others", 0.0) for row in rows) > DISTURBED
        place = ALONE if all(row["variant"].startswith(OURS) for row in rows) else COMPARISONS
        self.record[place].append(found | {"limits": self.record["limits"], "rows": rows})
        self.save()


def limits(check: Check) -> None:
    """The device's best rates: matrix products in bf16, fp32 and tf32, and a copy in its memory."""
    size, seconds = check.size(8192, 256), 0.02 if check.quick else 1.0
    generator = torch.Generator(check.device).manual_seed(0)
    # Random numbers: products of zeros run faster, for they draw less power.
    a, b = (torch.randn(size, size, generator=generator, device=check.device) for _ in range(2))
    found, before = {}, torch.get_float32_matmul_precision()
    try:
        for name, dtype, allowed in (
            ("bf16", torch.bfloat16, "highest"), ("fp32", torch.float32, "highest"), ("tf32", torch.float32, "high"),
        ):  # fmt: skip
            torch.set_float32_matmul_precision(allowed)
            left, right = a.to(dtype), b.to(dtype)
            out = torch.empty_like(left)
            call = lambda left=left, right=right, out=out: torch.mm(left, right, out=out)  # noqa: E731
            found[f"{name}_gflops"] = 2e-9 * size**3 / _shortest(check, call, seconds)
    finally:
        torch.set_float32_matmul_precision(before)
    source = torch.zeros(check.size(1 << 28, 1 << 20), device=check.device)
    target = torch.empty_like(source)
    found["copy_gb_s"] = 2e-9 * source.nbytes / _shortest(check, lambda: target.copy_(source), seconds)
    check.record["limits"] = found
    rates = ", ".join(f"{name} {found[f'{name}_gflops'] / 1e3:,.1f}" for name in ("bf16", "fp32", "tf32"))
    print(f"Limits measured: {rates} TFLOP/s, copy {found['copy_gb_s']:,.0f} GB/s", flush=True)


def _shortest(check: Check, call: Callable[[], Any], seconds: float, repeats: int = 10) -> float:
    """Seconds of one call: the best mean of ``repeats`` in a row, over the given time, after a warm-up."""

    def taken() -> float:
        check.sync()
        began = time.perf_counter()
        for _ in range(repeats):
            call()
        check.sync()
        return (time.perf_counter() - began) / repeats

    taken()
    best, end = taken(), time.perf_counter() + seconds
    while time.perf_counter() < end:
        best = min(best, taken())
    return best
