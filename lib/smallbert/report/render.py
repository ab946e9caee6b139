"""Executed notebooks and ``run.json`` into an edition's pages: offline, one file each, without scripts."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import nbformat
from markupsafe import Markup

from smallbert.errors import DataError, UsageError
from smallbert.paths import Edition
from smallbert.progress import duration
from smallbert.report.front import matter
from smallbert.report.front.regenerate import commands
from smallbert.report.inputs import described, named
from smallbert.report.notebooks import Notebook
from smallbert.report.page import TEMPLATES, Content, content
from smallbert.report.record import read_run, stage_values
from smallbert.report.sanitise import inline
from smallbert.report.settings import Parameters
from smallbert.report.standing import standing
from smallbert.storage import write_text

QUESTION = "How small can a multilingual BERT be made, and what does it cost?"
SMOKE = "smoke"
NAMES = {"albert": "ALBERT"}
"""Words of file names that are names, as they are written."""


def render(edition: Edition, notebooks: list[Notebook], contents: Mapping[str, Content] | None = None) -> Path:
    """Write the pages of every current stage, the edition's first page, and the list of editions.

    A stage that was begun anew and did not finish, or whose executed copy was changed, is left out, as are those that
    :func:`smallbert.report.standing.standing` finds out of date.

    The same executed notebooks and ``run.json`` give the same bytes.

    Args:
        edition: which edition.
        notebooks: all of the report's notebooks, in order.
        contents: by stem, what :func:`prepared` gave already.

    Returns:
        The edition's first page.

    Raises:
        UsageError: the edition has no such stage.
        StageError: a page would be faulty: an error in a cell, an image without alt text, headings out of order.
    """
    run = _current(edition, notebooks)
    if not run["stages"]:
        raise UsageError(
            f"Edition {edition.name} has no finished page to render.", f"Run `smallbert run --edition {edition.name}`."
        )
    known = contents or {}
    pages = [
        _page(edition, notebook, run, known.get(notebook.stem) or prepared(edition, notebook))
        for notebook in notebooks
        if notebook.stem in run["stages"]
    ]
    shown, titles = _run(run), matter.titles(notebooks)
    front = matter.Matter.of(edition, run, pages, titles)
    for position, page in enumerate(pages):
        neighbours = {
            "previous": pages[position - 1] if position else None,
            "next": pages[position + 1] if position + 1 < len(pages) else None,
        }
        path = edition.report / f"{page['stem']}.html"
        around = neighbours | {"glossary": bool(front.terms), "short": front.short(page["stem"])}
        _write(path, "page", page["description"], page=page, pages=pages, run=shown | page["made"], **around)
    for one in front.documents(shown, QUESTION):
        _write(edition.report / one.name, one.template, one.description, **one.values)
    _render_editions(edition.base, notebooks)
    return edition.report / "index.html"


def _current(edition: Edition, notebooks: list[Notebook]) -> dict[str, Any]:
    """The edition's ``run.json`` with the stages alone whose pages can be shown."""
    try:
        run = read_run(edition)
    except DataError:
        run = {"stages": {}}
    left_out = standing(edition, notebooks).left_out
    return run | {"stages": {stem: stage for stem, stage in run["stages"].items() if stem not in left_out}}


def prepared(edition: Edition, notebook: Notebook) -> Content:
    """What of a page stands in its executed notebook: most of the work of rendering it.

    Raises:
        UsageError: there is no executed notebook.
        StageError: as of :func:`render`.
    """
    executed = edition.executed / f"{notebook.stem}.ipynb"
    if not executed.exists():
        raise UsageError(f"Expected the executed notebook {executed}.", f"Run `smallbert run --only {notebook.stem}`.")
    return content(notebook.stem, nbformat.read(executed, as_version=4), notebook.read())


def _page(edition: Edition, notebook: Notebook, run: dict[str, Any], parts: Content) -> dict[str, Any]:
    values, stage = stage_values(edition, notebook.stem), run["stages"][notebook.stem]
    made = _cited([run | stage])
    number = notebook.stem.partition("_")[0]
    facts = [("Last run took", _took(stage)), ("Finished", _moment(stage["finished"])), *_facts(run | stage)]
    seeds = stage["parameters"].get("seeds")
    if isinstance(seeds, int):
        used = _seeds(values.get("seeds", range(seeds)))
        facts.insert(0, ("Repetitions", f"{seeds}, {used}{_more_seeds(stage['parameters'], seeds)}"))
    return {
        **vars(parts),
        "plain_title": parts.plain_title,
        "number": int(number),
        "label": label(notebook.stem),
        "answer": inline(values.get("answer", "")),
        "description": values.get("answer") or parts.plain_title,
        "parameters": _parameters(notebook.model, stage["parameters"]),
        "commands": commands(notebook.stem, notebook.model, (run | stage)["command"], stage["parameters"]),
        "repetitions": seeds if isinstance(seeds, int) else None,
        "facts": facts,
        "made": made,
        "seconds": duration(stage["seconds"]),
        "memory": _gib(stage["peak_memory_bytes"]),
    }


def _seeds(used: Sequence[int]) -> str:
    """Seeds as a page recorded them: ``seeds 100 to 102``, or one by one where they do not follow each other."""
    if list(used) == list(range(used[0], used[-1] + 1)) and len(used) > 1:
        return f"seeds {used[0]} to {used[-1]}"
    return f"seeds {', '.join(map(str, used))}"


