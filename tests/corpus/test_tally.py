"""Limits on bad rows, as a share and as a number."""

import pytest

from smallbert.corpus.tally import BROKEN_ENCODING, EARLY, EXAMPLES, BadRow, Tally
from smallbert.errors import DataError, UsageError


def test_number_is_a_hard_limit():
    tally = Tally(2)
    for line in (5, 6):
        tally.add(f"f.csv:{line}", BadRow("missing title"))
    with pytest.raises(DataError, match=r"3 of the first 0 are \(3 missing title\):\n  f.csv:5: missing title\n"):
        tally.add("f.csv:7", BadRow("missing title"))


def test_share_is_judged_early_on_and_exactly_at_the_end():
    tally = Tally(0.01)
    tally.rows = 50
    tally.add("f:2", BadRow("NUL byte", "content"))
    with pytest.raises(DataError, match="max_bad_rows"):
        tally.finish()
    with pytest.raises(DataError, match="f:2: NUL byte"):
        for _ in range(EARLY // 100):
            tally.add("f:3", BadRow("NUL byte"))


def test_a_file_of_another_encoding_is_to_be_converted():
    tally = Tally(2)
    tally.add("f:2", BadRow("missing title"))
    tally.add("f:3", BadRow(BROKEN_ENCODING))
    with pytest.raises(DataError, match=r"f:4: broken encoding\. Is the file UTF-8\?"):
        tally.add("f:4", BadRow(BROKEN_ENCODING))


def test_examples_are_bounded_and_counts_are_not():
    tally = Tally(1000)
    for line in range(500):
        tally.add(f"f:{line}", BadRow("oversized field"))
    assert len(tally.examples) == EXAMPLES and tally.total == 500
    assert tally.as_dict()["counts"] == {"oversized field": 500}


def test_summary_counts_kinds_and_quotes_three_on_one_line_of_plain_characters():
    tally = Tally(10)
    assert tally.summary() == ""
    tally.rows = 3000
    tally.add("f:2", BadRow("wrong type", "te\x1b[2Jxt\n is a JSON list, not text"))
    for line in range(3, 6):
        tally.add(f"f:{line}", BadRow("missing title"))
    assert tally.summary() == (
        "4 of 3,000 rows cannot be used and are skipped (3 missing title, 1 wrong type): "
        "f:2: wrong type (te\N{REPLACEMENT CHARACTER}[2Jxt\N{REPLACEMENT CHARACTER} is a JSON list, not text); "
        "f:3: missing title; f:4: missing title"
    )


@pytest.mark.parametrize("limit", [-1, 1.5, -0.1, True])
def test_senseless_limits(limit):
    with pytest.raises(UsageError, match="Expected max_bad_rows"):
        Tally(limit)
