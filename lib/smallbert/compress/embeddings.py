"""Embedding a corpus: shard after shard, safe against crashes, the same bytes however often it stops.

Every shard is a pure function of its rows, the encoder and the machine's kind, is written atomically and
recorded with its checksum. A run computes the shards that are missing or damaged, and whichever run finds
all shards finished completes the store.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TextIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from smallbert import storage
from smallbert.compress.shards import MANIFEST, PLAN, ROWS, Shard, claim, cut, mine
from smallbert.compress.store import ROW_SCHEMA, EmbeddingStore
from smallbert.corpus.prepared import METADATA, Corpus
from smallbert.corpus.text import text
from smallbert.errors import DataError, UsageError
from smallbert.progress import Progress

if TYPE_CHECKING:
    from smallbert.models.encoder import Encoder

VERSION = 1
"""Part of the key: raise it when the same corpus and encoder would give other vectors or rows."""

SHARD_ROWS = 8192
"""Rows a shard: enough texts of each length for full batches, and minutes at most to lose in a crash."""


class _Prepared(NamedTuple):
    shard: Shard
    rows: pa.Table  # ROW_SCHEMA
    ids: list[np.ndarray]


def extract(
    corpus: Corpus,
    encoder: Encoder,
    out: Path,
    *,
    shard: tuple[int, int] = (1, 1),
    shard_rows: int = SHARD_ROWS,
    dtype: Literal["float32", "float16"] = "float32",
    wait: bool = False,
    progress: TextIO | None = None,
) -> EmbeddingStore | None:
    """Embed every row of a corpus into the store ``out``; what is finished there already is kept.

    Args:
        corpus: a prepared corpus.
        encoder: from :func:`smallbert.models.encoder.load`.
        out: the store's folder.
        shard: ``(i, n)``: compute the i-th of n disjoint parts, for n processes on any machines that see ``out``.
        shard_rows: rows a shard; part of the key, as batches do not cross shards.
        dtype: number format on disk.
        wait: wait for another run that holds this part of ``out``, then take what it has finished.
        progress: where progress goes; standard error by default.

    Returns:
        The finished store, or None while other processes' shards are missing.

    Raises:
        DataError: ``out`` holds another corpus' or encoder's embeddings.
        UsageError: another run holds this part of ``out`` and ``wait`` is not set, or ``shard`` is out of range.
        MachineError: the disk is full or not writable; finished shards are kept.
    """
    out, stream = Path(out), progress or sys.stderr
    if dtype not in ("float32", "float16"):
        raise UsageError(f"Expected dtype float32 or float16, got {dtype!r}.")
    if shard_rows < 1 or corpus.rows < 1:
        raise UsageError(f"Expected at least one row and one row a shard, got {corpus.rows} and {shard_rows}.")
    plan = _plan(corpus, encoder, shard_rows, dtype)
    shards = cut(corpus.rows, shard_rows)
    own = mine(shards, shard)
    claim(out, plan)
    hint = "Wait for it to end, or give each process its own shard i/n."
    with storage.lock(out, f"{shard[0]}-of-{shard[1]}", wait=wait, hint=hint):
        _reopen(out, shards, stream)
        if (out / MANIFEST).exists():
            return _complete(out, plan, shards)
        todo = [one for one in own if not (_computed(out, one, stream) and one.part(out).exists())]
        total, missing = (sum(one.stop - one.start for one in some) for some in (own, todo))
        label = f"embed {shard[0]}/{shard[1]}" if shard[1] > 1 else "embed"
        with Progress(label, total, done=total - missing, stream=stream) as bar:
            for prepared in _ahead(_prepare(corpus, encoder, todo)):
                _compute(out, prepared, encoder, dtype, bar.advance)
        return _complete(out, plan, shards)


def _plan(corpus: Corpus, encoder: Encoder, shard_rows: int, dtype: str) -> dict[str, object]:
    identity = encoder.describe()
    name = identity.pop("name")  # the same weights under another name give the same vectors
    plan = {
        "encoder": identity,
        "corpus": corpus.key,
        "rows": corpus.rows,
        "shard_rows": shard_rows,
        "width": encoder.width,
        "dtype": dtype,
        "version": VERSION,
    }
    return {"key": storage.digest(plan), "name": name, **plan}


def _reopen(out: Path, shards: list[Shard], stream: TextIO) -> None:
    """Check a finished store; where a file is damaged, name it and make the store unfinished again."""
    with storage.lock(out, "complete", wait=True):  # processes of other shards may see the same damage
        if (out / MANIFEST).exists():
            _undo_damaged(out, shards, stream)


def _undo_damaged(out: Path, shards: list[Shard], stream: TextIO) -> None:
    files = storage.read_json(out / MANIFEST)["files"]
    damaged = {name for name, sha256 in files.items() if not storage.holds(out / name, sha256)}
    if not damaged:
        return
    for name in sorted(damaged):
        stream.write(f"{out / name} is missing or damaged: computing it again\n")
    rows = None if ROWS in damaged else pq.read_table(out / ROWS)
    for shard in shards:
        if rows is not None:
            _write_tables(shard.part(out), [rows.slice(shard.start, shard.stop - shard.start)])
        if shard.name not in damaged:
            storage.write_json(shard.record(out), {"sha256": files[shard.name]})
    (out / MANIFEST).unlink()


def _computed(out: Path, shard: Shard, stream: TextIO) -> bool:
    """Whether a shard's vectors are there as recorded; damage is named."""
    path, record = out / shard.name, shard.record(out)
    if not record.exists():
        return False
    intact = storage.holds(path, storage.read_json(record)["sha256"])
    if not intact:
        stream.write(f"{path} is missing or damaged: computing it again\n")
        record.unlink()
    return intact


