"""Hostile rows are counted and skipped, good ones kept; memory stays bounded; real corpora have their counts."""

import csv
import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from smallbert.corpus.news import LONGEST_FIELD, read
from smallbert.corpus.tally import Tally
from smallbert.errors import DataError


def rows_of(source, **options):
    return [row for batch in read(source, **options) for row in batch.to_pylist()]


HOSTILE = (
    b"\xef\xbb\xbftitle,text\r\n"
    b"good,first\r\n"
    b"bad \xff byte,text\r\n"
    b'good,"two\r\nlines"\r\n'
    b"nul,a\x00b\r\n"
    b",no title\r\n"
    b"no text,\r\n"
    b"blank text, \t \r\n"
    b"three,cells,here\r\n"
    b"big," + b"x" * 10_000_000 + b"\r\n"
    b"\r\n"
    b"good,=cmd|' /C calc'!A0\r\n"
    b"good,\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d <script>x</script>\r\n"
)


def test_hostile_file(tmp_path):
    (tmp_path / "n.csv").write_bytes(HOSTILE)
    tally = Tally(7)
    rows = rows_of(tmp_path / "n.csv", report=tally)
    assert [row["content"] for row in rows] == [
        "first",
        "two\r\nlines",
        "=cmd|' /C calc'!A0",
        "שלום <script>x</script>",
    ]
    assert [row["id"] for row in rows] == ["n.csv:1", "n.csv:3", "n.csv:10", "n.csv:11"]
    assert tally.rows == 11
    assert tally.examples == [
        "n.csv:3: broken encoding (title, character 5)",
        "n.csv:6: NUL byte (text)".replace("text", "content"),
        "n.csv:7: missing title",
        "n.csv:8: missing content",
        "n.csv:9: missing content",
        "n.csv:10: wrong column count (expected 2, got 3)",
        "n.csv:11: oversized field (content has 10,000,000 characters)",
    ]
    with pytest.raises(DataError, match=r"at most 6 rows .* 7 of the first 9 are .*:\n  n.csv:3: broken encoding"):
        rows_of(tmp_path / "n.csv", max_bad_rows=6)


def test_oversized_field_of_many_lines_is_one_bad_row(tmp_path):
    (tmp_path / "n.csv").write_text('text\n"' + "line\n" * 1000 + '"\nkept\n')
    tally = Tally(1)
    assert [row["content"] for row in rows_of(tmp_path / "n.csv", report=tally, longest_field=1000)] == ["kept"]
    assert tally.counts == {"oversized field": 1}


def test_hostile_json_lines(tmp_path):
    (tmp_path / "n.jsonl").write_bytes(
        b'{"text": "good"}\n{"text": "\\ud800"}\nnot json\n[1]\n{"text": {"a": 1}}\n{"text": null}\n{}\n'
        b'{"text": "\xff"}\n{"text": "\\u0000"}\n' + b"[" * 100_000 + b"\n" + b'{"text": "good too"}\n'
    )
    tally = Tally(20)
    assert [row["content"] for row in rows_of(tmp_path / "n.jsonl", report=tally)] == ["good", "good too"]
    assert tally.counts == {
        "broken encoding": 2,
        "broken JSON": 3,
        "wrong type": 1,
        "missing content": 2,
        "NUL byte": 1,
    }


def test_invalid_utf8_in_parquet_spoils_one_row(tmp_path):
    raw = pa.array([b"good", b"bad \xff", None, b"good too"], pa.binary())
    broken = pa.Array.from_buffers(pa.string(), len(raw), raw.buffers())
    pq.write_table(pa.table({"text": broken}), tmp_path / "n.parquet")
    tally = Tally(2)
    assert [row["id"] for row in rows_of(tmp_path / "n.parquet", report=tally)] == ["n.parquet:1", "n.parquet:4"]
    assert tally.examples == [
        "n.parquet:row 2: broken encoding (content, character 5)",
        "n.parquet:row 3: missing content",
    ]


