"""Any news corpus as a stream of rows, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from smallbert.corpus import languages
from smallbert.corpus.columns import resolve
from smallbert.corpus.delimited import Quoting
from smallbert.corpus.readers import BATCH, Cells, Table
from smallbert.corpus.rows import COLUMNS, batch
from smallbert.corpus.sources import Options, Part, parts
from smallbert.corpus.tally import BROKEN_ENCODING, BadRow, Tally
from smallbert.errors import DataError

LONGEST_FIELD = 1 << 20
"""Characters a field may have."""

BATCH_CHARACTERS = 1 << 22
"""A batch ends early at so many characters, so that long texts do not make large batches."""

_TEXT = ("title", "content")


def read(
    source: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    lang: str = "",
    lang_from_folder: bool = False,
    quoting: Quoting = "auto",
    max_bad_rows: int | float = 0.05,
    longest_field: int = LONGEST_FIELD,
    report: Tally | None = None,
) -> Iterator[pa.RecordBatch]:
    """Read news.

    Titles and contents are kept verbatim; labels lose surrounding blanks, languages become codes
    (:func:`smallbert.corpus.languages.code`). A row without an id is named
    by its file and its number there. Rows that cannot be used (broken encoding, NUL byte, oversized
    field, missing title or content, wrong column count, broken quoting or JSON) are counted and skipped.

    Args:
        source: a file, a folder, a ``corpus.toml`` or a hub data set (``hub:OWNER/NAME[:CONFIG][:SPLIT]``):
            see :func:`smallbert.corpus.sources.parts`.
        columns: our column -> the file's, for those not guessed from their names
            (:data:`smallbert.corpus.columns.GUESSES`); ``{"title": ""}`` reads no title.
        lang: language of every row.
        lang_from_folder: the language is the name of the folder a file lies in.
        quoting: of CSV and TSV: ``quoted``, ``none`` or ``auto`` (see
            :func:`smallbert.corpus.delimited.read`).
        max_bad_rows: how many rows may be bad, as a share (float) or a number (int).
        longest_field: characters a field may have.
        report: receives the tally of rows and bad rows; ``max_bad_rows`` is then its own limit.

    Returns:
        batches of at most 4,096 rows and about 4 million characters.

    Raises:
        UsageError: a parameter is wrong.
        DataError: nothing to read, an unreadable file, a missing column (all at the call, for every
            file, before the first row); too many bad rows, or none good (while reading).
    """
    options = Options(dict(columns or {}), lang, lang_from_folder, quoting)
    return rows(parts(source, options), report or Tally(max_bad_rows), longest_field)


def rows(found: list[Part], report: Tally, longest_field: int = LONGEST_FIELD) -> Iterator[pa.RecordBatch]:
    """Read the parts of a source; see :func:`read`."""
    for part in found:  # every file is opened before the first is read: a wrong one costs no hours
        with part.open(_longest_row(longest_field)) as table:
            resolve(table.columns, part.options.columns, part.name)
    return _rows(found, report, longest_field)


def _rows(found: list[Part], report: Tally, longest_field: int) -> Iterator[pa.RecordBatch]:
    for part in found:
        before = report.bytes
        with part.open(_longest_row(longest_field)) as table:
            for rows_of_part in _part(part, table, report, longest_field, prefix=len(found) > 1):
                report.bytes = before + table.position()
                yield rows_of_part
            report.bytes = before + table.position()
    report.finish()
    if report.rows == report.total:
        raise DataError(f"Expected rows that can be used, found none among {report.rows:,}.", "Is the source empty?")


def _longest_row(longest_field: int) -> int:
    """A row may hold several long fields, and one that is too long should be skipped in one piece."""
    return 16 * longest_field


def _part(part: Part, table: Table, report: Tally, longest_field: int, prefix: bool) -> Iterator[pa.RecordBatch]:
    names = resolve(table.columns, part.options.columns, part.name)
    ours = tuple(names)
    lang = languages.code(part.lang)
    values: dict[str, list[str]] = {name: [] for name in COLUMNS}
    characters = 0
    for number, (where, cells) in enumerate(table.rows(tuple(names.values())), start=1):
        report.rows += 1
        bad = cells if isinstance(cells, BadRow) else _problem(ours, cells, longest_field)
        if bad is not None:
            report.add(f"{part.name}:{table.unit}{where}", bad)
            continue
        row = dict.fromkeys(COLUMNS, "") | {
            name: (cell or "") if name in _TEXT else (cell or "").strip()
            for name, cell in zip(ours, cells, strict=True)
        }
        own = row["id"] or str(number)
        row["id"] = f"{part.name}:{own}" if prefix or not row["id"] else own
        row["lang"] = lang or languages.code(row["lang"])
        for name in COLUMNS:
            values[name].append(row[name])
        characters += len(row["content"]) + len(row["title"])
        if len(values["id"]) >= BATCH or characters >= BATCH_CHARACTERS:
            yield batch(values)
            values, characters = {name: [] for name in COLUMNS}, 0
    if values["id"]:
        yield batch(values)


def _problem(names: tuple[str, ...], cells: Cells, longest_field: int) -> BadRow | None:
    """Why a row cannot be used, or None."""
    for name, cell in zip(names, cells, strict=True):
        if not cell:
            if name in _TEXT:
                return BadRow(f"missing {name}")
            continue
        if len(cell) > longest_field:
            return BadRow("oversized field", f"{name} has {len(cell):,} characters")
        if "\0" in cell:
            return BadRow("NUL byte", name)
        if not cell.isascii():
            try:
                cell.encode()
            except UnicodeEncodeError as error:
                return BadRow(BROKEN_ENCODING, f"{name}, character {error.start + 1}")
        if name in _TEXT and cell.isspace():
            return BadRow(f"missing {name}")
    return None
