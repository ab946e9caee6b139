"""The words of the generated world: ``data/world``, read and checked so that a slip names its file and key."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from smallbert import paths
from smallbert.errors import DataError

LANGUAGES = ("en", "ko", "es", "de", "ru", "zh", "ar", "th")
SCRIPTS = ("latin", "cyrillic", "arabic", "han", "hangul", "thai")
# How many alternatives a kind or a frame needs at least, so that tellings vary.
_ALTERNATIVES = 2
_FRAMES = ("cause", "quote", "office", "home", "country", "closing", "aside")


@dataclass(frozen=True)
class Kind:
    """One kind of event: its topic, who can play its roles and what can cause or follow it."""

    name: str
    topic: str
    actor: tuple[str, ...]
    other: tuple[str, ...]
    things: tuple[str, ...]
    causes: tuple[str, ...]
    results: tuple[str, ...]


@dataclass(frozen=True)
class Inventory:
    """What exists, whatever the language.

    Attributes:
        organisations: organisation kind -> where its name comes from ("city", "brand" or "country").
        kinds: the kinds of events, in file order.
        purposes: purpose -> (action, tool), the common sense that no article states.
        names: part ("given", "family", "stem", "ending") -> script -> written forms, in file order.
        genders: the gender ("m" or "f") of each given name.
        countries: country codes.
    """

    organisations: Mapping[str, str]
    kinds: tuple[Kind, ...]
    purposes: Mapping[str, tuple[str, str]]
    names: Mapping[str, Mapping[str, tuple[str, ...]]]
    genders: tuple[str, ...]
    countries: tuple[str, ...]

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics, in file order."""
        return tuple(dict.fromkeys(kind.topic for kind in self.kinds))

    @property
    def things(self) -> tuple[str, ...]:
        """Everything an event can be about."""
        return tuple(dict.fromkeys(thing for kind in self.kinds for thing in kind.things))

    @property
    def tools(self) -> tuple[str, ...]:
        """The tools that the purposes need."""
        return tuple(dict.fromkeys(tool for _, tool in self.purposes.values()))


def folder() -> Path:
    """Where the lexicons lie: ``data/world``."""
    return paths.data() / "world"


@cache
def inventory(source: Path | None = None) -> Inventory:
    """Read ``world.toml`` and ``names.tsv``.

    Raises:
        DataError: a file is missing, is not TOML, or lacks a field.
    """
    source = source or folder()
    path = source / "world.toml"
    table = _toml(path)
    fields = {"topic", "actor", "other", "things", "causes", "results"}
    kinds = []
    for name, entry in _section(path, table, "kinds").items():
        _expect(path, f"kinds.{name}", entry, fields)
        lists = {field: tuple(entry[field]) for field in fields - {"topic"}}
        kinds.append(Kind(name=name, topic=entry["topic"], **lists))
    organisations = {name: entry["named"] for name, entry in _section(path, table, "organisations").items()}
    for kind in kinds:
        if unknown := {*kind.actor, *kind.other} - set(organisations):
            raise _slip(path, f"kinds.{kind.name}", "organisations listed in [organisations]", sorted(unknown))
    purposes = {name: (e["action"], e["tool"]) for name, e in _section(path, table, "tools").items()}
    names, genders = _names(source / "names.tsv")
    if not table.get("countries"):
        raise _slip(path, "countries", "a list of country codes", "nothing")
    return Inventory(organisations, tuple(kinds), purposes, names, genders, tuple(table["countries"]))


