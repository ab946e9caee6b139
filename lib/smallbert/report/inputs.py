"""A corpus or an encoder, as a notebook recorded it, in one line for readers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_SHOWN = 4
"""Sources that are named; all are counted. Languages: four times as many."""


def described(record: dict[str, Any] | None) -> str:
    """The name, then what was recorded: checksums shortened, files without their folders, long lists cut.

    Args:
        record: plain data such as ``{"name": "my news", "rows": 30, "sources": [{"name": "a.csv", "sha256": ...}]}``;
            any key may be missing, what is neither text, number, truth value, languages nor sources is left out.
    """
    if not record:
        return ""
    told = [_told(key, value) for key, value in record.items() if key != "name"]
    return "; ".join(filter(None, [named(record), *told]))


def named(record: dict[str, Any]) -> str:
    """What the report calls it."""
    return str(record.get("name") or "unnamed")


def _told(key: str, value: Any) -> str:
    words = key.replace("_", " ")
    if key == "sources" and isinstance(value, list):
        return _listed(words, [_source(one) for one in value if isinstance(one, dict)], _SHOWN)
    if key == "languages" and isinstance(value, list):
        return _listed(words, [str(one) or "und" for one in value], 4 * _SHOWN)
    if isinstance(value, bool):
        return words if value else ""
    if isinstance(value, str) and value:
        return f"{words} {value[:16] if key == 'key' or 'sha256' in key else value}"
    return f"{words} {value}" if isinstance(value, int | float) else ""


def _source(source: dict[str, Any]) -> str:
    name, checksum = Path(named(source)).name, str(source.get("sha256") or "")[:16]
    return f"{name} (sha256 {checksum})" if checksum else name


def _listed(words: str, items: list[str], most: int) -> str:
    more = f" and {len(items) - most:,} more" if len(items) > most else ""
    return f"{words} {', '.join(items[:most])}{more}" if items else ""
