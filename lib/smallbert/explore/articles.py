"""The articles analysts look at: the embedded test articles of a run, or a few generated ones where these are missing.

They are what page 8 searches: test articles, preprocessed as there, with the same draw, so that the autoencoders it has
trained can be found again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from smallbert import paths
from smallbert.compress.codes import preprocessing
from smallbert.compress.moments import Moments
from smallbert.compress.store import EmbeddingStore
from smallbert.corpus.prepared import Corpus
from smallbert.errors import DataError, SmallbertError
from smallbert.explore.runs import Chooser
from smallbert.explore.show import shortened
from smallbert.models import encoder as encoders
from smallbert.report.compare_runs import Run
from smallbert.report.settings import MODELS
from smallbert.studies import embed
from smallbert.studies import matrices as embedded
from smallbert.studies.facts import GENERATED
from smallbert.studies.matrices import Matrices

FIRST_PAGE, LAST_PAGE = "01_corpus_and_embeddings", "08_frontier"

GENERATED_ROWS, GENERATED_TEST, GENERATED_TOKENS = 400, 0.6, 48
"""The generated articles: how many, which share of them is shown, and tokens read of each."""


@dataclass(frozen=True, eq=False)
class Articles:
    """Embedded articles with their titles.

    Args:
        matrices: centred vectors of unit length, times sqrt(d); the articles shown are ``test``, codes are fitted on
            ``train``.
        rows: of each article shown ``id``, ``lang``, ``topic`` and ``title``, in the order of the vectors.
        cache: the run's cache, where trained autoencoders may lie.
        source: what they are, in words.
    """

    matrices: Matrices
    rows: pd.DataFrame
    cache: Path
    source: str

    @property
    def vectors(self) -> np.ndarray:
        """float32 (articles, width)."""
        return self.matrices.test


def of(run: Run) -> Articles:
    """The test articles of a run.

    Raises:
        DataError: its embeddings or its corpus are not here, or do not belong together.
    """
    values, cache = run.values(FIRST_PAGE), paths.cache(run.edition.base)
    if not {"store", "prepared"} <= set(values):
        raise DataError(f"The run {run.called} has no first page.", "Run it: `smallbert run --only 01`.")
    store, corpus = EmbeddingStore.open(cache / values["store"]), Corpus.open(cache / values["prepared"])
    if store.manifest["corpus"] != corpus.key:
        raise DataError(f"The embeddings in {store.folder} are not of the corpus in {corpus.folder}.", "Run page 1.")
    told = run.stages.get(LAST_PAGE, {}).get("parameters", {})
    usual = {name: field.default for name, field in MODELS[LAST_PAGE].model_fields.items()}
    options = {name: told.get(name, usual[name]) for name in ("train_rows", "search_rows", "seed")}
    return read(store, corpus, cache, f"the run {run.called}", **options)


def read(
    store: EmbeddingStore, corpus: Corpus, cache: Path, name: str, *, train_rows: int, search_rows: int, seed: int
) -> Articles:
    """The test articles of an embedded corpus.

    Args:
        store: the corpus's embeddings.
        corpus: where the titles are.
        cache: where trained autoencoders may lie.
        name: whose articles they are.
        train_rows: training articles at most, to which codes are fitted.
        search_rows: test articles at most.
        seed: of both draws.

    Raises:
        DataError: a split is empty.
    """
    loaded = embedded.load(store, train_rows=train_rows, seed=seed)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(loaded.test))[:search_rows])
    usual = preprocessing.fit(preprocessing.USUAL, Moments.of(loaded.train))
    known = {**loaded.rows, "test": loaded.rows["test"].iloc[chosen].reset_index(drop=True)}
    train, validation, test = usual(loaded.train), usual(loaded.validation), usual(loaded.test[chosen])
    matrices = replace(loaded, train=train, validation=validation, test=test, rows=known)
    rows = _rows(corpus).iloc[chosen].reset_index(drop=True)
    return Articles(matrices, rows, cache, f"{len(rows):,} test articles of {name}, {loaded.width} numbers each")


def generated() -> Articles:
    """A few articles of the generated world, read by the encoder that is installed as a package.

    Raises:
        MachineError: that package is not installed.
    """
    encoder = encoders.load("minilm", max_tokens=GENERATED_TOKENS)
    corpus = embed.corpus(
        GENERATED,
        rows=GENERATED_ROWS,
        seed=0,
        columns={},
        test_fraction=GENERATED_TEST,
        validation_fraction=0.05,
        near_duplicates=False,
        max_bad_rows=0.0,
        least={},
    )
    store = embed.embeddings(corpus, encoder)
    options = {"train_rows": GENERATED_ROWS, "search_rows": GENERATED_ROWS, "seed": 0}
    return read(store, corpus, paths.cache(), "the generated world", **options)


class ChosenArticles:
    """The articles of the chosen run, else the generated ones; read when first asked for, and again for another run.

    Args:
        chosen: where the run is chosen.
    """

    def __init__(self, chosen: Chooser) -> None:
        self.chosen = chosen
        self._of: Run | None = None
        self._found: tuple[Articles, str] | None = None

    def get(self) -> tuple[Articles, str]:
        """The articles, and what they are in words.

        Raises:
            SmallbertError: there are neither the run's nor generated ones.
        """
        if self._found is None or self._of is not self.chosen.run:
            self._found, self._of = _find(self.chosen.run), self.chosen.run
        return self._found


def _find(run: Run | None) -> tuple[Articles, str]:
    missing = "No run is chosen."
    if run:
        try:
            found = of(run)
            return found, f"{found.source}."
        except SmallbertError as error:
            missing = (
                f"The vectors and texts of {run.called} are not here: its results are published, these are not. "
                f"{error.message} Page 1 computes them: `smallbert run --only 01`, with the run's profile."
            )
    found = generated()
    return found, (
        f"{missing} Shown instead: {found.source}, read by MiniLM. It knows English; articles in other languages are "
        "where it happens to put them."
    )


def _rows(corpus: Corpus) -> pd.DataFrame:
    """id, lang, topic and title of every test article; where there is no title, the beginning of the text."""
    columns = ["id", "lang", "topic", "title", "content"]
    parts = []
    for batch in corpus.batches(columns, split="test"):
        part = batch.to_pandas()
        whole = part.pop("content")
        part["title"] = [shortened(title or text) for title, text in zip(part.title, whole, strict=True)]
        parts.append(part)
    return pd.concat(parts, ignore_index=True)
