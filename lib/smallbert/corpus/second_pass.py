"""The second pass over rows written aside: those that stay are written, with their splits, and counted."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from smallbert.corpus import duplicates
from smallbert.corpus.prepared import PREPARED, SPLITS
from smallbert.corpus.rows import SCHEMA
from smallbert.progress import Progress
from smallbert.storage import atomic_write

ROW_GROUP = 16_384
TOPICS = 200
"""Topics listed in the manifest, the largest first."""


def write(aside: Path, path: Path, ids: np.ndarray, decisions: np.ndarray, reasons: np.ndarray) -> dict[str, Any]:
    """Write the rows that stay and count them and those that leave.

    Args:
        aside: all n rows, as the first pass wrote them.
        path: Parquet of :data:`smallbert.corpus.prepared.PREPARED`, written whole or not at all.
        ids: (n,) digests of the rows' ids.
        decisions: (n,) int8: the split's number in :data:`smallbert.corpus.prepared.SPLITS`, -1 for a row not drawn.
        reasons: (n,) why a row leaves, of :data:`smallbert.corpus.duplicates.REASONS`; 0 stays.

    Returns:
        ``key``, ``rows``, ``counts``, ``duplicates``, ``sampled`` and ``ids_made_unique`` of the manifest.
    """
    repeated = _repeated(ids, decisions, reasons)
    languages: defaultdict[str, Counter[str]] = defaultdict(Counter)
    topics: Counter[str] = Counter()
    removed: defaultdict[str, Counter[str]] = defaultdict(Counter)
    content, kept, start = hashlib.sha256(), 0, 0
    with (
        pq.ParquetFile(aside, pre_buffer=False) as source,
        atomic_write(path) as file,
        pq.ParquetWriter(file, PREPARED, compression="zstd") as writer,
        Progress("writing the corpus", len(decisions)) as progress,
    ):
        for batch in source.iter_batches(ROW_GROUP, use_threads=False):
            here = slice(start, start + batch.num_rows)
            start = here.stop
            sampled = decisions[here] >= 0
            for row in np.flatnonzero(sampled & (reasons[here] > 0)):
                removed[duplicates.REASONS[reasons[here][row]]][batch["lang"][int(row)].as_py()] += 1
            stays = np.flatnonzero(sampled & (reasons[here] == 0))
            splits = [SPLITS[i] for i in decisions[here][stays]]
            table = _renamed(batch.take(pa.array(stays)), repeated[here][stays], here.start + stays)
            table = pa.RecordBatch.from_arrays([*table.columns, pa.array(splits, pa.string())], schema=PREPARED)
            for lang, name in zip(table["lang"].to_pylist(), splits, strict=True):
                languages[lang][name] += 1
            topics.update(table["topic"].to_pylist())
            _digest_into(content, table)
            if table.num_rows:
                writer.write_batch(table, row_group_size=ROW_GROUP)
            kept += table.num_rows
            progress.advance(batch.num_rows)
    by_language = dict(sorted(languages.items(), key=lambda item: (-item[1].total(), item[0])))
    largest = sorted(topics.items(), key=lambda item: (-item[1], item[0]))
    return {
        "key": content.hexdigest()[:16],
        "rows": kept,
        "counts": {
            "split": {name: sum(count[name] for count in by_language.values()) for name in SPLITS},
            "language": {lang: {name: n[name] for name in SPLITS} for lang, n in by_language.items()},
            "topic": dict(largest[:TOPICS]),
            "topics": len(largest),
        },
        "duplicates": {name: dict(sorted(removed[name].items())) for name in duplicates.REASONS[1:]},
        "sampled": int((decisions >= 0).sum()),
        "ids_made_unique": int(repeated.sum()),
    }


def _repeated(ids: np.ndarray, decisions: np.ndarray, reasons: np.ndarray) -> np.ndarray:
    """(n,) bool: rows that stay and whose id an earlier one that stays has."""
    stays = np.flatnonzero((decisions >= 0) & (reasons == 0))
    first = np.unique(ids[stays], return_index=True)[1]
    repeated = np.zeros(len(ids), bool)
    repeated[np.delete(stays, first)] = True
    return repeated


def _renamed(batch: pa.RecordBatch, repeated: np.ndarray, number: np.ndarray) -> pa.RecordBatch:
    if not repeated.any():
        return batch
    ids = batch["id"].to_pylist()
    for row in np.flatnonzero(repeated):
        ids[row] = f"{ids[row]}~{number[row] + 1}"
    return pa.RecordBatch.from_arrays([pa.array(ids, pa.string()), *batch.columns[1:]], schema=SCHEMA)


def _digest_into(content: Any, batch: pa.RecordBatch) -> None:
    """Feed every cell, its length before it, column by column."""
    for column in batch.columns:
        for cell in column.cast(pa.binary()).to_pylist():
            content.update(len(cell).to_bytes(8, "little"))
            content.update(cell)
