"""The report's notebooks as files: which there are, in which order, and the code in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat

from smallbert import paths
from smallbert.errors import UsageError
from smallbert.report.parameters import Parameters, model, suggestion

_NAME = re.compile(r"\d\d_[a-z0-9_]+")


@dataclass(frozen=True)
class Notebook:
    """One page of the report before it is executed.

    Args:
        path: the ``.ipynb`` file.
    """

    path: Path

    @property
    def stem(self) -> str:
        """File name without suffix, the name of the stage."""
        return self.path.stem

    @property
    def model(self) -> type[Parameters]:
        """Its parameters, and what it needs and writes."""
        return model(self.stem)

    def read(self) -> nbformat.NotebookNode:
        """The notebook's content.

        Raises:
            UsageError: the file is no notebook.
        """
        try:
            return nbformat.read(self.path, as_version=4)
        except (OSError, ValueError, nbformat.reader.NotJSONError) as error:
            raise UsageError(f"{self.path} is no readable notebook: {error}.") from error

    def code(self) -> dict[str, str]:
        """Source of each code cell but the parameters, by its position: ``{"cell 3": "import ..."}``."""
        return {
            f"cell {number}": cell.source
            for number, cell in enumerate(self.read().cells, start=1)
            if cell.cell_type == "code" and not has_tag(cell, "parameters")
        }


def has_tag(cell: nbformat.NotebookNode, tag: str) -> bool:
    """Whether ``cell`` carries the Jupyter tag ``tag``."""
    return tag in cell.metadata.get("tags", [])


def discover(folder: Path | None = None) -> list[Notebook]:
    """The report's notebooks (``NN_name.ipynb``) in order; ``explore`` and the like are not part of it.

    Raises:
        UsageError: there is none, or one stands on a notebook that does not come before it.
    """
    folder = folder or paths.notebooks()
    found = [Notebook(path) for path in sorted(folder.glob("*.ipynb")) if _NAME.fullmatch(path.stem)]
    if not found:
        raise UsageError(f"Expected notebooks named like 01_name.ipynb in {folder}, found none.")
    for position, notebook in enumerate(found):
        earlier = [one.stem for one in found[:position]]
        for need in notebook.model.needs:
            if need not in earlier:
                raise UsageError(f"{notebook.stem} needs {need}, which does not come before it.")
    return found


def select(notebooks: list[Notebook], wanted: str) -> Notebook:
    """The notebook whose stem is ``wanted`` or starts with it (``02`` is enough).

    Raises:
        UsageError: none or several match.
    """
    matches = [one for one in notebooks if one.stem == wanted] or [
        one for one in notebooks if one.stem.startswith(wanted)
    ]
    if len(matches) != 1:
        stems = [one.stem for one in notebooks]
        raise UsageError(f"Expected one notebook, got {wanted!r}.{suggestion(wanted, stems)}")
    return matches[0]
