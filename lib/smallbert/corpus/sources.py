"""What one source name stands for: a file, a folder, a corpus description, or a hub data set."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from smallbert.corpus import columns, hub, readers
from smallbert.corpus.delimited import Quoting
from smallbert.corpus.readers import Table
from smallbert.errors import DataError, UsageError
from smallbert.storage import sha256_file

DESCRIPTION = ".toml"


@dataclass(frozen=True)
class Options:
    """How the files of one source are read.

    Args:
        columns: our column -> theirs; see :func:`smallbert.corpus.columns.resolve`.
        lang: the language of every row; wins over a column.
        lang_from_folder: the language is the name of the folder a file lies in.
        quoting: of CSV and TSV; see :func:`smallbert.corpus.delimited.read`.
    """

    columns: dict[str, str] = field(default_factory=dict)
    lang: str = ""
    lang_from_folder: bool = False
    quoting: Quoting = "auto"


@dataclass(frozen=True)
class Part:
    """One file, or one split of a hub data set.

    Args:
        name: path relative to the source, for row ids and messages.
        path: the file; None for a hub split.
        options: how it is read.
        split: the hub split.
        folder: the local folder that holds it, where it is one.
    """

    name: str
    path: Path | None
    options: Options
    split: Any = None
    folder: Path | None = None

    @property
    def lang(self) -> str:
        """The language of all its rows, or ``""``."""
        if self.options.lang_from_folder and self.path is not None:
            return absolute(self.path).parent.name
        return self.options.lang

    def open(self, longest_row: int) -> AbstractContextManager[Table]:
        """Open it; see :func:`smallbert.corpus.readers.open_table`."""
        if self.path is None:
            return hub.open_split(self.split)
        return readers.open_table(self.path, self.name, quoting=self.options.quoting, longest_row=longest_row)


def parts(source: str | Path, options: Options) -> list[Part]:
    """Every part of a source, in an order that depends on names only.

    Args:
        source: a file; a folder, searched through for files of known suffixes, hidden ones left out;
            a description (``corpus.toml``, tables ``[[source]]``: ``path`` relative to it, and any of
            ``columns``, ``lang``, ``lang_from_folder``, ``quoting``, as in :class:`Options`); or a
            hub data set (:func:`smallbert.corpus.hub.splits`).
        options: how to read it; a description brings its own.

    Raises:
        UsageError: an unknown key or mapping.
        DataError: nothing is there, nothing of a known format, or a description is broken or lists itself.
    """
    return _parts(source, options, ())


def _parts(source: str | Path, options: Options, above: tuple[Path, ...]) -> list[Part]:
    """The same, inside the descriptions ``above``."""
    columns.check(options.columns)
    if str(source).startswith(hub.PREFIX):
        return _hub(str(source), options)
    path = _existing(source)
    if _is_description(path):
        return list(_described(path, options, above))
    if path.is_file():
        return [Part(plain_name(path.name), path, options)]
    if hub.is_saved(path):
        return _hub(f"{hub.PREFIX}{path}", options)
    files = sorted(file for file in path.rglob("*") if _readable(file, path))
    if not files:
        raise DataError(f"Expected files ending in {', '.join(readers.SUFFIXES)} in {path}, found none.")
    return [Part(plain_name(file.relative_to(path).as_posix()), file, options) for file in files]


def files(source: str | Path) -> list[Path]:
    """Every file here that a source stands on: a description and what it lists, all that lies in a folder.

    Only descriptions are opened; a data set on the hub has no file here and is not asked for.

    Raises:
        UsageError, DataError: nothing is there, or a description is broken or lists itself.
    """
    return _files(source, ())


def _files(source: str | Path, above: tuple[Path, ...]) -> list[Path]:
    if str(source).startswith(hub.PREFIX):
        folder = hub.local(str(source))
        return _all(folder) if folder else []
    path = _existing(source)
    if not _is_description(path):
        return _all(path) if path.is_dir() else [path]
    with _naming(path):
        here = (*above, path.resolve())
        return [path, *(file for name, _ in _tables(path, above) for file in _files(_beside(path, name), here))]


def _existing(source: str | Path) -> Path:
    path = Path(source)
    if not os.path.exists(path):  # False, too, for a name that no file can have
        raise DataError(
            f"Expected a file or folder at {path}, which does not exist.",
            f"Name one that exists; a data set on the hub is written {hub.PREFIX}OWNER/NAME.",
        )
    return path


def absolute(path: Path) -> Path:
    """The path from the root on. A link keeps its name, for that is the user's word for a language or a format; only
    up to the last ``..`` are links followed, as the system does."""
    parts = path.absolute().parts
    fixed = 1 + max((place for place, part in enumerate(parts) if part == ".."), default=0)
    return Path(*parts[:fixed]).resolve().joinpath(*parts[fixed:])


def plain_name(path: str) -> str:
    """A file's name as rows and messages carry it: bytes that are no UTF-8 stand as ``\\xff``, each name its own."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _is_description(path: Path) -> bool:
    return path.suffix == DESCRIPTION and path.is_file()


