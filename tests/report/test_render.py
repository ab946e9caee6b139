"""Pages stand alone: offline, accessible, safe, and the same bytes for the same input."""

from __future__ import annotations

import base64
import json
from html.parser import HTMLParser

import nbformat
import pytest

from smallbert.errors import StageError, UsageError
from smallbert.report import notebooks
from smallbert.report.inputs import described
from smallbert.report.render import label, prepared, render
from smallbert.report.stages import record_path
from smallbert.storage import write_json

V4 = nbformat.v4
PIXEL = "iVBORw0KGgo="
FIGURE = (
    f'<figure id="dots"><img src="data:image/svg+xml;base64,{base64.b64encode(b"<svg/>").decode()}" '
    'alt="Dots that rise."><figcaption><b>Figure 1.1.</b> Dots.</figcaption></figure>'
)
TABLE = "<table><caption>T</caption><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>"
EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>"
VOID = {"meta", "img", "input", "br", "hr", "link"}


def display(**data):
    return V4.new_output("display_data", data={key.replace("_", "/", 1): value for key, value in data.items()})


@pytest.fixture
def edition(project):
    """An edition whose two notebooks have run, with outputs of every kind in the first."""
    outputs = [
        V4.new_output("stream", name="stdout", text=f"printed {EVIL}"),
        V4.new_output("stream", name="stderr", text="a warning nobody needs"),
        display(text_html=FIGURE + TABLE),
        display(text_markdown=f"# Said by a corpus\n\n{EVIL}"),
        display(text_plain="plain & simple"),
    ]
    picture = display(image_png=PIXEL)
    picture.metadata = {"image/png": {"alt": "A picture."}}
    prose = "# A question <of sorts>?\n\nGround.\n\n## Part & one\n\n### Detail\n\n## Part & one"
    save(project, "01_first", ["show()", "draw()"], [outputs, [picture]], prose)
    save(project, "02_second", ["x = 1"], [[]])
    return project


def save(project, stem, sources, outputs, prose="# Question?"):
    """Write a notebook, its executed copy, its values, and the edition's run.json."""
    path = project.write(stem, *sources, prose=prose)
    executed = nbformat.read(path, as_version=4)
    for cell, one in zip(executed.cells[2:], outputs, strict=True):
        cell.outputs = one
    injected = V4.new_code_cell("# Parameters\nseed = 7", metadata={"tags": ["injected-parameters"]})
    executed.cells.insert(2, injected)
    project.edition.executed.mkdir(parents=True, exist_ok=True)
    nbformat.write(executed, project.edition.executed / f"{stem}.ipynb")
    write_json(project.edition.results / stem / "values.json", {"answer": f"It is **so**. {EVIL}"})
    run_path = project.edition.results / "run.json"
    stages = json.loads(run_path.read_text())["stages"] if run_path.exists() else {}
    parameters = next(one.model for one in notebooks.discover() if one.stem == stem)(edition="tiny", seed=7)
    stages[stem] = {
        "parameters": parameters.model_dump(),
        "finished": "2026-11-21T10:00:00+00:00",
        "seconds": 61.0,
        "peak_memory_bytes": 2**30,
    }
    run = {
        "edition": "tiny",
        "profile": "tiny",
        "command": ["smallbert", "run", "--profile", "tiny", "-p", "corpus=a b.csv"],
        "commit": "0123456789ab",
        "modified": True,
        "versions": {"smallbert": "0.1.0", "torch": "2.13.0"},
        "machine": {"cores": 2, "processor": "Some CPU", "memory_gib": 8.0, "device": "cpu"},
        "finished": "2026-11-21T10:00:00+00:00",
        "seconds": 122.0,
        "corpus": {"name": "world", "rows": 3, "sha256": "ab" * 32, "files": ["not shown"]},
        "stages": stages,
    }
    write_json(run_path, run)


def pages(project):
    first = render(project.edition, notebooks.discover())
    return {str(path.relative_to(project.root)): path.read_text() for path in first.parents[1].rglob("*.html")}


