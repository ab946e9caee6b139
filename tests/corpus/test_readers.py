"""Every format gives the same rows; damaged files are named."""

import gzip
import io
import json
import string
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallbert.corpus.news import read
from smallbert.corpus.readers import kind, open_table
from smallbert.corpus.tally import BadRow
from smallbert.errors import DataError

ROWS = [
    {"id": "a", "title": "평양 회담", "content": '첫 줄\n둘째, "줄"\t끝', "topic": "정치"},
    {"id": "b", "title": '=HYPERLINK("x")', "content": "<script>alert('1')</script> & <b>", "topic": "@cmd"},
    {"id": "c", "title": "\u202bعنوان\u202c", "content": "نص \u200fطويل", "topic": ""},
    {"id": "d", "title": " ข่าว ", "content": "เนื้อหา\r\nบรรทัด\u2028x\x85y\x0bz", "topic": "-1+2"},
]


def write(rows, path):
    frame = pd.DataFrame(rows)
    if ".csv" in path.name:
        frame.to_csv(path, index=False, lineterminator="\r\n", encoding="utf-8-sig")
    elif ".tsv" in path.name:
        frame.to_csv(path, index=False, sep="\t")
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def read_rows(path, **options):
    return [row for batch in read(path, **options) for row in batch.to_pylist()]


@pytest.mark.parametrize(
    "name", ["n.csv", "n.csv.gz", "n.tsv", "n.jsonl", "n.ndjson", "n.json", "n.jsonl.gz", "n.parquet"]
)
def test_every_format_keeps_the_text_verbatim(tmp_path, name):
    rows = read_rows(write(ROWS, tmp_path / name))
    assert [{key: row[key] for key in ROWS[0]} for row in rows] == ROWS


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), min_size=1).filter(
    lambda cell: not cell.isspace()
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.fixed_dictionaries({"title": words, "content": words}), min_size=1, max_size=8))
def test_formats_agree_on_any_text(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("formats")
    for name in ("n.csv", "n.tsv", "n.jsonl", "n.parquet"):
        # pandas does not quote a lone carriage return, so the delimited files quote every cell.
        path = folder / name
        if path.suffix in (".csv", ".tsv"):
            buffer = io.StringIO(newline="")
            pd.DataFrame(rows).to_csv(buffer, index=False, sep=",\t"[name == "n.tsv"], quoting=1)
            path.write_text(buffer.getvalue(), encoding="utf-8", newline="")
        else:
            write(rows, path)
        found = read_rows(path, quoting="quoted")
        assert [{"title": row["title"], "content": row["content"]} for row in found] == rows
        assert [row["id"] for row in found] == [f"{name}:{i}" for i in range(1, len(rows) + 1)]


def test_numbers_nulls_and_categories_become_text(tmp_path):
    table = pa.table(
        {
            "text": pa.array(["a", "b"]).dictionary_encode(),
            "rating": pa.array([9, None]),
            "id": pa.array([7, 8], pa.int64()),
        }
    )
    pq.write_table(table, tmp_path / "n.parquet")
    (tmp_path / "n.jsonl").write_text('{"text":"a","rating":9,"id":7}\n{"text":"b","rating":null,"id":8}\n')
    expected = [("7", "a", "9"), ("8", "b", "")]
    for name in ("n.parquet", "n.jsonl"):
        rows = read_rows(tmp_path / name, columns={"topic": "rating"})
        assert [(row["id"], row["content"], row["topic"]) for row in rows] == expected


def test_what_pandas_writes_for_a_missing_value_is_missing(tmp_path):
    """``json.dumps`` of a row of a frame: a number that is none, which JSON does not know."""
    frame = pd.DataFrame({"text": ["a", "b"], "topic": ["sport", np.nan], "lang": [np.inf, "en"]})
    lines = [json.dumps(row) for row in frame.to_dict("records")]
    assert "NaN" in lines[1] and "Infinity" in lines[0]
    (tmp_path / "n.jsonl").write_text("\n".join(lines))
    assert [(row["topic"], row["lang"]) for row in read_rows(tmp_path / "n.jsonl")] == [("sport", ""), ("", "en")]


def test_nested_parquet_column_is_refused(tmp_path):
    pq.write_table(pa.table({"text": [["a", "b"]]}), tmp_path / "n.parquet")
    with pytest.raises(DataError, match="Expected text in the column 'text', found list"):
        read_rows(tmp_path / "n.parquet")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("n.xlsx", b"PK", "expected a file ending in .csv, .tsv"),
        ("n.parquet", b"PAR1 not really", "n.parquet: expected a readable .parquet file"),
        ("n.parquet.gz", b"", "expected a file ending in"),
        ("n.csv.gz", b"no gzip", "n.csv.gz: expected a readable .csv file"),
        ("cut.csv.gz", gzip.compress(string.printable.encode() * 99)[:-20], "expected a readable .csv file"),
        ("n.csv", b"", "n.csv: expected a header and rows, the file is empty"),
        ("n.csv", gzip.compress(b"text\na\n", mtime=0), "n.csv: expected text, got a file that is packed by gzip"),
        ("n.jsonl", b"\n\n", "n.jsonl: expected one JSON object a line, the file is empty"),
        ("n.json", b'[{"text": "a"}]', "n.json:1: expected one JSON object a line, got a JSON list"),
        ("n.json", b'{\n"text": "a"}', "n.json:1: expected one JSON object a line"),
        ("n.csv", "text\na\n".encode("utf-16"), "n.csv: expected UTF-8, found a UTF-16 byte order mark. Convert it"),
    ],
)
def test_damaged_files_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message.replace("[", r"\[")):
        read(tmp_path / name)


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"\n  \n "])
@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_list_is_refused_before_it_is_read(tmp_path, start, end):
    path = tmp_path / "n.json"
    path.write_bytes(start + b"[" + end + b'{"text": "a long article"},' * 200_000)
    tracemalloc.start()
    refused = pytest.raises(DataError, match=r"n.json:\d: expected one JSON object a line, got a JSON list. Write each")
    with refused, open_table(path, "n.json", longest_row=10_000):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_a_line_of_json_that_is_too_long_is_a_bad_row_and_never_held(tmp_path):
    path = tmp_path / "n.jsonl"
    long = '{"title":"t","text":"' + "x" * 3_000_000 + '"}'
    path.write_text('{"title":"t","text":"first"}\n' + long + "\r\n" + '{"title":"t","text":"last"}\n' + long)
    tracemalloc.start()
    with open_table(path, "n.jsonl", longest_row=10_000) as table:
        found = list(table.rows(["text"]))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    bad = BadRow("oversized field", "a line of more than 10,000 characters")
    assert found == [(1, ["first"]), (2, bad), (3, ["last"]), (4, bad)]
    assert peak < 1_000_000


def test_a_first_line_of_several_long_fields_is_read(tmp_path):
    row = {"title": "t" * 90, "text": "x" * 90, "html": "y" * 1000}
    (tmp_path / "n.jsonl").write_text(json.dumps(row) + "\n")
    assert [found["title"] for found in read_rows(tmp_path / "n.jsonl", longest_field=100)] == ["t" * 90]


def test_position_ends_at_the_files_size(tmp_path):
    for name in ("n.csv", "n.jsonl", "n.parquet"):
        path = write(ROWS, tmp_path / name)
        with open_table(path, name) as table:
            assert len(list(table.rows(["content"]))) == len(ROWS)
            assert table.position() == path.stat().st_size


def test_suffixes_ignore_case():
    assert kind(Path("A.CSV")) == ".csv" and kind(Path("a.JSON.GZ")) == ".json" and kind(Path("a.txt")) is None
