"""A corpus embedded by several workers: the store that ``smallbert embed`` writes, part by part."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from smallbert import runtime
from smallbert.compress.embeddings import SHARD_ROWS, extract
from smallbert.compress.shards import MANIFEST, cut, mine
from smallbert.compress.store import EmbeddingStore
from smallbert.corpus.prepared import Corpus
from smallbert.models import encoder as encoders
from smallbert.models import workers as processes
from smallbert.models.workers import Job

PARTS_A_WORKER = 4
"""Parts that a worker does, about: so many that workers of unequal speed end together, and no more, since each part
reads the corpus once."""


def embed(
    corpus: Corpus,
    encoder: Mapping[str, Any],
    out: Path,
    *,
    run: processes.Run,
    workers: int,
    kind: str = "cpu",
    shard_rows: int = SHARD_ROWS,
) -> EmbeddingStore:
    """Embed a corpus, or find it embedded: byte for byte the store that one process writes.

    The vectors are a pure function of corpus, encoder and the kind of machine, so let all workers run on one kind.

    Args:
        corpus: a prepared corpus in a folder that every worker sees.
        encoder: arguments of :func:`smallbert.models.encoder.load`.
        out: the store's folder, seen by every worker.
        run: where the parts are computed: :meth:`smallbert.scale.cluster.Cluster.run`.
        workers: how many; each uses all cores of its machine, or one GPU.
        kind: cpu or cuda.
        shard_rows: rows a shard; see :func:`smallbert.compress.embeddings.extract`.

    Raises:
        DataError, UsageError, MachineError: as ``extract``, with the part's name; or as ``run``.
    """
    shards = cut(corpus.rows, shard_rows)
    # A finished store is checked once, not once a part.
    parts = 1 if (out / MANIFEST).exists() else min(PARTS_A_WORKER * workers, len(shards))
    settings = tuple(sorted(encoder.items()))
    jobs = [
        Job(
            name=f"part {number} of {parts}",
            work=_embed,
            arguments=(corpus.folder.resolve(), settings, out.resolve(), (number, parts), shard_rows),
            units=sum(shard.stop - shard.start for shard in mine(shards, (number, parts))),
        )
        for number in range(1, parts + 1)
    ]
    run(jobs, label="embed", unit="rows", kind=kind, workers=min(workers, parts))
    return EmbeddingStore.open(out)


def _embed(
    folder: Path,
    settings: tuple[tuple[str, Any], ...],
    out: Path,
    part: tuple[int, int],
    shard_rows: int,
    *,
    report: Callable[[int], None],
) -> None:
    """Compute a part of a store, in any process on any machine that sees the folders."""
    torch.set_num_threads(runtime.cores())
    extract(Corpus.open(folder), _encoder(settings), out, shard=part, shard_rows=shard_rows, progress=io.StringIO())


@lru_cache(maxsize=1)
def _encoder(settings: tuple[tuple[str, Any], ...]) -> encoders.Encoder:
    """The encoder, loaded once a process."""
    return encoders.load(**dict(settings))
