"""The GPU check's results as a table beside their targets, and as a figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gpu_extract
import gpu_grid
import machine
from gpu_tools import ALONE

from smallbert import storage
from smallbert.studies.benchmarks import COMPARISONS, Target

TARGETS = (
    Target(gpu_extract.BASE, gpu_extract.OURS, 2.0, 0.5),
    Target(gpu_extract.MINILM, gpu_extract.OURS, 2.0),
    Target(gpu_grid.NAME, "smallbert fp32", 50.0),
    Target(gpu_grid.NAME, "smallbert bf16", 50.0),
)
"""Set before the first run on a GPU."""

GRID_SECONDS = 60.0
"""The whole grid, set likewise."""

EXTRACTION = (gpu_extract.BASE, gpu_extract.MINILM)


def measured(record: dict[str, Any]) -> list[dict[str, Any]]:
    """All comparisons, those among our own variants last."""
    return [*record[COMPARISONS], *record[ALONE]]


def rows(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Every variant on a line, targets beside: what was wanted and whether it was reached."""
    found, missing = [], {(one.comparison, one.variant): one for one in TARGETS}
    for one in measured(record):
        for row in one["rows"]:
            line = {"comparison": one["comparison"], "variant": row["variant"], "seconds": row["seconds"]}
            line |= {"a second": row["rate"], "unit": one["unit"], "TFLOP/s": row["gflops"] / 1e3}
            line |= {"of limit": row["of limit"], "ratio": row["ratio"]}
            if "texts" in one:
                line["texts a second"] = one["texts"] / row["seconds"]
            target = missing.pop((one["comparison"], row["variant"]), None)
            if target:
                # Only sentence-transformers is the peer that a ratio was set against.
                stand_in = target.comparison in EXTRACTION and one["rows"][0]["variant"] != gpu_extract.PEER
                line |= {"target": _wanted(target), "reached": _reached(target, row, stand_in)}
                line["reached"] = "toy sizes" if record.get("quick") else line["reached"]
            found.append(line)
    more = {"reached": "not measured"}
    return found + [{"comparison": a, "variant": b, "target": _wanted(one)} | more for (a, b), one in missing.items()]


def _wanted(target: Target) -> str:
    wanted = [f"{target.ratio:g} times"] if target.ratio is not None else []
    wanted += [f"{target.share:.0%} of the limit"] if target.share is not None else []
    return ", ".join([*wanted, f"under {GRID_SECONDS:g} s"] if target.comparison == gpu_grid.NAME else wanted)


def _reached(target: Target, row: dict[str, Any], stand_in: bool) -> str:
    short = target.ratio is not None and row["ratio"] < target.ratio
    short |= target.share is not None and row["of limit"] < target.share
    short |= target.comparison == gpu_grid.NAME and row["seconds"] >= GRID_SECONDS
    return "ratio not measured" if stand_in else "no" if short else "yes"


def write(record: dict[str, Any], out: Path) -> None:
    """``gpu.md``, and ``gpu.svg`` and ``gpu.png``; printed too."""
    lines = rows(record)
    machine.show(f"{record['machine']['device']}: all that was measured, beside its targets", lines)
    names = list(dict.fromkeys(name for line in lines for name in line))
    cells = [names, ["---"] * len(names), *([_cell(line.get(name, "")) for name in names] for line in lines)]
    storage.write_text(out / "gpu.md", "".join(f"| {' | '.join(line)} |\n" for line in cells))
    if measured(record):
        _draw(record, out)


def _cell(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _draw(record: dict[str, Any], out: Path) -> None:
    import matplotlib.pyplot as plt

    from smallbert.figures.style import BLUE, FLOOR, INK, ORANGE, WIDTH, use_theme

    use_theme()
    comparisons = measured(record)
    counts = [len(one["rows"]) for one in comparisons]
    figure, panels = plt.subplots(
        len(counts), 2, figsize=(WIDTH, 0.24 * sum(counts) + 0.7 * len(counts) + 0.6), squeeze=False,
        height_ratios=counts, sharex="col", sharey="row",
    )  # fmt: skip
    for (ratios, shares), one in zip(panels, comparisons, strict=True):
        names = [row["variant"] for row in one["rows"]]
        places = range(len(names))
        for place, row in zip(places, one["rows"], strict=True):
            if len(names) > 1:  # a line alone is as fast as itself
                ends = [[row["ratio"] - row["ratio low"]], [row["ratio high"] - row["ratio"]]]
                ratios.errorbar(row["ratio"], place, xerr=ends, color=BLUE, marker="o", linestyle="", capsize=2)
            for target in TARGETS:
                if (target.comparison, target.variant) == (one["comparison"], row["variant"]):
                    _mark(ratios, target.ratio, place, INK)
                    _mark(shares, target.share, place, INK)
        ratios.axvline(1, color=FLOOR, linestyle=":", linewidth=1)
        shares.barh(places, [row["of limit"] for row in one["rows"]], color=ORANGE, height=0.6)
        ratios.set(xscale="log", yticks=list(places), ylim=(len(names) - 0.4, -0.6))
        ratios.set_yticklabels(names, fontsize=7)
        ratios.set_title(one["comparison"], fontsize=8)
        shares.set_xlim(0, 1)
    panels[-1, 0].set_xlabel("times as fast as the first line", fontsize=8)
    panels[-1, 1].set_xlabel("share of the measured matrix rate; upright: targets", fontsize=8)
    for suffix in ("svg", "png"):
        with storage.atomic_write(out / f"gpu.{suffix}") as file:
            figure.savefig(file, format=suffix, dpi=200)
    plt.close(figure)


def _mark(axes: Any, value: float | None, place: int, color: str) -> None:
    if value is not None:
        axes.plot([value, value], [place - 0.42, place + 0.42], color=color, linewidth=1.4)
