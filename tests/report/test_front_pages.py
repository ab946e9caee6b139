"""The pages around an edition's pages: whole, escaped, in order, and with no number that is not in the results."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser

import pandas as pd
import pytest

from smallbert import paths
from smallbert.report import notebooks
from smallbert.report import render as renderer
from smallbert.report.front import english, korean, matter
from smallbert.report.front.findings import FINDINGS, collect
from smallbert.report.front.first import across
from smallbert.report.front.glossary import text_of
from smallbert.report.front.reference import Reference
from smallbert.report.front.taking import unjudged
from smallbert.report.render import QUESTION, SITE
from smallbert.report.stages import record_path
from smallbert.storage import read_json, write_json
from smallbert.studies import frontier_needs

ROOT = paths.root()
RESULTS = ROOT / "data" / "results"
EDITIONS = sorted(path.parent.name for path in RESULTS.glob("*/run.json") if path.parent.name != "smoke")
EVIL = '"><script>alert(1)</script>'
IMAGE = '<img src="data:image/svg+xml;base64,PHN2Zy8+" alt="English words.">'
NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?%?")


@pytest.fixture(params=EDITIONS)
def edition(request):
    """A published edition."""
    return paths.Edition(request.param, ROOT)


@pytest.fixture
def copied(tmp_path):
    """The results of one edition in a folder of its own, to be changed."""
    edition, copy = paths.Edition(EDITIONS[0], ROOT), paths.Edition(EDITIONS[0], tmp_path)
    shutil.copytree(edition.results, copy.results)
    shutil.copytree(edition.figures, copy.figures, ignore=shutil.ignore_patterns("*.svg", "*.png", "*.html"))
    return copy


def page(stem: str, *, image: str = "") -> dict:
    return {
        "stem": stem,
        "number": int(stem[:2]),
        "label": stem[3:],
        "title": f"Question {stem}?",
        "answer": "Recorded <strong>answer</strong>.",
        "body": "<p>The FVU of PCA.</p>",
        "image": image,
        "caption": "How to read it.",
        "repetitions": 3,
        "seconds": "9 s",
        "memory": "1.0 GiB",
    }


def shown(name: str) -> dict:
    run = {"edition": name, "command": f"smallbert run -p corpus={EVIL}", "standfirst": f"Corpus: {EVIL}.", "facts": []}
    return run | {"commit": "0123", "version": "0.1"}


def written(edition, stems, *, titles=None) -> dict[str, str]:
    """The documents of an edition of which the pages ``stems`` have finished, by file name."""
    run = read_json(edition.results / "run.json")
    run["stages"] = {stem: run["stages"].get(stem, {"parameters": {}}) for stem in stems}
    pages = [page(stem, image=IMAGE if stem == "08_frontier" else "") for stem in stems]
    titles = titles or {stem: f"Question {stem}?" for stem in FINDINGS}
    front = matter.Matter.of(edition, run, pages, titles)
    return {
        one.name: SITE.get_template(f"{one.template}.html.j2").render(description=one.description, **one.values)
        for one in front.documents(shown(edition.name), QUESTION)
    }


class Outline(HTMLParser):
    """Levels of headings, identifiers, links, and whatever should not be there."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.levels, self.ids, self.links, self.problems = [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        known = dict(attrs)
        self.problems += [tag] if tag in ("script", "iframe", "link", "form") else []
        self.problems += [name for name in known if name.startswith("on") or name == "style"]
        self.problems += ["th without scope"] if tag == "th" and "scope" not in known else []
        self.problems += ["img without alt"] if tag == "img" and not known.get("alt") else []
        self.levels += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []
        self.ids += [known["id"]] if "id" in known else []
        self.links += [known["href"]] if tag == "a" else []


def main_text(html: str) -> str:
    """What a reader sees of the page's own part, commands left out."""
    body = html[html.index("<main") :]
    return text_of(re.sub(r"<(code|figcaption)\b.*?</\1>", "", body, flags=re.DOTALL))


def test_every_document_is_sound(edition):
    found = written(edition, list(FINDINGS))
    assert set(found) == {"index.html", "glossary.html", "summary_ko.html"}
    for name, html in found.items():
        outline = Outline(html)
        assert outline.problems == [], name
        assert outline.levels[0] == 1 and outline.levels.count(1) == 1
        assert all(after <= before + 1 for before, after in zip(outline.levels, outline.levels[1:], strict=False))
        assert len(set(outline.ids)) == len(outline.ids)
        assert "alert(1)" not in html.replace("&gt;alert(1)&lt;", "")
        known = {*found, "../index.html", "#content", *(f"{stem}.html" for stem in FINDINGS)}
        assert {link.partition("#")[0] or link for link in outline.links} <= known