def _more_seeds(parameters: dict[str, Any], seeds: int) -> str:
    """What is repeated another number of times than the rest of its page."""
    others = {name.removesuffix("_seeds"): value for name, value in parameters.items() if name.endswith("_seeds")}
    return "".join(f"; {name}: {value}" for name, value in others.items() if value != seeds)


def label(stem: str) -> str:
    """A page's name in navigation: ``02_autoencoder_depth`` is Autoencoder depth, ``04_albert`` is ALBERT."""
    words = stem.partition("_")[2].split("_")
    written = " ".join(NAMES.get(word, word) for word in words)
    return written[:1].upper() + written[1:]


def _run(run: dict[str, Any]) -> dict[str, Any]:
    stages = _stages(run)
    sources = [f"{name.capitalize()}: {named(run[name])}. " for name in ("corpus", "encoder") if run.get(name)]
    machines = " and ".join(_distinct(_machine(stage) for stage in stages.values()))
    return {
        "edition": run["edition"],
        "command": "\n".join(_commands(stages)),
        "standfirst": f"{''.join(sources)}Computed on {machines}; the last run, which keeps what earlier ones did, "
        f"took {duration(run['seconds'])}.",
        "facts": [
            ("Last run took", duration(run["seconds"])),
            ("Finished", _moment(run["finished"])),
            *_shared_facts(stages),
        ],
        **_cited(stages.values()),
    }


def _commands(stages: dict[str, dict[str, Any]]) -> list[str]:
    """What made the stages, in the order in which it did."""
    in_time = sorted(stages.values(), key=lambda stage: stage["finished"])
    return _distinct(shlex.join(stage["command"]) for stage in in_time)


def _stages(run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Each stage's record over the edition's, which holds the corpus and the encoder."""
    return {stem: run | stage for stem, stage in run["stages"].items()}


def _cited(stages: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Commit and version as a citation names them."""
    stages = list(stages)
    return {
        "commit": ", ".join(_distinct(stage["commit"] or "" for stage in stages)),
        "version": ", ".join(_distinct(stage["versions"]["smallbert"] for stage in stages)),
    }


def _shared_facts(stages: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """What the edition's page says of all pages: one value where they agree, else each value with its pages."""
    found: dict[str, dict[str, list[str]]] = {}
    for stem, stage in stages.items():
        for name, value in _facts(stage):
            found.setdefault(name, {}).setdefault(value, []).append(str(int(stem.partition("_")[0])))
    facts = []
    for name, values in found.items():
        told = [f"{value} (page{'s' if len(pages) > 1 else ''} {', '.join(pages)})" for value, pages in values.items()]
        facts.append((name, "; ".join(told if len(values) > 1 else values)))
    return facts


def _facts(stage: dict[str, Any]) -> list[tuple[str, str]]:
    """What a page's footer says of its own making."""
    state = {True: ", with changes since", False: "", None: ""}[stage["modified"]]
    rows = [
        ("Corpus", described(stage.get("corpus"))),
        ("Encoder", described(stage.get("encoder"))),
        ("Profile", stage["profile"]),
        ("Seed", str(stage["parameters"]["seed"])),
        ("Code", f"commit {stage['commit']}{state}" if stage["commit"] else "not under version control"),
        ("Device", _gpu(stage) or "CPU"),
        ("Machine", _machine(stage)),
        ("Versions", ", ".join(f"{name} {version}" for name, version in stage["versions"].items())),
    ]
    return [(name, value) for name, value in rows if value]


def _parameters(model: type[Parameters], values: dict[str, Any]) -> list[tuple[str, Any, str]]:
    fields = model.model_fields
    return [(name, value, fields[name].description or "") for name, value in values.items() if name in fields]


def _machine(stage: dict[str, Any]) -> str:
    """The machine, its GPU only where the stage was allowed to use it."""
    machine = stage["machine"]
    text = f"{machine['cores']} cores of {machine['processor']}, {machine['memory_gib']} GiB memory"
    return ", ".join(filter(None, [_gpu(stage), text]))


def _gpu(stage: dict[str, Any]) -> str:
    device = stage["machine"]["device"]
    return "" if "cpu" in (device, stage["parameters"].get("device")) else device


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))


def _took(stage: dict[str, Any]) -> str:
    return f"{duration(stage['seconds'])}, peak memory {_gib(stage['peak_memory_bytes'])}"


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


def _moment(text: str) -> str:
    return text[:16].replace("T", " ") + " UTC"


def _render_editions(base: Path, notebooks: list[Notebook]) -> None:
    """List the editions whose pages lie under ``base/report``; the smoke edition, a check, only where it is alone.

    What an edition found is told by its current pages alone, as in the edition itself.
    """
    names = sorted(first.parent.name for first in (base / "report").glob("*/index.html"))
    shown = []
    for name in [one for one in names if one != SMOKE] or names:
        edition = Edition(name, base)
        try:
            facts = _run(read_run(edition))
        except DataError:
            continue  # pages without results cannot say what they are
        shown.append((facts, _current(edition, notebooks)))
    values = matter.editions(base, shown, matter.titles(notebooks))
    _write(base / "report" / "index.html", "all", QUESTION, question=QUESTION, **values)


def _write(path: Path, template: str, description: str, **values: Any) -> None:
    html = SITE.get_template(f"{template}.html.j2").render(description=description, **values)
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


SITE = _site()
