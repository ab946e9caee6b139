"""Choosing a run: a published edition, or the folder that ``smallbert run --out`` was given."""

from __future__ import annotations

import ipywidgets as widgets
import pandas as pd
from traitlets import HasTraits, Instance

from smallbert import paths
from smallbert.errors import SmallbertError
from smallbert.explore.show import CONTROL, alert, table
from smallbert.report.compare_runs import Run, open_run

FIRST = "default"
"""The edition shown first, where it is there."""

NONE = "nothing"


def editions() -> list[str]:
    """Names of the editions whose results are here, :data:`FIRST` before all others."""
    found = sorted(path.parent.name for path in paths.edition(FIRST).results.parent.glob("*/run.json"))
    return sorted(found, key=lambda name: name != FIRST)


def facts(run: Run) -> pd.DataFrame:
    """What a run is of and what made it: columns ``what``, ``value``."""
    record = run.record
    corpus, encoder, machine = (record.get(name, {}) for name in ("corpus", "encoder", "machine"))
    languages = corpus.get("languages", [])
    rows = [
        ("corpus", corpus.get("name", "")),
        ("articles", f"{corpus['rows']:,}" if "rows" in corpus else ""),
        ("languages", f"{len(languages)}: {', '.join(languages)}" if languages else ""),
        ("encoder", encoder.get("name", "")),
        ("profile", record.get("profile", "")),
        ("finished", str(record.get("finished", ""))[:16].replace("T", " ")),
        ("commit", record.get("commit") or ""),
        ("machine", ", ".join(f"{machine[name]}" for name in ("processor", "device") if name in machine)),
        ("pages", ", ".join(stem.partition("_")[0] for stem in run.stages)),
    ]
    return pd.DataFrame([row for row in rows if row[1]], columns=["what", "value"])


class Chooser(HasTraits):
    """A list of editions, a box for a folder, and what the chosen run is.

    Args:
        label: what stands before the list.
        optional: whether nothing may be chosen, and is at first.

    Attributes:
        run: the chosen run, to be observed; None where nothing is chosen or there is none.
        widget: what a notebook shows.
        edition: the list, to set from code.
        folder: the box, to set from code; a folder given there goes before the list.
    """

    run = Instance(Run, allow_none=True)

    def __init__(self, label: str = "run", *, optional: bool = False) -> None:
        super().__init__()
        self._optional = optional
        options = [*([NONE] if optional else []), *editions()]
        self.edition = widgets.Dropdown(options=options, description=label, **CONTROL)
        told = "what smallbert run --out was given"
        self.folder = widgets.Text(description="or a folder", placeholder=told, continuous_update=False, **CONTROL)
        self._out = widgets.HTML()
        self.widget = widgets.VBox([self.edition, self.folder, self._out])
        self.edition.observe(self._list_changed, "value")
        self.folder.observe(self._open, "value")
        self._open()

    @property
    def shown(self) -> str:
        """HTML of what is known of the run, or of why there is none."""
        return self._out.value

    def _list_changed(self, change: object) -> None:
        if self.folder.value:
            self.folder.value = ""  # opens by itself
        else:
            self._open()

    def _open(self, change: object = None) -> None:
        wanted = self.folder.value.strip() or self.edition.value
        try:
            found = None if wanted in (None, NONE) else open_run(wanted)
        except SmallbertError as error:
            self.run, self._out.value = None, alert(error)
            return
        if found and not self._optional:
            self._out.value = table(facts(found), f"The run {found.called}.")
        else:
            self._out.value = ""
        self.run = found
