"""Runs that can be compared: an edition's results with its figures, wherever they lie."""

from __future__ import annotations

import functools
import io
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from smallbert import paths
from smallbert.errors import DataError, UsageError
from smallbert.paths import Edition
from smallbert.report.record import read_run, stage_values
from smallbert.results import Results

_STAGE = {
    "profile": str,
    "parameters": dict,
    "commit": str | None,
    "modified": bool | None,
    "versions": dict,
    "machine": dict,
}
"""What is read of a page's record, and its type."""

_STEM = re.compile(r"\d+_[\w-]+")


class _Loose(Edition):
    """An edition whose results lie alone in a folder of any name; its figures may lie beside them."""

    @property
    def results(self) -> Path:
        return self.base

    @property
    def figures(self) -> Path:
        return self.base / "figures"


@dataclass(frozen=True)
class Run:
    """One edition's results, opened for reading.

    Args:
        called: what its user called it.
        edition: its folders.
        record: its ``run.json``.
    """

    called: str
    edition: Edition
    record: dict[str, Any]

    @property
    def name(self) -> str:
        """Name of the edition it was made as."""
        return self.record["edition"]

    @property
    def stages(self) -> dict[str, dict[str, Any]]:
        """What made each page, by its notebook's stem."""
        return self.record["stages"]

    def tables(self, stem: str) -> dict[str, pd.DataFrame]:
        """The tables of a page, by name."""
        results = Results(self.edition, stem)
        return {
            path.stem: _read(path, lambda path: results.table(path.stem))
            for path in sorted((self.edition.results / stem).glob("*.csv"))
        }

    def values(self, stem: str) -> dict[str, Any]:
        """What the page recorded for prose."""
        return stage_values(self.edition, stem)

    @property
    def has_figures(self) -> bool:
        """Whether figures lie with the results."""
        return any(self.edition.figures.glob("*.svg"))

    def figures(self, stem: str) -> dict[str, Path]:
        """The drawings (SVG) of a page, by name."""
        return {path.stem.partition("__")[2]: path for path in sorted(self.edition.figures.glob(f"{stem}__*.svg"))}

    def drawn(self, stem: str) -> dict[str, pd.DataFrame]:
        """The data behind the figures of a page, by the figure's name."""
        data = {name: path.with_suffix(".csv") for name, path in self.figures(stem).items()}
        # As results.py writes and reads: the code NA is a language, not a gap.
        read = functools.partial(pd.read_csv, keep_default_na=False, na_values=[""])
        return {name: _read(path, read) for name, path in data.items() if path.is_file()}


def page_number(stem: str) -> str:
    """``1`` for ``01_corpus_and_embeddings``."""
    return str(int(stem.partition("_")[0]))


def open_run(text: str) -> Run:
    """The run that ``text`` names: an edition, a folder of results, or what ``smallbert run --out`` was given.

    Raises:
        UsageError: nothing is called so, or the folder holds several editions.
        DataError: the folder is no run, or its ``run.json`` cannot be read by this version.
    """
    edition = paths.edition(text) if Path(text).name == text else None
    if edition and (edition.results / "run.json").is_file():
        return _open(text, edition)
    folder = Path(text).resolve()
    if not folder.is_dir():
        known = ", ".join(_editions(paths.edition("").base)) or "none"
        raise UsageError(
            f"Expected an edition or a folder of results, got {text!r}: there is neither.", f"Editions: {known}."
        )
    if (folder / "run.json").is_file():
        inside = (folder.parent.name, folder.parent.parent.name) == ("results", "data")
        return _open(text, Edition(folder.name, folder.parents[2]) if inside else _Loose(folder.name, folder))
    names = _editions(folder)
    if not names:
        raise DataError(
            f"{folder} is no run: expected run.json in it, or in data/results/EDITION under it.",
            "A run writes it when its first page is done: `smallbert run --out FOLDER`.",
        )
    if len(names) > 1:
        raise UsageError(
            f"{folder} holds several editions: {', '.join(names)}.", f"Name one: {folder}/data/results/{names[0]}."
        )
    return _open(text, Edition(names[0], folder))


