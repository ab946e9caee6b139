"""A stage: one notebook with its parameters. What it must leave behind, and whether it has to run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import smallbert
from smallbert import paths
from smallbert.errors import DataError
from smallbert.paths import Edition
from smallbert.report.keys import Key, reasons, stage_key
from smallbert.report.notebooks import Notebook
from smallbert.report.settings import Parameters
from smallbert.results import Results
from smallbert.storage import read_json, sha256_file

_FOLDERS = ("store", "prepared", "pretrained")
"""Values of a stage that name a folder in the cache, or nothing."""


@dataclass(frozen=True)
class Stage:
    """One notebook of one edition.

    Args:
        notebook: what to execute.
        parameters: with which parameters.
        edition: where to.
        key: everything its outputs depend on.
        reasons: why it has to run; empty where its outputs are up to date.
    """

    notebook: Notebook
    parameters: Parameters
    edition: Edition
    key: Key
    reasons: tuple[str, ...]

    @property
    def stem(self) -> str:
        """Name of the notebook and of the stage."""
        return self.notebook.stem

    @property
    def executed(self) -> Path:
        """The executed copy of the notebook."""
        return self.edition.executed / f"{self.stem}.ipynb"

    @property
    def log(self) -> Path:
        """What the notebook wrote to standard error."""
        return self.edition.executed / f"{self.stem}.log"

    @property
    def record(self) -> Path:
        """How the stage ended: key, times, checksums of outputs."""
        return record_path(self.edition, self.stem)

    @property
    def values(self) -> Path:
        """What the notebook recorded for prose."""
        return self.edition.results / self.stem / "values.json"

    def expected(self) -> list[Path]:
        """Files that must be there after the stage: declared figures and tables, and its values."""
        figures = [(name, suffix) for name in self.parameters.figures for suffix in (".svg", ".png", ".csv")]
        tables = [(name, suffix) for name in self.parameters.tables for suffix in (".html", ".csv")]
        return [
            self.values,
            *(self.edition.figures / f"{self.stem}__{name}{suffix}" for name, suffix in figures + tables),
        ]

    def written(self) -> list[Path]:
        """Results, figures and tables of the stage that are there now, those of earlier runs included."""
        results, figures = self.edition.results / self.stem, self.edition.figures
        return sorted(path for path in (*results.glob("*"), *figures.glob(f"{self.stem}__*")) if path.is_file())

    def outputs(self) -> dict[str, str]:
        """Checksums of all the stage wrote, by path under the edition's base (the executed copy: absolute)."""
        sums = {path.relative_to(self.edition.base).as_posix(): sha256_file(path) for path in self.written()}
        return {**sums, str(self.executed): sha256_file(self.executed)}


def plan(
    edition: Edition,
    notebooks: list[Notebook],
    parameters: dict[str, Parameters],
    *,
    only: str | None = None,
    force: bool = False,
    library: Path | None = None,
) -> list[Stage]:
    """The stages of a run in order, each with the reasons it must run for.

    Args:
        edition: where outputs go.
        notebooks: all of the report's notebooks, in order.
        parameters: of each notebook, by stem.
        only: stem of the one notebook wanted; what it needs comes along, and runs if it is out of date.
        force: run (only the wanted notebook, where one is named) even if up to date.
        library: folder of the package whose sources count.
    """
    library = library or Path(smallbert.__file__).parent
    wanted = [one for one in notebooks if only is None or one.stem in _closure(only, notebooks)]
    keys: dict[str, Key] = {}
    stages = []
    for notebook in wanted:
        needs = {stem: keys[stem] for stem in notebook.model.needs}
        key = keys[notebook.stem] = stage_key(notebook, parameters[notebook.stem], needs, library)
        forced = force and only in (None, notebook.stem)
        why = ["forced"] if forced else _why(edition, notebook.stem, key)
        stages.append(Stage(notebook, parameters[notebook.stem], edition, key, tuple(why)))
    return stages


def record_path(edition: Edition, stem: str) -> Path:
    """Where the record of a stage lies."""
    return edition.executed / f"{stem}.json"


def read_record(edition: Edition, stem: str) -> dict[str, Any] | None:
    """The record of a finished stage; None where it never finished or the record is damaged."""
    try:
        record = read_json(record_path(edition, stem))
    except DataError:
        return None
    return record if isinstance(record, dict) and record.get("finished") else None


def _closure(stem: str, notebooks: list[Notebook]) -> set[str]:
    """``stem`` and everything it needs."""
    needs = {one.stem: one.model.needs for one in notebooks}
    return {stem}.union(*(_closure(need, notebooks) for need in needs[stem]))


def _why(edition: Edition, stem: str, key: Key) -> list[str]:
    record = read_record(edition, stem)
    if record is None:
        return ["did not finish last time" if record_path(edition, stem).exists() else "new"]
    found = reasons(record["key"], key)
    for name, checksum in record["outputs"].items():
        path = edition.base / name
        if not path.exists():
            found.append(f"missing {name}")
        elif sha256_file(path) != checksum:
            found.append(f"{name} was changed after it was written")
    return found + _missing_folders(edition, stem)


def _missing_folders(edition: Edition, stem: str) -> list[str]:
    """What the stage left in the cache for the stages that need it, where somebody has deleted it."""
    try:
        values = Results(edition, stem).values()
    except DataError:
        return []  # values that are gone or damaged are a reason of their own
    cache = paths.cache(edition.base)
    folders = [values[name] for name in _FOLDERS if values.get(name)]
    return [f"missing {folder} in the cache" for folder in folders if not (cache / folder).is_dir()]
