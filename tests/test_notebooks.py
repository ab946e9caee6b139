"""The anatomy of the report's notebooks, held for each of them."""

from __future__ import annotations

import ast
import importlib
import re

import nbformat
import pytest

from smallbert import paths
from smallbert.report import notebooks
from smallbert.report.notebooks import Notebook, has_tag
from smallbert.report.parameters import MODELS, cell
from smallbert.report.sanitise import markdown

FOUND = sorted(paths.notebooks().glob("[0-9][0-9]_*.ipynb"))
LONGEST_CELL = 15


@pytest.fixture(params=FOUND, ids=lambda path: path.stem)
def notebook(request):
    return Notebook(request.param)


@pytest.fixture
def cells(notebook):
    return notebook.read().cells


def code_of(cells):
    return [one for one in cells if one.cell_type == "code"]


def test_every_model_has_its_notebook_and_every_notebook_its_model():
    assert [path.stem for path in FOUND] == list(MODELS)
    notebooks.discover()  # needs come in order


def test_is_valid_keeps_its_kernelspec_and_carries_no_outputs(notebook):
    content = notebook.read()
    nbformat.validate(content)
    assert content.metadata["kernelspec"]["name"] == "python3"
    for one in code_of(content.cells):
        assert one.outputs == [] and one.execution_count is None


def test_opens_with_a_question_and_has_one_title(cells):
    assert cells[0].cell_type == "markdown"
    first = cells[0].source.splitlines()[0]
    assert first.startswith("# ") and first.endswith("?"), first
    titles = [line for one in cells if one.cell_type == "markdown" for line in re.findall(r"^# .*", one.source, re.M)]
    assert len(titles) == 1


def test_parameters_cell_is_the_model_as_text(notebook, cells):
    tagged = [one for one in cells if has_tag(one, "parameters")]
    assert len(tagged) == 1
    assert tagged[0] is code_of(cells)[0]
    assert tagged[0].source == cell(notebook.stem), f"expected:\n{cell(notebook.stem)}"


def test_first_code_after_the_parameters_checks_them(notebook, cells):
    calls = [node for node in ast.walk(ast.parse(code_of(cells)[1].source)) if isinstance(node, ast.Call)]
    assert f"start('{notebook.stem}', globals())" in [ast.unparse(call) for call in calls]


def test_is_thin(cells):
    for one in code_of(cells):
        if has_tag(one, "parameters"):
            continue
        lines = [line for line in one.source.splitlines() if line.strip()]
        assert len(lines) <= LONGEST_CELL, one.source
        tree = ast.parse(one.source)  # no magics
        defined = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
        assert defined == [], one.source


def test_says_its_limits(cells):
    headings = [
        line for one in cells if one.cell_type == "markdown" for line in re.findall(r"^## .*", one.source, re.M)
    ]
    assert any("imits" in line for line in headings), headings


def test_formulas_need_no_network(cells):
    for one in cells:
        if one.cell_type == "markdown":
            formula = re.search(r"\$[^$\s][^$]*\$|\\\(|\\\[", one.source)
            assert formula is None, f"write {formula[0]} as MathML or plain text"


def test_prose_survives_the_page_as_it_is_written(cells):
    for one in cells:
        if one.cell_type == "markdown":
            shown = re.sub(r"<code>.*?</code>", "", markdown(one.source), flags=re.DOTALL)
            refused = re.search(r"&lt;/?[a-zA-Z][^&]*&gt;", shown)
            assert refused is None, f"the page shows {refused[0]} as text"


def test_every_name_taken_from_the_library_exists(cells):
    for one in code_of(cells):
        for node in ast.walk(ast.parse(one.source)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "smallbert":
                module = importlib.import_module(node.module)
                for alias in node.names:
                    if not hasattr(module, alias.name):
                        importlib.import_module(f"{node.module}.{alias.name}")


def test_names_no_folder_of_a_machine(cells):
    for one in cells:
        assert not re.search(r"(/home/|/root/|/Users/|/tmp/|\.\./)", one.source), one.source
