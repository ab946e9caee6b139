"""JupyterLab in a real browser: the notebook is opened, run and turned by mouse and keyboard, as an analyst does."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from smallbert import paths
from smallbert.errors import MachineError
from smallbert.models import sources

pytestmark = pytest.mark.slow

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra: dev)")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
TOKEN = "of-this-test"
ALONE = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
SECONDS = 180
EDITIONS = ("default", "reviews-korean")
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},  # cells out of sight are drawn too
}


@pytest.fixture
def clone(tmp_path) -> Path:
    """What a fresh clone has of this notebook: itself, results and lexicons, no cache."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    try:
        sources.find("minilm")
    except MachineError as error:
        pytest.skip(str(error))
    for name in ("data/world", *(f"data/results/{edition}" for edition in EDITIONS)):
        shutil.copytree(paths.root() / name, tmp_path / name)
    (tmp_path / "notebooks").mkdir()
    shutil.copy(paths.notebooks() / "explore.ipynb", tmp_path / "notebooks")
    return tmp_path


@contextmanager
def lab(clone: Path):
    """A JupyterLab of its own for the clone; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name, values in SETTINGS.items():
        path = clone / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    own = {f"JUPYTER_{name}_DIR": str(clone / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    own |= {"JUPYTERLAB_SETTINGS_DIR": str(clone / "settings"), "JUPYTERLAB_WORKSPACES_DIR": str(clone / "workspaces")}
    unset = ("SMALLBERT_OUT", "SMALLBERT_CACHE")
    inherited = {name: value for name, value in os.environ.items() if name not in unset}
    command = [
        str(Path(sys.executable).with_name("jupyter-lab")), "--no-browser", "--allow-root", f"--port={port}",
        "--ServerApp.ip=127.0.0.1", "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={clone / 'notebooks'}",
    ]  # fmt: skip
    environment = {**inherited, **own, "IPYTHONDIR": str(clone / "ipython"), "SMALLBERT_ROOT": str(clone)}
    with (clone / "lab.log").open("w") as log:
        server = subprocess.Popen(command, cwd=clone, env=environment, stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}"
            _until(lambda: _answers(address, server, clone / "lab.log"), "answer")
            yield address
        finally:
            server.terminate()  # it ends its kernels too
            try:
                server.wait(timeout=30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _answers(address: str, server: subprocess.Popen, log: Path) -> bool:
    assert server.poll() is None, log.read_text()[-2000:]
    try:
        return bool(_asked(address, "status"))
    except OSError:  # nobody listens yet
        return False


def _connected(address: str) -> bool:
    try:
        return [one["connections"] for one in _asked(address, "kernels")] == [1]
    except urllib.error.HTTPError as error:
        # The server lists a kernel it is still starting, and fails over the times it has not yet.
        assert error.code == 500, error
        return False


def _asked(address: str, what: str):
    with urllib.request.urlopen(f"{address}/api/{what}?token={TOKEN}", timeout=30) as answer:
        return json.load(answer)


def _until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end, f"JupyterLab did not {what} within {SECONDS} seconds"
        time.sleep(0.2)


@contextmanager
def opened(address: str, far: list[str]):
    """The notebook in a browser that finds no other machine; what it asks of others is noted in ``far``."""

    def note(request) -> None:
        if urlsplit(request.url).hostname not in ("127.0.0.1", None):
            far.append(request.url)

    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ALONE)
        try:
            page = browser.new_page(viewport={"width": 1300, "height": 1000})
            page.set_default_timeout(SECONDS * 1000)
            page.on("request", note)
            page.goto(f"{address}/lab/tree/explore.ipynb?token={TOKEN}")
            yield page
        finally:
            browser.close()


def run_all(page, address: str) -> None:
    """Run, Run All Cells; until the last section shows its outcome."""
    idle = page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
    idle.wait_for()
    _until(lambda: _connected(address), "connect a kernel")
    # Where the page has not yet heard of its kernel it asks for one.
    select = page.get_by_role("button", name="Select Kernel")
    page.add_locator_handler(select, lambda: select.click())
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    playwright.expect(section(page, "Planner()").get_by_text("machine hours", exact=True)).to_be_visible()
    idle.wait_for()


def section(page, code: str):
    """The cell whose source holds ``code``."""
    return page.locator(".jp-CodeCell").filter(has=page.locator(".jp-InputArea", has_text=code))


def control(cell, label: str, kind: str = "select"):
    """The list or box that stands behind ``label`` in a cell, which stands there once."""
    beside = cell.locator(".widget-inline-hbox").filter(
        has=cell.page.locator(".widget-label", has_text=re.compile(f"^{re.escape(label)}$"))
    )
    return beside.locator(kind)


def test_an_analyst_opens_runs_and_clicks(clone):
    far: list[str] = []
    expect = playwright.expect
    expect.set_options(timeout=SECONDS * 1000)
    with lab(clone) as address, opened(address, far) as page:
        run_all(page, address)
        assert page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.error']").count() == 0

        cells = section(page, "Cells(run)")
        info = cells.locator(".dt-info")
        control(cells, "page").select_option("02 autoencoder depth")
        control(cells, "table").select_option("measures")
        rows = cells.locator("table.dataTable tbody tr")
        expect(cells.locator("table.dataTable tbody")).to_contain_text("whole embedding")
        every = rows.count()
        cells.locator(".dt-search input").fill("PCA")
        expect(info).to_contain_text("filtered from")
        assert 0 < rows.count() < every
        control(cells, "compare with").select_option("reviews-korean")
        expect(cells).to_contain_text("A: default, B: reviews-korean.")
        expect(cells.locator(".dt-scroll-head, table.dataTable thead").first).to_contain_text("FVU, B - A")

        neighbours = section(page, "Neighbours(articles)")
        expect(neighbours).to_contain_text("Shown instead")
        table = neighbours.locator(".smallbert table")
        before = table.inner_text()
        control(neighbours, "article").select_option(index=3)
        expect(table).not_to_have_text(before, use_inner_text=True)
        before = table.inner_text()
        control(neighbours, "find", "input").fill("economy")
        control(neighbours, "find", "input").press("Enter")
        expect(control(neighbours, "article").locator("option").first).to_contain_text("economy")
        expect(table).not_to_have_text(before, use_inner_text=True)
        handle = neighbours.locator(".noUi-handle")
        handle.click()
        handle.press("ArrowLeft")
        expect(neighbours).to_contain_text("PCA, 24 numbers")

        drawing = section(page, "Map(articles)").locator("svg[role=img]").first
        before = drawing.inner_html()
        section(page, "Map(articles)").get_by_text("take off each language's mean").click()
        page.wait_for_function(
            "([one, before]) => one.isConnected === false || one.innerHTML !== before",
            arg=[drawing.element_handle(), before],
        )

        calculator = section(page, "Calculator()")
        control(calculator, "layers L", "input").fill("6")
        control(calculator, "layers L", "input").press("Enter")
        # DistilBERT's half of BERT-base with pooler: 12 less 6 layers of 7,087,872.
        expect(calculator).to_contain_text(f"{109_482_240 - 6 * 7_087_872:,}")

        planner = section(page, "Planner()")
        control(planner, "tokens a second of one", "input").fill("1000")
        control(planner, "tokens a second of one", "input").press("Enter")
        expect(planner).to_contain_text("typed in")
        for number, cell in enumerate((cells, neighbours, section(page, "Map(articles)"), planner)):
            cell.scroll_into_view_if_needed()
            cell.screenshot(path=clone / f"lab-{number}.png")
            assert (clone / f"lab-{number}.png").stat().st_size > 10_000
    assert far == [], "the notebook asked another machine"
