"""The row schema, the text of a row, and language codes."""

import pytest

from smallbert.corpus.languages import code
from smallbert.corpus.rows import COLUMNS, SCHEMA, batch
from smallbert.corpus.text import text


def test_batch_has_the_schema_and_fills_unknown_columns():
    rows = batch({"id": ["1", "2"], "content": ["a", "b"]})
    assert rows.schema == SCHEMA and SCHEMA.names == list(COLUMNS)
    assert rows.to_pylist()[1] == {"id": "2", "lang": "", "title": "", "content": "b", "topic": "", "group": ""}
    rows.validate(full=True)


@pytest.mark.parametrize("values", [{"content": ["a"]}, {"id": ["1"], "body": ["a"]}])
def test_batch_refuses_missing_ids_and_unknown_columns(values):
    with pytest.raises(ValueError, match="Expected id and any of"):
        batch(values)


def test_text_joins_what_is_there():
    rows = batch({"id": ["1", "2", "3"], "title": ["T", "", "T"], "content": ["C", "C", ""]})
    assert text(rows) == ["T\nC", "C", "T"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [("eng", "en"), (" KOR ", "ko"), ("pcm", "pcm"), ("en", "en"), ("zh-Hant", "zh-hant"), ("", "")],
)
def test_language_code_is_the_shortest(given, expected):
    assert code(given) == expected
