"""The cells of a run's tables and figures, searched and filtered in the browser, alone or beside another run's."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets
import itables
import pandas as pd

from smallbert.errors import SmallbertError
from smallbert.explore.runs import Chooser
from smallbert.explore.show import CONTROL, alert, note, offer
from smallbert.report.compare_runs import Run
from smallbert.report.compare_tables import Match, match, number

FIGURE = "figure: "

LANGUAGE: dict[str, Any] = {"searchBuilder": {"title": {"0": "Filter", "_": "Filter (%d)"}}}
"""What the table's filter calls itself."""


def tables(run: Run, stem: str) -> dict[str, pd.DataFrame]:
    """What a page wrote by name: its tables, and the numbers behind its figures (``figure: ...``)."""
    drawn = {f"{FIGURE}{name}": frame for name, frame in run.drawn(stem).items()}
    return run.tables(stem) | drawn


def beside(own: Match) -> pd.DataFrame:
    """Two matched tables as one: the key, then of every other column both runs' values.

    Returns:
        The key's columns, then for each other column ``X, A`` and ``X, B``, and where all of it are numbers
        ``X, B - A``.
    """
    frame = own.a[own.key].reset_index(drop=True)
    for name in own.a.columns.drop(own.key):
        a, b = (one[name].reset_index(drop=True) for one in (own.a, own.b))
        frame[f"{name}, A"], frame[f"{name}, B"] = a, b
        numbers = [pd.to_numeric(one.map(number), errors="coerce") for one in (a, b)]
        if all(column.notna().eq(one.notna()).all() for column, one in zip(numbers, (a, b), strict=True)):
            frame[f"{name}, B - A"] = numbers[1] - numbers[0]
    return frame


def said(own: Match) -> str:
    """What the two tables do not share, in a sentence; empty where they share everything."""
    counts = [
        f"{len(only):,} {what}{'s' if len(only) > 1 else ''} only in {run}"
        for what, pair in (("row", own.rows), ("column", own.columns))
        for run, only in zip("AB", pair, strict=True)
        if only
    ]
    return f"Not shown: {', '.join(counts)}." if counts else ""


class Cells:
    """A table of the chosen run; with a second run, cell beside cell.

    Args:
        chosen: where the run is chosen.

    Attributes:
        widget: what a notebook shows.
        page: the list of pages, to set from code.
        table: the list of the page's tables, likewise.
        other: the run to compare with.
        frame: what is shown.
    """

    def __init__(self, chosen: Chooser) -> None:
        self.page = widgets.Dropdown(description="page", **CONTROL)
        self.table = widgets.Dropdown(description="table", **CONTROL)
        self.other = Chooser("compare with", optional=True)
        self._note, self._out = widgets.HTML(), widgets.Output()
        self._chosen = chosen
        self._tables: dict[str, pd.DataFrame] = {}
        self.frame = pd.DataFrame()
        self.widget = widgets.VBox([self.page, self.table, self.other.widget, self._note, self._out])
        chosen.observe(self._run_changed, "run")
        self.page.observe(self._page_changed, "value")
        self.table.observe(self._show, "value")
        self.other.observe(self._show, "run")
        self._run_changed()

    @property
    def shown(self) -> str:
        """HTML of the table."""
        return "".join(one["data"]["text/html"] for one in self._out.outputs)

    @property
    def said(self) -> str:
        """HTML of what stands above the table."""
        return self._note.value

    def _run_changed(self, change: object = None) -> None:
        stems = self._chosen.run.stages if self._chosen.run else ()
        offer(self.page, [(stem.replace("_", " "), stem) for stem in stems], self._page_changed)
        self._page_changed()

    def _page_changed(self, change: object = None) -> None:
        run, self._tables = self._chosen.run, {}
        try:
            self._tables = tables(run, self.page.value) if run and self.page.value else {}
        except SmallbertError as error:
            self._put(pd.DataFrame(), alert(error))
            return
        offer(self.table, list(self._tables), self._show)
        self._show()

    def _show(self, change: object = None) -> None:
        name = self.table.value
        run = self._chosen.run
        if run is None or name not in self._tables:
            self._put(pd.DataFrame(), note("There is no table to show."))
            return
        frame, other = self._tables[name], self.other.run
        try:
            theirs = tables(other, self.page.value).get(name) if other else None
        except SmallbertError as error:
            self._put(frame, alert(error))
            return
        if other is None:
            self._put(frame, "")
        elif theirs is None:
            self._put(frame, note(f"{other.called} has no such table."))
        else:
            own = match(frame, theirs)
            told = f"A: {run.called}, B: {other.called}. {said(own)}"
            self._put(beside(own), note(told))

    def _put(self, frame: pd.DataFrame, told: str) -> None:
        self.frame, self._note.value = frame, told
        if frame.empty:
            self._out.outputs = ()
            return
        words = [position for position, kind in enumerate(frame.dtypes) if kind.kind not in "iuf"]
        html = itables.to_html_datatable(
            frame,
            connected=False,
            maxBytes=0,
            showIndex=False,
            classes="display compact",
            style="table-layout:auto;width:auto",
            layout={"top1": "searchBuilder"},
            language=LANGUAGE,
            columnDefs=[{"targets": words, "className": "dt-left"}],
            scrollX=True,
        )
        plain = f"{len(frame)} rows"
        output = {"output_type": "display_data", "data": {"text/html": html, "text/plain": plain}, "metadata": {}}
        self._out.outputs = (output,)
