"""The notebook from top to bottom: where a run's vectors may be, and in a fresh clone, which has results alone."""

import shutil

import nbformat
import pytest
from nbclient import NotebookClient

from smallbert import paths
from smallbert.errors import MachineError
from smallbert.explore.runs import FIRST
from smallbert.models import sources

pytestmark = pytest.mark.slow

NOTEBOOK = paths.notebooks() / "explore.ipynb"
SECONDS = 120
STATE = "application/vnd.jupyter.widget-state+json"


def run(folder) -> tuple[list, list[str]]:
    """Outputs of all code cells, and the HTML in all widgets."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=SECONDS, kernel_name="python3").execute(cwd=str(folder))
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    state = notebook.metadata["widgets"][STATE]["state"].values()
    return outputs, [one["state"].get("value", "") for one in state if one["model_name"] == "HTMLModel"]


def assert_complete(outputs, html):
    views = [one for one in outputs if "application/vnd.jupyter.widget-view+json" in one.get("data", {})]
    assert len(views) == len([cell for cell in nbformat.read(NOTEBOOK, 4).cells if cell.cell_type == "code"])
    text = "\n".join(html)
    assert 'role="alert"' not in text
    assert f"The run {FIRST}." in text
    assert "of 10 neighbours stay" in text
    assert text.count("<svg role=") == 2
    assert "parameters, all" in text
    assert "machine hours" in text


def test_every_section_shows_something(monkeypatch):
    monkeypatch.delenv("SMALLBERT_ROOT", raising=False)
    assert_complete(*run(NOTEBOOK.parent))


def test_a_fresh_clone_shows_generated_articles_and_says_why(tmp_path, monkeypatch):
    try:
        sources.find("minilm")
    except MachineError as error:
        pytest.skip(str(error))
    for name in ("world", f"results/{FIRST}"):
        shutil.copytree(paths.data() / name, tmp_path / "data" / name)
    monkeypatch.setenv("SMALLBERT_ROOT", str(tmp_path))
    for name in ("SMALLBERT_OUT", "SMALLBERT_CACHE"):
        monkeypatch.delenv(name, raising=False)
    outputs, html = run(tmp_path)
    assert_complete(outputs, html)
    [told] = {one for one in html if "Shown instead" in one}
    assert f"The vectors and texts of {FIRST} are not here" in told and "MiniLM" in told
    assert [one.get("text", "") for one in outputs if "Error" in one.get("text", "")] == []