def test_first_page_says_what_the_results_say(edition):
    html = written(edition, list(FINDINGS))["index.html"]
    text = main_text(html)
    for found in collect(edition, list(FINDINGS)).values():
        assert english.sentence(found) in text
    short = text[: text.index("Corpus:")]
    places = [
        short.index(words) for words in ("What to take to be sure of", "Measured with", "multilingual BERT saves")
    ]
    assert places == sorted(places)
    assert read_json(edition.results / "run.json")["encoder"]["name"] in short
    assert html.count("<img ") == 1
    assert "How to read it." in html
    needs = pd.read_csv(edition.results / "08_frontier" / "needs.csv")
    for need, answer in zip(needs.need, needs.answer, strict=True):
        assert need in text and answer in text
    assert unjudged(collect(edition, ["08_frontier"])["08_frontier"]) in text
    for why in {*needs.why.dropna()} - {frontier_needs.CHEAPEST}:
        assert f": {why}." in text[text.index("What to take for usual needs") :]
    assert "Not in this edition" not in text


def test_first_page_names_what_is_missing_and_shows_what_there_is(edition):
    titles = {stem: f"Question {stem}?" for stem in FINDINGS} | {"10_new": "A new question?"}
    found = written(edition, ["02_autoencoder_depth", "05_distillation"], titles=titles)
    text = main_text(found["index.html"])
    assert "the page that weighs everything has not finished" in text
    assert "What to take for usual needs" not in text
    for number, missing in (
        (1, "Question 01_corpus_and_embeddings?"),
        (8, "Question 08_frontier?"),
        (10, "A new question?"),
    ):
        assert f"Page {number}, {missing}" in text
    assert "Page 2," not in text and "Question 02_autoencoder_depth?" in text
    korean_text = main_text(found["summary_ko.html"])
    assert "이 판에는 1, 3, 4, 6, 7, 8, 9, 10쪽이 없습니다" in korean_text
    assert "<img " not in found["summary_ko.html"]


def test_page_without_a_finding_repeats_its_own_answer_and_is_named_in_korean(edition):
    titles = {"01_corpus_and_embeddings": "What?", "10_new": "A new question?"}
    found = written(edition, ["01_corpus_and_embeddings", "10_new"], titles=titles)
    assert "Recorded <strong>answer</strong>." in found["index.html"]
    assert "우리말 답이 아직 없는 쪽: 10쪽, A new question?" in main_text(found["summary_ko.html"])
    assert "쪽이 없습니다" not in found["summary_ko.html"]


def test_edition_without_findings_has_a_first_page_and_no_summary(tmp_path):
    edition = paths.Edition("new", tmp_path)
    front = matter.Matter.of(edition, {"stages": {}}, [page("01_first")], {"01_first": "Question?"})
    [only, glossary] = front.documents(shown("new"), QUESTION)
    assert (only.name, glossary.name) == ("index.html", "glossary.html")
    assert only.description == shown("new")["standfirst"]
    assert front.found == {}
    assert front.short("01_first") == ""


def test_korean_summary_has_no_number_that_is_not_in_the_results(edition):
    found = collect(edition, list(FINDINGS))
    html = written(edition, list(FINDINGS))["summary_ko.html"]
    run = read_json(edition.results / "run.json")
    seeds = [stage["parameters"]["seeds"] for stage in run["stages"].values() if "seeds" in stage["parameters"]]
    allowed = {number for one in found.values() for number in NUMBER.findall(english.sentence(one))}
    allowed |= set(NUMBER.findall(english.measured(Reference.of(run, found))))
    needs = pd.read_csv(edition.results / "08_frontier" / "needs.csv")
    allowed |= {f"{kept:.0%}" for kept in needs["least kept"].dropna()} | {f"{min(seeds)}", f"{max(seeds)}", "95%"}
    allowed |= {number for why in needs.why.dropna() for number in NUMBER.findall(why)}
    allowed |= set(NUMBER.findall(unjudged(found["08_frontier"])))
    points = pd.read_csv(edition.figures / "08_frontier__frontier_megabytes.csv")
    allowed |= {f"{kept:.0%}" for kept in points.kept[points.front]}
    graph = run["stages"]["07_knowledge"]["parameters"]["graph"]
    named = " ".join([graph, run["corpus"]["name"], run["encoder"]["name"], edition.name, *points.name, *needs.answer])
    text = main_text(html)
    numbers = {one.rstrip(",") for one in NUMBER.findall(text)}
    allowed = {one.rstrip(",") for one in allowed} | {str(int(stem[:2])) for stem in FINDINGS}
    allowed |= {one.rstrip(",") for one in NUMBER.findall(named)} | {"10"}  # of neighbour overlap@10
    assert numbers <= allowed, numbers - allowed


