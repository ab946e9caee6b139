"""Every reader of files that others write: a valid file for each, and how many rows it must account for."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import fault_contents as valid
from fault_contents import json_lines, parquet, table
from fault_counts import Count, entries, lines_below_a_header, lines_of_json, questions, rows_of_parquet, sentences
from fault_files import Ledger

from smallbert.compress.store import verify
from smallbert.corpus import news, sources
from smallbert.corpus.prepared import Corpus
from smallbert.corpus.tasks import (
    character_bio,
    conllu,
    description,
    entailment,
    kobest,
    own,
    reviews,
    similarity,
    squad,
    swag,
)
from smallbert.knowledge import files as graphs
from smallbert.report import profiles


@dataclass(frozen=True)
class Reader:
    """A reader and what it reads.

    Args:
        name: of the file; its suffix decides how it is read.
        content: a valid file.
        read: takes the file and a tally; gives what it holds.
        rows: how many rows a file has by a count of our own; None where only the tally's can be held against.
        beside: other files of the folder.
    """

    name: str
    content: bytes
    read: Callable[[Path, Ledger], list[Any]]
    rows: Count | None = None
    beside: tuple[tuple[str, bytes], ...] = ()

    def write(self, folder: Path, content: bytes) -> Path:
        """The file with this content, beside what it needs."""
        for name, other in (*self.beside, (self.name, content)):
            path = folder / name
            # A file system may wait for the disk where a file is cut to nothing and written again.
            path.unlink(missing_ok=True)
            path.write_bytes(other)
        return path


def read_news(path: Path, tally: Ledger, **options: Any) -> list[Any]:
    options.setdefault("quoting", "auto")
    return [row for batch in news.read(path, report=tally, **options) for row in batch.to_pylist()]


def read_folder(path: Path, tally: Ledger) -> list[Any]:
    return read_news(path.parent, tally)


def task(read: Callable[..., Iterator[Any]], **options: Any) -> Callable[[Path, Ledger], list[Any]]:
    return lambda path, tally: [asdict(example) for example in read(path, report=tally, **options)]


def read_description(path: Path, tally: Ledger) -> list[Any]:
    found = description.load(path)
    described = [part for one in found for part in one.read(seed=0)[0].values()]
    assert description.files(path)[0] == path and described
    return []


def read_sources(path: Path, tally: Ledger) -> list[Any]:
    sources.files(path)
    return read_news(path, tally)


def read_graph(path: Path, tally: Ledger) -> list[Any]:
    graph = graphs.read(path.parent)
    return [graph.state(triple).text for triple in graph.all]


def read_profiles(path: Path, tally: Ledger) -> list[Any]:
    for profile in profiles.load(path).values():
        profiles.resolve(profile, ["01_corpus_and_embeddings"])
    return []


def read_corpus(path: Path, tally: Ledger) -> list[Any]:
    corpus = Corpus.open(path.parent)
    assert corpus.key and corpus.summary() and corpus.languages and corpus.rows >= 0
    return []


def read_store(path: Path, tally: Ledger) -> list[Any]:
    verify(path.parent)
    return []


TWO_NAMES = {"columns": {}, "labels": {}}

READERS = {
    "csv": Reader("articles.csv", valid.CSV, read_news),
    "csv without quotes": Reader(
        "articles.csv", valid.PLAIN, lambda path, tally: read_news(path, tally, quoting="none"), lines_below_a_header
    ),
    "tsv": Reader("articles.tsv", valid.TSV, read_news),
    "tsv quoted": Reader("articles.tsv", valid.TSV, lambda path, tally: read_news(path, tally, quoting="quoted")),
    "json lines": Reader("articles.jsonl", json_lines(*valid.ARTICLES), read_news, lines_of_json),
    "csv.gz": Reader("articles.csv.gz", gzip.compress(valid.CSV, mtime=0), read_news),
    "parquet": Reader("articles.parquet", valid.PARQUET, read_news, rows_of_parquet),
    "folder": Reader("articles.csv", valid.CSV, read_folder, beside=(("more.jsonl", json_lines(*valid.ARTICLES)),)),
    "corpus.toml": Reader(
        "corpus.toml", valid.TOML, read_sources, beside=(("articles.csv", valid.CSV), ("articles.tsv", valid.TSV))
    ),
    "squad": Reader("squad.json", valid.SQUAD, task(squad.read), questions),
    "swag csv": Reader("swag.csv", valid.SWAG, task(swag.read)),
    "swag json lines": Reader("swag.jsonl", json_lines(*valid.CHOICES), task(swag.read), lines_of_json),
    "kobest": Reader("kobest.tsv", valid.KOBEST, task(kobest.read), lines_below_a_header),
    "nli": Reader("nli.tsv", valid.NLI, task(entailment.read), lines_below_a_header),
    "klue": Reader("klue.json", valid.KLUE, task(entailment.read), entries),
    "sts": Reader("sts.tsv", valid.STS, task(similarity.read), lines_below_a_header),
    "reviews": Reader("reviews.tsv", valid.REVIEWS, task(reviews.read)),
    "sentences": Reader(
        "texts.parquet",
        parquet({"text": ["a", "b", "c"], "label": [1, 2, 3]}),
        task(own.read, kind="sentence", **TWO_NAMES),
        rows_of_parquet,
    ),
    "pairs": Reader(
        "pairs.jsonl",
        json_lines(*[{"first": "a", "second": "b", "label": n} for n in range(4)]),
        task(own.read, kind="pair", **TWO_NAMES),
        lines_of_json,
    ),
    "scores": Reader(
        "scores.csv",
        table(("first", "second", "score"), ("a", "b", "1.5"), ("c", '"d"', "-2e3"), by=","),
        task(own.read, kind="similarity", **TWO_NAMES),
    ),
    "conll-u": Reader("tree.conllu", valid.CONLLU, task(conllu.read), sentences("#")),
    "bio": Reader("entities.tsv", valid.BIO, task(character_bio.read), sentences("##")),
    "tasks.toml": Reader(
        "tasks.toml", valid.TASKS, read_description, beside=(("texts.tsv", valid.TEXTS), ("nli.tsv", valid.NLI))
    ),
    "graph": Reader("train.tsv", valid.GRAPH, read_graph, beside=(("entity2text.txt", valid.NAMES),)),
    "names": Reader("entity2text.txt", valid.NAMES, read_graph, beside=(("train.tsv", valid.GRAPH),)),
    "profiles": Reader("profiles.toml", valid.PROFILE, read_profiles),
    "corpus manifest": Reader("manifest.json", valid.CORPUS, read_corpus, beside=(("rows.parquet", valid.PARQUET),)),
    "store manifest": Reader("manifest.json", valid.STORE, read_store),
}


TABLES_TWICE = {
    "tsv": Reader("sts.tsv", valid.SCORE_TWICE, task(similarity.read)),
    "parquet": Reader("texts.parquet", valid.TEXT_TWICE, task(own.read, kind="sentence", **TWO_NAMES)),
}
"""Tables that have a column twice."""
