"""The benchmarks as they were measured: tables beside targets, and what falls short of them, in words.

The files are written by `make bench` (tests/benchmarks) on one machine and committed. A page only reads them, so what
it says of speed beside peers is about that machine, whichever machine made the page.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from smallbert import paths
from smallbert.storage import read_json

COMPARISONS, GROWTH, PARTS = "comparisons", "growth", "parts"

OURS = "smallbert"
"""What the names of our variants begin with."""

LOOP = "plain loop"
"""What the names of peers begin with that are no library: the PyTorch loop one writes first, see `tests/benchmarks`."""

MINILM = "Extraction, MiniLM"

SECONDS = "all seconds"
"""Of a variant: those of every round."""

BESIDE = ("ours beside it", "ours beside it low", "ours beside it high")

FORM = {"limits", "machine", "measured"}
"""What every benchmark's file has."""


@dataclass(frozen=True)
class Target:
    """What was set before measuring, against the first variant of a comparison.

    Args:
        comparison: its name.
        variant: of ours.
        ratio: times as fast as the peer; None where only the share of the limit is set.
        share: of the machine's limit; None where only the ratio is set.
        distance: the most that any vector's cosine to the peer's may fall short of 1; None where no vectors come out.
        tried: what was tried beyond what is kept, and how it came out; for targets that have been missed.
    """

    comparison: str
    variant: str
    ratio: float | None = None
    share: float | None = None
    distance: float | None = None
    tried: str = ""


_PRODUCTS = (
    "weights packed beforehand, one batch on all cores instead of one a core, larger and smaller batches; what is kept "
    "was the fastest of them"
)
"""Tried for the products of an encoder in floating point."""

_INTEGERS = (
    "one range for all tokens of a batch (faster, but the worst cosine falls below what is asked), ranges for chunks "
    "of rows, a range for every token in front of every product (nearer, but slower), rounding in four passes instead "
    "of one"
)

_GRID = (
    "all models in one batched product (ties with one model a core at best), one model on all cores, fused Adam beside "
    "one written out; what is kept was the fastest of them"
)

_PCA = (
    "the symmetric product of BLAS, centring blocks first, sums as products with a row of ones; what is kept was the "
    "fastest of them"
)

TARGETS = (
    Target(MINILM, "smallbert fp32", 1.6, 0.9, 1e-6, _PRODUCTS),
    Target(MINILM, "smallbert bf16", 2.7, 0.75, 0.001, _PRODUCTS),
    Target(MINILM, "smallbert int8", 4.0, None, 0.01, _INTEGERS),
    Target("Extraction, shape of BERT-base", "smallbert fp32", 1.7),
    Target("Extraction, shape of BERT-base", "smallbert bf16", 3.2),
    Target("Autoencoder grid, batch 256", "smallbert fp32", 1.6),
    Target("Autoencoder grid, batch 256", "smallbert bf16", 2.7),
    Target("Autoencoder grid, batch 1,024", "smallbert fp32", None, 0.85, tried=_GRID),
    Target("PCA", "smallbert, one pass", 1.0, tried=_PCA),
    Target("Pretraining, vocabulary 8,192", "smallbert bf16", 3.5),
    Target("Pretraining, vocabulary 30,522", "smallbert bf16", 5.0),
    Target("Distillation, 1 epoch", "smallbert bf16", 2.5),
    Target("Distillation, 3 epochs", "smallbert bf16", 3.4),
    Target("Fine-tuning", "smallbert fp32", 1.5),
)
"""On two processor cores; set on a machine without AMX, before the first line of the library was written."""


def folder() -> Path:
    """Where `make bench` writes."""
    return paths.data() / "results" / "benchmarks"


def read(place: Path | None = None) -> list[dict[str, Any]]:
    """Every benchmark that has been measured, in order of name; none where there is no folder.

    Files of another form (an earlier version of a benchmark) are left out.

    Args:
        place: folder of the JSON files; the project's own by default.
    """
    found = []
    for path in sorted((place or folder()).glob("*.json")):
        record = read_json(path)
        if isinstance(record, dict) and set(record) >= FORM and set(record) & {COMPARISONS, GROWTH, PARTS}:
            found.append(record | {"name": path.stem})
    return found


