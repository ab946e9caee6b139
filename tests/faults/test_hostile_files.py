"""Damaged files, thousands of them, through every reader: never a traceback, a hang or a row that goes missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fault_files import REPEATABLE, Damage, Ledger, damaged, damages, outcome
from fault_readers import READERS, Reader
from hypothesis import given, settings

from smallbert.errors import SmallbertError


def accounts_for_every_row(reader: Reader, folder: Path, content: bytes) -> None:
    """Read a file, and hold what came out against what went in."""
    tally = Ledger()
    path = reader.write(folder, content)
    found = outcome(lambda: reader.read(path, tally))
    assert tally.total == len(tally.bad)
    if isinstance(found, SmallbertError):
        if tally.total < tally.rows or tally.rows == 0:
            return  # refused as a whole
        found = []
    out = len(found)
    if reader is READERS["reviews"]:
        out += tally.rows - tally.total - out  # ratings in the middle are no examples, by design
    assert tally.rows in (0, out + tally.total)
    if reader.rows is not None:
        assert tally.rows == reader.rows(content)
    written = json.dumps(found, ensure_ascii=False)
    assert "\\u0000" not in written
    written.encode()  # whatever is read can be written


def sweep(name: str, folder: Path, files: int) -> int:
    """Read so many damaged files; returns how many it were."""
    reader, count = READERS[name], 0

    @settings(max_examples=files, **REPEATABLE)
    @given(damages)
    def read(injuries: list[Damage]) -> None:
        nonlocal count
        accounts_for_every_row(reader, folder, damaged(reader.content, injuries))
        count += 1

    read()
    return count


@pytest.mark.parametrize("name", READERS)
def test_whole_files_are_read(name, tmp_path):
    """What is damaged below is a good file."""
    reader, tally = READERS[name], Ledger()
    path = reader.write(tmp_path, reader.content)
    if name != "store manifest":  # its vectors are not there
        reader.read(path, tally)
    assert not tally.bad
    assert reader.rows is None or tally.rows == reader.rows(reader.content) > 0


@pytest.mark.parametrize("name", READERS)
def test_some_damaged_files(name, tmp_path):
    assert sweep(name, tmp_path, 12) >= 10


@pytest.mark.slow
def test_ten_thousand_damaged_files(tmp_path):
    each = -(-10_000 // len(READERS)) + 10
    count = 0
    for name in READERS:
        folder = tmp_path / name.replace(" ", "-")
        folder.mkdir()
        count += sweep(name, folder, each)
    assert count >= 10_000
