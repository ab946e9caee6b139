"""The first pass over a stream: rows go to a file, what the decisions need stays in memory.

A row leaves 128 bytes in memory: keys for sampling and splitting and a hash of its id, 8 each, and fingerprints, 104.
What preparing a corpus takes at its peak is said in prepare.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from smallbert.corpus.fingerprints import BINS, Fingerprints, fingerprint
from smallbert.corpus.rows import SCHEMA
from smallbert.corpus.text import text
from smallbert.storage import atomic_write

_SLICE = 4096


@dataclass(frozen=True)
class Seen:
    """What the first pass leaves in memory of n rows, in the order of the file.

    Attributes:
        sampling: (n,) uint64, pseudo-random, equal for the rows of one group.
        splitting: (n,) uint64, likewise and independent of it.
        ids: (n,) uint64, hashes of the ids.
        prints: the fingerprints.
    """

    sampling: np.ndarray
    splitting: np.ndarray
    ids: np.ndarray
    prints: Fingerprints


def collect(
    batches: Iterable[pa.RecordBatch], path: Path, *, rows: int | None, seed: int, near_duplicates: bool
) -> Seen:
    """Write rows to ``path`` and remember what decides about them.

    Args:
        batches: rows of :data:`smallbert.corpus.rows.SCHEMA`.
        path: a Parquet file, written atomically.
        rows: where given, rows that cannot be among the so many with the least sampling key are left
            out as soon as that is known; about ``rows * (1 + ln(n / rows))`` of n are written.
        seed: of the keys.
        near_duplicates: whether near fingerprints are made.
    """
    sampling, splitting, ids, exact, near = ([] for _ in range(5))
    limit, written, tighten = None, 0, 0 if rows is None else 2 * rows
    with atomic_write(path) as file, pq.ParquetWriter(file, SCHEMA, compression="lz4") as writer:
        for whole in batches:
            for start in range(0, whole.num_rows, _SLICE):
                batch = whole.slice(start, _SLICE)
                keys = _keys(batch, seed)
                if limit is not None:
                    among = keys[:, 0] <= limit
                    batch, keys = batch.filter(pa.array(among)), keys[among]
                prints = fingerprint(text(batch), near=near_duplicates)
                writer.write_batch(batch)
                sampling.append(keys[:, 0])
                splitting.append(keys[:, 1])
                ids.append(keys[:, 2])
                exact.append(prints.exact)
                near.append(prints.near)
                written += len(keys)
                if rows is not None and written >= tighten:
                    limit = np.partition(np.concatenate(sampling), rows - 1)[rows - 1]
                    tighten = written + rows
    none = np.zeros(0, np.uint64)
    return Seen(
        np.concatenate([none, *sampling]),
        np.concatenate([none, *splitting]),
        np.concatenate([none, *ids]),
        Fingerprints(np.concatenate([none, *exact]), np.concatenate([np.zeros((0, BINS), np.uint8), *near])),
    )


def _keys(batch: pa.RecordBatch, seed: int) -> np.ndarray:
    """(n, 3) uint64: sampling and splitting key of each row's event, hash of its id.

    A row without a group is its own event, known by id and title: ids alone repeat in real corpora
    (a thousand articles whose address is "not available" must not share one split).
    """
    salt = str(seed).encode()
    columns = (batch[name].to_pylist() for name in ("id", "group", "title"))
    raw = b"".join(
        blake2b((group or f"{name}\0{title}").encode(), digest_size=16, key=salt).digest()
        + blake2b(name.encode(), digest_size=8).digest()
        for name, group, title in zip(*columns, strict=True)
    )
    return np.frombuffer(raw, np.uint64).reshape(-1, 3)