class Audit(HTMLParser):
    """What a reader's browser and screen reader would stumble over."""

    def __init__(self, html):
        super().__init__()
        self.problems, self.levels, self.ids, self.links, self.open, self.table = [], [], [], [], [], []
        self.lang = None
        self.feed(html)
        self.close()
        if self.levels.count(1) != 1 or self.levels[0] != 1:
            self.problems.append(f"levels {self.levels}")
        if any(after > before + 1 for before, after in zip(self.levels, self.levels[1:], strict=False)):
            self.problems.append(f"skipped level {self.levels}")
        if len(set(self.ids)) != len(self.ids):
            self.problems.append(f"ids twice {self.ids}")
        self.problems += [f"dead link {one}" for one in self.links if one.startswith("#") and one[1:] not in self.ids]
        if self.open:
            self.problems.append(f"unclosed {self.open}")

    def handle_starttag(self, tag, attributes):
        a = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        self.lang = a.get("lang", self.lang) if tag == "html" else self.lang
        if tag in ("script", "iframe", "object", "embed", "link", "form", "base"):
            self.problems.append(tag)
        self.problems += [name for name in a if name.startswith("on") or name == "style"]
        if "src" in a and not a["src"].startswith("data:image/"):
            self.problems.append(a["src"])
        if tag == "img" and not a.get("alt", "").strip():
            self.problems.append("img without alt")
        if tag == "th" and a.get("scope") not in ("row", "col"):
            self.problems.append("th without scope")
        if tag == "a" and "href" in a:
            self.links.append(a["href"])
        if "id" in a:
            self.ids.append(a["id"])
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self.levels.append(int(tag[1]))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"misplaced </{tag}>")


def test_every_page_is_offline_accessible_and_without_scripts(edition):
    found = pages(edition)
    names = ["01_first", "02_second", "index"]
    assert set(found) == {"report/index.html", *(f"report/tiny/{name}.html" for name in names)}
    for name, html in found.items():
        audit = Audit(html)
        assert audit.problems == [], name
        assert audit.lang == "en"
        assert "default-src 'none'; img-src data:" in html
        assert 'href="#content"' in html and '<main id="content"' in html
        assert "url(" not in html and "@import" not in html
        for link in audit.links:
            if not link.startswith(("#", "https://")):
                target = (edition.root / name).parent / link
                assert target.is_file(), f"{name} links to {link}"


def test_page_shows_outputs_and_drops_noise(edition):
    html = pages(edition)["report/tiny/01_first.html"]
    assert "a warning nobody needs" not in html
    assert "seed = 7" not in html  # the injected cell; its values stand in the table of parameters
    assert "<code>seed</code></th><td><code>7</code>" in html
    assert "plain &amp; simple" in html and 'alt="A picture."' in html
    assert "printed &lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<strong>Said by a corpus</strong>" in html  # no second h1 out of an output
    assert '<details class="code"><summary>Code</summary>' in html
    assert '<h2 id="part-one">' in html and '<a href="#part-one-2">' in html
    assert "It is <strong>so</strong>." in html


def test_footer_says_how_the_page_was_made(edition):
    html = pages(edition)["report/tiny/02_second.html"]
    for fact in (
        "commit 0123456789ab, with changes since",
        "2 cores of Some CPU, 8.0 GiB memory",
        "world; rows 3; sha256 abababababababab",
        "smallbert 0.1.0, torch 2.13.0",
        "61 s, peak memory 1.0 GiB",
        "smallbert run --profile tiny -p &#39;corpus=a b.csv&#39;",
        "Apache License 2.0",
    ):
        assert fact in html, fact
    assert "not shown" not in html


def change_run(project, change):
    path = project.edition.results / "run.json"
    run = json.loads(path.read_text())
    change(run)
    write_json(path, run)


