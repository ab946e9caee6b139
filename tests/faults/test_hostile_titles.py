"""Markup, scripts and stray characters in titles: whatever page, table or figure shows them, nothing of it acts."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest
from bleach._vendor import html5lib
from fault_files import REPEATABLE
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smallbert.errors import StageError
from smallbert.explore import neighbours, scatter
from smallbert.figures.page import Chart, Page
from smallbert.figures.tables import html_table
from smallbert.paths import Edition
from smallbert.report.compare_page import _answer
from smallbert.report.inputs import described
from smallbert.report.page import content
from smallbert.report.render import SITE
from smallbert.report.sanitise import TAGS, MissingAlt, clean, inline, markdown

PIXEL = "data:image/png;base64,iVBORw0KGgo="
NAMES = (
    *("script", "style", "img", "svg", "math", "a", "table", "td", "p", "iframe", "textarea", "title", "noscript"),
    *("b", "template", "select", "object", "form", "mglyph", "annotation-xml", "foreignObject", "plaintext", "base"),
)
ATTRIBUTES = (
    *("onerror=alert(1)", 'onload="alert(1)"', "style='x:expression(1)'", "src=x", f'src="{PIXEL}"', "alt='a'"),
    *('href="javascript:alert(1)"', 'href="data:text/html,x"', "href=//evil.example", "srcdoc=x", "xlink:href=x"),
    *("class='a b'", 'class="a\\"b"', "id=content", "id='x y'", "formaction=x", "lang=en", "title='\"><script>'"),
    *("background=x", 'href=" java\tscript:x"', "href='&#106;avascript:x'", "action=x", "data-x=y", "is=x"),
)
PIECES = (
    *("<", ">", "</", "/>", "<!--", "-->", "--!>", "<![CDATA[", "]]>", "<!doctype html>", "<?xml ?>", "&", "&lt;"),
    *("&#x3c;", "&#0;", "\0", '"', "'", "`", "=", "alert(1)", "\n\n", "\n", " ", "a", "\\", "* ", "# ", "$x$", "$$"),
    *("![a](javascript:x)", "[a](javascript:x)", "<http://evil.example>", "<javascript:x>"),
    *("\ufeff", "\u202e", "\x0b", "\x1b", "한국"),
)

tags = st.builds(
    lambda slash, name, attributes, end: f"<{slash}{name} {' '.join(attributes)}{end}",
    st.sampled_from(["", "", "/"]),
    st.sampled_from((*NAMES, *map(str.upper, NAMES))),
    st.lists(st.sampled_from(ATTRIBUTES), max_size=3),
    st.sampled_from([">", ">", "/>", "", " "]),
)
hostile = st.lists(st.one_of(tags, st.sampled_from(PIECES)), min_size=1, max_size=8).map("".join)

OURS = {"role", "tabindex", "aria-label"}
"""Attributes of the box that the sanitiser itself puts around tables and drawings."""


def assert_inert(html: str, *, more: frozenset[str] = frozenset()) -> None:
    """Parse as browsers do: only listed elements and attributes, no address but of pages and embedded pictures."""
    tree = html5lib.parseFragment(html, container="div", namespaceHTMLElements=False)
    for element in tree.iter():
        if element is tree or not isinstance(element.tag, str):
            assert element is tree, "a comment"
            continue
        name = re.sub(r"\{.*\}", "", element.tag)
        assert name in TAGS | more, html
        for key, value in element.attrib.items():
            assert isinstance(key, str) and not key.startswith("on") and key not in ("style", "srcset", "srcdoc"), html
            if key == "href":
                assert re.match(r"https?://|#|[\w.-]+\.(html|csv|svg|png)(#|$)|[\w][\w./-]*$", value), html
            elif key == "src":
                assert value.startswith("data:image/"), html
            else:
                assert key in OURS or re.fullmatch(
                    r"class|id|scope|colspan|rowspan|headers|alt|title|lang|start|display|identifier", key
                ), html


@settings(max_examples=150, **REPEATABLE)
@given(hostile)
@example("<svg><style><img src=x onerror=alert(1)></style></svg>")
@example("<math><annotation-xml encoding='text/html'><script>alert(1)</script></annotation-xml></math>")
@example("<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>")
@example("<scr<script>ipt>alert(1)</scr</script>ipt>")
@example("<style><!--</style><img src=x onerror=alert(1)>-->")
def test_nothing_gets_past_the_sanitiser(text):
    for show in (clean, markdown, inline, _answer, lambda text: clean(f"<table><tr><td>{text}</td></tr></table>")):
        try:
            html = show(text)
        except MissingAlt:
            continue
        assert_inert(html)
        # What is clean stays as it is: a second reader of the same text sees the same.
        if show is clean:
            assert_inert(clean(html))


EXPLORED = frozenset(("svg", "path", "title", "bdi", "small"))
"""Elements of the widgets of explore.ipynb, which show their own HTML."""


def shown(text: str) -> dict[str, str]:
    """A title in every place of our own making."""
    frame = pd.DataFrame({"title": [text], text: [text]})
    found = {"kept": True, "lang": text, "topic": text, "title": text, "cosine": 0.5}
    near = pd.DataFrame([found | {"when": "before"}, found | {"when": "after"}])
    return {
        "table": html_table(frame, text),
        "frame": clean(frame.to_html()),
        "legend": scatter.legend(pd.Series([text])),
        "point": scatter.svg(np.zeros((1, 2)), pd.Series([text]), [text], text),
        "neighbours": neighbours.html(near, text, text),
        "template": SITE.from_string("<p>{{ x }}</p><a title='{{ x }}'>{{ x }}</a>").render(x=text),
        "facts": SITE.from_string("<p>{{ x }}</p>").render(x=described({"name": text, "sources": [{"name": text}]})),
    }


def without_styles(html: str) -> str:
    """Our own layout, which no title can write."""
    return re.sub(r' style="[\w;:.%# -]*"', "", html)


@settings(max_examples=40, **REPEATABLE)
@given(hostile)
def test_every_place_that_shows_a_title_shows_it_as_text(text):
    for place, html in shown(text).items():
        tree = html5lib.parseFragment(without_styles(html), container="div", namespaceHTMLElements=False)
        names = {re.sub(r"\{.*\}", "", one.tag) for one in tree.iter() if one is not tree and isinstance(one.tag, str)}
        assert names <= TAGS | EXPLORED, place
        for one in tree.iter():
            keys = {str(key) for key in one.attrib}
            assert not any(key.startswith("on") or key in ("style", "src", "href") for key in keys), place


def drawn(text: str, folder: Path) -> tuple[str, Page]:
    """A page with a figure and a table that speak of a title, as its notebook gives it."""
    page = Page(Edition("tiny", folder), "01_first")
    figure, axes = plt.subplots(figsize=(6, 4))
    axes.annotate(text.replace("$", r"\$"), (0, 0), in_layout=False)
    alt = f"Dots of {text}."
    chart = page.figure(Chart("dots", figure, pd.DataFrame({"title": [text]}), alt, text))
    table = page.table("titles", pd.DataFrame({"title": [text], "n": [1]}), text)
    return f"{chart.data}{table.data}", page


# What matplotlib's own font has no sign for is drawn as a box, and said in a warning.
@pytest.mark.filterwarnings("ignore:Glyph")
@settings(max_examples=3, **REPEATABLE)
@given(hostile)
@example('</title><script>alert(1)</script>"\x1b[2J \x0b \0 \ufffe --> ]]>')
def test_figures_tables_and_their_files(text):
    with TemporaryDirectory() as folder:
        html, page = drawn(text, Path(folder))
        assert_inert(clean(html))
        stem = page.edition.figures / "01_first__dots"
        names = {one.tag.rpartition("}")[2] for one in ElementTree.parse(stem.with_suffix(".svg")).iter()}
        assert not names & {"script", "foreignObject", "image", "a", "iframe", "set", "animate"}
        for path in (stem.with_suffix(".csv"), page.edition.figures / "01_first__titles.csv"):
            with path.open(newline="", encoding="utf-8") as file:
                rows = list(csv.reader(file))
            assert len(rows) == 2 and len(rows[1]) == len(rows[0])
        assert_inert(clean((page.edition.figures / "01_first__titles.html").read_text()))


@settings(max_examples=8, **REPEATABLE)
@given(hostile)
def test_a_page_whose_notebook_printed_titles(text):
    outputs = [
        nbformat.v4.new_output("stream", name="stdout", text=text),
        nbformat.v4.new_output("display_data", {"text/html": f"<p>{text}</p>"}),
        nbformat.v4.new_output("display_data", {"text/markdown": text}),
        nbformat.v4.new_output("display_data", {"text/plain": text}),
        nbformat.v4.new_output("display_data", {"application/javascript": "alert(1)", "text/plain": "x"}),
    ]
    cells = [nbformat.v4.new_markdown_cell("# A question?"), nbformat.v4.new_code_cell("1", outputs=outputs)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    try:
        body = content("01_first", notebook, notebook).body
    except StageError as error:
        assert "no alt text" in error.message
        return
    tree = html5lib.parseFragment(body, container="div", namespaceHTMLElements=False)
    for one in tree.iter():
        assert not any(str(key).startswith("on") for key in one.attrib)
        assert one.tag not in ("script", "iframe", "object", "embed", "style", "link", "meta", "base", "form")
        assert not one.attrib.get("href", "#").lower().strip().startswith(("javascript", "data"))
