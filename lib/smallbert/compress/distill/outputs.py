"""What a teacher said, kept on disk: students train without the teacher in memory.

::

    DIR/KEY/plan.json           what is being computed: key, teacher, inputs, what is wanted
    DIR/KEY/00000.hidden-6.npy  one array for each shard and output; its rows are tokens, texts or predicted places
    DIR/KEY/00000.texts.npy     how many texts each row of a shard holds; 00000.places.npy how many places
    DIR/KEY/parts/00000.json    sha256 of a finished shard's files, written after them; gone once all are finished
    DIR/KEY/manifest.json       the plan, the mass kept and what each shard's record said, written last

:mod:`smallbert.compress.distill.recording` makes a store.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from smallbert import storage
from smallbert.compress.shards import MANIFEST
from smallbert.errors import DataError

OPEN_FILES = 64
"""Arrays that stay mapped at once: each holds a file open, of which a process may have some hundreds."""


class TeacherOutputs:
    """A finished store; :func:`smallbert.compress.distill.recording.record` makes one.

    Args:
        folder: of the store.
        manifest: its content.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.folder, self.manifest = folder, manifest
        self._array = lru_cache(maxsize=OPEN_FILES)(self._open)
        self._bounds = lru_cache(maxsize=None)(self._count)

    @classmethod
    def open(cls, folder: Path) -> TeacherOutputs:
        """Open a finished store.

        Raises:
            DataError: there is none.
        """
        if not (folder / MANIFEST).exists():
            raise DataError(f"Expected a teacher's outputs in {folder}, found none finished.", "Record them again.")
        return cls(folder, storage.read_json(folder / MANIFEST))

    @property
    def key(self) -> str:
        """Digest of all that decides the outputs."""
        return self.manifest["key"]

    @property
    def mass_kept(self) -> dict[str, float]:
        """Share of the teacher's probability on the kept logits, by temperature."""
        return self.manifest["mass_kept"]

    def fetch(self, rows: np.ndarray, wanted: set[str]) -> dict[str, torch.Tensor]:
        """Outputs of some rows in their order, each concatenated: fp32, but for the int64 ``top-indices``.

        Args:
            rows: row numbers, in any order.
            wanted: outputs by the names they were recorded under.
        """
        in_shard = self.manifest["shard_units"] * self.manifest["unit_rows"]
        found = {}
        for name, kind in arrays_of(wanted):
            parts = []
            for shard, start, stop in _runs(rows, in_shard):
                bounds = self._bounds(shard, kind)
                parts.append(self._array(shard, name)[bounds[start] : bounds[stop]])
            array = np.concatenate(parts)
            found[name] = torch.from_numpy(array.astype(np.int64 if name == "top-indices" else np.float32))
        return found

    def _open(self, shard: int, name: str) -> np.ndarray:
        path = self.folder / f"{shard:05d}.{name}.npy"
        try:
            return np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"{path} cannot be read: {error}", f"Delete {self.folder} and run again.") from error

    def _count(self, shard: int, kind: str) -> np.ndarray:
        """Where the entries of each row of a shard begin, and where the last one's end."""
        if kind == "tokens":
            in_shard = self.manifest["shard_units"] * self.manifest["unit_rows"]
            return np.arange(in_shard + 1) * self.manifest["row_tokens"]
        return np.concatenate([[0], np.cumsum(self._open(shard, kind))])


def arrays_of(wanted: Iterable[str]) -> list[tuple[str, str]]:
    """Arrays of a store, and what their rows are: tokens, texts or places."""
    kinds = {"first": "texts", "pooled": "texts", "rest": "places"}
    vectors = sorted(name for name in wanted if name != "top")
    names = [(name, kinds.get(name.partition("-")[0], "tokens")) for name in vectors]
    return names + [("top-indices", "places"), ("top-logits", "places")] * ("top" in wanted)


def _runs(rows: np.ndarray, in_shard: int) -> Iterator[tuple[int, int, int]]:
    """Stretches of consecutive rows: their shard, and where they start and stop in it."""
    breaks = np.flatnonzero((np.diff(rows) != 1) | (rows[1:] % in_shard == 0)) + 1
    for run in np.split(rows, breaks):
        shard, start = divmod(int(run[0]), in_shard)
        yield shard, start, start + len(run)