def _prepare(corpus: Corpus, encoder: Encoder, shards: list[Shard]) -> Iterator[_Prepared]:
    """Read and tokenise ``shards`` in one pass over the corpus."""
    todo, kept, stop = deque(shards), [], 0
    batches = corpus.batches(("title", "content", *METADATA))
    while todo:
        batch = next(batches, None)
        if batch is None:
            raise DataError(f"Expected {corpus.rows} rows in {corpus.folder}, and they ended at row {stop}.")
        start, stop = stop, stop + batch.num_rows
        while todo and todo[0].start < stop:
            first = max(todo[0].start, start)
            kept.append(batch.slice(first - start, min(todo[0].stop, stop) - first))
            if todo[0].stop > stop:
                break
            yield _tokenize(todo.popleft(), pa.Table.from_batches(kept), encoder)
            kept = []


def _tokenize(shard: Shard, table: pa.Table, encoder: Encoder) -> _Prepared:
    texts = text(table)
    ids = encoder.tokenize(texts)
    known = [table.column(name) for name in ROW_SCHEMA.names[:5]]
    lengths = pa.array([len(one) for one in ids], pa.int32())
    sums = pa.array([hashlib.sha256(one.encode()).hexdigest()[:16] for one in texts])
    return _Prepared(shard, pa.Table.from_arrays([*known, lengths, sums], schema=ROW_SCHEMA), ids)


def _ahead(items: Iterator[_Prepared]) -> Iterator[_Prepared]:
    """The same items, each made while the one before it is in use."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, items, None)
        while (item := waiting.result()) is not None:
            waiting = pool.submit(next, items, None)
            yield item


def _compute(out: Path, prepared: _Prepared, encoder: Encoder, dtype: str, advance: Callable[[int], None]) -> None:
    """Store one shard's rows, its vectors, then the record that both are there."""
    shard, rows, ids = prepared
    for stale in out.glob(f".{shard.name}.*.part"):  # left by a killed run
        stale.unlink()
    _write_tables(shard.part(out), [rows])
    if shard.record(out).exists():  # only its rows were missing
        return advance(len(ids))
    buffer = io.BytesIO()  # saved in memory first: numpy hides the reason when a write to a file fails
    np.save(buffer, encoder.encode(ids, advance=advance).astype(dtype, copy=False), allow_pickle=False)
    with storage.atomic_write(out / shard.name) as file:
        file.write(buffer.getbuffer())
    storage.write_json(shard.record(out), {"sha256": hashlib.sha256(buffer.getbuffer()).hexdigest()})


def _complete(out: Path, plan: dict[str, object], shards: list[Shard]) -> EmbeddingStore | None:
    """Join the rows and write the manifest once every process' shards are there."""
    with storage.lock(out, "complete", wait=True):
        if not (out / MANIFEST).exists():
            if not all(shard.record(out).exists() and shard.part(out).exists() for shard in shards):
                return None
            for name in (PLAN, ROWS, MANIFEST):
                for stale in out.glob(f".{name}.*.part"):  # left by a killed run
                    stale.unlink(missing_ok=True)
            _write_tables(out / ROWS, (pq.read_table(shard.part(out)) for shard in shards))
            files = {shard.name: storage.read_json(shard.record(out))["sha256"] for shard in shards}
            storage.write_json(out / MANIFEST, {**plan, "files": {**files, ROWS: storage.sha256_file(out / ROWS)}})
        shutil.rmtree(out / "parts", ignore_errors=True)
    return EmbeddingStore.open(out)


def _write_tables(path: Path, tables: Iterable[pa.Table]) -> None:
    with storage.atomic_write(path) as file, pq.ParquetWriter(file, ROW_SCHEMA) as writer:
        for table in tables:
            writer.write_table(table)
