"""Named settings of a whole report, and single settings from the command line, made into checked parameters."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from smallbert import paths
from smallbert.corpus import hub, sources
from smallbert.errors import UsageError
from smallbert.report.parameters import MODELS, Parameters, check, check_names, model, suggestion
from smallbert.report.spelling import example, type_name

Values = dict[str, dict[str, Any]]
"""Parameter values by notebook stem; :data:`EVERY` holds those for each notebook that has them."""

EVERY = "all"
_FACTS = {"description": str, "minutes": int, "machine": str}
_REQUIRES = "requires"
_JOBS = "jobs"


@dataclass(frozen=True)
class Profile:
    """Settings for one purpose.

    Args:
        name: its name, also the default name of the edition.
        description: what it is for.
        minutes: about how long a whole run takes from an empty cache: an estimate where nobody has timed one.
        machine: the kind of machine that is meant.
        values: what it changes.
        requires: parameters that it leaves to its user; see :func:`require`.
        jobs: notebooks at a time; more than one only where no time that is measured shall mean anything.
    """

    name: str
    description: str
    minutes: int
    machine: str
    values: Values = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    jobs: int = 1


def load(path: Path | None = None) -> dict[str, Profile]:
    """Read ``data/profiles.toml``, in its order.

    Raises:
        UsageError: the file is missing, is no TOML, or holds a key that is not expected.
    """
    path = path or paths.data() / "profiles.toml"
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"Expected the profiles in {path}, which does not exist.") from error
    except (ValueError, RecursionError) as error:  # also no UTF-8, numbers without end, brackets without end
        raise UsageError(f"{path} is no readable TOML: {error}.") from error
    return {name: _profile(name, table, path) for name, table in tables.items()}


def choose(name: str) -> Profile:
    """The profile called ``name``.

    Raises:
        UsageError: there is none.
    """
    profiles = load()
    if name not in profiles:
        raise UsageError(f"There is no profile {name!r}.{suggestion(name, profiles)}")
    return profiles[name]


def resolve(
    profile: Profile, notebooks: Iterable[str], settings: Iterable[str] = (), *, edition: str | None = None
) -> dict[str, Parameters]:
    """The parameters of each notebook: defaults, then the profile, then single settings.

    Args:
        profile: named settings.
        notebooks: stems, in order.
        settings: ``NAME=VALUE`` for every notebook that has NAME, ``STEM.NAME=VALUE`` for one. VALUE is JSON,
            or plain text where the parameter is text.
        edition: the edition's name, the profile's name where it is None.

    Raises:
        UsageError: a name is unknown, a value has a wrong type or bound, a named file does not exist.
    """
    stems = list(notebooks)
    result = {stem: {"edition": edition or profile.name} for stem in stems}
    source = f"data/profiles.toml, profile {profile.name}"
    _add(result, profile.values, source)
    for stem, values in result.items():
        check(stem, values, source)
        values.update(_places(stem, values, paths.root()))
    asked = _parse(settings, stems)
    _add(result, asked, "-p")
    for stem, values in result.items():
        mine = {name: values[name] for table in (EVERY, stem) for name in asked.get(table, {}) if name in values}
        values.update(_places(stem, mine, Path.cwd()))
    _follow(result)
    return {stem: check(stem, values, "-p") for stem, values in result.items()}


def _follow(result: Values) -> None:
    """Let every page that asks for the encoder of page 1 have it under the name that page 1 was given."""
    first = _given(_FIRST, "encoder", result.get(_FIRST, {}))
    for stem, values in result.items():
        for name in _ENCODERS if stem != _FIRST else ():
            if name in model(stem).model_fields and _given(stem, name, values) == _OF_PAGE_1:
                values[name] = first


def _given(stem: str, name: str, values: Mapping[str, Any]) -> Any:
    return values.get(name, model(stem).model_fields[name].default)


def require(profile: Profile, settings: Iterable[str]) -> None:
    """Refuse a run whose settings leave out what the profile leaves to its user.

    Raises:
        UsageError: with the flag that is missing.
    """
    given = {setting.partition("=")[0].rpartition(".")[2] for setting in settings}
    for name in profile.requires:
        if name not in given:
            meaning = next(fields[name].description for fields in _all_fields() if name in fields)
            raise UsageError(
                f"Profile {profile.name} needs -p {name}=..., which was not given.",
                f"{name} is {meaning}: smallbert run --profile {profile.name} -p {name}=...",
            )


def _all_fields() -> list[Mapping[str, Any]]:
    return [one.model_fields for one in MODELS.values()]


def _profile(name: str, table: Any, path: Path) -> Profile:
    where = f"{path}, profile {name}"
    if not isinstance(table, dict):
        raise UsageError(f"{where}: expected a table, got {table!r}.")
    for key, kind in _FACTS.items():
        if not isinstance(table.get(key), kind):
            raise UsageError(f"{where}: expected {key} ({kind.__name__}), got {table.get(key)!r}.")
    requires = table.get(_REQUIRES, [])
    known = {parameter for fields in _all_fields() for parameter in fields}
    if not isinstance(requires, list) or not known.issuperset(requires):
        raise UsageError(f"{where}: expected {_REQUIRES} to list parameters, got {requires!r}.")
    jobs = table.get(_JOBS, 1)
    if not isinstance(jobs, int) or isinstance(jobs, bool) or jobs < 1:
        raise UsageError(f"{where}: expected {_JOBS} of at least 1, got {jobs!r}.")
    own = (*_FACTS, _REQUIRES, _JOBS)
    values = {key: value for key, value in table.items() if key not in own}
    for key, value in values.items():
        if not isinstance(value, dict):
            raise UsageError(f"{where}: unknown key {key!r}.{suggestion(key, own)}")
        if "edition" in value:  # results of one name in the folders of another
            raise UsageError(f"{where}, {key}: the edition is no setting of a profile.", "Use --edition.")
    return Profile(name, **{key: table[key] for key in _FACTS}, values=values, requires=tuple(requires), jobs=jobs)


def _add(result: Values, values: Mapping[str, Mapping[str, Any]], where: str) -> None:
    """Lay ``values`` over ``result``; tables of notebooks that are not in this run are left out."""
    for name, value in values.get(EVERY, {}).items():
        having = [stem for stem in result if name in model(stem).model_fields]
        if not having:
            known = sorted({one for stem in result for one in model(stem).model_fields})
            raise UsageError(f"{where}: no notebook has a parameter {name!r}.{suggestion(name, known)}")
        for stem in having:
            result[stem][name] = value
    for stem, table in values.items():
        if stem != EVERY:
            check_names(stem, table, where)  # values are judged together with those of the other layers
            result.get(stem, {}).update(table)


def _parse(settings: Iterable[str], stems: list[str]) -> Values:
    asked: Values = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise UsageError(f"-p: expected NAME=VALUE, got {setting!r}.")
        stem, dot, short = name.rpartition(".")
        if dot and stem not in stems:
            raise UsageError(f"-p: there is no notebook {stem!r}.{suggestion(stem, stems)}")
        if short == "edition":  # results of one name in the folders of another
            raise UsageError(
                f"-p: expected a parameter other than the edition, got {setting!r}.", f"Use --edition {text}."
            )
        table = asked.setdefault(stem or EVERY, {})
        table[short] = _value(short, text, [stem] if dot else stems)
    return asked


def _value(name: str, text: str, stems: list[str]) -> Any:
    """``text`` as the parameter's type asks: kept where that is text, else JSON."""
    having = [stem for stem in stems if name in model(stem).model_fields]
    if not having:
        return text  # the unknown name is reported where all names are known
    field = model(having[0]).model_fields[name]
    try:
        return _readable(text, field)
    except (ValueError, RecursionError) as error:  # also numbers without end, brackets without end, no UTF-8
        raise UsageError(
            f"-p {name}: expected {type_name(field)}, got {text!r}.", f"Write it as in -p {example(name, field)}."
        ) from error


