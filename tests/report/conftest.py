"""A report of two tiny notebooks in a folder of its own: real kernels, no library work."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import nbformat
import pytest
from pydantic import Field

from smallbert import paths
from smallbert.report import notebooks, parameters, profiles
from smallbert.report.console import Console
from smallbert.report.parameters import Parameters
from smallbert.report.runner import Runner
from smallbert.report.stages import Stage, plan

PROFILES = """
[tiny]
description = "For tests."
minutes = 1
machine = "any"
"""

# Writes every declared file as the lead's Page would, without loading matplotlib.
WRITE = """\
import json, os
from pathlib import Path
out = Path(os.environ["SMALLBERT_OUT"])
(out / "data/results" / edition / STEM).mkdir(parents=True, exist_ok=True)
(out / "figures" / edition).mkdir(parents=True, exist_ok=True)
values = {"title": "A title", "answer": f"The seed was **{seed}**."}
(out / "data/results" / edition / STEM / "values.json").write_text(json.dumps(values))
for suffix in ("svg", "png", "csv"):
    (out / "figures" / edition / f"{STEM}__dots.{suffix}").write_text("dots")"""


class First(Parameters):
    figures = ("dots",)
    places: ClassVar = {"corpus": ("world",)}
    speed = ("jobs",)

    corpus: str = Field("world", description="what goes in")
    rows: int = Field(3, ge=1, description="rows")
    jobs: int = Field(0, description="workers")


class Second(Parameters):
    needs = ("01_first",)

    widths: list[int] = Field([1, 2], min_length=1, description="widths")


@dataclass
class Project:
    """A report in a temporary folder."""

    root: Path

    @property
    def library(self) -> Path:
        return self.root / "lib" / "smallbert"

    @property
    def edition(self) -> paths.Edition:
        return paths.edition("tiny")

    def write(self, stem: str, *cells: str, prose: str = "# A question?\n\nAnd its ground.", **tags: list[str]) -> Path:
        """Write a notebook: prose, parameters, then the given code cells."""
        parameter_cell = nbformat.v4.new_code_cell(parameters.cell(stem))
        parameter_cell.metadata["tags"] = ["parameters"]
        nb = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_markdown_cell(prose), parameter_cell, *map(nbformat.v4.new_code_cell, cells)],
            metadata={
                "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
                "language_info": {"name": "python"},
            },
        )
        for number, cell in enumerate(nb.cells):
            cell["id"] = f"{stem[:2]}-{number}"
        path = self.root / "notebooks" / f"{stem}.ipynb"
        nbformat.write(nb, path)
        return path

    def plan(self, *settings: str, **options: object) -> list[Stage]:
        found = notebooks.discover()
        resolved = profiles.resolve(profiles.choose("tiny"), [one.stem for one in found], settings)
        return plan(self.edition, found, resolved, library=self.library, **options)

    def reasons(self, *settings: str) -> dict[str, tuple[str, ...]]:
        return {stage.stem: stage.reasons for stage in self.plan(*settings)}


def body(stem: str) -> str:
    """A code cell that writes what the notebook ``stem`` must."""
    return f'STEM = "{stem}"\n{WRITE}'


@pytest.fixture
def write_body() -> Callable[[str], str]:
    return body


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Two notebooks, the second standing on the first; the first imports a library module."""
    for name in ("SMALLBERT_OUT", "SMALLBERT_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SMALLBERT_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name, model in (("01_first", First), ("02_second", Second)):
        monkeypatch.setitem(parameters.MODELS, name, model)
    for folder in ("notebooks", "data", "lib/smallbert/measure"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "data" / "profiles.toml").write_text(PROFILES)
    project = Project(tmp_path)
    (project.library / "__init__.py").write_text("")
    (project.library / "errors.py").write_text("from smallbert import paths\n")
    (project.library / "paths.py").write_text("")
    (project.library / "measure" / "stats.py").write_text("")
    project.write("01_first", "import smallbert.errors", body("01_first"))
    project.write("02_second", body("02_second"))
    return project


@pytest.fixture
def run():
    """Run stages and return what a person would have seen (no terminal)."""

    def go(stages: list[Stage], jobs: int = 1, modules: tuple[str, ...] = ()) -> str:
        screen = io.StringIO()
        command = ["smallbert", "run", "--profile", "tiny"]
        Runner("tiny", command, jobs=jobs, console=Console(screen), modules=modules).run(stages)
        return screen.getvalue()

    return go


@pytest.fixture
def wait_until():
    """Wait for what other processes do, but not for ever."""

    def wait(condition: Callable[[], object], seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.05)

    return wait
