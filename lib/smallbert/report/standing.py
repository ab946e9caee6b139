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
        elif why := _changed(edition, one.stem, record):
            left_out[one.stem] = why
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


def _changed(edition: Edition, stem: str, record: dict[str, Any]) -> str:
    """What is no longer as the finished run left it, such as by papermill alone, which keeps no record; or nothing."""
    executed = edition.executed / f"{stem}.ipynb"
    sums = {edition.base / name: checksum for name, checksum in record["outputs"].items()}
    if not any(holds(executed, checksum) for path, checksum in sums.items() if path.suffix == ".ipynb"):
        return "its executed notebook is gone or was changed"
    results = [path for path in sums if path.is_relative_to(edition.results) or path.is_relative_to(edition.figures)]
    lost = any(not holds(path, sums[path]) for path in results)
    return "its results were changed after its run" if lost else ""
