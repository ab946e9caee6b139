"""A valid file of every format that is read."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from smallbert.corpus.tasks import entailment, kobest, swag


def table(*rows: tuple[str, ...], by: str = "\t", end: str = "\n") -> bytes:
    return "".join(by.join(row) + end for row in rows).encode()


def json_lines(*rows: dict[str, Any]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def parquet(columns: dict[str, Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, **options)
    return buffer.getvalue()


ARTICLES = [
    {"id": str(n), "lang": "en", "title": f"Title {n}", "content": f"What “happened” {n}, said she.", "topic": "news"}
    for n in range(6)
]
CSV = table(
    tuple(ARTICLES[0]),
    *(tuple(f'"{cell}"' for cell in row.values()) for row in ARTICLES[:4]),
    ("4", "ko", '"two\nlines"', '"a ""quote"", a comma"', "x"),
    by=",",
)
PLAIN = table(tuple(ARTICLES[0]), *[(str(n), "en", "A", '"b', "x") for n in range(5)], by=",")
TSV = table(tuple(ARTICLES[0]), *(tuple(row.values()) for row in ARTICLES), end="\r\n")
PARQUET = parquet({name: [row[name] for row in ARTICLES] for name in ARTICLES[0]})
TOML = b"""[[source]]
path = "articles.csv"
lang = "en"
columns = { title = "title", content = "content" }

[[source]]
path = "articles.tsv"
quoting = "none"
"""
SQUAD = json.dumps(
    {
        "version": "v2.0",
        "data": [
            {
                "title": f"Article {n}",
                "paragraphs": [
                    {
                        "context": "The king lives in Bo.",
                        "qas": [
                            {
                                "id": f"q{n}",
                                "question": "Where?",
                                "answers": [{"text": "Bo", "answer_start": 18}],
                                "is_impossible": False,
                            },
                            {"id": f"i{n}", "question": "When?", "answers": [], "is_impossible": True},
                        ],
                    }
                ],
            }
            for n in range(3)
        ],
    }
).encode()
SWAG = table(
    swag.COLUMNS,
    ("She stands.", "She", '"sits, still"', "runs", "falls", "sings", "1"),
    ("He sits.", "He", "stands", "runs", "falls", '"si""ngs"', "0"),
    by=",",
)
CHOICES = [dict(zip(swag.COLUMNS, ("She stands.", "She", "a", "b", "c", "d", str(n)), strict=True)) for n in range(4)]
KOBEST = table(kobest.COLUMNS, *[("그는 앉았다.", '"가', "나", "다", "라", str(n)) for n in range(4)])
NLI = table(
    ("sentence1", "sentence2", "gold_label"), *[(f"a {n}", '"b', label) for n, label in enumerate(entailment.LABELS)]
)
KLUE = json.dumps(
    [
        {"guid": f"n{n}", "premise": "가", "hypothesis": "나", "gold_label": label, "author": "x"}
        for n, label in enumerate(entailment.LABELS)
    ],
    ensure_ascii=False,
).encode()
STS = table(("genre", "score", "sentence1", "sentence2"), *[("main", f"{n}.2", "가", '"나"') for n in range(5)])
REVIEWS = table(("id", "review", "rating"), *[(str(n), f"review {n}", str(n)) for n in range(1, 11)])
CONLLU = b"""# sent_id = one
# text = Dogs bark
1\tDogs\tdog\tNOUN\t_\t_\t2\tnsubj\t_\t_
2-3\tbarkedit\t_\t_\t_\t_\t_\t_\t_\t_
2\tbark\tbark\tVERB\t_\t_\t0\troot\t_\t_
3\tit\tit\tPRON\t_\t_\t2\tobj\t_\t_

# sent_id = two
1\tYes\tyes\tINTJ\t_\t_\t0\troot\t_\t_

"""
BIO = "## one\t<왕:PS>은 산다\n왕\tB-PS\n은\tO\n \tO\n산\tO\n다\tO\n\n## two\n보\tB-LC\n는\tO\n\n".encode()
TASKS = b"""[[task]]
name = "sentiment"
kind = "sentence"
format = "table"
whole = "texts.tsv"
lang = "en"
columns = { text = "review" }
labels = { good = "positive", bad = "negative" }

[[task]]
name = "nli"
kind = "pair"
format = "nli"
train = "nli.tsv"
test = "nli.tsv"
"""
TEXTS = table(("review", "label"), *[(f"text {n}", ("good", "bad")[n % 2]) for n in range(8)])
GRAPH = table(("king", "lives_in", "bo"), ("bo", "part_of", "ta"), ("king", "rules", "ta"))
NAMES = table(("king", "the king, a man of Bo"), ("bo", "Bo"), ("ta", "Ta, a land"))
PROFILE = b"""[tiny]
description = "For tests."
minutes = 1
machine = "any"
jobs = 2
requires = ["corpus"]

[tiny.all]
seed = 3

[tiny.01_corpus_and_embeddings]
rows = 100
"""
KEY = "0" * 16
CORPUS = json.dumps(
    {
        "key": KEY,
        "rows": 6,
        "counts": {"split": {"train": 6}, "language": {"en": {"train": 6}}, "topic": {"news": 6}, "topics": 1},
        "duplicates": {"exact": {"train": 1}},
        "sampled": 6,
        "bytes": len(PARQUET),
        "sha256": KEY,
        "reading": {"rows": 7, "counts": {"NUL byte": 1}, "examples": []},
        "request": {"version": 2},
    },
    indent=1,
).encode()
STORE = json.dumps(
    {"key": KEY, "rows": 4, "shard_rows": 4, "width": 2, "dtype": "float32", "files": {"shard-00000.npy": KEY}}
).encode()


def _twice() -> bytes:
    buffer = io.BytesIO()
    columns = [pa.array(["a"]), pa.array(["b"]), pa.array(["1"])]
    pq.write_table(pa.Table.from_arrays(columns, names=["text", "text", "label"]), buffer)
    return buffer.getvalue()


TEXT_TWICE = _twice()
SCORE_TWICE = table(("score", "score", "sentence1", "sentence2"), ("1", "5", "a", "b"))