def test_nothing_usable_is_an_error(tmp_path):
    (tmp_path / "n.csv").write_text("title,text\n")
    with pytest.raises(DataError, match="found none among 0"):
        rows_of(tmp_path / "n.csv")
    (tmp_path / "n.csv").write_text("title,text\n,a\n")
    with pytest.raises(DataError, match="Expected rows that can be used, found none among 1"):
        rows_of(tmp_path / "n.csv", max_bad_rows=1.0)


def test_wrong_file_stops_before_any_row(tmp_path):
    (tmp_path / "a.csv").write_text("title,text\nt,x\n")
    (tmp_path / "b.csv").write_text("title,words\nt,x\n")
    with pytest.raises(DataError, match=r"b.csv: expected a content column"):
        read(tmp_path)


def test_memory_does_not_grow_with_the_file(tmp_path):
    line = b"a title of some length," + b"content " * 20 + b"\n"
    (tmp_path / "small.csv").write_bytes(b"title,text\n" + line * 6_000)
    (tmp_path / "large.csv").write_bytes(b"title,text\n" + line * 30_000)
    peaks = []
    for name in ("small.csv", "large.csv"):
        tracemalloc.start()
        assert sum(batch.num_rows for batch in read(tmp_path / name)) in (6_000, 30_000)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]
    assert peaks[1] < 6e6, peaks  # of 6 MB in the file; as Python strings it would be far more


def test_long_texts_make_short_batches(tmp_path):
    (tmp_path / "n.csv").write_text("text\n" + ("x" * LONGEST_FIELD + "\n") * 9)
    assert [batch.num_rows for batch in read(tmp_path / "n.csv")] == [4, 4, 1]


@pytest.mark.parametrize(("name", "lang", "count"), [("english", "en", 20_000), ("thai", "th", 30_000)])
def test_real_parquet_news(shared_data, name, lang, count):
    tally = Tally(0)
    batches = list(read(shared_data / "news" / f"{name}.parquet", report=tally))
    assert sum(batch.num_rows for batch in batches) == tally.rows == count
    assert {code for batch in batches for code in batch["lang"].to_pylist()} == {lang}


def test_real_news_in_sixteen_languages(shared_data):
    folder = shared_data / "news" / "masakhanews"
    expected = []
    for path in sorted(folder.rglob("*.tsv")):
        with path.open(encoding="utf-8", newline="") as file:
            expected += [row["text"] for row in csv.DictReader(file, delimiter="\t")]
    rows = rows_of(folder, lang_from_folder=True, max_bad_rows=0)
    assert [row["content"] for row in rows] == expected
    assert any("\n" in text for text in expected)  # or the quoting is not tested
    assert len({row["lang"] for row in rows}) == 16 and {"en", "yo", "pcm"} < {row["lang"] for row in rows}


def test_real_spanish_news_has_72_empty_headlines(shared_data):
    tally = Tally()
    assert len(rows_of(shared_data / "news" / "spanish", lang="es", report=tally)) == 1543 - 72
    assert tally.counts == {"missing title": 72} and tally.rows == 1543


def test_real_unquoted_tsv(shared_data):
    columns = {"title": "sentence1", "content": "sentence2", "topic": "score", "id": ""}
    rows = rows_of(shared_data / "pairs" / "kor_sts", columns=columns, lang="ko", max_bad_rows=0)
    assert len(rows) == 5749 + 1500 + 1379


@pytest.mark.slow
def test_real_reviews(shared_data):
    columns = {"title": "movie", "content": "review", "topic": "rating"}
    tally = Tally(0)
    ratings = set()
    for batch in read(shared_data / "reviews" / "korean.parquet", columns=columns, report=tally):
        ratings.update(batch["topic"].to_pylist())
    assert tally.rows == 712_383 and ratings == {str(i) for i in range(1, 11)}
