"""What a row of any corpus is: the schema every reader and generator produces, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

COLUMNS = ("id", "lang", "title", "content", "topic", "group")
"""Columns of a row, all text, never null; ``""`` means unknown.

- ``id``: names the row, unique in a prepared corpus.
- ``lang``: language code in lower case (BCP 47: ``en``, ``ko``, ``pcm``); readers drop what has not its form.
- ``title``, ``content``: the text, verbatim: markup, formulas and scripts are data, never interpreted.
- ``topic``: the label of the topic probe (a news section; the rating of a review).
- ``group``: the event a row tells; rows of one group are translations of one another.
"""

SCHEMA = pa.schema([pa.field(name, pa.string(), nullable=False) for name in COLUMNS])
"""Schema of every stream of rows (``Iterator[pa.RecordBatch]``)."""


def batch(values: Mapping[str, Sequence[str]]) -> pa.RecordBatch:
    """Build one batch of rows.

    Args:
        values: column name -> one string a row; columns left out are unknown (``""``), ``id`` is not.

    Raises:
        ValueError: ``id`` is missing, a column is unknown, or lengths differ.
    """
    unknown = set(values) - set(COLUMNS)
    if unknown or "id" not in values:
        raise ValueError(f"Expected id and any of {COLUMNS}, got {tuple(values)}.")
    blank = [""] * len(values["id"])
    return pa.RecordBatch.from_arrays(
        [pa.array(values.get(name, blank), pa.string()) for name in COLUMNS], schema=SCHEMA
    )
