"""The commands that make a page again, exactly: by ``smallbert run``, by plain papermill, and its check."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from smallbert.report.settings import Parameters

FOLDER = "again"
"""Where a repetition is written, so that what is published stays."""


def commands(
    stem: str, model: type[Parameters], command: Sequence[str], parameters: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """What each command does, and the command, quoted for a shell.

    Args:
        stem: the page's notebook.
        model: its parameters; those that have their defaults are not spelt out.
        command: what made the page, from its ``run.json``; ``--only`` ends it where it was given.
        parameters: the page's, from there; folders are shortened, so files of one's own need their paths again.
    """
    end = command.index("--only") if "--only" in command else len(command)
    repeat = [*command[:end], "--only", stem, "--out", FOLDER]
    edition = str(parameters.get("edition", ""))
    return [
        ("Run this page, and what it stands on, into a folder of its own", shlex.join(repeat)),
        (
            f"Hold that to the edition {edition} as committed; pages not run again are named as missing",
            shlex.join(["smallbert", "check", FOLDER]),
        ),
        ("The notebook alone, by papermill, after the pages it reads", shlex.join(_papermill(stem, model, parameters))),
        ("The HTML only, from notebooks that have run", shlex.join(["smallbert", "render", "--edition", edition])),
    ]


def _papermill(stem: str, model: type[Parameters], parameters: Mapping[str, Any]) -> list[str]:
    """A parameter is YAML, of which JSON is a part; text is given raw, so that nothing in it is read as a number."""
    fields = model.model_fields
    words = ["papermill", f"notebooks/{stem}.ipynb", f"{stem}.ipynb"]
    for name, value in parameters.items():
        if name not in fields or value == fields[name].default:
            continue
        if isinstance(value, str):
            words += ["-r", name, value]
        else:
            words += ["-y", json.dumps({name: value}, ensure_ascii=False)]
    return words
