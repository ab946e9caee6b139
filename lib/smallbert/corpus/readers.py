"""Open one file of any supported format as a table: column names, then numbered rows of text cells."""

from __future__ import annotations

import gzip
import itertools
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from smallbert.corpus import delimited
from smallbert.corpus.tally import BadRow
from smallbert.errors import DataError

DELIMITERS = {".csv": ",", ".tsv": "\t"}
JSON_LINES = (".jsonl", ".ndjson", ".json")
PARQUET = (".parquet",)
SUFFIXES = (*DELIMITERS, *JSON_LINES, *PARQUET)
"""What can be read; the text formats also with ``.gz`` behind."""

GZIP = b"\x1f\x8b"
"""How a file that gzip has packed begins."""

BATCH = 4096
"""Rows held at a time."""

KEYS_FROM = 100
"""JSON Lines have no header: their columns are the keys of the first so many objects."""

Cells = Sequence[str | None]


@dataclass(frozen=True)
class Table:
    """A file being read.

    Attributes:
        columns: names of the columns.
        rows: takes the names of the columns wanted; yields (number, cells or why the row is bad).
            A cell is None where the file has no value. Text may hold lone surrogates (invalid UTF-8).
        unit: what the number counts: ``""`` for a line, ``"row "`` where a format has no lines.
        position: bytes of the file consumed so far.
    """

    columns: list[str]
    rows: Callable[[Sequence[str]], Iterator[tuple[int, Cells | BadRow]]]
    unit: str
    position: Callable[[], int]


def kind(path: Path) -> str | None:
    """The suffix that decides how ``path`` is read, or None where it cannot be."""
    name = path.name.lower().removesuffix(".gz")
    suffix = next((suffix for suffix in SUFFIXES if name.endswith(suffix)), None)
    return None if suffix in PARQUET and path.name.lower().endswith(".gz") else suffix


@contextmanager
def open_table(
    path: Path, where: str, *, quoting: delimited.Quoting = "auto", longest_row: int = 1 << 24
) -> Iterator[Table]:
    """Open a file by its suffix.

    Args:
        path: the file.
        where: its name, for messages.
        quoting: of CSV and TSV, see :func:`smallbert.corpus.delimited.read`.
        longest_row: characters after which a quoted CSV or TSV row counts as never closed, and a line of JSON as
            too long.

    Raises:
        DataError: the suffix is unknown, or the file is missing, empty, damaged or of another format.
    """
    suffix = kind(path)
    if suffix is None:
        raise DataError(
            f"{where}: expected a file ending in {', '.join(SUFFIXES)} (text formats also with .gz).",
            "Convert or rename it.",
        )
    try:
        if suffix in PARQUET:
            with pq.ParquetFile(path, pre_buffer=False) as file:
                size = path.stat().st_size
                yield _parquet(file, where, size)
            return
        with path.open("rb") as raw, _decompressed(raw, path) as file, delimited.open_text(file, where) as text:
            if suffix in DELIMITERS:
                columns, rows = delimited.read(text, where, DELIMITERS[suffix], quoting, longest_row)
                yield Table(columns, _pick(columns, rows), "", raw.tell)
            else:
                yield _json_lines(text, where, raw.tell, longest_row)
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        reason = str(error).splitlines()[0][:200]
        raise DataError(f"{where}: expected a readable {suffix} file: {reason}.") from error


def _decompressed(raw: Any, path: Path) -> Any:
    if path.name.lower().endswith(".gz"):
        return gzip.GzipFile(fileobj=raw)
    if raw.peek(len(GZIP)).startswith(GZIP):
        raise DataError(f"{path.name}: expected text, got a file that is packed by gzip.", "Name it so: add .gz.")
    return raw


def _pick(
    columns: list[str], rows: Iterable[tuple[int, list[str] | BadRow]]
) -> Callable[[Sequence[str]], Iterator[tuple[int, Cells | BadRow]]]:
    def picked(names: Sequence[str]) -> Iterator[tuple[int, Cells | BadRow]]:
        where = [columns.index(name) for name in names]
        for line, row in rows:
            yield line, row if isinstance(row, BadRow) else [row[i] for i in where]

    return picked


