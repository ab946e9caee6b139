"""JSON that is one document, read whole and strictly: every slip names the file and the place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smallbert.errors import DataError

LARGEST = 1 << 29
"""Bytes a document may have. It is held in memory, and ten times as much while it is parsed; the training part of
SQuAD 2.0 has 42 million."""

_NAMES = {dict: "object", list: "list", str: "text", int: "whole number", float: "number", bool: "truth value"}
_NAMES[type(None)] = "null"


def load(path: str | Path) -> Any:
    """Parse a JSON file in UTF-8, with or without a byte order mark.

    Raises:
        DataError: the file is missing, too large, not UTF-8 or not JSON (line and column are named), holds NaN or
            an infinity, or an object in it has a key twice.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise DataError(
                f"{path.name}: expected at most {LARGEST:,} bytes of JSON, got {size:,}.", "Split the file by article."
            )
        return json.loads(path.read_bytes().decode("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except OSError as error:
        raise DataError(f"{path}: expected a readable JSON file: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path.name}: expected UTF-8, got byte {error.object[error.start]:#x} at {error.start:,}."
        ) from error
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path.name}:{error.lineno}: expected JSON, at column {error.colno}: {error.msg}.", "Is the file cut?"
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path.name}: expected strict JSON: {error}.") from error


def field(value: Any, name: str, kind: type, at: str) -> Any:
    """One field of an object.

    Args:
        value: the object, or whatever stands in its place.
        name: its key.
        kind: dict, list, str, int or bool.
        at: file and path of the object, for the message.

    Raises:
        DataError: no object, no such key, or a value of another kind.
    """
    expect(value, dict, at)
    if name not in value:
        raise DataError(f"{at}: expected the key {name!r}, got {', '.join(map(repr, list(value)[:9])) or 'none'}.")
    return expect(value[name], kind, f"{at}.{name}")


def expect(value: Any, kind: type, at: str) -> Any:
    """The value, if it is of this kind.

    Raises:
        DataError: it is not.
    """
    if type(value) is not kind:
        raise DataError(f"{at}: expected a JSON {_NAMES[kind]}, got a JSON {_NAMES[type(value)]}.")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"an object has the key {key[:60]!r} twice")
            seen.add(key)
    return table


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")
