"""Reading and checking a store of embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from smallbert import storage
from smallbert.compress.shards import MANIFEST, PLAN, ROWS, Shard, cut
from smallbert.errors import DataError

ROW_SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in ("id", "lang", "topic", "group", "split")),
        pa.field("n_tokens", pa.int32(), nullable=False),
        pa.field("text_sha256", pa.string(), nullable=False),  # the first 8 bytes, in hex
    ]
)
"""Schema of ``rows.parquet``: what is known of each row, in the order of the vectors."""

_FACTS = {"key": str, "rows": int, "shard_rows": int, "width": int, "dtype": str, "files": dict}


class EmbeddingStore:
    """Vectors of a corpus and what is known of their rows, in the same order.

    Open with :meth:`open`; made by :func:`smallbert.compress.embeddings.extract`.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.folder, self.manifest = folder, manifest
        self.shards = cut(manifest["rows"], manifest["shard_rows"])

    @classmethod
    def open(cls, folder: Path) -> EmbeddingStore:
        """Open a finished store.

        Raises:
            DataError: ``folder`` holds no finished store.
        """
        folder = Path(folder)
        if not (folder / MANIFEST).exists():
            state = "an unfinished one" if (folder / PLAN).exists() else "none"
            raise DataError(
                f"Expected a finished embedding store in {folder}, found {state}.",
                "Run the extraction into this folder again; for the report that is `smallbert run --only 01`.",
            )
        manifest = storage.read_json(folder / MANIFEST)
        found = manifest if isinstance(manifest, dict) else {}
        if missing := [name for name, kind in _FACTS.items() if not isinstance(found.get(name), kind)]:
            raise DataError(
                f"{folder / MANIFEST} lacks {', '.join(sorted(missing))}: no manifest of ours.",
                "Delete it and run the extraction into this folder again.",
            )
        return cls(folder, manifest)

    @property
    def key(self) -> str:
        """Digest of all that decides the vectors."""
        return self.manifest["key"]

    @property
    def width(self) -> int:
        """Numbers a vector."""
        return self.manifest["width"]

    def __len__(self) -> int:
        return self.manifest["rows"]

    @property
    def rows(self) -> pd.DataFrame:
        """id, lang, topic, group, split, n_tokens and text_sha256 of each row, in the order of the vectors."""
        return pq.read_table(self.folder / ROWS).to_pandas()

    def vectors(self, rows: slice | np.ndarray | None = None) -> np.ndarray:
        """Vectors as one fp32 array (n, width), read straight from the shards.

        Args:
            rows: row numbers or a slice of them, in any order; all rows by default.

        Raises:
            DataError: a shard cannot be read.
            IndexError: a row number is out of range.
        """
        wanted = np.arange(len(self))
        if rows is not None:
            wanted = wanted[rows]
        vectors = np.empty((len(wanted), self.width), dtype=np.float32)
        places = wanted // self.manifest["shard_rows"]
        for index in np.unique(places):
            here = np.flatnonzero(places == index)
            shard = self.shards[index]
            vectors[here] = self._array(shard)[wanted[here] - shard.start]
        return vectors

    def _array(self, shard: Shard) -> np.ndarray:
        """A shard's vectors, memory-mapped (rows, width)."""
        path = self.folder / shard.name
        expected = (shard.stop - shard.start, self.width), np.dtype(self.manifest["dtype"])
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"{path} cannot be read: {error}", "Run the extraction again to redo it.") from error
        if (array.shape, array.dtype) != expected:
            raise DataError(
                f"{path}: expected shape {expected[0]} of {expected[1]}, got {array.shape} of {array.dtype}.",
                "Run the extraction again to redo it.",
            )
        return array


def verify(folder: Path) -> list[str]:
    """Check a store: every file there, its checksum, shape and format, no NaN or infinity, rows in step.

    Args:
        folder: the store.

    Returns:
        One finding a line, each naming its file; empty if all is well.

    Raises:
        DataError: ``folder`` holds no finished store.
    """
    store, findings = EmbeddingStore.open(folder), []
    files = store.manifest["files"]
    for name in [*(shard.name for shard in store.shards), ROWS]:
        path = store.folder / name
        if not path.is_file():
            findings.append(f"{path}: missing")
        elif (found := storage.sha256_file(path)) != files.get(name):
            findings.append(f"{path}: expected sha256 {files.get(name)}, got {found}")
    for shard in store.shards:
        if not (store.folder / shard.name).is_file():
            continue
        try:
            array = store._array(shard)
        except DataError as error:
            findings.append(error.message)
            continue
        if bad := int((~np.isfinite(array)).any(axis=1).sum()):
            findings.append(f"{store.folder / shard.name}: {bad} rows hold NaN or infinity")
    return findings + _row_findings(store)


def _row_findings(store: EmbeddingStore) -> list[str]:
    path = store.folder / ROWS
    if not path.is_file():
        return []
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        return [f"{path}: cannot be read: {error}"]
    with file:
        findings = []
        if file.metadata.num_rows != len(store):
            findings.append(f"{path}: expected {len(store)} rows, got {file.metadata.num_rows}")
        if file.schema_arrow != ROW_SCHEMA:
            findings.append(f"{path}: expected columns {ROW_SCHEMA.names}, got {file.schema_arrow.names}")
    return findings
