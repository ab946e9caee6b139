"""JSON documents: what is refused, and that the place is named."""

import json

import pytest

from smallbert.corpus.tasks import documents
from smallbert.errors import DataError


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_byte_order_mark_and_line_ends_do_not_matter(tmp_path, prefix, ends):
    value = {"a": [1, None, "é\u2028 ث 🙂"]}
    (tmp_path / "f.json").write_bytes(prefix + json.dumps(value, indent=1).replace("\n", ends).encode())
    assert documents.load(tmp_path / "f.json") == value


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"f\.json:1: expected JSON, at column 1"),
        (b'{"a":\n[1, 2', r"f\.json:2: expected JSON, at column 6: .* Is the file cut\?"),
        (b'{"a": "\0"}', r"f\.json:1: expected JSON, at column 8: Invalid control character"),
        (b'{"a": 1, "b": 2, "a": 3}', r"f\.json: expected strict JSON: an object has the key 'a' twice"),
        (b"[NaN]", r"f\.json: expected strict JSON: NaN is no number"),
        (b"[-Infinity]", "-Infinity is no number"),
        (b'["\xff"]', r"f\.json: expected UTF-8, got byte 0xff at 2"),
        ("[]".encode("utf-16"), r"f\.json: expected UTF-8, got byte 0xff at 0"),
        (b"[" * 100_000, r"f\.json: expected strict JSON: .*recursion"),
    ],
)
def test_what_is_not_strict_json_is_refused(tmp_path, content, message):
    (tmp_path / "f.json").write_bytes(content)
    with pytest.raises(DataError, match=message):
        documents.load(tmp_path / "f.json")


def test_missing_and_large_files_are_refused(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"none\.json: expected a readable JSON file: No such file"):
        documents.load(tmp_path / "none.json")
    (tmp_path / "f.json").write_bytes(b"[1, 2, 3]")
    monkeypatch.setattr(documents, "LARGEST", 8)
    with pytest.raises(DataError, match=r"f\.json: expected at most 8 bytes of JSON, got 9"):
        documents.load(tmp_path / "f.json")