def _readable(text: str, field: FieldInfo) -> Any:
    """A parameter's text as its type asks, if UTF-8 can write it."""
    if field.annotation is str or "|" in type_name(field):
        text.encode()
        return text
    value = json.loads(text)
    json.dumps(value, ensure_ascii=False).encode()
    return value


def _places(stem: str, values: Mapping[str, Any], base: Path) -> dict[str, str]:
    """Absolute paths for parameters that name a file or folder relative to ``base``."""
    found = {}
    for name, words in model(stem).places.items():
        value = values.get(name)
        if not isinstance(value, str) or value in words:
            continue
        if value.startswith(hub.PREFIX):
            found[name] = hub.located(value, base)
            continue
        path = base / os.path.expanduser(value)
        if os.path.exists(path):  # False, too, for a name that no file can have
            found[name] = str(sources.absolute(path))
        elif value.startswith((".", "/", "~")) or name not in _BARE_HUB_IDS:
            raise UsageError(
                f"{stem}.{name}: there is no file or folder {path}.",
                f"{name} is {model(stem).model_fields[name].description}.",
            )
    return found


_FIRST = "01_corpus_and_embeddings"
_ENCODERS = ("encoder", "teacher", "reader")
_OF_PAGE_1 = "pretrain"
"""What these parameters say for the encoder of page 1; to page 1 itself it says: pretrain one."""

_BARE_HUB_IDS = (*_ENCODERS, "peer")
"""Parameters whose hub ids have no ``hub:`` before them, so that any other word may be one."""