def flat(value: Any, name: str = "") -> list[tuple[str, Any]]:
    """The leaves of nested dicts and lists with their places: ``choice.rate``, ``seeds[0]``."""
    if isinstance(value, dict):
        return [leaf for key, one in value.items() for leaf in flat(one, f"{name}.{key}" if name else str(key))]
    if isinstance(value, list):
        return [leaf for position, one in enumerate(value) for leaf in flat(one, f"{name}[{position}]")]
    return [(name, value)]


@contextmanager
def published(run: Run) -> Iterator[Run]:
    """The published edition of ``run``'s name: as committed, or as the project's folder holds it outside git.

    A rerun overwrites the project's folder, so that the commit alone still knows what was published. It is unpacked
    for the time of the ``with`` block.

    Raises:
        UsageError: no edition of that name is published, or ``run`` is itself all there is of it.
    """
    with tempfile.TemporaryDirectory() as folder:
        edition = Edition(run.name, paths.root())
        if _unpack_committed(run.name, Path(folder)):
            yield _open(f"published {run.name}", Edition(run.name, Path(folder)))
        elif not (edition.results / "run.json").is_file():
            known = ", ".join(_editions(paths.root())) or "none"
            raise UsageError(f"There is no published edition {run.name!r} to check against.", f"Published: {known}.")
        elif edition.results.resolve() == run.edition.results.resolve():
            raise UsageError(
                f"{run.called} was never committed, so there is no published copy to check it against.",
                "Compare two runs with `smallbert compare A B`, or run a published edition into another folder, "
                "`smallbert run --out FOLDER`, and check that.",
            )
        else:
            yield _open(f"published {run.name}", edition)


def _unpack_committed(name: str, folder: Path) -> bool:
    """Write the committed results and figures of edition ``name`` under ``folder``; False where there are none."""
    parts = [f"data/results/{name}", f"figures/{name}"]
    for wanted in (parts, parts[:1]):
        try:
            command = ["git", "-C", str(paths.root()), "archive", "--format=tar", "HEAD", *wanted]
            done = subprocess.run(command, capture_output=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return False
        if done.returncode == 0:
            with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
                archive.extractall(folder, filter="data")
            return True
    return False


def _editions(base: Path) -> list[str]:
    """Names of the editions whose results lie under ``base``."""
    return sorted(path.parent.name for path in base.glob("data/results/*/run.json"))


def _read(path: Path, read: Callable[[Path], pd.DataFrame]) -> pd.DataFrame:
    try:
        return read(path)
    except ValueError as error:  # pandas' own errors and broken UTF-8 are of this class
        raise DataError(f"{path} is no readable table: {error}.", "Run its page again.") from error


def _open(called: str, edition: Edition) -> Run:
    record = read_run(edition)
    if lacking := _lacking(record):
        raise DataError(
            f"{edition.results / 'run.json'} has no {lacking}: it was written by another version of smallbert, or is "
            "something else.",
            "Run the edition again with this version, or compare with the version that wrote it.",
        )
    return Run(called, edition, record)


def _lacking(record: Any) -> str:
    """The first thing a ``run.json`` does not have that is read here; empty where it is whole."""
    if not isinstance(record, dict) or Path(str(record.get("edition", ""))).name != record.get("edition"):
        return "edition"
    for name in ("versions", "stages"):
        if not isinstance(record.get(name), dict):
            return name
    for stem, stage in record["stages"].items():
        if not _STEM.fullmatch(stem):
            return f"stages called as notebooks are, but {stem!r}"
        for name, kind in _STAGE.items():
            if not isinstance(stage, dict) or not isinstance(stage.get(name, ...), kind):
                return f"stages.{stem}.{name}"
    return ""
