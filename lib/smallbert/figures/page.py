"""What a notebook shows: numbered figures, tables and sentences, each also kept as files of the edition."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML, Markdown
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from smallbert.errors import UsageError
from smallbert.figures.style import use_theme
from smallbert.figures.tables import html_table
from smallbert.paths import Edition
from smallbert.provenance import stamp
from smallbert.results import Results
from smallbert.storage import atomic_write, write_text

PNG_DPI = 200


# Characters that no XML file may hold, as UTF-8. A label or a name can bring one, and no browser would show the figure.
_NOT_XML = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")


@dataclass(frozen=True)
class Chart:
    """A finished figure with everything a reader needs beside it.

    Args:
        name: file name without suffix, words joined by underscores.
        figure: the drawing.
        data: the numbers behind it, written as CSV.
        alt: what the figure shows, with its finding, for readers who cannot see it.
        caption: how to read it: axes, units, what the error bars are.
    """

    name: str
    figure: Figure
    data: pd.DataFrame
    alt: str
    caption: str


class Page:
    """One page of the report: numbers its figures and tables and writes them to the edition's folders.

    Args:
        edition: the edition's folders.
        stage: stem of the notebook; its leading number becomes the number of the page.
    """

    def __init__(self, edition: Edition, stage: str) -> None:
        use_theme()
        self.edition, self.stage = edition, stage
        self.results = Results(edition, stage)
        self._number = int(stage.split("_", 1)[0])
        self._names: dict[str, list[str]] = {"Figure": [], "Table": []}

    def figure(self, chart: Chart) -> HTML:
        """Number, write (SVG, PNG, CSV) and show a chart; a rerun of the same cell keeps its number."""
        if not chart.alt.strip():
            raise UsageError(f"Chart {chart.name} has no alt text.", "Say what it shows and what it finds.")
        label = self._label("Figure", chart.name)
        path = self.edition.figures / f"{self.stage}__{chart.name}"
        with _laid_out(chart.figure):
            svg = _svg(chart)
            with atomic_write(path.with_suffix(".svg")) as file:
                file.write(svg)
            with atomic_write(path.with_suffix(".png")) as file:
                chart.figure.savefig(file, format="png", dpi=PNG_DPI, metadata={"Description": chart.alt})
        write_text(path.with_suffix(".csv"), chart.data.to_csv(index=False, lineterminator="\n"))
        plt.close(chart.figure)
        source = "data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii")
        return HTML(
            f'<figure id="{chart.name}"><img src="{source}" alt="{html.escape(chart.alt, quote=True)}">'
            f"<figcaption><b>{label}.</b> {html.escape(chart.caption)}</figcaption></figure>"
        )

    def table(self, name: str, frame: pd.DataFrame, caption: str, **formats: str) -> HTML:
        """Number, write (CSV, HTML) and show a table.

        Args:
            name: file name without suffix.
            frame: one row a line; column names are the headings.
            caption: what the table says, with units.
            formats: Python format for a column (spaces in its name written as underscores), such as ``fvu=".4f"``.
        """
        label = self._label("Table", name)
        text = html_table(frame, f"{label}. {caption}", formats)
        path = self.edition.figures / f"{self.stage}__{name}"
        write_text(path.with_suffix(".html"), text + "\n")
        write_text(path.with_suffix(".csv"), frame.to_csv(index=False, lineterminator="\n"))
        self.results.write_table(name, frame)
        return HTML(text)

    def say(self, *sentences: str) -> Markdown:
        """Show computed sentences as a paragraph; text from a corpus must be escaped by the caller."""
        return Markdown(" ".join(sentences))

    def points(self, *sentences: str) -> Markdown:
        """Show computed sentences one under the other, those that say something; escaped as for :meth:`say`."""
        return Markdown("\n".join(f"- {one[:1].upper()}{one[1:]}" for one in sentences if one))

    def answer(self, answer: str) -> Markdown:
        """Record the page's one-paragraph answer, which the edition's first page repeats, and show it."""
        self.results.record(answer=answer)
        return Markdown(answer)

    def stamp(self) -> HTML:
        """Show what made this page: commit, versions, machine."""
        made = stamp()
        rows = [("commit", f"{made['commit']}{' with changes' if made['modified'] else ''}")]
        rows += [(f"{name}, version", version) for name, version in made["versions"].items()]
        rows += [(name.replace("_", " "), str(value)) for name, value in made["machine"].items()]
        frame = pd.DataFrame(rows, columns=["what", "value"])
        return HTML(html_table(frame, "What this page was made with."))

    def record(self, **values: Any) -> None:
        """Record values for prose, for later stages and for the index."""
        self.results.record(**values)

    def _label(self, kind: str, name: str) -> str:
        names = self._names[kind]
        if any(name in others for other, others in self._names.items() if other != kind):
            raise UsageError(
                f"A figure and a table of {self.stage} are both called {name}.", "Rename one: each is a CSV."
            )
        if name not in names:
            names.append(name)
        return f"{kind} {self._number}.{names.index(name) + 1}"


@contextmanager
def _laid_out(figure: Figure) -> Iterator[None]:
    """Place everything as the vector file needs it, and leave it there for both files.

    Pages show the vector file: letters of a coarse picture are hinted to other widths, and labels laid out by these
    were cut off. Each file that is saved with a layout of its own is drawn twice, first for nothing but the layout.
    """
    FigureCanvasSVG(figure)  # whose letters are measured
    if engine := figure.get_layout_engine():
        engine.execute(figure)
    with plt.rc_context({"figure.constrained_layout.use": False}):  # or it comes back after the first file
        figure.set_layout_engine(None)
        yield


def _svg(chart: Chart) -> bytes:
    buffer = io.BytesIO()
    # No date: the same data give the same bytes.
    chart.figure.savefig(buffer, format="svg", metadata={"Title": chart.name, "Description": chart.alt, "Date": None})
    return _NOT_XML.sub(b"", buffer.getvalue())
