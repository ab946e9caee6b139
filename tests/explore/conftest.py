"""A project of two runs: one with its vectors and texts in the cache, one published without."""

import io
import zlib

import numpy as np
import pandas as pd
import pytest

from smallbert import paths
from smallbert.compress.autoencoder import Architecture
from smallbert.compress.cells import Cell, GridData
from smallbert.compress.embeddings import extract
from smallbert.compress.grid import train
from smallbert.compress.training import Training
from smallbert.corpus.prepare import prepare
from smallbert.corpus.rows import batch
from smallbert.explore import articles
from smallbert.report.compare_runs import open_run
from smallbert.results import Results
from smallbert.storage import write_json

WIDTH, ROWS = 12, 150
TRAIN_ROWS, SEARCH_ROWS, SEED = 60, 70, 3
HOSTILE = "<img src=x onerror=alert(1)> & \"quoted\" <script>alert('x')</script>"
FIRST, LAST = articles.FIRST_PAGE, articles.LAST_PAGE


class Reader:
    """An encoder whose vectors follow from a text's letters; texts of one first word lie near each other."""

    width, sha256 = WIDTH, "0" * 64

    def describe(self):
        return {"name": "letters", "sha256": self.sha256, "precision": "fp32"}

    def tokenize(self, texts):
        return [np.frombuffer(text.encode(), np.uint8).astype(np.int32) for text in texts]

    def encode(self, ids, *, advance=lambda texts: None):
        advance(len(ids))
        return np.stack([self._vector(bytes(one.astype(np.uint8))) for one in ids])

    def _vector(self, text):
        around, own = (np.random.default_rng(zlib.crc32(part)) for part in (text.split()[0], text))
        return (2 * around.standard_normal(WIDTH) + own.standard_normal(WIDTH)).astype(np.float32)


def record(edition: str, **parameters: int) -> dict:
    stage = {"profile": "tiny", "commit": "abc", "modified": False, "versions": {}, "machine": {}}
    return {
        "edition": edition,
        "profile": "tiny",
        "finished": "2026-11-21T08:51:24+00:00",
        "versions": {},
        "machine": {"processor": "a processor", "device": "cpu"},
        "corpus": {"name": "letters <b>", "rows": ROWS, "languages": ["en", "ko"]},
        "encoder": {"name": "a reader"},
        "stages": {stem: {**stage, "parameters": parameters} for stem in (FIRST, LAST)},
    }


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The project's folder, with the runs ``default`` and ``other``."""
    monkeypatch.setenv("SMALLBERT_ROOT", str(tmp_path))
    for name in ("SMALLBERT_OUT", "SMALLBERT_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for name, shift in (("default", 0.0), ("other", 0.5)):
        edition = paths.edition(name)
        found = Results(edition, FIRST)
        found.record(store="embeddings/e", prepared="corpora/c")
        found.write_table("encoder", pd.DataFrame({"property": ["width", "name <b>"], "value": [12, 13 + shift]}))
        rates = {"arm": ["a", "b", "c"], "bytes": [8, 16, 32], "kept": [0.5 + shift, 0.75, 1.0]}
        found.write_table("rates", pd.DataFrame(rates).head(3 if name == "default" else 2))
        Results(edition, LAST).write_table("points", pd.DataFrame({"point": ["x", "y"], "kept": [1.0, 0.5]}))
        options = {"train_rows": TRAIN_ROWS, "search_rows": SEARCH_ROWS, "seed": SEED}
        write_json(edition.results / "run.json", record(name, **options))
    drawn = paths.edition("default").figures / f"{LAST}__front"
    drawn.parent.mkdir(parents=True)
    drawn.with_suffix(".svg").write_text("<svg/>")
    drawn.with_suffix(".csv").write_text("bytes,kept\n8,0.5\n16,0.75\n")
    return tmp_path


@pytest.fixture
def embedded(home):
    """The same; the vectors, texts and one trained autoencoder of ``default`` are in the cache."""
    cache = paths.cache()
    words = ("storm", "match", "trial")
    titles = [f"{words[row % 3]} number {row}" for row in range(ROWS)]
    titles[7] = HOSTILE
    titles[8] = ""
    rows = batch(
        {
            "id": [f"row-{row}" for row in range(ROWS)],
            "lang": ["ko" if row % 2 else "en" for row in range(ROWS)],
            "title": titles,
            "content": [f"{words[row % 3]} of the day {row}" for row in range(ROWS)],
            "topic": [words[row % 3] if row % 10 else "" for row in range(ROWS)],
        }
    )
    options = {"test_fraction": 0.5, "validation_fraction": 0.1, "seed": SEED, "near_duplicates": False}
    corpus = prepare([rows], cache / "corpora" / "c", keep_duplicates=True, **options)
    extract(corpus, Reader(), cache / "embeddings" / "e", progress=io.StringIO())
    matrices = articles.of(open_run("default")).matrices.centred()
    data = GridData(matrices.train, matrices.validation, matrices.test)
    cells = [Cell(Architecture(WIDTH, 4, (8,), "gelu"), Training(0.01, 3), seed) for seed in range(2)]
    train(cells, data, cache / "grid", device="cpu", jobs=1, keep_weights=lambda cell: True, progress=False)
    return home


@pytest.fixture
def reader():
    return Reader()


@pytest.fixture
def hostile():
    return HOSTILE
