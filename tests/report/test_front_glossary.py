"""The glossary explains what the report says, all of it and nothing else."""

from __future__ import annotations

import ast
import re

import pytest

from smallbert import paths
from smallbert.errors import DataError
from smallbert.report import notebooks
from smallbert.report.front.glossary import Term, entries, load, text_of

ROOT = paths.root()
TERMS = load()
ABBREVIATION = re.compile(r"\b[A-Za-z]*[A-Z]{2,}[A-Za-z]*\b")
LABELS = {"xlabel", "ylabel", "title", "label"}
SETTERS = {"set_xlabel", "set_ylabel", "set_title", "supxlabel", "supylabel", "suptitle"}


def test_there_are_enough_terms_each_with_a_meaning():
    assert len(TERMS) >= 60
    assert [one.term.lower() for one in TERMS] == sorted(one.term.lower() for one in TERMS)
    for one in TERMS:
        assert one.means.endswith((".", "?")), one.term
        assert len(one.means.split()) <= 45, one.term
        assert len({term.anchor for term in TERMS}) == len(TERMS)


def test_every_term_is_used_by_some_page_or_notebook():
    prose = [cell.source for one in notebooks.discover() for cell in one.read().cells if cell.cell_type == "markdown"]
    pages = [text_of(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "report").glob("default/0*.html"))]
    assert len(pages) >= 8
    unused = [one.term for one in TERMS if not any(one.used_in(text) for text in [*prose, *pages])]
    # What only another edition says.
    others = [text_of(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "report").glob("*/0[28]*.html"))]
    assert [name for name in unused if not any(_term(name).used_in(text) for text in others)] == []


def test_every_abbreviation_of_a_heading_is_explained():
    headings = [
        line
        for one in notebooks.discover()
        for cell in one.read().cells
        if cell.cell_type == "markdown"
        for line in cell.source.splitlines()
        if line.startswith("#")
    ]
    assert _unexplained(headings) == set()


def test_every_abbreviation_of_an_axis_is_explained():
    labels = [
        text
        for path in sorted((ROOT / "lib" / "smallbert" / "figures").glob("*.py"))
        for text in _labels(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert len(labels) > 50
    assert _unexplained(labels) == set()


def _unexplained(texts: list[str]) -> set[str]:
    words = {word for text in texts for word in ABBREVIATION.findall(text)}
    return {word for word in words if not any(one.used_in(word) for one in TERMS)}


def _labels(tree: ast.AST) -> list[str]:
    """Every piece of text that stands on an axis, a panel or a legend."""
    found: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            found += [keyword.value for keyword in node.keywords if keyword.arg in LABELS]
            found += node.args if isinstance(node.func, ast.Attribute) and node.func.attr in SETTERS else []
    constants = [part for one in found for part in ast.walk(one) if isinstance(part, ast.Constant)]
    return [one.value for one in constants if isinstance(one.value, str)]


def _term(name: str) -> Term:
    return next(one for one in TERMS if one.term == name)


@pytest.mark.parametrize(
    ("text", "used"),
    [
        ("The FVU falls.", True),
        ("FVUs differ", True),
        ("the fvu", False),
        ("XFVU", False),
        ("variance unexplained here", True),
        ("Variance Unexplained", True),
        ("nothing", False),
    ],
)
def test_terms_are_found_as_words(text, used):
    assert Term("FVU", "m", forms=("variance unexplained",)).used_in(text) is used


def test_text_is_what_a_reader_sees_or_hears():
    html = '<p>A &amp; B</p><img alt="FVU falls" src="data:PCA"><pre>code GELU</pre><style>x MSE</style>'
    assert text_of(html).split() == ["A", "&", "B", "FVU", "falls"]


def test_entries_name_their_pages_and_unused_terms_are_left_out():
    terms = [Term("PCA", "m"), Term("GELU", "m")]
    found = entries(terms, {"01_a": "<p>PCA</p>", "02_b": "<p>none</p>", "03_c": "<p>by PCA</p>"})
    assert found == [(terms[0], ["01_a", "03_c"])]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[term]]\nterm = "a"', r"entry 1: expected term, means and of .*, got \['term'\]"),
        ('[[term]]\nterm = "a"\nmeans = "b."\nnote = "c"', "entry 1: expected term, means"),
        ('[[term]]\nterm = "a"\nmeans = "b."\n[[term]]\nterm = "A"\nmeans = "c."', "a term is explained twice"),
        ("[[term", "is no readable TOML"),
    ],
)
def test_faulty_glossary_is_refused(tmp_path, text, message):
    path = tmp_path / "glossary.toml"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        load(path)


def test_project_without_a_glossary_has_no_terms(tmp_path):
    assert load(tmp_path / "glossary.toml") == []
