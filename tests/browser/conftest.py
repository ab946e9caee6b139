"""A real browser: Debian's Chromium through Playwright, and axe-core from npm; tests skip where one is absent."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HERE = Path(__file__).parent
REPORT = HERE.parents[1] / "report"
AXE = HERE / "node_modules" / "axe-core" / "axe.min.js"
WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")


class Opened:
    """A page in the browser: what it asked for, what it complained about, and how it is looked at."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page = page
        self.asked: list[str] = []
        self.said: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url[:80]))
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.goto(path.as_uri())

    def look(self, *, width: int = 1200, scheme: str = "light", media: str = "screen", unfolded: bool = True) -> Opened:
        """The same page at another width, in light or dark, on paper, folded or with everything open."""
        self.page.set_viewport_size({"width": width, "height": 800})
        self.page.emulate_media(color_scheme=scheme, media=media)
        self.ask(f"() => document.querySelectorAll('details').forEach(one => one.open = {str(unfolded).lower()})")
        return self

    def ask(self, script: str) -> Any:
        """What a JavaScript function gives in the page."""
        return self.page.evaluate(script)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser a file of tests: Playwright keeps an event loop in the thread, which other tests must not meet."""
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not executable:
        pytest.skip("no Chromium: apt-get install chromium, or name one in $CHROMIUM")
    playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright: pip install playwright")
    # Chromium's sandbox refuses to work for root, as in most containers.
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    with playwright.sync_playwright() as runner:
        browser = runner.chromium.launch(executable_path=executable, args=["--no-sandbox"] if root else [])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def visit(chromium: Browser) -> Callable[..., AbstractContextManager[Opened]]:
    """Open a file: ``with visit(path, scripts=False) as opened``."""

    @contextmanager
    def visit(path: Path, *, scripts: bool = True) -> Iterator[Opened]:
        context = chromium.new_context(java_script_enabled=scripts)
        try:
            yield Opened(context.new_page(), path)
        finally:
            context.close()

    return visit


@pytest.fixture(scope="session")
def axe() -> Callable[..., list[str]]:
    """What axe-core finds against WCAG 2.2 A and AA and against its own good practice in an open page, a line each.

    ``axe(opened, "color-contrast")`` asks that rule alone.
    """
    if not AXE.is_file():
        pytest.skip("no axe-core: npm ci --prefix tests/browser")
    source = AXE.read_text(encoding="utf-8")

    def violations(opened: Opened, *rules: str) -> list[str]:
        if not opened.ask("() => 'axe' in window"):
            opened.ask(f"{source}\n;0")
        # On a ground that is shaded at its edges axe would say nothing of any letter.
        opened.page.add_style_tag(content=".scroll { background-image: none !important; }")
        options = json.dumps({"runOnly": rules or (*WCAG, "best-practice"), "resultTypes": ["violations"]})
        found = opened.ask(f"async () => (await axe.run(document, {options})).violations")
        return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"][:3]]

    return violations


def _pages() -> list[Any]:
    """The synthetic page and every published one; those of other editions than the default are slow, for their number.

    The smoke edition is scratch.
    """
    paths = sorted(path for path in REPORT.rglob("*.html") if path.parent.name != "smoke")
    quick = [path for path in paths if path.parent.name in ("default", "report")]
    named = [(str(path.relative_to(REPORT).with_suffix("")), path) for path in paths]
    slow = {True: (), False: (pytest.mark.slow,)}
    return [
        pytest.param(None, id="synthetic"),
        *(pytest.param(path, id=name, marks=slow[path in quick]) for name, path in named),
    ]


@pytest.fixture(scope="module", params=_pages())
def opened(request: pytest.FixtureRequest, visit: Callable[..., AbstractContextManager[Opened]]) -> Iterator[Opened]:
    """Every page, each loaded once for all tests of a file."""
    with visit(request.param or request.getfixturevalue("synthetic")) as opened:
        yield opened


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory) -> Path:
    """A page rendered here and now from a small executed notebook: every kind of output, wide and long ones too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SMALLBERT_CACHE", raising=False)
        return _render(tmp_path_factory.mktemp("edition"))


def _render(base: Path) -> Path:
    import matplotlib.pyplot as plt
    import numpy as np
    import pandas as pd

    from smallbert import paths
    from smallbert.figures.page import Chart, Page
    from smallbert.report import notebooks
    from smallbert.report.render import render
    from smallbert.storage import write_json

    stem = "01_corpus_and_embeddings"
    source = next(one for one in notebooks.discover() if one.stem == stem)
    edition = paths.Edition("tiny", base)
    shown = Page(edition, stem)
    figure, axes = plt.subplots(figsize=(7.2, 3))
    axes.plot([0, 1], [0, 1])
    alt = "A line that rises from 0 to 1 in one step, drawn for a test of the page around it."
    chart = Chart("line", figure, pd.DataFrame({"x": [0, 1]}), alt, "Read it so.")
    wide = pd.DataFrame({f"a long heading {i}": np.arange(40) * 123456789 for i in range(14)})
    wide.insert(0, "what", [f"thing number {i}, <b>bold</b>" for i in range(40)])
    outputs = [shown.figure(chart).data, shown.table("wide", wide, "Wide and long.").data]
    executed = source.read()
    cells = [cell for cell in executed.cells if cell.cell_type == "code"]
    for cell, text in zip(cells, outputs, strict=False):
        cell.outputs = [nbformat.v4.new_output("display_data", data={"text/html": text})]
    cells[2].outputs = [nbformat.v4.new_output("display_data", data={"text/markdown": "Said **so**: $a_1 < 2$."})]
    edition.executed.mkdir(parents=True)
    nbformat.write(executed, edition.executed / f"{stem}.ipynb")
    shown.record(answer="It is **so**.")
    write_json(edition.results / "run.json", _run(stem, source.model(edition="tiny").model_dump()))
    return render(edition, [source]).parent / f"{stem}.html"


def _run(stem: str, parameters: dict) -> dict:
    finished = {"finished": "2026-11-21T10:00:00+00:00", "seconds": 61.0}
    machine = {"cores": 2, "processor": "Some CPU", "memory_gib": 8.0, "device": "cpu"}
    return {
        "edition": "tiny", "profile": "default", "command": ["smallbert", "run", "-p", f"corpus={'long/' * 60}x.csv"],
        "commit": "0123456789ab", "modified": False, "versions": {"smallbert": "0.1.0"}, "machine": machine,
        "corpus": {"name": "world", "sha256": "ab" * 32}, **finished,
        "stages": {stem: {"parameters": parameters, "peak_memory_bytes": 2**30, **finished}},
    }  # fmt: skip
