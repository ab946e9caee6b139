"""Papermill, Jupyter and editors run a page as it lies in the clone, from any working directory, with one result."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner
from nbclient import NotebookClient
from papermill.cli import papermill
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from smallbert import paths
from smallbert.errors import MachineError
from smallbert.models import sources
from smallbert.report.settings import MODELS
from smallbert.report.spelling import base_name

PAGE = "01_corpus_and_embeddings"
EDITION = "runners"
PARAMETERS = {"edition": EDITION, "rows": 340, "encoder": "minilm", "max_tokens": 16, "near_duplicates": False}
SECONDS = 240


@pytest.mark.parametrize("stem", MODELS)
def test_papermill_documents_each_parameter_once(stem):
    done = CliRunner().invoke(papermill, ["--help-notebook", str(paths.notebooks() / f"{stem}.ipynb")])
    assert done.exit_code == 0, done.output
    shown = " ".join(done.output.partition("Parameters inferred for notebook")[2].split())
    for name, field in MODELS[stem].model_fields.items():
        assert shown.count(f" {name}: {base_name(field)} (default ") == 1, name
        assert shown.count(f") {' '.join(field.description.split())}") >= 1, name


@pytest.mark.parametrize("where", ["notebooks", "root", "elsewhere"])
def test_the_project_is_found_from_any_working_directory(where, tmp_path, monkeypatch):
    root = paths.root()
    monkeypatch.delenv("SMALLBERT_ROOT", raising=False)
    monkeypatch.chdir({"notebooks": root / "notebooks", "root": root, "elsewhere": tmp_path}[where])
    assert paths.root() == root
    assert (paths.data() / "published.toml").is_file()


def test_a_clone_goes_before_the_checkout_that_was_installed(tmp_path, monkeypatch):
    monkeypatch.delenv("SMALLBERT_ROOT", raising=False)
    inner = tmp_path / "notebooks"
    for folder in (tmp_path / "lib" / "smallbert", inner):
        folder.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert paths.root() == tmp_path


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    """What all runners compute once."""
    try:
        sources.find("minilm")
    except MachineError as error:
        pytest.skip(str(error))
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def surroundings(cache, tmp_path, monkeypatch) -> Path:
    """A working directory of no project; results go to ``out`` in it, not into the clone."""
    monkeypatch.setenv("SMALLBERT_CACHE", str(cache))
    monkeypatch.setenv("SMALLBERT_OUT", str(tmp_path / "out"))
    monkeypatch.delenv("SMALLBERT_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def results(place: Path) -> dict[str, bytes]:
    folder = place / "out" / "data" / "results" / EDITION / PAGE
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.csv"))}


def through_papermill(place: Path) -> None:
    """``papermill .../01_corpus_and_embeddings.ipynb out.ipynb -p rows 340 ...``"""
    given = [word for name, value in PARAMETERS.items() for word in ("-p", name, str(value))]
    command(place, "papermill", str(paths.notebooks() / f"{PAGE}.ipynb"), "out.ipynb", *given)


def through_jupyter(place: Path) -> None:
    """``jupyter execute`` of a copy that lies outside the clone."""
    nbformat.write(with_parameters(), place / "copy.ipynb")
    command(place, "jupyter-execute", "copy.ipynb")


def through_an_editor_in_notebooks(place: Path) -> None:
    """As editors do by default: the kernel starts in the notebook's folder."""
    NotebookClient(with_parameters(), timeout=SECONDS, kernel_name="python3").execute(cwd=str(paths.notebooks()))


def through_an_editor_in_the_root(place: Path) -> None:
    """As editors are often set to do: the kernel starts in the workspace's folder."""
    NotebookClient(with_parameters(), timeout=SECONDS, kernel_name="python3").execute(cwd=str(paths.root()))


def with_parameters() -> nbformat.NotebookNode:
    return parameterize_notebook(load_notebook_node(str(paths.notebooks() / f"{PAGE}.ipynb")), PARAMETERS)


def command(place: Path, name: str, *arguments: str) -> None:
    program = str(Path(sys.executable).with_name(name))
    done = subprocess.run(
        [program, *arguments], cwd=place, env=os.environ, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize(
    "runner",
    [through_papermill, through_jupyter, through_an_editor_in_notebooks, through_an_editor_in_the_root],
    ids=lambda runner: runner.__name__,
)
def test_a_page_runs_and_writes_the_same_results(runner, surroundings, cache):
    runner(surroundings)
    found = results(surroundings)
    assert {"encoder.csv", "geometry.csv", "probes.csv", "reading.csv"} <= set(found)
    assert b"sentence" in found["encoder.csv"] or b"MiniLM" in found["encoder.csv"], "the parameters were taken"
    first = cache / "first"
    if first.exists():
        assert found == {path.name: path.read_bytes() for path in sorted(first.iterdir())}
    else:
        first.mkdir()
        for name, content in found.items():
            (first / name).write_bytes(content)
