"""The embedding matrices a study trains and tests on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from smallbert.compress.embeddings import EmbeddingStore
from smallbert.errors import DataError
from smallbert.storage import digest

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Matrices:
    """Embeddings by split, float32 (rows, width), with what is known of each row.

    Args:
        train, validation, test: the vectors.
        rows: for each split, a frame with ``lang``, ``topic`` and ``group`` in the order of the vectors.
        key: digest of the store and of what was taken from it.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    rows: dict[str, pd.DataFrame]
    key: str

    @property
    def width(self) -> int:
        """Width of a vector."""
        return self.train.shape[1]

    def centred(self) -> Matrices:
        """The same vectors with the mean of train taken off every split."""
        mean = self.train.mean(axis=0, dtype=np.float64).astype(np.float32)
        splits = {split: getattr(self, split) - mean for split in SPLITS}
        return Matrices(**splits, rows=self.rows, key=f"{self.key}-centred")

    def within_languages(self) -> Matrices | None:
        """The same with the training mean of their language taken off; None where there is one language only.

        A language without training rows keeps its place.
        """
        langs = {split: self.rows[split].lang.to_numpy() for split in SPLITS}
        names = np.unique(langs["train"])
        if len(names) < 2:
            return None
        splits = {split: getattr(self, split).copy() for split in SPLITS}
        for name in names:
            mean = self.train[langs["train"] == name].mean(axis=0, dtype=np.float64).astype(np.float32)
            for split in SPLITS:
                splits[split][langs[split] == name] -= mean
        return Matrices(**splits, rows=self.rows, key=f"{self.key}-within-languages")

    def first(self, rows: int) -> Matrices:
        """The same with only the first ``rows`` of train, whose order is already random."""
        return Matrices(
            self.train[:rows],
            self.validation,
            self.test,
            {**self.rows, "train": self.rows["train"].iloc[:rows]},
            f"{self.key}-{rows}",
        )


MOST_TOPICS = 20
"""Topics a probe tells apart: the commonest, since a topic of few articles can be neither learned nor judged."""


def can_be_told(train: pd.Series, test: pd.Series) -> bool:
    """Whether a probe of these labels says something: train names two or more, test any; ``""`` is no label."""
    return train[train != ""].nunique() > 1 and bool((test != "").any())


def common_topics(rows: dict[str, pd.DataFrame]) -> dict[str, pd.Series]:
    """The topic of each row by split, empty (unknown) unless it is one of train's commonest."""
    known = rows["train"].topic[rows["train"].topic != ""]
    common = set(known.value_counts().index[:MOST_TOPICS])
    return {split: frame.topic.where(frame.topic.isin(common), "") for split, frame in rows.items()}


def has_translations(rows: pd.DataFrame) -> bool:
    """Whether some event is told in two languages among these rows (columns ``lang``, ``group``)."""
    return bool((rows[rows.group != ""].groupby("group").lang.nunique() > 1).any())


def sentence(matrices: Matrices) -> str:
    """One sentence on what a page trains and tests on."""
    return (
        f"Trained on {len(matrices.train):,} vectors of {matrices.width} numbers, chosen on "
        f"{len(matrices.validation):,}, tested on {len(matrices.test):,}."
    )


def load(store: EmbeddingStore, *, train_rows: int, seed: int) -> Matrices:
    """Read the three splits of a store into memory.

    Args:
        store: finished embeddings.
        train_rows: take at most this many rows of train, drawn by ``seed``.
        seed: of the draw and of the order of train.

    Raises:
        DataError: a split is empty.
    """
    rows = store.rows
    vectors, known = {}, {}
    for split in SPLITS:
        positions = np.flatnonzero((rows["split"] == split).to_numpy())
        if not len(positions):
            raise DataError(f"The embeddings hold no row of split {split}.", "Embed a larger corpus.")
        if split == "train":
            positions = np.random.default_rng(seed).permutation(positions)[:train_rows]
        vectors[split] = store.vectors(positions)
        known[split] = rows.iloc[positions][["lang", "topic", "group"]].reset_index(drop=True)
    return Matrices(**vectors, rows=known, key=digest([store.key, train_rows, seed]))
