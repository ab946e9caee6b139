"""The text an encoder reads for a row."""

from __future__ import annotations

import pyarrow as pa


def text(rows: pa.RecordBatch | pa.Table) -> list[str]:
    """Title and content of each row, joined by a line break; whichever is empty is left out.

    Args:
        rows: n rows with the columns ``title`` and ``content``.

    Returns:
        n strings.
    """
    titles, contents = rows.column("title").to_pylist(), rows.column("content").to_pylist()
    return [f"{t}\n{c}" if t and c else t or c for t, c in zip(titles, contents, strict=True)]