def test_pages_tell_their_own_making_and_the_first_page_where_they_differ(edition):
    def differ(run):
        gpu = {"cores": 16, "processor": "Other CPU", "memory_gib": 99.0, "device": "Some GPU"}
        own = {"commit": "ba9876543210", "modified": False, "versions": {"smallbert": "0.2.0"}, "machine": gpu}
        run["stages"]["02_second"].update(own)

    change_run(edition, differ)
    found = pages(edition)
    first, second = (found[f"report/tiny/{stem}.html"] for stem in ("01_first", "02_second"))
    assert "commit 0123456789ab" in first and "ba9876543210" not in first and "Some GPU" not in first
    assert "<dd>commit ba9876543210</dd>" in second and "0123456789ab" not in second
    assert "<dt>Device</dt><dd>CPU</dd>" in first and "<dt>Device</dt><dd>Some GPU</dd>" in second
    assert "Version\n0.2.0, edition tiny, commit ba9876543210" in second
    index = found["report/tiny/index.html"]
    assert "commit 0123456789ab, with changes since (page 1); commit ba9876543210 (page 2)" in index
    assert "2 cores of Some CPU, 8.0 GiB memory and Some GPU, 16 cores of Other CPU" in index
    assert "<dt>Seed</dt><dd>7</dd>" in index


def test_every_command_that_made_something_is_told(edition):
    """Pages were made by different commands: none of them makes the whole edition."""
    made = ["smallbert", "run", "--profile", "tiny", "--only", "01_first"]
    change_run(edition, lambda run: run["stages"]["01_first"].update(command=made, finished="2026-11-22T10:00:00"))
    found = pages(edition)
    both = "smallbert run --profile tiny -p &#39;corpus=a b.csv&#39;\nsmallbert run --profile tiny --only 01_first\n"
    assert both in found["report/tiny/index.html"].replace("</pre>", "\n")
    first, second = (found[f"report/tiny/{stem}.html"] for stem in ("01_first", "02_second"))
    assert "smallbert run --profile tiny --only 01_first --out again" in first
    assert "smallbert run --profile tiny -p &#39;corpus=a b.csv&#39; --only 02_second --out again" in second


def test_a_page_whose_run_was_killed_is_not_shown_as_finished(edition):
    """The executed copy is emptied when a run begins."""
    found = notebooks.discover()
    before = pages(edition)["report/tiny/02_second.html"]
    write_json(record_path(edition.edition, "02_second"), {"finished": None})
    first = render(edition.edition, found).read_text()
    assert "02_second.html" not in first and "01_first.html" in first
    assert (edition.edition.report / "02_second.html").read_text() == before  # of the last run that finished
    write_json(record_path(edition.edition, "01_first"), {"finished": None})
    with pytest.raises(UsageError, match="Edition tiny has no finished page to render"):
        render(edition.edition, found)


def test_a_page_without_its_executed_copy_says_what_to_run(edition):
    (edition.edition.executed / "02_second.ipynb").unlink()
    with pytest.raises(UsageError, match="smallbert run --only 02_second"):
        render(edition.edition, notebooks.discover())


def test_gpu_that_was_not_used_is_not_claimed(edition):
    def forbid(run):
        run["machine"]["device"] = "Some GPU"
        for stage in run["stages"].values():
            stage["parameters"]["device"] = "cpu"

    change_run(edition, forbid)
    assert "Some GPU" not in "".join(pages(edition).values())


def test_repetitions_are_told_with_the_seeds_of_trained_cells(edition):
    change_run(edition, lambda run: run["stages"]["01_first"]["parameters"].update(seeds=5))
    assert "<dt>Repetitions</dt><dd>5, seeds 0 to 4</dd>" in pages(edition)["report/tiny/01_first.html"]


@pytest.mark.parametrize(
    ("seeds", "told"), [([100, 101, 102], "seeds 100 to 102"), ([7, 3], "seeds 7, 3"), ([4], "seeds 4")]
)
def test_seeds_are_told_as_the_page_recorded_them(edition, seeds, told):
    change_run(edition, lambda run: run["stages"]["01_first"]["parameters"].update(seeds=len(seeds)))
    write_json(edition.edition.results / "01_first" / "values.json", {"seeds": seeds})
    assert f"<dt>Repetitions</dt><dd>{len(seeds)}, {told}</dd>" in pages(edition)["report/tiny/01_first.html"]


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (None, ""),
        ({}, ""),
        ({"rows": 3}, "unnamed; rows 3"),
        (
            {"name": "x", "generated": False, "key": "k" * 20, "rows_sha256": "ab" * 32},
            f"x; key {'k' * 16}; rows sha256 {'ab' * 8}",
        ),
        ({"name": "x", "generated": True, "languages": ["en", ""]}, "x; generated; languages en, und"),
        (
            {"name": "x", "sources": [{"name": "/home/me/a.csv", "sha256": "cd" * 32}, {"name": "d/b.csv"}, {}]},
            f"x; sources a.csv (sha256 {'cd' * 8}), b.csv, unnamed",
        ),
        ({"name": "x", "sources": [{"name": "a"}] * 9}, "x; sources a, a, a, a and 5 more"),
        ({"name": "x", "sources": None, "languages": 3, "other": ["no"]}, "x; languages 3"),
    ],
)
def test_corpus_and_encoder_in_one_line_whatever_was_recorded(record, line):
    assert described(record) == line