def comparisons(records: list[dict[str, Any]]) -> pd.DataFrame:
    """One row a variant of every comparison.

    Returns:
        Columns ``comparison``, ``variant``, ``peer`` (the variant it is compared with), ``number format``, ``a second``
        (``unit``), ``ratio``, ``ratio low``, ``ratio high`` (over rounds; not-a-number without a peer), ``ours beside
        it``, ``ours beside it low``, ``ours beside it high`` (of a peer: times as fast as it our fastest variant in the
        same number format is; not-a-number where there is none), ``of limit`` (not-a-number without a count of
        operations), ``worst cosine distance`` and ``disturbed``.
    """
    rows = []
    for record in records:
        for one in record.get(COMPARISONS, []):
            for row in one["rows"]:
                beside = dict(zip(BESIDE, _ours_beside(row, one["rows"]), strict=True))
                rows.append(
                    {
                        "comparison": one["comparison"],
                        "variant": row["variant"],
                        "peer": one["rows"][0]["variant"],
                        "number format": row["form"],
                        "a second": row["rate"],
                        "unit": one["unit"],
                        "ratio": row.get("ratio", float("nan")),
                        "ratio low": row.get("ratio low", float("nan")),
                        "ratio high": row.get("ratio high", float("nan")),
                        **beside,
                        "of limit": row.get("of limit", float("nan")),
                        "worst cosine distance": row.get("1 - cosine, worst", float("nan")),
                        "disturbed": bool(one["disturbed"]),
                    }
                )
    columns = ["comparison", "variant", "peer", "number format", "a second", "unit", "ratio", "ratio low", "ratio high"]
    return pd.DataFrame(rows, columns=[*columns, *BESIDE, "of limit", "worst cosine distance", "disturbed"])


def _ours_beside(peer: dict[str, Any], rows: list[dict[str, Any]]) -> tuple[float, float, float]:
    """Median, slowest and fastest round of the peer's seconds over those of ours in its number format."""
    ours = [row for row in rows if row["variant"].startswith(OURS) and row["form"] == peer["form"]]
    if peer["variant"].startswith(OURS) or not ours:
        return (float("nan"),) * 3
    fastest = max(ours, key=lambda row: row["rate"])
    # The rounds themselves: medians of two ratios to a third variant would add its noise.
    ratios = [a / b for a, b in zip(peer.get(SECONDS, []), fastest.get(SECONDS, []), strict=False)]
    return (statistics.median(ratios), min(ratios), max(ratios)) if ratios else (float("nan"),) * 3


def rounds(records: list[dict[str, Any]]) -> pd.DataFrame:
    """How far rounds of one variant lie apart: slowest over fastest less 1, of its seconds and of its ratio.

    Returns:
        Columns ``comparison``, ``variant``, ``seconds``, ``ratio`` (not-a-number for the first line of a comparison,
        which the others are compared with); variants without several rounds are left out.
    """
    rows = []
    for one in (one for record in records for one in record.get(COMPARISONS, [])):
        first = one["rows"][0].get(SECONDS, [])
        for place, row in enumerate(one["rows"]):
            if len(seconds := row.get(SECONDS, [])) < 2:
                continue
            ratios = [a / b for a, b in zip(first, seconds, strict=False) if place] or [float("nan")]
            apart = {"seconds": max(seconds) / min(seconds) - 1, "ratio": max(ratios) / min(ratios) - 1}
            rows.append({"comparison": one["comparison"], "variant": row["variant"]} | apart)
    return pd.DataFrame(rows, columns=["comparison", "variant", "seconds", "ratio"])


def targets(found: pd.DataFrame) -> pd.DataFrame:
    """Every target beside what was measured.

    Args:
        found: from :func:`comparisons`.

    Returns:
        Columns ``comparison``, ``variant``, ``target ratio``, ``ratio``, ``target share``, ``share`` (of the limit),
        ``target distance``, ``distance`` (1 less the worst cosine), ``reached`` (``yes``, ``no``, ``not measured``).
    """
    rows = []
    for target in TARGETS:
        own = found[(found.comparison == target.comparison) & (found.variant == target.variant)]
        names = ("ratio", "of limit", "worst cosine distance")
        ratio, share, distance = (float(own.iloc[0][name]) if len(own) else float("nan") for name in names)
        short = (
            (target.ratio is not None and ratio < target.ratio)
            or (target.share is not None and share < target.share)
            or (target.distance is not None and distance > target.distance)
        )
        rows.append(
            {
                "comparison": target.comparison,
                "variant": target.variant,
                "target ratio": target.ratio,
                "ratio": ratio,
                "target share": target.share,
                "share": share,
                "target distance": target.distance,
                "distance": distance,
                "reached": "not measured" if own.empty else "no" if short else "yes",
            }
        )
    return pd.DataFrame(rows).astype(dict.fromkeys(("target ratio", "target share", "target distance"), float))


