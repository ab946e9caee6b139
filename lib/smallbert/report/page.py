"""An executed notebook as the parts of a page; refused where a reader would miss something."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from html import escape, unescape
from pathlib import Path
from typing import Any

from nbconvert.exporters import TemplateExporter
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from traitlets.config import Config

from smallbert.errors import StageError
from smallbert.report.notebooks import has_tag
from smallbert.report.sanitise import MissingAlt, clean, markdown

TEMPLATES = Path(__file__).parent / "templates"
KEY_FIGURE = "key-figure"
"""Tag of the cell whose figure stands for the page on the edition's first page; else the first figure does."""
REMOVE = "remove-cell"
"""Tag of a cell that the page leaves out (Jupyter Book's name for it)."""

_HEADING = re.compile(r"<h([1-4])>(.*?)</h\1>", re.DOTALL)
_FIGURE = re.compile(r"<figure\b.*?</figure>", re.DOTALL)
_IMAGE = re.compile(r"<img\b[^>]*>")
_CAPTION = re.compile(r"<figcaption>(.*?)</figcaption>", re.DOTALL)


@dataclass
class Content:
    """The parts of a page.

    Args:
        stem: the notebook.
        title: HTML inside the page's h1.
        body: HTML of everything after the title.
        contents: (identifier, HTML) of each h2.
        image: ``<img>`` of the page's key figure, or nothing.
        caption: HTML inside that figure's caption, or nothing.
    """

    stem: str
    title: str = ""
    body: str = ""
    contents: list[tuple[str, str]] = field(default_factory=list)
    image: str = ""
    caption: str = ""

    @property
    def plain_title(self) -> str:
        """The title without markup."""
        return unescape(re.sub(r"<[^>]+>", "", self.title))


def content(stem: str, executed: NotebookNode, source: NotebookNode) -> Content:
    """The page of an executed notebook, with the prose of its source as it is now.

    Raises:
        StageError: a cell ended in an error, an image has no alt text, or the headings are out of order.
    """
    parts = Content(stem)
    exporter = TemplateExporter(
        file_extension=".html",
        template_name="report",
        extra_template_basedirs=[str(TEMPLATES)],
        preprocessors=[_Offline(parts)],
        config=Config({"NbConvertBase": {"display_data_priority": ["text/html"]}}),
    )
    parts.body, _ = exporter.from_notebook_node(with_prose_of(source, executed))
    if not parts.title:
        raise StageError(f"{stem}: expected a title, a Markdown line that starts with `# `, got none.")
    return parts


def with_prose_of(source: NotebookNode, executed: NotebookNode) -> NotebookNode:
    """``source`` with the outputs of ``executed``: words may be mended without running anything again.

    Where the code differs (the notebook was edited since), the executed copy is taken as it is, without the
    cells that papermill injected.
    """
    own = [cell for cell in executed.cells if not has_tag(cell, "injected-parameters")]
    code = [cell for cell in own if cell.cell_type == "code"]
    fresh = NotebookNode({**source, "cells": [NotebookNode(cell) for cell in source.cells]})
    slots = [cell for cell in fresh.cells if cell.cell_type == "code"]
    if [cell.source for cell in slots] != [cell.source for cell in code]:
        return NotebookNode({**executed, "cells": own})
    for slot, cell in zip(slots, code, strict=True):
        slot.outputs = cell.outputs
    return fresh


class _Offline(Preprocessor):
    """Turns every cell and output into clean HTML, and collects the page's parts on the way."""

    def __init__(self, parts: Content) -> None:
        super().__init__(enabled=True)
        self.parts = parts
        self._level = 0
        self._identifiers: set[str] = set()

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        numbered = enumerate(nb.cells)
        nb.cells = [self.preprocess_cell(cell, resources, i)[0] for i, cell in numbered if not has_tag(cell, REMOVE)]
        return nb, resources

    def preprocess_cell(self, cell: NotebookNode, resources: Any, index: int) -> tuple[NotebookNode, Any]:
        where = f"{self.parts.stem}, cell {index + 1}"
        try:
            if cell.cell_type == "markdown":
                cell.source = _HEADING.sub(lambda match: self._heading(match, where), markdown(cell.source))
            elif cell.cell_type == "code":
                htmls = [_html(output, where) for output in cell.outputs]
                cell.outputs = [
                    NotebookNode(output_type="display_data", data={"text/html": html}, metadata={})
                    for html in htmls
                    if html
                ]
                self._key_figure("".join(htmls), chosen=has_tag(cell, KEY_FIGURE))
        except MissingAlt as error:
            raise StageError(f"{where}: {error}.", "Say in words what the figure shows.") from error
        return cell, resources

    def _heading(self, match: re.Match[str], where: str) -> str:
        level, text = int(match[1]), match[2]
        if level > self._level + 1 or (level == 1 and self.parts.title):
            raise StageError(
                f"{where}: expected a heading of level {self._level + 1} or above it, and one title a page; "
                f"got level {level}: {text}."
            )
        self._level = level
        if level == 1:
            self.parts.title = text
            return ""
        slug = re.sub(r"[^\w]+", "-", unescape(re.sub(r"<[^>]+>", "", text)).lower()).strip("-") or "section"
        while slug in self._identifiers:
            slug += "-2"
        self._identifiers.add(slug)
        if level == 2:
            self.parts.contents.append((slug, text))
        return f'<h{level} id="{slug}">{text}</h{level}>'

    def _key_figure(self, html: str, *, chosen: bool) -> None:
        if (
            (chosen or not self.parts.image)
            and (figure := _FIGURE.search(html))
            and (image := _IMAGE.search(figure[0]))
        ):
            self.parts.image = image[0]
            caption = _CAPTION.search(figure[0])
            self.parts.caption = caption[1] if caption else ""


def _html(output: NotebookNode, where: str) -> str:
    """Clean HTML of one output; nothing for standard error.

    Headings in outputs become bold: computed text must not disturb the page's outline.
    """
    if output.output_type == "error":
        raise StageError(f"{where}: ended in {output.ename}: {output.evalue}.", "Run the notebook again.")
    if output.output_type == "stream":
        return "" if output.name == "stderr" else _plain(output.text)
    data = output.data
    if "text/html" in data:
        html = clean(data["text/html"])
    elif "text/markdown" in data:
        html = markdown(data["text/markdown"])
    elif "image/svg+xml" in data or "image/png" in data:
        html = clean(_picture(output))
    else:
        return _plain(data.get("text/plain", ""))
    return _HEADING.sub(r"<p><strong>\2</strong></p>", html)


def _picture(output: NotebookNode) -> str:
    kind = "image/svg+xml" if "image/svg+xml" in output.data else "image/png"
    text = "".join(output.data[kind])
    encoded = base64.b64encode(text.encode()).decode() if kind == "image/svg+xml" else "".join(text.split())
    alt = output.metadata.get(kind, {}).get("alt") or output.metadata.get("alt", "")
    return f'<figure><img src="data:{kind};base64,{encoded}" alt="{escape(alt)}"></figure>'


def _plain(text: str) -> str:
    text = re.sub(r"\x1b\[[0-9;]*m", "", text).rstrip()
    return f'<pre class="output" tabindex="0" role="group" aria-label="Output">{escape(text)}</pre>' if text else ""
