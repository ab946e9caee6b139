"""The smoke profile from the command line, twice: same results, every page offline and complete."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from smallbert import paths
from smallbert.report.parameters import MODELS

pytestmark = pytest.mark.slow


def run(out: Path) -> None:
    command = [sys.executable, "-m", "smallbert.cli", "run", "--profile", "smoke", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> tuple[Path, Path]:
    """Two runs in two places, with caches of their own."""
    first, second = (tmp_path_factory.mktemp(name) for name in ("first", "second"))
    run(first)
    run(second)
    return first, second


TIMED = {name for model in MODELS.values() for name in model.timed}
"""Tables and figures that hold times, which no two runs share."""


def files(folder: Path, pattern: str) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob(pattern))
        if path.stem.split("__")[-1] not in TIMED
    }


def test_two_runs_give_the_same_results_to_the_byte(runs):
    first, second = runs
    tables = files(first / "data" / "results", "*.csv")
    assert len(tables) >= sum(len(set(model.tables) - TIMED) for model in MODELS.values())
    assert tables == files(second / "data" / "results", "*.csv")


def test_two_runs_draw_the_same_figures_to_the_byte(runs):
    first, second = runs
    drawings = files(first / "figures", "*.svg")
    expected = sum(len(set(model.figures) - TIMED) for model in MODELS.values())
    assert len(drawings) >= expected
    assert drawings == files(second / "figures", "*.svg")


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        values = dict(attrs)
        if tag == "img":
            self.images.append(values)
        self.sources += [values[name] for name in ("src", "data", "srcset", "poster") if values.get(name)]
        if tag == "link":
            self.sources.append(values["href"])


@pytest.mark.parametrize("stem", [*MODELS, "index"])
def test_pages_load_nothing_and_describe_every_figure(runs, stem):
    page = Page((runs[0] / "report" / "smoke" / f"{stem}.html").read_text(encoding="utf-8"))
    assert [source for source in page.sources if not source.startswith("data:")] == []
    assert "script" not in page.tags
    assert page.tags.count("h1") == 1
    assert page.images
    assert all(len(image["alt"] or "") > 20 for image in page.images)


def test_the_smoke_edition_is_listed_only_where_it_is_alone(runs):
    assert "smoke" in (runs[0] / "report" / "index.html").read_text(encoding="utf-8")
    assert 'href="smoke/' not in (paths.root() / "report" / "index.html").read_text(encoding="utf-8")


def test_the_record_names_what_made_the_edition(runs):
    record = json.loads((runs[0] / "data" / "results" / "smoke" / "run.json").read_text())
    text = json.dumps(record)
    for key in ("commit", "torch", "processor", "seed", "sha256", "profile"):
        assert key in text, key
    assert str(runs[0]) not in text, "a path of this machine in the record"


def test_no_page_or_result_names_a_folder_of_this_machine(runs):
    out = runs[0]
    for folder in ("data/results", "figures", "report"):
        for path in (out / folder).rglob("*"):
            if path.suffix in (".csv", ".json", ".html", ".svg"):
                assert str(out) not in path.read_text(encoding="utf-8"), path


def test_a_third_run_has_nothing_to_do(runs):
    command = [sys.executable, "-m", "smallbert.cli", "run", "--profile", "smoke", "--out", str(runs[0]), "--dry-run"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    for stem in MODELS:
        assert re.search(rf"{stem}.*up to date", done.stdout + done.stderr), done.stdout