def parts(records: list[dict[str, Any]]) -> pd.DataFrame:
    """Where the time goes, part by part.

    Where two files tell of one task and number format, the first one does: profiles may have been made again elsewhere.

    Returns:
        Columns ``task``, ``form``, ``part``, ``seconds``, ``share``, ``gflops``, ``of limit`` and ``processor``.
    """
    columns = ["task", "form", "part", "seconds", "share", "gflops", "of limit", "processor"]
    rows: list[dict[str, Any]] = []
    for record in records:
        place = {"task": MINILM, "processor": record["machine"]["processor"]}
        known = {(row["task"], row["form"]) for row in rows}
        own = [place | row for row in record.get(PARTS, [])]
        rows += [row for row in own if (row["task"], row["form"]) not in known]
    return pd.DataFrame(rows, columns=columns)


def machines(records: list[dict[str, Any]]) -> pd.DataFrame:
    """Where and when each benchmark ran, and the limits of that machine in the same process.

    Returns:
        Columns ``benchmark``, ``measured`` (date), ``processor``, ``cores``, ``fp32 GFLOP/s``, ``bf16 GFLOP/s``, ``int8
        GFLOP/s``, ``copy GB/s`` and ``quiet`` (whether no other process ran beside a comparison).
    """
    rows = [
        {
            "benchmark": record["name"],
            "measured": record["measured"][:10],
            "processor": record["machine"]["processor"],
            "cores": record["machine"]["cores"],
            **{f"{form} GFLOP/s": record["limits"].get(f"{form}_gflops") for form in ("fp32", "bf16", "int8")},
            "copy GB/s": record["limits"].get("copy_gb_s"),
            "quiet": not any(one["disturbed"] for one in record.get(COMPARISONS, [])),
        }
        for record in records
    ]
    columns = ["benchmark", "measured", "processor", "cores", "fp32 GFLOP/s", "bf16 GFLOP/s", "int8 GFLOP/s"]
    return pd.DataFrame(rows, columns=[*columns, "copy GB/s", "quiet"])


def rate(records: list[dict[str, Any]], *, gpu: bool = False) -> dict[str, Any] | None:
    """How fast ours reads with MiniLM at its fastest, on a CPU or a GPU.

    Args:
        records: from :func:`read`.
        gpu: measured on one, not on a CPU.

    Returns:
        ``variant``, ``a second`` (tokens), ``machine``, ``how`` (in words) and ``measured``; None where nobody has
        measured it.
    """
    best: dict[str, Any] | None = None
    for record in records:
        place = record["machine"]
        if (place.get("device", "cpu") != "cpu") != gpu:
            continue
        for one in record.get(COMPARISONS, []):
            for row in one["rows"] if one["comparison"].startswith(MINILM) else []:
                if row["variant"].startswith(OURS) and (best is None or row["rate"] > best["a second"]):
                    name = place["device"] if gpu else f"{place['processor']}, {place['cores']} cores"
                    found = {"variant": row["variant"], "a second": row["rate"], "machine": name}
                    best = found | {"how": _how(one, row), "measured": record["measured"][:10]}
    return best


def _how(one: dict[str, Any], row: dict[str, Any]) -> str:
    """How a variant was measured, as far as its file tells."""
    told = "benchmarked beside other processes" if one["disturbed"] else "benchmarked alone on its machine"
    if texts := one.get("texts"):
        told += f" on {texts:,} texts of {one['amount'] / texts:,.0f} tokens on average"
    count = len(row.get(SECONDS, []))
    return told + (f", median of {count} rounds" if count > 1 else "")
