"""A comparison as one page: offline, without scripts, figures side by side."""

from __future__ import annotations

import base64
import html
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from smallbert.report.compare import Comparison
from smallbert.report.compare_check import TOLERANCES, Reproduction
from smallbert.report.compare_runs import Run, page_number
from smallbert.report.compare_words import headline, ordered, printable, row_of, tally_of, verdict
from smallbert.report.parameters import MODELS
from smallbert.report.render import SITE
from smallbert.report.sanitise import MissingAlt, inline
from smallbert.storage import write_text

MOST = 200
"""Cells shown of one kind; JSON has them all."""

_NAMES = 3
_CSS = """
main.front.compared { max-width: 80rem; }
.sides { display: grid; gap: 1rem 2rem; margin: 0 0 1.6rem; }
.sides > * { margin: 0; min-width: 0; }
@media (min-width: 48rem) { .sides { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); } }
"""
_ALT = re.compile(r"<dc:description>(.*?)</dc:description>", re.DOTALL)


@dataclass(frozen=True)
class Drawing:
    """A figure as a page embeds it.

    Args:
        alt: what it shows, from the file.
        source: the drawing as a data address; an image cannot run what is in it.
    """

    alt: str
    source: str


def write_page(path: Path, comparison: Comparison, found: Reproduction | None = None) -> None:
    """Write a comparison, or a check, as HTML.

    Args:
        path: of the page.
        comparison: what it shows.
        found: the check's result, where it is one.

    Raises:
        MachineError: the file cannot be written.
    """
    cells = comparison.cells
    sections = [
        ("Beyond noise", _rows(cells, "real"), True),
        ("Without an interval", _rows(cells, "no interval"), True),
    ]
    sections += [("Words", _rows(cells, "word"), True), ("Within noise", _rows(cells, "noise"), False)]
    sections += [("Not held: times, checksums, and what follows other cells", _rows(cells, "not held"), False)]
    if found is not None:
        sections.insert(0, ("Outside their tolerance", _table(found.failed), True))
    title = f"{comparison.a.called} and {comparison.b.called}"
    drawn, alike = _figures(comparison)
    text = SITE.get_template("compare.html.j2").render(
        css=Markup(f"{SITE.globals['css']}{_CSS}"),
        title=printable(title),
        description=headline(comparison),
        standfirst=verdict(found) if found is not None else headline(comparison),
        names=[printable(run.called) for run in (comparison.a, comparison.b)],
        tally=tally_of(comparison),
        made=_made(comparison),
        missing=_missing(comparison.missing),
        sections=[section for section in sections if section[1]["count"]],
        answers=_answers(comparison),
        figures=drawn,
        alike=alike,
        tolerances=TOLERANCES if found is not None else {},
    )
    write_text(path, text)


def _made(comparison: Comparison) -> list[tuple[str, str, str, str, str]]:
    """Kind, name, pages and both values of every setting, input and part of the environment that differs."""
    kinds = [
        ("setting", comparison.settings),
        ("input", comparison.inputs),
        ("environment", comparison.environment),
    ]
    return [
        (kind, printable(row.what), printable(getattr(row, "pages", "")), printable(row.a), printable(row.b))
        for kind, rows in kinds
        for row in rows.itertuples()
    ]


def _missing(missing: pd.DataFrame) -> list[tuple[str, str, str, str]]:
    """Page, what it is, its name (rows and columns by their table), and which run has it."""
    rows = []
    for (page, table, what, run), part in missing.groupby(["page", "table", "what", "run"], sort=False):
        names = [printable(name) or "–" for name in part.name]
        more = f"; and {len(names) - _NAMES:,} more" if len(names) > _NAMES else ""
        rows.append((page_number(page), f"{what} of {table}" if table else what, "; ".join(names[:_NAMES]) + more, run))
    return rows


def _rows(cells: pd.DataFrame, word: str) -> dict[str, Any]:
    return _table(cells[cells.verdict == word])


def _table(cells: pd.DataFrame) -> dict[str, Any]:
    return {"count": len(cells), "rows": [row_of(cell) for cell in ordered(cells).head(MOST).itertuples()]}


def _answers(comparison: Comparison) -> list[tuple[str, str, str]]:
    """Page and what each run answers there, where they do not say the same."""
    told = []
    for stem in comparison.shared:
        first, second = (str(run.values(stem).get("answer", "")) for run in (comparison.a, comparison.b))
        if first != second:
            told.append((page_number(stem), _answer(first), _answer(second)))
    return told


def _answer(text: str) -> str:
    """Clean HTML of an answer; as plain text where it holds an image, which no answer of ours does."""
    try:
        return inline(text)
    except MissingAlt:
        return html.escape(text)


def _figures(comparison: Comparison) -> tuple[list[dict[str, Any]], list[str]]:
    """Figures that both runs have and that differ, with both drawings; and the names of those that do not."""
    drawn, alike = [], []
    for stem in comparison.shared:
        first, second = comparison.a.figures(stem), comparison.b.figures(stem)
        for name in (name for name in first if name in second):
            if first[name].read_bytes() == second[name].read_bytes():
                alike.append(f"{page_number(stem)} {name}")
                continue
            timed = stem in MODELS and name in MODELS[stem].timed
            sides = [(printable(run.called), _drawing(one[name])) for run, one in _sides(comparison, first, second)]
            drawn.append({"page": page_number(stem), "name": name, "timed": timed, "sides": sides})
    return drawn, alike


def _sides(comparison: Comparison, *figures: dict[str, Path]) -> list[tuple[Run, dict[str, Path]]]:
    return list(zip((comparison.a, comparison.b), figures, strict=True))


def _drawing(path: Path) -> Drawing:
    data = path.read_bytes()
    found = _ALT.search(data.decode("utf-8", errors="replace"))
    alt = " ".join(html.unescape(found[1]).split()) if found else ""
    return Drawing(
        alt or f"Figure {path.stem}; its file has no description.",
        "data:image/svg+xml;base64," + base64.b64encode(data).decode("ascii"),
    )