@cache
def language(code: str, source: Path | None = None) -> Mapping[str, Any]:
    """Read one language's file and check that it has words for everything in the inventory.

    Raises:
        DataError: the language has no file, or the file lacks a key, has one too many or too few alternatives.
    """
    source = source or folder()
    path = source / f"{code}.toml"
    table, world = _toml(path), inventory(source)
    for name in ("script", "person", "date", "months", "space"):
        if name not in table:
            raise _slip(path, name, "a value", "nothing")
    if table["script"] not in SCRIPTS:
        raise _slip(path, "script", f"one of {', '.join(SCRIPTS)}", table["script"])
    if len(table["months"]) != 12:
        raise _slip(path, "months", "12 names", len(table["months"]))
    wanted: dict[str, Iterable[str]] = {
        "country": world.countries,
        "org": world.organisations,
        "thing": world.things,
        "tool": world.tools,
        "kind": [kind.name for kind in world.kinds],
        "topic": world.topics,
        "scene": world.purposes,
        "frames": [*_FRAMES, "tool"],
        "forms": ("org", "thing", "country"),
    }
    for name, keys in wanted.items():
        _expect(path, name, _section(path, table, name), keys)
    _section(path, table, "quotes")
    for kind in world.kinds:
        words, at = table["kind"][kind.name], f"kind.{kind.name}"
        _expect(path, at, words, ("title", "lead", "cause", "result"))
        _expect(path, f"{at}.cause", words["cause"], kind.causes)
        _expect(path, f"{at}.result", words["result"], kind.results)
        for field in ("title", "lead"):
            _enough(path, f"{at}.{field}", words[field])
    for topic in world.topics:
        _expect(path, f"topic.{topic}", table["topic"][topic], ("detail", "quote"))
        _enough(path, f"topic.{topic}.detail", table["topic"][topic]["detail"])
    for frame in _FRAMES:
        _enough(path, f"frames.{frame}", table["frames"][frame])
    for group in ("org", "thing", "country"):
        for name, entry in table[group].items():
            forms = entry["name"] if group == "org" else entry
            count = len(table["forms"][group])
            if not isinstance(forms, str) and len(forms) != count:
                raise _slip(path, f"{group}.{name}", f"one form, or {count}", len(forms))
    return table


def _names(path: Path) -> tuple[dict[str, dict[str, tuple[str, ...]]], tuple[str, ...]]:
    with _open(path) as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    names: dict[str, dict[str, list[str]]] = {
        part: {script: [] for script in SCRIPTS} for part in ("given", "family", "stem", "ending")
    }
    genders = []
    for number, row in enumerate(rows, start=2):
        if row.get("part") not in names or any(not row.get(script) for script in SCRIPTS):
            raise _slip(path, f"line {number}", f"part, gender and {len(SCRIPTS)} scripts", list(row.values()))
        for script in SCRIPTS:
            names[row["part"]][script].append(row[script])
        if row["part"] == "given":
            genders.append(row["gender"])
    frozen = {part: {script: tuple(forms) for script, forms in table.items()} for part, table in names.items()}
    return frozen, tuple(genders)


def _open(path: Path):
    try:
        return path.open(encoding="utf-8", newline="")
    except OSError as error:
        raise DataError(
            f"Expected the world's lexicon {path}, could not open it: {error.strerror}.",
            "The languages written so far are " + ", ".join(LANGUAGES) + ".",
        ) from error


def _toml(path: Path) -> dict[str, Any]:
    with _open(path) as file:
        try:
            return tomllib.loads(file.read())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise DataError(f"{path} is not TOML in UTF-8: {error}.", "Correct the line it names.") from error


def _section(path: Path, table: Mapping[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(table.get(name), dict) or not table[name]:
        raise _slip(path, f"[{name}]", "a table with entries", table.get(name, "nothing"))
    return table[name]


def _expect(path: Path, at: str, entry: Mapping[str, Any], keys: Iterable[str]) -> None:
    keys = set(keys)
    if missing := sorted(keys - set(entry)):
        raise _slip(path, at, f"{', '.join(missing)}", "no such key")
    if extra := sorted(set(entry) - keys):
        raise _slip(path, at, f"only {', '.join(sorted(keys))}", f"also {', '.join(extra)}")


def _enough(path: Path, at: str, alternatives: Any) -> None:
    if not isinstance(alternatives, list) or len(alternatives) < _ALTERNATIVES:
        raise _slip(path, at, f"at least {_ALTERNATIVES} alternatives", alternatives)


def _slip(path: Path, at: str, expected: str, got: Any) -> DataError:
    return DataError(f"{path}: {at}: expected {expected}, got {got}.", "Correct the lexicon file.")