def test_korean_summary_is_korean_and_tells_the_limits(edition):
    html = written(edition, list(FINDINGS))["summary_ko.html"]
    text = main_text(html)
    for one in collect(edition, list(FINDINGS)).values():
        assert korean.sentence(one) in text
    generated = read_json(edition.results / "run.json")["corpus"]["generated"]
    assert ("만들어 낸 글입니다" in text) == generated
    assert "차이가 없다" in text
    assert "우리말 답이 아직 없는 쪽" not in text
    for english_name in (
        "pretrained here",
        "the generated world",
        "whole encoder",
        "vocabulary trimmed",
        "int8 weights",
    ):
        assert english_name not in text
    assert not re.search(r"[가-힣]다\.", re.sub(r"니다\.", "", text))  # one style throughout
    graph = read_json(edition.results / "run.json")["stages"]["07_knowledge"]["parameters"]["graph"]
    assert f"지식 그래프는 {'생성한 세계의 것' if graph == 'world' else graph}입니다. 9쪽의 벤치마크는" in text
    [alt] = re.findall(r'alt="([^"]*)"', html)
    assert re.search("[가-힣]", alt) and "English words" not in alt


def test_both_pages_follow_the_results(copied):
    path = copied.results / "02_autoencoder_depth" / "bound.csv"
    bound = pd.read_csv(path)
    bound["cells checked"], bound["least above PCA, train"] = 98_765, 0.4321
    bound.to_csv(path, index=False)
    contrasts = pd.read_csv(copied.results / "02_autoencoder_depth" / "contrasts.csv").assign(verdict="lower")
    contrasts.to_csv(copied.results / "02_autoencoder_depth" / "contrasts.csv", index=False)
    found = written(copied, list(FINDINGS))
    count = (contrasts.protocol == "fair").sum()
    first, summary = main_text(found["index.html"]), main_text(found["summary_ko.html"])
    assert "In 98,765 cells" in first and "0.4321 of the variance" in first and f"better in all {count}" in first
    assert "실험 98,765건" in summary and "분산의 0.4321" in summary and f"{count}건 모두 더 좋았습니다" in summary


def test_all_editions_together():
    runs = [(shown(name), read_json(RESULTS / name / "run.json")) for name in EDITIONS]
    values = matter.editions(ROOT, runs, {"02_autoencoder_depth": "How deep?"})
    html = SITE.get_template("all.html.j2").render(description="d", question=QUESTION, **values)
    assert Outline(html).problems == []
    text = main_text(html)
    cells = sum(
        int(pd.read_csv(RESULTS / name / "02_autoencoder_depth" / "bound.csv")["cells checked"].iloc[0])
        for name in EDITIONS
    )
    assert f"In {cells:,} cells of {len(EDITIONS)} editions" in text
    claims = [pd.read_csv(RESULTS / name / "08_frontier" / "claims.csv") for name in EDITIONS]
    fallen = pd.concat(claims).groupby("claim").verdict.agg(lambda all: (all == "does not hold").any()).sum()
    assert f"{fallen} fail" in text
    assert "How deep?" in text
    for name in EDITIONS:
        assert f'href="{name}/index.html"' in html
        assert read_json(RESULTS / name / "run.json")["corpus"]["name"] in text


def test_the_list_quotes_no_page_whose_last_run_was_killed(copied):
    found = notebooks.discover()
    page = copied.report / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("")
    cells = pd.read_csv(copied.results / "02_autoencoder_depth" / "bound.csv")["cells checked"].iloc[0]

    def told() -> str:
        renderer._render_editions(copied.base, found)
        return main_text((copied.base / "report" / "index.html").read_text())

    assert f"In {cells:,} cells" in told()
    write_json(record_path(copied, "02_autoencoder_depth"), {"finished": None})
    assert (
        f"In {cells:,} cells" not in told()
        and f'href="{copied.name}/index.html"' in (copied.base / "report" / "index.html").read_text()
    )


def test_no_edition_says_nothing():
    assert across([]) == []
    values = matter.editions(ROOT, [], {})
    assert (values["across"], values["questions"], values["needs"]) == ([], [], [])
