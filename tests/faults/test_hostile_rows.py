"""Rows of hostile cells, written by the formats' own writers: each comes back to the letter or is reported."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fault_files import REPEATABLE, SCRAPS, Ledger, outcome
from fault_readers import read_news
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smallbert.corpus import delimited
from smallbert.corpus.tally import BadRow
from smallbert.corpus.tasks import squad
from smallbert.errors import SmallbertError

scraps = st.sampled_from([scrap[:200].decode("utf-8", "surrogateescape") for scrap in SCRAPS])
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
cells = st.lists(st.one_of(words, words, scraps), max_size=3).map("".join)
rows = st.lists(st.tuples(cells, cells), min_size=1, max_size=6)
Row = tuple[str, str]


def as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def write_csv(path: Path, found: list[Row], delimiter: str = ",") -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerows([("title", "content"), *found])
    path.write_bytes(as_bytes(text.getvalue()))


def write_tsv(path: Path, found: list[Row]) -> None:
    write_csv(path, found, "\t")


def write_json_lines(path: Path, found: list[Row]) -> None:
    lines = (json.dumps({"title": title, "content": content}) for title, content in found)
    path.write_text("".join(f"{line}\n" for line in lines))


def write_parquet(path: Path, found: list[Row]) -> None:
    """Text that is no UTF-8 is binary here."""
    columns = (pa.array([as_bytes(row[i]) for row in found], pa.binary()) for i in (0, 1))
    pq.write_table(pa.table(dict(zip(("title", "content"), columns, strict=True))), path)


WRITERS: dict[str, Callable[[Path, list[Row]], None]] = {
    "csv": write_csv,
    "tsv": write_tsv,
    "jsonl": write_json_lines,
    "parquet": write_parquet,
}


def is_text(cell: str) -> bool:
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return bool(cell.strip()) and "\0" not in cell


@pytest.mark.parametrize("suffix", WRITERS)
def test_rows_come_back_to_the_letter_or_are_reported(suffix, tmp_path):
    path = tmp_path / f"articles.{suffix}"

    @settings(max_examples=60, **REPEATABLE)
    @given(rows)
    def check(found: list[Row]) -> None:
        tally = Ledger()
        WRITERS[suffix](path, found)
        read = outcome(lambda: read_news(path, tally, quoting="quoted"))
        good = [row for row in found if is_text(row[0]) and is_text(row[1])]
        assert isinstance(read, SmallbertError) == (not good)
        if good:
            assert [(row["title"], row["content"]) for row in read] == good
        assert (tally.rows, tally.total) == (len(found), len(found) - len(good))
        places = [where for where, _ in tally.bad]
        assert len(set(places)) == len(places)

    check()


@settings(max_examples=200, **REPEATABLE)
@given(st.text(st.sampled_from('a"",\t\n\r \0\ud800'), max_size=60), st.sampled_from(["quoted", "none"]))
@example('"a,b\nc,d\n', "quoted")
@example('"a"x,b\n"c\nd",e\n', "quoted")
def test_every_line_of_a_delimited_file_is_in_a_row_or_reported(text, quoting):
    """Whatever the quotes do, going on from row to row passes every line, each once."""
    lines = list(io.StringIO(f"t,c\n{text}", newline=""))
    _, found = delimited.read(iter(lines), "file", ",", quoting, 1 << 24)
    how = csv.QUOTE_MINIMAL if quoting == "quoted" else csv.QUOTE_NONE
    at = 1  # below the header
    for number, row in found:
        while not lines[at].rstrip("\r\n"):
            at += 1  # blank lines are no rows
        assert number == at + 1
        if isinstance(row, BadRow) and row.kind == "broken quoting":
            at += 1
            continue
        rest = iter(lines[at:])
        cells = next(csv.reader(rest, quoting=how, strict=True))
        assert row == cells or (isinstance(row, BadRow) and row.kind == "wrong column count" and len(cells) != 2)
        at = len(lines) - len(list(rest))
    assert not "".join(lines[at:]).strip("\r\n")


TYPES = {
    "list": pa.array([["a"]]),
    "struct": pa.array([{"a": "b"}]),
    "map": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
    "no such time zone": pa.array([1], pa.timestamp("ns", "Mars/\x1b[2JOlympus")),
    "decimal": pa.array([1], pa.decimal128(30, 2)),
    "dictionary": pa.array(["a"]).dictionary_encode(),
    "dictionary of bytes": pa.array([b"\xff"]).dictionary_encode(),
    "bytes": pa.array([b"\xff"], pa.large_binary()),
    "bytes of fixed size": pa.array([b"\xff"], pa.binary(1)),
    "view of bytes": pa.array([b"\xff"], pa.binary_view()),
    "view of text": pa.array(["a"], pa.string_view()),
    "null": pa.nulls(1),
    "not a number": pa.array([float("nan")]),
    "half": pa.array([1.0], pa.float16()),
    "duration": pa.array([1], pa.duration("s")),
    "day beyond the calendar": pa.array([2**31 - 1], pa.date32()),
    "unsigned": pa.array([2**64 - 1], pa.uint64()),
    "text that is no UTF-8": pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff"]).buffers()),
}


@pytest.mark.parametrize("kind", TYPES)
def test_columns_of_any_type_are_text_or_refused_by_row_or_by_name(kind, tmp_path):
    path, tally = tmp_path / "articles.parquet", Ledger()
    pq.write_table(pa.table({"title": pa.array(["t"]), "content": TYPES[kind]}), path)
    read = outcome(lambda: read_news(path, tally))
    if kind.startswith(("bytes", "dictionary of", "view of bytes", "null", "text that")):
        assert tally.rows == tally.total == 1
    elif isinstance(read, SmallbertError):
        assert kind in ("list", "struct", "map", "no such time zone") and path.name in str(read)
    else:
        assert len(read) == 1


@pytest.mark.parametrize("field", ["title", "id", "question", "context"])
def test_a_question_that_no_file_could_hold_is_left_out(field, tmp_path):
    """A lone surrogate, which JSON can write and UTF-8 cannot, in any field."""
    values = {name: f"{name} x" for name in ("title", "id", "question", "context")}
    values[field] = f"{field} \ud800"
    asked = {"id": values["id"], "question": values["question"], "answers": [{"text": "x", "answer_start": 8}]}
    good = {"id": "good", "question": "Where?", "answers": [{"text": "x", "answer_start": 0}]}
    articles = [
        {"title": values["title"], "paragraphs": [{"context": values["context"], "qas": [asked]}]},
        {"title": "good", "paragraphs": [{"context": "x", "qas": [good]}]},
    ]
    path, tally = tmp_path / "squad.json", Ledger()
    path.write_text(json.dumps({"version": "1.1", "data": articles}))
    assert [question.id for question in squad.read(path, report=tally)] == ["good"]
    assert [bad.kind for _, bad in tally.bad] == ["broken encoding"] and tally.rows == 2