def _all(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


def _hub(name: str, options: Options) -> list[Part]:
    return [Part(split, None, options, data, hub.local(name)) for split, data in hub.splits(name)]


def _readable(file: Path, folder: Path) -> bool:
    hidden = any(piece.startswith(".") for piece in file.relative_to(folder).parts)
    return not hidden and readers.kind(file) is not None and file.is_file()


def _described(path: Path, options: Options, above: tuple[Path, ...]) -> Iterator[Part]:
    if options != Options():
        raise UsageError(f"{path.name} brings its own columns, languages and quoting; write them there.")
    for name, given in _tables(path, above):
        with _naming(path):
            inner = _parts(_beside(path, name), given, (*above, path.resolve()))
        folder = _folder(name, path.parent)
        yield from (replace(part, name=(folder / part.name).as_posix()) for part in inner)


def _folder(name: str, base: Path) -> Path:
    """What stands before the names of a listed source's parts, so that no two sources have a part of one name."""
    if name.startswith(hub.PREFIX):
        # A folder here is known by its files' checksums, but not which of its configurations is read.
        whole = hub.local(name, base) is None or ":" in name.removeprefix(hub.PREFIX)
    else:
        whole = (base / name).is_dir()
    return Path(name) if whole else Path(name).parent


def _tables(path: Path, above: tuple[Path, ...]) -> Iterator[tuple[str, Options]]:
    """The sources a description lists, each with how it is read."""
    if path.resolve() in above:
        raise DataError(f"{path}: expected descriptions that list files, found one that lists itself.")
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: expected a readable description: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:  # also no UTF-8, numbers without end, brackets without end
        raise DataError(f"{path}: expected TOML: {error}.") from error
    sources = tables.get("source")
    if set(tables) != {"source"} or not isinstance(sources, list) or not sources:
        raise DataError(f"{path}: expected [[source]] tables and nothing else, found {', '.join(tables) or 'none'}.")
    allowed = {"columns": dict, "lang": str, "lang_from_folder": bool, "quoting": str}
    for table in sources:
        if not isinstance(table, dict):
            raise DataError(f"{path}: expected [[source]] tables and nothing else, found source = {table!r}.")
        given = dict(table)
        name = given.pop("path", None)
        wrong = [key for key, value in given.items() if not isinstance(value, allowed.get(key, ()))]
        mapped = given.get("columns")
        if isinstance(mapped, dict) and not all(isinstance(theirs, str) for theirs in mapped.values()):
            wrong.append("columns")
        if not isinstance(name, str) or wrong:
            raise UsageError(
                f"{path}: expected path and any of {', '.join(allowed)} in a [[source]], got "
                + (", ".join(f"{key} = {given[key]!r}" for key in wrong) or f"path = {name!r}")
            )
        yield name, Options(**given)


def _beside(description: Path, name: str) -> str | Path:
    """A listed source: files, folders and ``hub:FOLDER`` lie relative to the description."""
    return hub.located(name, description.parent) if name.startswith(hub.PREFIX) else description.parent / name


@contextmanager
def _naming(description: Path) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        raise DataError(f"{description}: {error.message}", error.hint) from error


def describe(found: list[Part]) -> list[dict[str, Any]]:
    """Name, size in bytes and sha256 of every file read, those of a local hub folder included; of a data
    set on the hub the split's name alone, since it is streamed.

    Raises:
        DataError: a file cannot be read.
    """
    read = [(part.name, part.path) for part in found]
    for folder in dict.fromkeys(part.folder for part in found if part.folder is not None):
        read += [(plain_name(file.relative_to(folder).as_posix()), file) for file in _all(folder)]
    # Two hub folders may hold files of one name, and a description may list one file twice.
    known = dict.fromkeys((name, path and path.resolve()) for name, path in read)
    in_order = sorted(known, key=lambda one: one[0])
    return [{"name": name} | ({} if path is None else _content(name, path)) for name, path in in_order]


def _content(name: str, path: Path) -> dict[str, Any]:
    try:
        return {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
    except OSError as error:
        raise DataError(f"{name}: expected a readable file: {error.strerror}.", "Check its permissions.") from error
