"""Executed notebooks and ``run.json`` into an edition's pages: offline, one file each, without scripts."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import jinja2
import nbformat
from markupsafe import Markup

from smallbert.errors import DataError, UsageError
from smallbert.paths import Edition
from smallbert.progress import duration
from smallbert.report.notebooks import Notebook
from smallbert.report.page import TEMPLATES, Content, content
from smallbert.report.parameters import Parameters
from smallbert.report.record import read_run, stage_values
from smallbert.report.sanitise import inline
from smallbert.storage import write_text

QUESTION = "How small can a multilingual BERT be made, and what does it cost?"


def render(edition: Edition, notebooks: list[Notebook]) -> Path:
    """Write the pages of every finished stage, the edition's first page, and the list of editions.

    The same executed notebooks and ``run.json`` give the same bytes.

    Returns:
        The edition's first page.

    Raises:
        UsageError: the edition has no finished stage.
        StageError: a page would be faulty: an error in a cell, an image without alt text, headings out of order.
    """
    try:
        run = read_run(edition)
    except DataError as error:
        raise UsageError(
            f"Edition {edition.name} has no finished page to render.", f"Run `smallbert run --edition {edition.name}`."
        ) from error
    pages = [_page(edition, notebook, run) for notebook in notebooks if notebook.stem in run["stages"]]
    shown = _run(run)
    for position, page in enumerate(pages):
        neighbours = {
            "previous": pages[position - 1] if position else None,
            "next": pages[position + 1] if position + 1 < len(pages) else None,
        }
        path = edition.report / f"{page['stem']}.html"
        _write(path, "page", page["description"], page=page, pages=pages, run=shown, **neighbours)
    first = edition.report / "index.html"
    _write(first, "edition", shown["standfirst"], pages=pages, run=shown, question=QUESTION)
    _render_editions(edition.base)
    return first


def _page(edition: Edition, notebook: Notebook, run: dict[str, Any]) -> dict[str, Any]:
    executed = edition.executed / f"{notebook.stem}.ipynb"
    if not executed.exists():
        raise UsageError(f"Expected the executed notebook {executed}.", f"Run `smallbert run --only {notebook.stem}`.")
    parts: Content = content(notebook.stem, nbformat.read(executed, as_version=4), notebook.read())
    values, stage = stage_values(edition, notebook.stem), run["stages"][notebook.stem]
    number, _, words = notebook.stem.partition("_")
    facts = [("Took", _took(stage)), ("Finished", _moment(stage["finished"])), *_facts(run)]
    if isinstance(stage["parameters"].get("seeds"), int):
        facts.insert(0, ("Repetitions", f"{stage['parameters']['seeds']}, from seed {stage['parameters']['seed']}"))
    return {
        **vars(parts),
        "plain_title": parts.plain_title,
        "number": int(number),
        "label": words.replace("_", " ").capitalize(),
        "answer": inline(values.get("answer", "")),
        "description": values.get("answer") or parts.plain_title,
        "parameters": _parameters(notebook.model, stage["parameters"]),
        "facts": facts,
        "seconds": duration(stage["seconds"]),
        "memory": _gib(stage["peak_memory_bytes"]),
    }


def _run(run: dict[str, Any]) -> dict[str, Any]:
    sources = [f"{name.capitalize()}: {_named(run.get(name))}. " for name in ("corpus", "encoder") if run.get(name)]
    return {
        "edition": run["edition"],
        "commit": run["commit"],
        "version": run["versions"]["smallbert"],
        "command": shlex.join(run["command"]),
        "standfirst": f"{''.join(sources)}Computed in {duration(run['seconds'])} on {_machine(run['machine'])}.",
        "facts": [("Took", duration(run["seconds"])), ("Finished", _moment(run["finished"])), *_facts(run)],
    }


def _facts(run: dict[str, Any]) -> list[tuple[str, str]]:
    """What every page's footer says about the edition."""
    state = {True: ", with changes since", False: "", None: ""}[run["modified"]]
    seeds = sorted({stage["parameters"]["seed"] for stage in run["stages"].values()})
    rows = [
        ("Corpus", _described(run.get("corpus"))),
        ("Encoder", _described(run.get("encoder"))),
        ("Profile", run["profile"]),
        ("Seed", ", ".join(map(str, seeds))),
        ("Code", f"commit {run['commit']}{state}" if run["commit"] else "not under version control"),
        ("Machine", _machine(run["machine"])),
        ("Versions", ", ".join(f"{name} {version}" for name, version in run["versions"].items())),
    ]
    return [(name, value) for name, value in rows if value]


def _parameters(model: type[Parameters], values: dict[str, Any]) -> list[tuple[str, Any, str]]:
    fields = model.model_fields
    return [(name, value, fields[name].description or "") for name, value in values.items() if name in fields]


def _machine(machine: dict[str, Any]) -> str:
    text = f"{machine['cores']} cores of {machine['processor']}, {machine['memory_gib']} GiB memory"
    return text if machine["device"] == "cpu" else f"{machine['device']}, {text}"


def _described(record: dict[str, Any] | None) -> str:
    """A corpus or encoder in one line: its name, then what was recorded of it, checksums shortened."""
    if not record:
        return ""
    rest = [
        f"{key.replace('_', ' ')} {value[:16] if 'sha256' in key or key == 'key' else value}"
        for key, value in record.items()
        if key != "name" and isinstance(value, str | int | float) and value != ""
    ]
    return "; ".join([_named(record), *rest])


def _named(record: dict[str, Any] | None) -> str:
    return str(record.get("name", "unnamed")) if record else ""


def _took(stage: dict[str, Any]) -> str:
    return f"{duration(stage['seconds'])}, peak memory {_gib(stage['peak_memory_bytes'])}"


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


def _moment(text: str) -> str:
    return text[:16].replace("T", " ") + " UTC"


def _render_editions(base: Path) -> None:
    """List the editions whose pages lie under ``base/report``."""
    shown = []
    for first in sorted((base / "report").glob("*/index.html")):
        try:
            shown.append(_run(read_run(Edition(first.parent.name, base))))
        except DataError:
            continue  # pages without results cannot say what they are
    _write(base / "report" / "index.html", "editions", QUESTION, editions=shown, question=QUESTION)


def _write(path: Path, template: str, description: str, **values: Any) -> None:
    html = _SITE.get_template(f"{template}.html.j2").render(description=description, **values)
    write_text(path, html)


def _site() -> jinja2.Environment:
    folder = TEMPLATES / "site"
    site = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    # Only HTML that has passed sanitise.clean is marked so.
    site.filters["trusted"] = Markup
    site.globals["css"] = Markup((folder / "style.css").read_text(encoding="utf-8"))
    return site


_SITE = _site()
