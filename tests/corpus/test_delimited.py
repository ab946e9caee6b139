"""CSV and TSV: line numbers, quoting, and what broken quoting may cost."""

import csv
import io

import pytest

from smallbert.corpus.delimited import SAMPLE, read
from smallbert.corpus.tally import BadRow
from smallbert.errors import DataError, UsageError


def parse(text: str, delimiter: str = ",", quoting: str = "auto", longest_row: int = 1 << 20):
    columns, rows = read(io.StringIO(text, newline=""), "f", delimiter, quoting, longest_row)
    return columns, list(rows)


def test_line_numbers_count_lines_inside_quotes():
    columns, rows = parse('a,b\r\n1,"x\r\ny\r\nz"\r\n\r\n2,w\r\n')
    assert columns == ["a", "b"]
    assert rows == [(2, ["1", "x\r\ny\r\nz"]), (6, ["2", "w"])]


def test_agrees_with_the_csv_module_on_well_formed_text(rng):
    cells = ["", "plain", 'say "hi"', "a,b", "two\nlines", "é ก 한", "=1+1", "'"]
    table = [[cells[i] for i in rng.integers(len(cells), size=3)] for _ in range(200)]
    table = [row for row in table if any(row)]
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([["a", "b", "c"], *table])
    assert [row for _, row in parse(buffer.getvalue())[1]] == table


def test_wrong_column_count_is_one_bad_row():
    _, rows = parse("a,b\n1,2\n1,2,3\n1\n3,4\n")
    assert rows == [
        (2, ["1", "2"]),
        (3, BadRow("wrong column count", "expected 2, got 3")),
        (4, BadRow("wrong column count", "expected 2, got 1")),
        (5, ["3", "4"]),
    ]


def test_unclosed_quote_costs_its_own_line_only():
    _, rows = parse('a,b\n1,x\n2,"never closed\n3,y\n4,z\n', quoting="quoted")
    assert [(line, row) for line, row in rows if not isinstance(row, BadRow)] == [
        (2, ["1", "x"]),
        (4, ["3", "y"]),
        (5, ["4", "z"]),
    ]
    assert [(line, row.kind) for line, row in rows if isinstance(row, BadRow)] == [(3, "broken quoting")]


def test_text_after_a_closing_quote_is_reported_not_mended():
    _, rows = parse('a,b\n1,"x" y\n2,z\n', quoting="quoted")
    assert rows[0][1].kind == "broken quoting" and rows[1] == (3, ["2", "z"])


def test_quote_that_stays_open_is_cut_at_the_limit():
    lines = "".join(f"{i},{'w' * 50}\n" for i in range(2000))
    _, rows = parse('a,b\n0,"open\n' + lines, quoting="quoted", longest_row=10_000)
    assert rows[0] == (2, BadRow("oversized field", "a quoted field that does not close"))
    assert len(rows) == 2001 and rows[1] == (3, ["0", "w" * 50])


def test_unquoted_text_is_recognised():
    _, rows = parse('id\ttext\n1\t"half a quote\n2\tsaid "yes"\n3\t"a" b\n', "\t")
    assert [row for _, row in rows] == [["1", '"half a quote'], ["2", 'said "yes"'], ["3", '"a" b']]


def test_long_quoted_text_is_recognised_where_the_sample_ends_inside_a_row():
    row = '1\t"' + "line of text\n" * 2000 + '"\n'
    text = "id\ttext\n" + row * (2 * SAMPLE // len(row))
    assert len(parse(text, "\t")[1]) == 2 * SAMPLE // len(row)


def test_no_quoting_is_as_asked():
    assert parse('a\tb\n"1\t2"\n', "\t", "none")[1] == [(2, ['"1', '2"'])]


def test_empty_file():
    with pytest.raises(DataError, match="f: expected a header and rows, the file is empty"):
        parse("\n\n")


def test_unknown_quoting():
    with pytest.raises(UsageError, match="Expected quoting auto, quoted or none, got 'some'"):
        parse("a\n1\n", quoting="some")
