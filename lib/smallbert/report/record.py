"""``run.json``: how an edition was made, from the records of its stages."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from smallbert.corpus import hub
from smallbert.errors import DataError, UsageError
from smallbert.paths import Edition
from smallbert.report.notebooks import Notebook
from smallbert.report.stages import read_record
from smallbert.report.standing import standing
from smallbert.results import Results
from smallbert.storage import read_json, write_json

_MADE = ("commit", "modified", "versions", "machine")
_STAGE = ("profile", "parameters", "started", "finished", "seconds", "peak_memory_bytes", *_MADE)


def require_records(edition: Edition, notebooks: list[Notebook], stems: Iterable[str]) -> None:
    """Refuse a run of some pages that would leave an edition made elsewhere without the record of its others.

    Args:
        edition: perhaps as it was committed.
        notebooks: of the report.
        stems: the pages that are about to run or to be kept.

    Raises:
        UsageError: ``run.json`` tells of pages that neither this machine has made nor this run makes.
    """
    try:
        known = read_run(edition)["stages"]
    except DataError:
        return
    made = {one.stem for one in notebooks if read_record(edition, one.stem)}
    if lost := sorted(set(known) - made - set(stems)):
        raise UsageError(
            f"Edition {edition.name} has {len(known)} pages here, of which this machine has not made {len(lost)} "
            f"({', '.join(lost)}): a run of some pages would drop the record of those from its run.json.",
            "Name another edition (--edition mine) or another folder (--out FOLDER), or run all pages.",
        )


def write_run(edition: Edition, notebooks: list[Notebook]) -> None:
    """Write the edition's ``run.json`` from all its current stages; nothing where there is none.

    A stage is current where it has finished, and has not been overtaken by another run of a stage that it needs: see
    :func:`smallbert.report.standing.standing`.

    It holds ``edition``; ``profile``, ``command``, ``commit``, ``modified``, ``versions`` and ``machine`` of the
    stage that finished last; ``started``, ``finished``, ``seconds`` (sum over stages); ``corpus`` and ``encoder``
    as the notebooks recorded them, checksums included; and ``stages``, each with what made that stage, since they
    may have run on different days, machines and commits, and by different commands. No folder of this machine is named.
    """
    records = standing(edition, notebooks).records
    if not records:
        return
    last = max(records.values(), key=lambda record: record["finished"])
    run: dict[str, Any] = {
        "edition": edition.name,
        "profile": last["profile"],
        "command": _portable_command(last),
        "started": min(record["started"] for record in records.values()),
        "finished": last["finished"],
        "seconds": round(sum(record["seconds"] for record in records.values()), 1),
        **{name: last[name] for name in _MADE},
        **inputs(edition, [one.stem for one in notebooks]),
        "stages": {stem: _stage(record) for stem, record in records.items()},
    }
    write_json(edition.results / "run.json", run)


def _stage(record: dict[str, Any]) -> dict[str, Any]:
    parameters = {name: _portable(value) for name, value in record["parameters"].items()}
    return {**{name: record[name] for name in _STAGE}, "command": _portable_command(record), "parameters": parameters}


def _portable_command(record: dict[str, Any]) -> list[str]:
    return [_portable_argument(argument) for argument in record["command"]]


def _portable(value: Any) -> Any:
    """``value`` without the folders of this machine: ``/home/me/news.csv`` becomes ``news.csv``."""
    if isinstance(value, str) and value.startswith(hub.PREFIX + "/"):
        return hub.PREFIX + Path(value).name
    return Path(value).name if isinstance(value, str) and value.startswith("/") else value


def _portable_argument(argument: str) -> str:
    """The same for the value of ``NAME=VALUE``."""
    name, equals, value = argument.partition("=")
    return f"{name}{equals}{_portable(value)}" if equals else _portable(argument)


def inputs(edition: Edition, stems: list[str]) -> dict[str, Any]:
    """``corpus`` and ``encoder`` as the first stage that recorded them tells."""
    found: dict[str, Any] = {}
    for stem in stems:
        values = stage_values(edition, stem)
        for name in ("corpus", "encoder"):
            if isinstance(values.get(name), dict):
                found.setdefault(name, values[name])
    return found


def stage_values(edition: Edition, stem: str) -> dict[str, Any]:
    """What a stage recorded for prose; empty where it recorded nothing."""
    try:
        return Results(edition, stem).values()
    except DataError:
        return {}


def read_run(edition: Edition) -> dict[str, Any]:
    """The edition's ``run.json``.

    Raises:
        DataError: there is none.
    """
    return read_json(edition.results / "run.json")
