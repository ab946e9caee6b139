"""Articles of a corpus as one encoder reads them, and what vectors made in another way are worth beside its own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from smallbert import storage
from smallbert.corpus.prepared import Corpus
from smallbert.corpus.text import text
from smallbert.errors import DataError, UsageError
from smallbert.measure.neighbours import nearest, overlap
from smallbert.measure.probe import probe
from smallbert.measure.reconstruction import row_cosines
from smallbert.models.encoder import Encoder
from smallbert.studies.commonest import commonest
from smallbert.studies.matrices import common_topics

NEIGHBOURS = 10


class Articles:
    """Train and test articles of a corpus as an encoder reads them, drawn once for every truncation.

    Args:
        encoder: whose tokenizer reads them.
        prepared: the corpus.
        rows: test articles at most; the probes are fitted on at most twice as many train articles.
        seed: of the draw.

    Raises:
        UsageError: too few rows to find neighbours among.
        DataError: a split has none.
    """

    def __init__(self, encoder: Encoder, prepared: Corpus, *, rows: int, seed: int) -> None:
        if rows <= NEIGHBOURS:
            raise UsageError(f"Expected more than {NEIGHBOURS} rows, to find {NEIGHBOURS} neighbours, got {rows}.")
        self.seed = seed
        self.known, self.ids = {}, {}
        for split, most in (("train", 2 * rows), ("test", rows)):
            self.known[split], texts = draw(prepared, split, most, seed)
            self.ids[split] = encoder.tokenize(texts)
        if len(self.ids["test"]) <= NEIGHBOURS:
            raise DataError(
                f"Expected more than {NEIGHBOURS} test articles, got {len(self.ids['test'])}.", "Use a larger corpus."
            )
        self.key = storage.digest([prepared.key, rows, seed])

    @property
    def commonest(self) -> float:
        """Accuracy of always answering the commonest topic; not-a-number where none is known."""
        return commonest(**common_topics(self.known))

    @property
    def total(self) -> int:
        """Articles in both splits."""
        return sum(len(ids) for ids in self.ids.values())

    def counts(self, vocabulary: int) -> np.ndarray:
        """Occurrences of each token in the train articles, shape (vocabulary,)."""
        return np.bincount(np.concatenate(self.ids["train"]), minlength=vocabulary)

    def vectors(self, encoder: Encoder, advance: Callable[[int], None]) -> dict[str, np.ndarray]:
        """Vectors of the articles by split, the mean of train taken off: an origin is no loss."""
        found = {split: encoder.encode(ids, advance=advance) for split, ids in self.ids.items()}
        mean = found["train"].mean(axis=0)
        return {split: vectors - mean for split, vectors in found.items()}

    def measure(self, vectors: dict[str, np.ndarray], original: dict[str, np.ndarray]) -> dict[str, float | None]:
        """What the vectors of one truncation are worth beside the original ones."""
        queries = np.arange(len(self.ids["test"]))
        neighbours = [nearest(one["test"], queries, NEIGHBOURS, metric="l2") for one in (original, vectors)]
        measured: dict[str, float | None] = {
            "cosine to original": float(row_cosines(vectors["test"], original["test"]).mean()),
            f"neighbour overlap@{NEIGHBOURS}": float(overlap(*neighbours).mean()),
        }
        labels = {
            "topic": common_topics(self.known),
            "language": {split: rows.lang for split, rows in self.known.items()},
        }
        for name, by_split in labels.items():
            measured |= self._probe(name, vectors, by_split["train"], by_split["test"])
        return measured

    def _probe(
        self, name: str, vectors: dict[str, np.ndarray], train: pd.Series, test: pd.Series
    ) -> dict[str, float | None]:
        """Accuracy with its Wilson interval; None where there are not two classes to tell apart."""
        columns = (f"{name} accuracy", f"{name} low", f"{name} high")
        if train[train != ""].nunique() < 2 or not (test != "").any():
            return dict.fromkeys(columns)
        found = probe(vectors["train"], train, vectors["test"], test, seed=self.seed).accuracy
        return dict(zip(columns, (found.estimate, found.low, found.high), strict=True))


def shuffled(facts: pd.DataFrame, texts: list[str], seed: int) -> tuple[pd.DataFrame, list[str]]:
    """Articles of :func:`draw` in an order of their own: corpora lie ordered by language or class, parts must not."""
    order = np.random.default_rng(seed).permutation(len(texts))
    return facts.iloc[order].reset_index(drop=True), [texts[place] for place in order]


def draw(prepared: Corpus, split: str, most: int, seed: int) -> tuple[pd.DataFrame, list[str]]:
    """At most ``most`` articles of a split, drawn by ``seed``, in the corpus's order.

    Returns:
        A frame with ``lang`` and ``topic``, and their texts.

    Raises:
        DataError: the split has none.
    """
    positions = np.flatnonzero((prepared.frame(["split"])["split"] == split).to_numpy())
    if not len(positions):
        raise DataError(f"Expected articles in split {split}, got none.", "Use a larger corpus.")
    chosen = np.zeros(len(positions), dtype=bool)
    chosen[np.random.default_rng(seed).permutation(len(positions))[:most]] = True
    frames, texts, start = [], [], 0
    for batch in prepared.batches(["lang", "topic", "title", "content"], split=split):
        here = np.flatnonzero(chosen[start : start + batch.num_rows])
        start += batch.num_rows
        taken = batch.take(here)
        texts += text(taken)
        frames.append(taken.select(["lang", "topic"]).to_pandas())
    return pd.concat(frames, ignore_index=True), texts
