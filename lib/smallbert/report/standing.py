"""Which pages of an edition are current: finished, whole, and made from the last run of every page they need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smallbert.errors import DataError
from smallbert.paths import Edition
from smallbert.report.notebooks import Notebook
from smallbert.report.stages import record_path
from smallbert.storage import digest, holds, read_json


@dataclass(frozen=True)
class Standing:
    """What became of the pages that were begun on this machine.

    Args:
        records: of the pages that are current, by stem.
        left_out: of the others why they are not, such as ``its last run did not finish``.
    """

    records: Mapping[str, dict[str, Any]]
    left_out: Mapping[str, str]


def standing(edition: Edition, notebooks: list[Notebook]) -> Standing:
    """Hold every page's record to the last runs of the pages it needs, and to its executed copy.

    Args:
        edition: whose pages.
        notebooks: of the report, each after those it needs.
    """
    records: dict[str, dict[str, Any]] = {}
    left_out: dict[str, str] = {}
    begun: dict[str, dict[str, Any]] = {}
    moved: set[str] = set()
    for one in notebooks:
        if not record_path(edition, one.stem).exists():
            continue
        record = begun[one.stem] = _read(edition, one.stem)
        old = [need for need in one.model.needs if need in moved or _moved(record, need, begun.get(need, {}))]
        moved.update([one.stem] if old else [])  # and so are those that were made from this page
        if not record.get("finished"):
            left_out[one.stem] = "its last run did not finish"
        elif old:
            left_out[one.stem] = f"made from an earlier run of {', '.join(old)}"
        elif not _whole(edition, one.stem, record):
            left_out[one.stem] = "its executed notebook is gone or was changed"
        else:
            records[one.stem] = record
    return Standing(records, left_out)


def _read(edition: Edition, stem: str) -> dict[str, Any]:
    """The record of the last run, finished or not; empty where it is damaged."""
    try:
        record = read_json(record_path(edition, stem))
    except DataError:
        return {}
    return record if isinstance(record, dict) else {}


def _moved(record: dict[str, Any], need: str, needed: dict[str, Any]) -> bool:
    """Whether the needed page was begun anew, as something else, since the page of this record read it."""
    known = record.get("key", {}).get("inputs", {}).get(f"stage {need}")
    return bool(known and "key" in needed) and known != digest(needed["key"])


def _whole(edition: Edition, stem: str, record: dict[str, Any]) -> bool:
    """Whether the executed copy is the one that the finished run left."""
    executed = edition.executed / f"{stem}.ipynb"
    return any(holds(executed, checksum) for name, checksum in record["outputs"].items() if name.endswith(".ipynb"))
