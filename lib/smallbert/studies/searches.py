"""What an index is asked, and how well a code answers: neighbours, titles, translations, topics.

The articles that are searched are test articles, on which no code was fitted. A query is a vector with all its digits,
the articles are what their stored bytes decode to.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from smallbert import storage
from smallbert.compress.codes.code import Code, cosines
from smallbert.compress.codes.preprocessing import Preprocessing
from smallbert.compress.store import EmbeddingStore
from smallbert.corpus.prepared import Corpus
from smallbert.errors import DataError, UsageError
from smallbert.measure.ndcg import ndcg
from smallbert.measure.probe import probe
from smallbert.models import encoder as encoders
from smallbert.models.encoder import Encoder
from smallbert.studies import matrices as embedded
from smallbert.studies.matrices import Matrices, common_topics, has_translations

NEIGHBOURS = 10
OVERLAP, TITLES, TRANSLATIONS, TOPIC = (
    f"neighbour overlap@{NEIGHBOURS}",
    f"title finds its article, nDCG@{NEIGHBOURS}",
    f"article finds its translations, nDCG@{NEIGHBOURS}",
    "topic accuracy",
)
MEASURES = (OVERLAP, TITLES, TRANSLATIONS, TOPIC)

ENCODINGS = 3
"""Timings of encoding; the fastest counts, as whatever else runs can only slow one down."""

_PROBING = threading.Lock()  # the probe silences a warning for the whole process while it fits


@dataclass(frozen=True)
class Collection:
    """Articles to fit codes to and to search, and titles to search with.

    Args:
        matrices: raw vectors; ``test`` holds the articles that are searched.
        titles: raw vectors of their titles, float32 (t, d).
        titled: which article each title is of, row numbers of ``test`` (t,).
        key: digest of all of it.
    """

    matrices: Matrices
    titles: np.ndarray
    titled: np.ndarray
    key: str

    @property
    def width(self) -> int:
        """Numbers a vector."""
        return self.matrices.width


def reader(store: EmbeddingStore, source: str, device: str = "auto") -> Encoder:
    """The encoder that made the embeddings, set as it was then.

    Args:
        store: the embeddings.
        source: where the encoder is: a folder, ``minilm`` or a hub id.
        device: where to read.

    Raises:
        DataError: another encoder is there now.
    """
    known = store.manifest["encoder"]
    options = {name: known[name] for name in ("pooling", "layer", "max_tokens", "precision")}
    found = encoders.load(source, device=device, **options)
    if found.sha256 != known["sha256"]:
        raise DataError(
            f"Expected the encoder of the embeddings ({known['sha256'][:12]}), found {found.sha256[:12]}.",
            "Run the first page again.",
        )
    return found


def collect(
    store: EmbeddingStore, corpus: Corpus, encoder: Encoder, *, train_rows: int, rows: int, seed: int, cache: Path
) -> Collection:
    """Read the vectors of a corpus and embed the titles of the articles searched, once.

    Args:
        store: the corpus's embeddings.
        corpus: where the titles are.
        encoder: that made the embeddings.
        train_rows: training articles at most.
        rows: test articles searched at most.
        seed: of both draws.
        cache: folder of embedded titles.

    Raises:
        UsageError: too few rows to find neighbours among.
        DataError: too few test articles, or an embedding store of another corpus.
    """
    if rows <= NEIGHBOURS:
        raise UsageError(f"Expected more than {NEIGHBOURS} rows, to find {NEIGHBOURS} neighbours, got {rows}.")
    loaded = embedded.load(store, train_rows=train_rows, seed=seed)
    if store.manifest["corpus"] != corpus.key:
        raise DataError(
            f"Expected embeddings of the corpus {corpus.key}, got those of {store.manifest['corpus']}.",
            "Run the first page again.",
        )
    chosen = np.sort(np.random.default_rng(seed).permutation(len(loaded.test))[:rows])
    if len(chosen) <= NEIGHBOURS:
        raise DataError(f"Expected more than {NEIGHBOURS} test articles, got {len(chosen)}.", "Use a larger corpus.")
    known = {**loaded.rows, "test": loaded.rows["test"].iloc[chosen].reset_index(drop=True)}
    key = storage.digest([loaded.key, rows, seed, encoder.sha256])
    titles = [title for batch in corpus.batches(["title"], split="test") for title in batch["title"].to_pylist()]
    titled = np.flatnonzero([bool(titles[row]) for row in chosen])
    path = cache / f"titles-{key}.npy"
    if not path.exists():
        asked = encoder.tokenize([titles[chosen[row]] for row in titled])
        storage.write_array(path, encoder.encode(asked))
    vectors = np.load(path, allow_pickle=False)
    return Collection(replace(loaded, test=loaded.test[chosen], rows=known, key=key), vectors, titled, key)


@dataclass(frozen=True)
class Outcome:
    """What one code was worth.

    Args:
        queries: by measure, a value for every query; of topics, 1 for every article classified rightly. A measure that
            has no query is missing.
        encode: microseconds to encode one vector.
    """

    queries: dict[str, np.ndarray]
    encode: float

    def save(self, path: Path) -> None:
        """Write an ``.npz`` of plain arrays, atomically."""
        with storage.atomic_write(path) as file:
            np.savez(file, allow_pickle=False, encode=self.encode, **self.queries)

    @classmethod
    def open(cls, path: Path) -> Outcome | None:
        """Read what :meth:`save` wrote; None where there is nothing or it is damaged."""
        try:
            with np.load(path, allow_pickle=False) as file:
                read = {name: file[name] for name in file.files}
            encode = float(read.pop("encode"))
        except Exception:  # zipfile, zlib and numpy each raise their own: whatever it is, it is measured again
            return None
        return cls(read, encode)


class Searches:
    """Questions to the test articles under one preprocessing, with what the whole vectors answer.

    Args:
        collection: the articles.
        prepare: what is done to every vector first.
        seed: of the probes.
    """

    def __init__(self, collection: Collection, prepare: Preprocessing, *, seed: int) -> None:
        found = collection.matrices
        self.collection, self.prepare, self.seed = collection, prepare, seed
        self.train, self.test = prepare(found.train), prepare(found.test)
        self.titles = prepare(collection.titles)
        self.rows = found.rows["test"]
        topics = common_topics(found.rows)
        first = slice(len(self.test))  # as many train articles as are tested: enough to compare codes
        known, asked = topics["train"].iloc[first], topics["test"]
        told = known[known != ""].nunique() > 1 and (asked != "").any()
        self._topics = (self.train[first], known, asked) if told else None
        self._truth = neighbours(cosines(self.test, self.test))
        self._told = _translations(self.rows)

    def measure(self, code: Code) -> Outcome:
        """Encode the test articles and ask everything."""
        times = []
        for _ in range(ENCODINGS):
            began = time.perf_counter()
            stored = code.encode(self.test)
            times.append(time.perf_counter() - began)
        if stored.nbytes != code.nbytes * len(self.test):
            raise DataError(f"Expected {code.nbytes} bytes a vector, got {stored.nbytes / len(self.test)}.")
        scores = code.scores(self.test, stored)
        queries = {OVERLAP: overlap(self._truth, neighbours(scores))}
        if len(self.titles):
            own = np.zeros((len(self.titles), len(self.test)), dtype=bool)
            own[np.arange(len(own)), self.collection.titled] = True
            queries[TITLES] = ndcg(code.scores(self.titles, stored), own, NEIGHBOURS)
        if self._told is not None:
            queries[TRANSLATIONS] = self.translations(scores)
        if self._topics is not None:
            queries[TOPIC] = self._topic(code, stored, *self._topics)
        return Outcome(queries, 1e6 * min(times) / len(self.test))

    def translations(self, scores: np.ndarray) -> np.ndarray:
        """nDCG of every article that is told in another language too, among the articles of other languages.

        Args:
            scores: of all test articles with one another.
        """
        assert self._told is not None  # see has_translations
        asked, relevant, foreign = self._told
        return ndcg(np.where(foreign, scores[asked], -np.inf), relevant, NEIGHBOURS)

    @property
    def has_translations(self) -> bool:
        """Whether some event is told in two languages."""
        return self._told is not None

    @property
    def groups(self) -> dict[str, np.ndarray]:
        """By measure whose queries come in groups, the group of every query.

        All articles of an event ask for one another, so what they find is not independent.
        """
        return {} if self._told is None else {TRANSLATIONS: self.rows.group.to_numpy()[self._told[0]]}

    def _topic(
        self, code: Code, stored: np.ndarray, train: np.ndarray, known: pd.Series, asked: pd.Series
    ) -> np.ndarray:
        with _PROBING:
            found = probe(code.decode(code.encode(train)), known, code.decode(stored), asked, seed=self.seed)
        return found.right.astype(np.float64)


def neighbours(scores: np.ndarray) -> np.ndarray:
    """The nearest others of every article, from the scores of all with all: bool (n, n)."""
    scores = scores.copy()
    np.fill_diagonal(scores, -np.inf)
    nearest = np.argpartition(-scores, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    found = np.zeros(scores.shape, dtype=bool)
    np.put_along_axis(found, nearest, True, axis=1)
    return found


def overlap(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Share of the true neighbours that were found: two of bool (n, n) to (n,)."""
    return (truth & found).sum(axis=1) / truth.sum(axis=1)


def _translations(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Articles with a translation, which articles those are, and which are in another language; None without any."""
    if not has_translations(rows):
        return None
    groups, languages = rows.group.to_numpy(), rows.lang.to_numpy()
    foreign = languages[:, None] != languages[None, :]
    relevant = foreign & (groups[:, None] == groups[None, :]) & (groups != "")[:, None]
    asked = np.flatnonzero(relevant.any(axis=1))
    return asked, relevant[asked], foreign[asked]
