"""The page of a comparison: whatever two runs hold, it is text, and every figure stands beside its other."""

from __future__ import annotations

import base64
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from smallbert import paths
from smallbert.report.compare import compare
from smallbert.report.compare_check import check
from smallbert.report.compare_page import write_page
from smallbert.report.compare_runs import open_run
from smallbert.storage import read_json, write_json

STEM = "03_layer_schedules"
HOSTILE = '"><script>alert(1)</script><img src=https://evil.example/x onerror=alert(1)>\x1b[2J'


class Page(HTMLParser):
    """Elements in order, and the text between them."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def runs(tmp_path) -> tuple[Path, Path]:
    """One published page twice, the second copy with hostile text wherever a run can hold text."""
    root, folders = paths.root(), (tmp_path / "a", tmp_path / "b")
    record = read_json(root / "data/results/default/run.json")
    for folder in folders:
        shutil.copytree(root / "data/results/default" / STEM, folder / "data/results/default" / STEM)
        (folder / "figures/default").mkdir(parents=True)
        for path in (root / "figures/default").glob(f"{STEM}__*"):
            shutil.copy(path, folder / "figures/default")
        write_json(folder / "data/results/default/run.json", record | {"stages": {STEM: record["stages"][STEM]}})
    results = folders[1] / "data/results/default"
    record["corpus"]["name"] = record["stages"][STEM]["parameters"][HOSTILE] = HOSTILE
    write_json(results / "run.json", record | {"stages": {STEM: record["stages"][STEM]}})
    values = read_json(results / STEM / "values.json")
    write_json(results / STEM / "values.json", values | {"answer": f"It **costs** {HOSTILE}", HOSTILE: HOSTILE})
    sizes = (results / STEM / "sizes.csv").read_text(encoding="utf-8")
    quoted = '"' + HOSTILE.replace('"', '""') + '"'
    (results / STEM / "sizes.csv").write_text(sizes.replace("geometric", quoted), encoding="utf-8")
    drawing = folders[1] / f"figures/default/{STEM}__widths.svg"
    text = drawing.read_text(encoding="utf-8")
    drawing.write_text(text.replace("<dc:description>", "<dc:description>&lt;script&gt; and "), encoding="utf-8")
    return folders


def test_everything_a_run_holds_is_text(runs, tmp_path):
    path = tmp_path / "compared.html"
    write_page(path, compare(*(open_run(str(run)) for run in runs)))
    page = Page(path)
    assert not {"script", "iframe", "link", "object", "form", "svg"} & {tag for tag, _ in page.elements}
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert all(image["src"].startswith("data:image/svg+xml;base64,") for image in page.of("img"))
    assert page.text.count('"><script>alert(1)</script>') >= 4 and "\x1b" not in page.text
    assert page.of("meta")[1]["content"].startswith("default-src 'none'; img-src data:")


def test_figures_stand_side_by_side_with_their_words(runs, tmp_path):
    path = tmp_path / "compared.html"
    write_page(path, compare(*(open_run(str(run)) for run in runs)))
    page = Page(path)
    images = page.of("img")
    assert len(images) == 2  # the others are drawn alike
    for image, run in zip(images, runs, strict=True):
        drawn = base64.b64decode(image["src"].partition(",")[2])
        assert drawn == (run / f"figures/default/{STEM}__widths.svg").read_bytes()
        assert len(image["alt"]) > 20
    assert images[1]["alt"].startswith("<script> and ")
    assert "Drawn alike to the byte: 3 gap_by_parameters, 3 gap_by_schedule, 3 paired_differences." in page.text
    assert next(tag for tag, _ in page.elements if tag in ("h1", "h2")) == "h1" and len(page.of("h1")) == 1
    assert all(head.get("scope") for head in page.of("th"))


def test_a_check_shows_its_tolerances_and_a_plain_pair_says_so(runs, tmp_path):
    path, twins = tmp_path / "checked.html", [open_run(str(runs[0]))] * 2
    found = compare(*twins)
    write_page(path, found, check(found))
    page = Page(path)
    assert "reproduces the published edition default." in page.text and "recorded values" in page.text
    assert "Settings, inputs and environment are the same." in page.text and not page.of("img")


def test_answers_with_images_are_shown_as_text(runs, tmp_path):
    values = runs[1] / f"data/results/default/{STEM}/values.json"
    write_json(values, {"answer": '<img src="data:image/png;base64,iVBORw0KGgo=">'})
    path = tmp_path / "compared.html"
    write_page(path, compare(*(open_run(str(run)) for run in runs)))
    assert "iVBORw0KGgo" in Page(path).text
