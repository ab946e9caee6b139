"""The texts that benchmarks read, and the operations that reading or training on them needs at least."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from smallbert import paths
from smallbert.models.flops import forward
from smallbert.models.sizes import Sizes

DATA = Path(os.environ.get("SMALLBERT_SHARED_DATA", paths.root().parent / "shared" / "data"))


def news(count: int) -> list[str]:
    """Texts of mixed length, drawn at random, the same ones every time.

    English news (``$SMALLBERT_SHARED_DATA``, else ../shared/data; generated words where absent), cut to lengths from a
    lognormal law between 20 and 400 tokens, median 97.
    """
    rng = np.random.default_rng(20261120)
    file = DATA / "news" / "english.parquet"
    if file.exists():
        table = pq.read_table(file, columns=["title", "content"])
        rows = table.take(rng.choice(table.num_rows, size=2 * count, replace=False))
        pairs = zip(rows["title"].to_pylist(), rows["content"].to_pylist(), strict=True)
        long = [f"{title}\n{content}" for title, content in pairs]
        words = [f"{one} {other}".split() for one, other in zip(long[::2], long[1::2], strict=True)]
    else:
        vocabulary = ["news", "of", "the", "river", "trade", "minister", "weather", "in", "school", "match"]
        words = [rng.choice(vocabulary, size=400).tolist() for _ in range(count)]
    lengths = np.clip(rng.lognormal(np.log(97), 0.65, size=count), 20, 400) / 1.3  # 1.3 tokens a word
    return [" ".join(text[: int(length)]) for text, length in zip(words, lengths, strict=True)]


def reading(sizes: Sizes, lengths: np.ndarray) -> float:
    """GFLOP of a forward over texts of these lengths, pooler and heads left out: real tokens, no padding."""
    bare = replace(sizes, pooler=False, head="none")
    values, counts = np.unique(lengths, return_counts=True)
    pairs = zip(values.tolist(), counts.tolist(), strict=True)
    return 1e-9 * sum(count * forward(bare, length).total for length, count in pairs)


def training(sizes: Sizes, lengths: np.ndarray) -> float:
    """GFLOP of forward and backward: three forwards (each product has two gradients)."""
    return 3 * reading(sizes, lengths)
