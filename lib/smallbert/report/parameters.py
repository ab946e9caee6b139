"""Checks what a notebook is told against its model, before any kernel starts.

To add a notebook, write its class in :mod:`smallbert.report.settings`, enter it in ``MODELS`` there, and put what
:func:`cell` returns into the notebook's cell tagged ``parameters`` (a test compares the two).
"""

from __future__ import annotations

import ast
import difflib
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from smallbert.errors import MachineError, UsageError
from smallbert.report.settings import MODELS, Parameters
from smallbert.report.spelling import base_name, example, literal, type_name

ENVIRONMENT = "SMALLBERT_ENVIRONMENT"
"""Environment variable that tells a kernel which Python environment the runner uses."""


def model(notebook: str) -> type[Parameters]:
    """The parameter model of a notebook.

    Raises:
        UsageError: there is none of that name.
    """
    if notebook not in MODELS:
        raise UsageError(f"Notebook {notebook!r} has no parameter model.{suggestion(notebook, MODELS)}")
    return MODELS[notebook]


def check(notebook: str, values: Mapping[str, Any], where: str) -> Parameters:
    """The parameters of ``notebook`` with ``values`` in place of their defaults.

    Args:
        notebook: the notebook's stem.
        values: parameter name to value.
        where: where the values come from, for the message.

    Raises:
        UsageError: a name is unknown, or a value has the wrong type, lies outside its bounds or does not fit another.
    """
    check_names(notebook, values, where)
    fields = model(notebook).model_fields
    try:
        return model(notebook)(**values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        path = ".".join(str(part) for part in first["loc"])
        field = fields[name]
        expected = first["msg"].replace("Input should", "the value should")
        raise UsageError(
            f"{where}: {notebook}.{path}: {expected}, got {first['input']!r}.",
            f"{name} ({type_name(field)}): {field.description}. Write it as in -p {example(name, field)}.",
        ) from error


def check_names(notebook: str, names: Iterable[str], where: str) -> None:
    """Refuse names that are no parameters of ``notebook``.

    Raises:
        UsageError: with the nearest name there is.
    """
    fields = model(notebook).model_fields
    for name in names:
        if name not in fields:
            raise UsageError(f"{where}: {notebook} has no parameter {name!r}.{suggestion(name, fields)}")


def start(notebook: str, namespace: Mapping[str, Any]) -> Parameters:
    """First call of every notebook: its parameters, checked, whoever runs it (us, papermill, JupyterLab).

    Args:
        notebook: the notebook's stem.
        namespace: the notebook's variables, ``globals()``.

    Raises:
        UsageError: a parameter is unknown (one that plain papermill injected included) or has a wrong value.
        MachineError: the kernel runs in another environment than the runner.
    """
    expected = os.environ.get(ENVIRONMENT, sys.prefix)
    if expected != sys.prefix:
        raise MachineError(
            f"Expected a kernel of the environment {expected}, got one of {sys.prefix}.",
            "Remove the kernelspec that shadows this environment (`jupyter kernelspec list` shows it).",
        )
    names = [*model(notebook).model_fields, *_injected(namespace.get("In", ()))]
    values = {name: namespace[name] for name in names if name in namespace}
    checked = check(notebook, values, where="notebook")
    if "get_ipython" in namespace and model(notebook).workers:
        _warm_workers()
    return checked


def cell(notebook: str) -> str:
    """Source of the notebook's cell tagged ``parameters``: every default with its type and meaning.

    One line each, however long: that is what ``papermill --help-notebook`` reads.
    """
    lines = [
        f"{name}: {base_name(field)} = {literal(field.default)}  # {field.description}"
        for name, field in model(notebook).model_fields.items()
    ]
    return "\n".join(["# fmt: off", *lines])


def suggestion(name: str, known: Iterable[str]) -> str:
    """`` Did you mean 'seed'?`` for ``sedd``, or the known names where none is close."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f" Did you mean {close[0]!r}?" if close else f" Known: {', '.join(names)}."


def _warm_workers() -> None:
    """Let the server of workers import, while the first cells run, what this kernel has."""
    from smallbert.models import workers

    rooms = tuple(f"smallbert.{room}." for room in ("models", "compress", "knowledge", "studies"))
    workers.warm(name for name in sys.modules if name.startswith(rooms))


def _injected(history: Iterable[str]) -> list[str]:
    """Names assigned by the cell that papermill injects, which starts with the comment ``# Parameters``."""
    return [
        target.id
        for source in history
        if source.startswith("# Parameters\n")
        for statement in ast.parse(source).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    ]
