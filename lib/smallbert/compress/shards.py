"""How an embedding store lies on disk, and which part of it is finished.

::

    DIR/plan.json              what is being computed: key, rows, shard_rows, width, dtype, description
    DIR/shard-00000.npy        vectors of rows 0 ... shard_rows - 1, in row order
    DIR/parts/00000.json       sha256 of a finished shard, written after it   } gone once
    DIR/parts/00000.parquet    its rows, written before both                  } the store is complete
    DIR/rows.parquet           all rows
    DIR/manifest.json          the plan and the sha256 of every file, written last

Every file appears at once or not at all (:mod:`smallbert.storage`), so a folder is valid at any moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallbert import storage
from smallbert.errors import DataError, UsageError

MANIFEST, PLAN, ROWS = "manifest.json", "plan.json", "rows.parquet"


@dataclass(frozen=True)
class Shard:
    """Rows ``start`` to ``stop`` of a corpus, the unit that is computed, stored and checked as a whole."""

    index: int
    start: int
    stop: int

    @property
    def name(self) -> str:
        """File of its vectors."""
        return f"shard-{self.index:05d}.npy"

    def record(self, folder: Path) -> Path:
        """File that says the shard is finished, with its checksum."""
        return folder / "parts" / f"{self.index:05d}.json"

    def part(self, folder: Path) -> Path:
        """File of the shard's rows until all shards are finished."""
        return folder / "parts" / f"{self.index:05d}.parquet"


def cut(rows: int, shard_rows: int) -> list[Shard]:
    """Fixed ranges of ``shard_rows`` rows, the last one shorter."""
    starts = range(0, rows, shard_rows)
    return [Shard(i, start, min(start + shard_rows, rows)) for i, start in enumerate(starts)]


def mine(shards: list[Shard], share: tuple[int, int]) -> list[Shard]:
    """The shards of process ``i`` of ``n`` (counted from 1): every n-th, disjoint and complete over i.

    Raises:
        UsageError: not 1 <= i <= n.
    """
    i, n = share
    if not 1 <= i <= n:
        raise UsageError(f"Expected shard i/n with 1 <= i <= n, got {i}/{n}.")
    return shards[i - 1 :: n]


def claim(folder: Path, plan: dict[str, Any]) -> None:
    """Make ``folder`` and write ``plan`` as its plan, or check that it already is.

    Raises:
        MachineError: the folder cannot be made or written.
        DataError: the folder holds something else; the differing entries are named.
    """
    path = folder / PLAN
    storage.make_folder(folder)
    if not path.exists():
        if any(folder.glob("*.npy")):
            raise DataError(f"{folder} holds arrays but no {PLAN}.", "Choose an empty folder.")
        storage.write_json(path, plan)
    found = storage.read_json(path)
    if found["key"] != plan["key"]:
        keys = [key for key in plan if key != "key" and found.get(key) != plan[key]]
        changes = "; ".join(f"{key}: {found.get(key)} there, {plan[key]} now" for key in keys)
        raise DataError(
            f"{folder} holds other embeddings (key {found['key']}, expected {plan['key']}; {changes}).",
            "Choose another folder, or delete this one if it is no longer needed.",
        )
