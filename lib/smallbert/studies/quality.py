"""What narrow codes are worth beyond their squared error: neighbours, similarities, topics, translations.

All of it is measured on centred vectors (the mean of train taken off), originals and codes alike, and neighbours by
Euclidean distance, which no shift changes: a method is not judged by where it puts its origin.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from smallbert.measure.cost import vector_bytes
from smallbert.measure.neighbours import nearest, overlap
from smallbert.measure.probe import probe
from smallbert.measure.reconstruction import reconstruction
from smallbert.measure.retrieval import retrieval
from smallbert.measure.similarity import pair_cosines, random_pairs, spearman
from smallbert.measure.stats import mean_interval
from smallbert.studies.matrices import Matrices, common_topics, has_translations

NEIGHBOURS = 10
PAIRS = 20_000
MEASURES = (
    "FVU",
    "cosine distortion",
    f"neighbour overlap@{NEIGHBOURS}",
    "similarity rank correlation",
    "topic accuracy",
    "translation found",
)
"""What the figure shows of a code; the table also has its costs and the raw MSE."""


@dataclass(frozen=True)
class Code:
    """One way to narrow a vector.

    Args:
        method: name in tables and figures; several seeds share it.
        seed: of the fit, 0 where there is none.
        encode: (rows, d) to (rows, k), on the matrices' own scale.
        decode: (rows, k) to (rows, d).
        width: numbers in a code.
        encoder_parameters: trained numbers needed to encode.
        flops: operations to encode one vector.
    """

    method: str
    seed: int
    encode: Callable[[np.ndarray], np.ndarray]
    decode: Callable[[np.ndarray], np.ndarray]
    width: int
    encoder_parameters: int
    flops: int


class Ruler:
    """Measures codes against the original vectors; what depends on the originals alone is computed once.

    Args:
        matrices: centred vectors.
        rows: test articles measured on, at most; probes are fitted on twice as many train articles.
        seed: of all draws.
    """

    def __init__(self, matrices: Matrices, *, rows: int, seed: int) -> None:
        self._matrices, self._seed = matrices, seed
        self._train, self._test = _drawn(matrices, rows, seed)
        self._topics = common_topics(matrices.rows)
        self._queries = np.arange(len(self._test))
        self._pairs = random_pairs(len(self._test), PAIRS, seed=seed)
        # Centred by the same articles that centre the codes, so that the whole vector scores exactly 1.
        vectors = matrices.test[self._test] - matrices.train[self._train].mean(axis=0)
        self._neighbours = nearest(vectors, self._queries, NEIGHBOURS, metric="l2")
        self._cosines = pair_cosines(vectors, self._pairs)

    def measure(self, code: Code) -> dict[str, object]:
        """One row of the quality table: costs, errors and uses of one code."""
        train = self._matrices.train[self._train]
        test = self._matrices.test[self._test]
        train_codes, test_codes = code.encode(train), code.encode(test)
        centre = train_codes.mean(axis=0)
        error = reconstruction(test, code.decode(test_codes))
        train_codes, test_codes = train_codes - centre, test_codes - centre
        rows = self._matrices.rows["test"].iloc[self._test]
        return {
            "method": code.method,
            "seed": code.seed,
            "articles": len(test),
            "width": code.width,
            "bytes a vector": vector_bytes(code.width),
            "encoder parameters": code.encoder_parameters,
            "FLOPs a vector": code.flops,
            "FVU": error.fvu,
            "MSE": error.mse,
            "cosine distortion": error.cosine_distortion,
            f"neighbour overlap@{NEIGHBOURS}": self._overlap(test_codes),
            "similarity rank correlation": spearman(self._cosines, pair_cosines(test_codes, self._pairs)),
            "topic accuracy": self._topic(train_codes, test_codes),
            "translation found": self._translation(test_codes, rows),
        }

    def _overlap(self, codes: np.ndarray) -> float:
        return float(overlap(self._neighbours, nearest(codes, self._queries, NEIGHBOURS, metric="l2")).mean())

    def _topic(self, train: np.ndarray, test: np.ndarray) -> float | None:
        """Accuracy of a linear topic probe; None where the corpus names fewer than two topics."""
        labels, asked = self._topics["train"].iloc[self._train], self._topics["test"].iloc[self._test]
        if labels[labels != ""].nunique() < 2 or not (asked != "").any():
            return None
        return probe(train, labels, test, asked, seed=self._seed).accuracy.estimate

    def _translation(self, codes: np.ndarray, rows: pd.DataFrame) -> float | None:
        """Mean precision at 1 of finding the same event in another language; None where no translations are known."""
        if not has_translations(rows):
            return None
        return retrieval(codes, rows.lang, rows.group, seed=self._seed).precision_at_1


def _drawn(matrices: Matrices, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the train and test articles that codes are measured on."""
    generator = np.random.default_rng(seed)
    test = np.sort(generator.permutation(len(matrices.test))[:rows])
    return np.sort(generator.permutation(len(matrices.train))[: 2 * rows]), test


def note(matrices: Matrices, *, rows: int, seed: int) -> str:
    """On how many articles :class:`Ruler` measures with the same arguments, for captions: other pages use others."""
    train, test = _drawn(matrices, rows, seed)
    topics = common_topics(matrices.rows)
    fitted, asked = (int((topics[name].iloc[of] != "").sum()) for name, of in (("train", train), ("test", test)))
    said = f"Measured on {len(test):,} test articles"
    if not (fitted and asked):
        return f"{said}."
    return (
        f"{said}; topic accuracy is that of a linear probe fitted on {fitted:,} train and asked about {asked:,} test "
        "articles, and compares with that of another page only at equal numbers."
    )


def means(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds of every column, one row a method; measures nothing could be said of are left out."""
    return rows.drop(columns="seed").groupby("method", sort=False).mean().reset_index().dropna(axis=1, how="all")


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds of every measure, with half of the 95% interval: long form for the figure.

    Args:
        rows: one row a measured code.

    Returns:
        Columns ``method``, ``metric``, ``mean``, ``half``.
    """
    measures = [name for name in MEASURES if rows[name].notna().any()]
    long = []
    for method, part in rows.groupby("method", sort=False):
        for name in measures:
            values = part[name].dropna().to_numpy(float)
            if len(values) > 1:
                interval = mean_interval(values)
                long.append((method, name, interval.estimate, interval.high - interval.estimate))
            else:
                long.append((method, name, *(values if len(values) else [np.nan]), np.nan))
    return pd.DataFrame(long, columns=["method", "metric", "mean", "half"])
