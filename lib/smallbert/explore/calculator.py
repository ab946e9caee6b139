"""The parameter calculator: sizes in, parameters, bytes and operations out."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from typing import Any, get_args

import ipywidgets as widgets
import pandas as pd

from smallbert.errors import UsageError
from smallbert.explore.show import CONTROL, compact
from smallbert.figures.tables import html_table
from smallbert.models.activations import training_bytes
from smallbert.models.flops import forward
from smallbert.models.parameters import count
from smallbert.models.presets import PRESETS
from smallbert.models.sizes import Sharing, Sizes

LENGTH = 128
"""Tokens of the sequence whose operations are counted."""

ROWS = 32
"""Such sequences of a training step whose memory is counted."""

CHANGED = "changed by hand"
NUMBERS = {
    "vocabulary": "vocabulary V",
    "hidden": "hidden H",
    "embedding": "embedding E (0: as H)",
    "layers": "layers L",
    "heads": "heads A",
    "intermediate": "feed-forward F",
    "groups": "groups",
}


def table(sizes: Sizes) -> pd.DataFrame:
    """What an encoder is made of and costs: columns ``what``, ``value``."""
    found = count(sizes)
    rows = [(group, f"{parameters:,}") for group, parameters in found.by_group().items() if parameters]
    rows.append(("parameters, all", f"{found.total:,}"))
    rows += [(f"megabytes, {name}", f"{size / 1e6:,.1f}") for name, size in found.nbytes().items()]
    rows.append((f"GFLOPs, forward of {LENGTH} tokens", f"{forward(sizes, LENGTH).total / 1e9:,.2f}"))
    step = sum(training_bytes(sizes, ROWS, LENGTH).values())
    rows.append((f"GB, training step on {ROWS} x {LENGTH} tokens, fp32, AdamW", f"{step / 1e9:,.2f}"))
    return pd.DataFrame(rows, columns=["what", "value"])


class Calculator:
    """Widgets for the sizes of an encoder above the table of what follows from them.

    Attributes:
        widget: what the notebook shows.
        controls: the inputs by name, to set from code.
    """

    def __init__(self) -> None:
        self._preset = widgets.Dropdown(options=[*PRESETS, CHANGED], description="start from", **CONTROL)
        self.controls: dict[str, Any] = {
            name: widgets.BoundedIntText(min=0, max=10**7, description=label, **CONTROL)
            for name, label in NUMBERS.items()
        }
        self.controls["share"] = widgets.Dropdown(options=get_args(Sharing), description="share", **CONTROL)
        self._out = widgets.HTML()
        self.widget = widgets.VBox([self._preset, *self.controls.values(), self._out])
        self._loading, self._base = False, PRESETS[self._preset.value]
        self._preset.observe(self._load, "value")
        for control in self.controls.values():
            control.observe(self._edited, "value")
        self._load()

    @property
    def shown(self) -> str:
        """HTML of the table, or of the reason why there is none."""
        return self._out.value

    def sizes(self) -> Sizes:
        """The sizes entered; what no control sets (positions, token types, pooler) is the preset's they started from.

        Raises:
            UsageError: they make no encoder.
        """
        values = {name: control.value for name, control in self.controls.items()}
        return replace(self._base, **values | {"embedding": values["embedding"] or None})

    def _load(self, change: object = None) -> None:
        if self._preset.value != CHANGED:
            self._base, self._loading = PRESETS[self._preset.value], True
            for name, control in self.controls.items():
                control.value = getattr(self._base, name) or 0
            self._loading = False
            self._show(self._base)

    def _edited(self, change: object) -> None:
        if not self._loading:
            self._preset.value = CHANGED
            try:
                self._show(self.sizes())
            except UsageError as error:
                self._out.value = f'<p role="alert">{escape(error.message)}</p>'

    def _show(self, sizes: Sizes) -> None:
        self._out.value = compact(html_table(table(sizes), "What follows from these sizes."))
