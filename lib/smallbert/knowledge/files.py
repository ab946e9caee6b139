"""Knowledge graphs from files, in the layout of KG-BERT's data (Yao, Mao and Luo 2019)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from smallbert.corpus.delimited import open_text
from smallbert.errors import DataError
from smallbert.knowledge.graph import PARTS, Graph

ENTITIES, RELATIONS = "entity2text.txt", "relation2text.txt"


def read(folder: Path) -> Graph:
    """The graph of a folder.

    ``train.tsv``, and where they are there ``dev.tsv`` and ``test.tsv``, hold a triple a line: head, relation and tail,
    separated by tabs. ``entity2text.txt`` and ``relation2text.txt``, where they are there, hold an identifier and its
    words a line; of an entity, a name and, behind the first comma, a gloss.

    Raises:
        DataError: no ``train.tsv``, or a line that is not as said; the message names file and line.
    """
    folder = Path(folder)
    found = [part for part in PARTS if (folder / f"{part}.tsv").is_file()]
    if "train" not in found:
        raise DataError(
            f"Expected a knowledge graph in {folder}, found no train.tsv.",
            "Name a folder with train.tsv: head, relation and tail a line, separated by tabs.",
        )
    # Names are lists of one: a name here belongs to one entity, but an entity of another source may have several.
    names, glosses = {}, {}
    for identifier, words in _rows(folder / ENTITIES, 2):
        name, _, gloss = words.partition(", ")
        if name.strip():
            names[identifier] = (name.strip(),)
        if gloss.strip():
            glosses[identifier] = gloss.strip()
    return Graph.of(
        {part: list(_rows(folder / f"{part}.tsv", 3)) for part in found},
        names=names,
        glosses=glosses,
        relation_names=dict(_rows(folder / RELATIONS, 2)),
    )


def _rows(path: Path, width: int) -> Iterator[Any]:
    """The cells of every line, a tuple of ``width`` texts; none where there is no file."""
    if not path.is_file():
        return
    with path.open("rb") as raw, open_text(raw, path.name) as lines:
        empty = True
        for number, line in enumerate(lines, start=1):
            cells = tuple(cell.strip() for cell in line.rstrip("\r\n").split("\t"))
            if len(cells) != width or not all(cells):
                raise DataError(
                    f"{path.name}:{number}: expected {width} cells separated by tabs, none of them empty, got "
                    f"{len(cells)}: {line.rstrip()[:60]!r}.",
                    f"Correct the file in {path.parent}.",
                )
            if not all(cell.isprintable() for cell in cells):
                raise DataError(f"{path.name}:{number}: expected text in UTF-8, got {line.rstrip()[:60]!r}.")
            empty = False
            yield cells
    if empty:
        raise DataError(f"{path.name}: expected lines of {width} cells, the file is empty.")
