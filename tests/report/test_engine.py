"""The executed copy is what papermill makes of it, written less often."""

from __future__ import annotations

import datetime

import nbformat
import papermill
import pytest
from papermill import engines
from papermill.exceptions import PapermillExecutionError

from smallbert.report import engine

CELLS = ("x = 1", "print(x)", "x + 1")


def notebook(*cells):
    made = nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, cells)])
    made.metadata["papermill"] = {}
    return made


@pytest.fixture
def saves(monkeypatch):
    """What was written, as the states of the cells then."""
    found = []

    def note(nb, path):
        found.append([cell.metadata.papermill["status"] for cell in nb.cells])

    monkeypatch.setattr(engines, "write_ipynb", note)
    return found


def test_it_saves_when_it_begins_when_it_ends_and_when_the_last_save_is_old(saves):
    nb = notebook(*CELLS)
    manager = engine._Manager(nb, "out.ipynb", progress_bar=False)
    manager.notebook_start()
    assert saves == [["pending"] * 3]
    for cell in nb.cells[:2]:
        manager.cell_start(cell)
        manager.cell_complete(cell)
    assert len(saves) == 1
    manager.last_save_time -= datetime.timedelta(seconds=31)
    manager.cell_start(nb.cells[2])
    manager.cell_complete(nb.cells[2])
    assert saves[1:] == [["completed", "completed", "running"]]
    manager.notebook_complete()
    assert saves[2:] == [["completed"] * 3]


@pytest.mark.parametrize("cells", [CELLS, ("x = 1", "1 / 0", "x")])
def test_the_copy_is_papermills_own(tmp_path, cells):
    nbformat.write(notebook(*cells), tmp_path / "in.ipynb")
    copies = []
    for name in (None, engine.NAME):
        path = tmp_path / f"{name}.ipynb"
        try:
            papermill.execute_notebook(
                tmp_path / "in.ipynb", path, engine_name=name, kernel_name="python3", progress_bar=False
            )
        except PapermillExecutionError as error:
            assert error.ename == "ZeroDivisionError"
        copy = nbformat.read(path, as_version=4)
        for part in (copy, *copy.cells):
            for moment in ("start_time", "end_time", "duration", "output_path"):
                part.metadata.get("papermill", {}).pop(moment, None)
            part.metadata.pop("execution", None)  # moments too
            part.pop("id", None)
        copies.append(copy)
    assert copies[0].cells[-1].metadata.papermill.status == ("completed" if cells == CELLS else "pending")
    for copy in copies:
        for cell in copy.cells:
            cell.outputs = [output for output in cell.get("outputs", []) if output.output_type != "error"]
    assert copies[0] == copies[1]