def test_first_page_repeats_answers_and_figure_and_lists_editions(edition):
    found = pages(edition)
    assert found["report/tiny/index.html"].count("It is <strong>so</strong>.") == 2
    assert 'alt="Dots that rise."' in found["report/tiny/index.html"]
    assert 'href="tiny/index.html"' in found["report/index.html"]


def test_tags_choose_the_key_figure_and_leave_cells_out(edition):
    path = edition.root / "notebooks" / "01_first.ipynb"
    nb = nbformat.read(path, as_version=4)
    nb.cells[3].metadata["tags"] = ["key-figure"]
    nbformat.write(nb, path)
    assert 'alt="A picture."' in pages(edition)["report/tiny/index.html"]
    nb.cells[2].metadata["tags"] = ["remove-cell"]
    nbformat.write(nb, path)
    assert "Dots that rise" not in pages(edition)["report/tiny/01_first.html"]


def test_same_input_gives_the_same_bytes(edition):
    assert pages(edition) == pages(edition)


def test_what_was_prepared_gives_the_same_bytes_and_is_not_read_again(edition, monkeypatch):
    found = notebooks.discover()
    first = render(edition.edition, found)
    before = {path.name: path.read_bytes() for path in first.parent.glob("*.html")}
    contents = {one.stem: prepared(edition.edition, one) for one in found}
    monkeypatch.setattr("smallbert.report.render.prepared", None)
    render(edition.edition, found, contents)
    assert {path.name: path.read_bytes() for path in first.parent.glob("*.html")} == before


def test_mended_prose_appears_without_a_new_run_and_edited_code_does_not(edition):
    path = edition.root / "notebooks" / "01_first.ipynb"
    edition.write("01_first", "show()", "draw()", prose="# Mended words")
    html = pages(edition)["report/tiny/01_first.html"]
    assert "Mended words" in html and "Dots that rise" in html
    nb = nbformat.read(path, as_version=4)
    nb.cells[2].source = "other()"
    nbformat.write(nb, path)
    html = pages(edition)["report/tiny/01_first.html"]
    assert "A question" in html and "Dots that rise" in html and "other()" not in html


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (display(image_png=PIXEL), "01_first, cell 3: An image has no alt text"),
        (display(text_html=f'<img src="data:image/png;base64,{PIXEL}">'), "01_first, cell 3: An image has no alt text"),
        (V4.new_output("error", ename="ValueError", evalue="bad"), "01_first, cell 3: ended in ValueError: bad"),
    ],
)
def test_faulty_output_stops_the_rendering(project, output, message):
    save(project, "01_first", ["show()"], [[output]])
    with pytest.raises(StageError, match=message):
        pages(project)


@pytest.mark.parametrize(
    ("prose", "message"),
    [
        ("No title", "expected a title"),
        ("# One\n\n# Two", "one title a page; got level 1: Two"),
        ("# One\n\n### Deep", "expected a heading of level 2 or above it, and one title a page; got level 3"),
    ],
)
def test_headings_must_make_an_outline(project, prose, message):
    save(project, "01_first", [], [], prose)
    with pytest.raises(StageError, match=message):
        pages(project)


def test_edition_without_a_run_is_refused(project):
    with pytest.raises(UsageError, match="Edition tiny has no finished page to render"):
        render(project.edition, notebooks.discover())


@pytest.mark.parametrize(
    ("stem", "name"),
    [("04_albert", "ALBERT"), ("02_autoencoder_depth", "Autoencoder depth"), ("10_albert_again", "ALBERT again")],
)
def test_pages_are_called_by_their_subject(stem, name):
    assert label(stem) == name
