"""A failed stage in five lines: which notebook, which cell, what went wrong, where to look, what to do next."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from smallbert.errors import DataError, MachineError, StageError, UsageError
from smallbert.report.stages import Stage

_AGAIN = "then run the same command again: finished stages are kept."
_TOLD = {error.__name__ for error in (DataError, MachineError, UsageError)}
"""Errors that say themselves what to do: no one needs to look into the notebook for that."""


def explain(stage: Stage, outcome: dict[str, Any]) -> StageError:
    """The error for an execution that did not end well.

    Args:
        stage: what was run.
        outcome: what :func:`smallbert.report.execute.execute` reported, or ``{"status": "crashed"}``.
    """
    if outcome["status"] == "crashed":
        lines = [line for line in stage.log.read_text(encoding="utf-8").splitlines() if line.strip()]
        return StageError(
            f"{stage.stem} could not be executed.\n  {lines[-1] if lines else 'The process said nothing.'}\n"
            f"  log: {stage.log}",
            f"Check the environment with `smallbert env`, {_AGAIN}",
        )
    where = f"{stage.stem} failed in {_cell(stage, outcome['source'])}"
    places = f"  log: {stage.log}\n  notebook so far: {stage.executed}"
    if outcome["status"] == "killed":
        peak, memory = outcome["peak_memory_bytes"] / 2**30, _memory_bytes() / 2**30
        return StageError(
            f"{where}\n  The kernel was killed, most often for lack of memory "
            f"(it held up to {peak:.1f} GiB of this machine's {memory:.1f} GiB).\n{places}",
            f"Lower rows or train_rows, take a smaller profile or --jobs 1, {_AGAIN}",
        )
    if outcome["error"] in _TOLD:
        return StageError(f"{where}\n  {_one_line(outcome['message'], 1000)}\n{places}", f"Do what it says, {_AGAIN}")
    what = _one_line(f"{outcome['error']}: {outcome['message']}")
    return StageError(
        f"{where}\n  {what}\n{places}",
        f"Look with `jupyter lab {stage.executed}`, mend it, {_AGAIN}",
    )


def incomplete(stage: Stage, missing: list[Path]) -> StageError:
    """The error for a notebook that ran through but did not write what it must."""
    first = missing[0].relative_to(stage.edition.base)
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return StageError(
        f"{stage.stem} ran through but did not write {first}{more}.\n  log: {stage.log}\n"
        f"  notebook so far: {stage.executed}",
        f"Write it in the notebook, or take it off the list of {type(stage.parameters).__name__} in "
        "lib/smallbert/report/settings.",
    )


def _cell(stage: Stage, source: str) -> str:
    """``cell 7 of 31: `first line``` as counted in the source notebook."""
    cells = [cell.source for cell in stage.notebook.read().cells]
    first = _one_line(source.strip().split("\n")[0], 80)
    number = f"cell {cells.index(source) + 1} of {len(cells)}" if source in cells else "the injected parameters"
    return f"{number}: `{first}`"


def _one_line(text: str, limit: int = 400) -> str:
    text = re.sub(r"\s+", " ", re.sub(r"\x1b\[[0-9;]*m", "", text)).strip()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