def _json_lines(text: TextIO, where: str, position: Callable[[], int], longest: int) -> Table:
    objects = _objects(text, where, longest)
    head = list(itertools.islice(objects, KEYS_FROM))
    if not head:
        raise DataError(f"{where}: expected one JSON object a line, the file is empty.")
    columns = list(dict.fromkeys(key for _, value in head if isinstance(value, dict) for key in value))
    if not columns:
        line, first = head[0]
        got = first.detail if isinstance(first, BadRow) else "one without keys"
        raise _no_objects(where, line, got)

    def rows(names: Sequence[str]) -> Iterator[tuple[int, Cells | BadRow]]:
        for line, value in itertools.chain(head, objects):
            yield line, value if isinstance(value, BadRow) else _cells(value, names)

    return Table(columns, rows, "", position)


def _objects(text: TextIO, where: str, longest: int) -> Iterator[tuple[int, dict[str, Any] | BadRow]]:
    """The lines that are not blank; no more than ``longest`` characters of one are held."""
    begun = False
    for number in itertools.count(1):
        line = text.readline(longest + 1)
        if not line:
            return
        if not line.strip():
            continue
        if not begun and line.lstrip().startswith("["):
            raise _no_objects(where, number, "a JSON list")
        begun = True
        if len(line) > longest:
            while line and not line.endswith(("\n", "\r")):
                line = text.readline(longest)
            yield number, BadRow("oversized field", f"a line of more than {longest:,} characters")
            continue
        try:
            value = json.loads(line, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            yield number, BadRow("broken JSON", str(error))
        else:
            is_object = isinstance(value, dict)
            yield number, value if is_object else BadRow("broken JSON", f"a JSON {type(value).__name__}")


def _no_number(_name: str) -> None:
    """NaN and infinities, which pandas writes where a value is missing and JSON does not know."""


def _no_objects(where: str, line: int, got: str) -> DataError:
    return DataError(
        f"{where}:{line}: expected one JSON object a line, got {got}.",
        "Write each article as an object on a line of its own (JSON Lines), without a list around them.",
    )


def _cells(value: dict[str, Any], names: Sequence[str]) -> Cells | BadRow:
    cells = [value.get(name) for name in names]
    for i, cell in enumerate(cells):
        if isinstance(cell, dict | list):
            return BadRow("wrong type", f"{names[i]} is a JSON {type(cell).__name__}, not text")
        if cell is not None and not isinstance(cell, str):
            cells[i] = json.dumps(cell)
    return cells


def _parquet(file: pq.ParquetFile, where: str, size: int) -> Table:
    total, done = file.metadata.num_rows, 0

    def batches(names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        nonlocal done
        for batch in file.iter_batches(BATCH, columns=list(names), use_threads=False):
            yield batch
            done += batch.num_rows

    return Table(
        file.schema_arrow.names,
        lambda names: from_arrow(batches(names), names, f"{where}: "),
        "row ",
        lambda: size * done // max(total, 1),
    )


def from_arrow(
    batches: Iterable[pa.RecordBatch | pa.Table], names: Sequence[str], where: str = ""
) -> Iterator[tuple[int, Cells | BadRow]]:
    """Rows of Arrow data as text cells, numbered from 1; messages begin with ``where``.

    Raises:
        DataError: a wanted column holds lists or structures.
    """
    number = 0
    for batch in batches:
        columns = [_texts(batch.column(name), name, where) for name in names]
        for cells in zip(*columns, strict=True):
            number += 1
            yield number, cells


_BYTES = (
    *(pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
    *(pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view),
)


def _texts(array: pa.Array | pa.ChunkedArray, name: str, where: str) -> list[str | None]:
    kind = array.type
    if pa.types.is_nested(kind):
        raise DataError(f"{where}Expected text in the column {name!r}, found {kind}.", "Map another column.")
    if pa.types.is_dictionary(kind):
        array = array.cast(kind.value_type)
    if not any(test(array.type) for test in _BYTES):
        return array.cast(pa.string()).to_pylist()
    try:
        return array.cast(pa.large_binary()).cast(pa.large_string()).to_pylist()
    except (pa.ArrowInvalid, UnicodeDecodeError):
        values = array.cast(pa.large_binary()).to_pylist()
        return [None if value is None else value.decode("utf-8", "surrogateescape") for value in values]
