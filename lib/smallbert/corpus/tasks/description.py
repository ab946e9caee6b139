"""A description of tasks, ``tasks.toml``: which files hold them and how these are read.

    [[task]]
    name = "sentiment"            # how the report calls it
    kind = "sentence"             # sentence, pair, similarity, tagging, entities, questions or choice
    format = "table"              # see FORMATS
    train = "train.tsv"           # relative to this file
    development = "dev.tsv"       # without it, a part of train
    test = "test.tsv"
    lang = "ko"                   # of all examples
    columns = { text = "review" } # format table: ours -> the file's
    labels = { 0 = "negative", 1 = "positive" }

``whole = FILE`` in place of the three is one file to be cut into all of them, between articles, premises or texts.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from smallbert.corpus.tally import Tally
from smallbert.corpus.tasks import (
    character_bio,
    conllu,
    entailment,
    kobest,
    own,
    parts,
    reviews,
    similarity,
    squad,
    swag,
)
from smallbert.errors import DataError

FORMATS: dict[str, dict[str, Callable[..., Iterator[Any]]]] = {
    "sentence": {"table": partial(own.read, kind="sentence"), "reviews": reviews.read},
    "pair": {"table": partial(own.read, kind="pair"), "nli": entailment.read},
    "similarity": {"table": partial(own.read, kind="similarity"), "sts": similarity.read},
    "tagging": {"conllu": conllu.read},
    "entities": {"bio": character_bio.read},
    "questions": {"squad": squad.read},
    "choice": {"swag": swag.read, "kobest": kobest.read},
}
"""Kind of task -> format of its files -> their reader."""

_FILES = ("whole", *parts.PARTS)
_TEXTS = ("name", "kind", "format", "lang", *_FILES)
_TABLES = ("columns", "labels")

DEVELOPMENT_SHARE = 0.15
"""Of the training file, where none for development is named."""


@dataclass(frozen=True)
class Described:
    """One ``[[task]]``, checked as far as it can be without reading its files.

    Attributes:
        name, kind, format, lang: as written.
        files: path by part, or that of ``whole``.
        columns, labels: of the format table.
        where: ``file:line`` of the description.
    """

    name: str
    kind: str
    format: str
    files: Mapping[str, Path]
    where: str
    lang: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    def read(self, *, seed: int) -> tuple[dict[str, list[Any]], Tally]:
        """All examples by part, and the tally of all rows.

        Args:
            seed: of the cuts.

        Raises:
            DataError: a file cannot be read, holds too many bad rows or no example, or cannot be cut.
        """
        tallies = {name: Tally() for name in self.files}
        try:
            found = {name: self._examples(path, tallies[name]) for name, path in self.files.items()}
            if "whole" in found:
                found = parts.split(found["whole"], seed=seed)
            elif "development" not in found:
                share = DEVELOPMENT_SHARE
                cut = parts.split(found["train"], seed=seed, shares=(1 - share, share))
                found = {**cut, "test": found["test"]}
        except DataError as error:
            raise DataError(f"{self.where}: {error.message}", error.hint) from error
        total = Tally()
        for tally in tallies.values():
            total.rows += tally.rows
            total.counts += tally.counts
            total.examples += tally.examples
        return {name: found[name] for name in parts.PARTS}, total

    def _examples(self, path: Path, tally: Tally) -> list[Any]:
        more = {"columns": self.columns, "labels": self.labels} if self.format == "table" else {}
        examples = FORMATS[self.kind][self.format](path, report=tally, **more)
        return [replace(example, lang=self.lang) if self.lang else example for example in examples]


def load(path: str | Path) -> list[Described]:
    """The tasks that a file describes; none of their own files is opened.

    Raises:
        DataError: the file is missing or no TOML, or a task in it lacks something, has something unknown or names a
            file that does not exist; file and line are named.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
        document = tomllib.loads(text)
    except OSError as error:
        raise DataError(f"{path}: expected a readable description of tasks: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:  # also no UTF-8, numbers without end, brackets without end
        raise DataError(f"{path}: expected TOML in UTF-8: {error}.") from error
    tables = document.get("task")
    if set(document) != {"task"} or not isinstance(tables, list) or not tables:
        got = ", ".join(document) or "nothing"
        raise DataError(f"{path}: expected [[task]] tables and nothing else, got {got}.")
    lines = _Lines(path, text)
    found = [_described(table, number, lines) for number, table in enumerate(tables)]
    for number, one in enumerate(found):
        if one.name in {other.name for other in found[:number]}:
            raise DataError(f"{lines.of(number, 'name')}: expected a name of its own, got {one.name!r} again.")
    return found


def files(path: str | Path) -> list[Path]:
    """The description and every file it names.

    Raises:
        DataError: as :func:`load`.
    """
    return [Path(path), *sorted({file for task in load(path) for file in task.files.values()})]


def _described(table: Any, number: int, lines: _Lines) -> Described:
    if not isinstance(table, dict):
        raise DataError(f"{lines.of(number)}: expected a table [[task]], got {table!r}.")
    for key, value in table.items():
        if key in _TABLES:
            good = isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
        else:
            good = key in _TEXTS and isinstance(value, str) and bool(value.strip())
        if not good:
            raise DataError(
                f"{lines.of(number, key)}: expected any of {', '.join((*_TEXTS, *_TABLES))}, the last two as tables "
                f"of texts, the others as texts; got {key} = {value!r}."
            )
    for key, known in (("name", None), ("kind", FORMATS), ("format", FORMATS.get(table.get("kind", ""), ()))):
        if key not in table or (known is not None and table[key] not in known):
            wanted = f" of {', '.join(known)}" if known else ""
            raise DataError(f"{lines.of(number, key)}: expected a {key}{wanted}, got {table.get(key)!r}.")
    named = {key for key in _FILES if key in table}
    if named != {"whole"} and not {"train", "test"} <= named <= {"train", "development", "test"}:
        raise DataError(
            f"{lines.of(number)}: expected files for train and test and perhaps development, or whole alone; got "
            f"{', '.join(sorted(named)) or 'none'}."
        )
    _check_table(table, number, lines)
    files = {key: lines.path.parent / table[key] for key in _FILES if key in table}
    for key, file in files.items():
        if not os.path.isfile(file):  # False, too, for a name that no file can have
            raise DataError(f"{lines.of(number, key)}: expected a file at {file}, which does not exist.")
    given = {key: table[key] for key in ("name", "kind", "format", "lang", *_TABLES) if key in table}
    return Described(**given, files=files, where=lines.of(number))


def _check_table(table: Mapping[str, Any], number: int, lines: _Lines) -> None:
    """Columns and labels belong to the format table alone, and columns are its own."""
    for key in _TABLES:
        if key in table and table["format"] != "table":
            raise DataError(f"{lines.of(number, key)}: expected {key} with the format table only.")
    known = own.COLUMNS.get(table["kind"], ())
    unknown = [name for name in table.get("columns", {}) if name not in known]
    if unknown:
        raise DataError(
            f"{lines.of(number, 'columns')}: expected columns out of {', '.join(known)}, got {', '.join(unknown)}."
        )
    if "labels" in table and "label" not in known:
        raise DataError(f"{lines.of(number, 'labels')}: expected labels of classes, but {table['kind']} has none.")


class _Lines:
    """Where in a description something stands, which ``tomllib`` does not tell.

    Args:
        path: the description.
        text: what it holds.
    """

    def __init__(self, path: Path, text: str) -> None:
        self.path, self._lines = path, text.splitlines()
        self._heads = [n for n, line in enumerate(self._lines) if re.match(r"\s*\[\[\s*task\s*\]\]", line)]

    def of(self, number: int, key: str = "") -> str:
        """``file:line`` of a key of a task, or of its head where the key is not found."""
        if number >= len(self._heads):
            return str(self.path)  # task = [{...}], which has no heads
        first, last = (*self._heads, len(self._lines))[number : number + 2]
        here = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]")
        place = next((n for n in range(first + 1, last) if key and here.match(self._lines[n])), first)
        return f"{self.path}:{place + 1}"
