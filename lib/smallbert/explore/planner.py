"""The planning calculator: articles and machines in; time, memory, disk and money out."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets
import pandas as pd

from smallbert.errors import UsageError
from smallbert.explore.show import CONTROL, alert, note, table
from smallbert.measure.planning import FORMULAS, Article, Machine, Plan, Rate, machines_needed, plan
from smallbert.studies import benchmarks
from smallbert.studies.scale import duration, size

TYPED = "a machine whose rate is typed in"

NUMBERS: dict[str, tuple[str, float]] = {
    "articles": ("articles", 1_000_000),
    "tokens": ("tokens an article", 128),
    "text_bytes": ("bytes of its text", 2_000),
    "width": ("numbers of its vector", 384),
    "number_bytes": ("bytes of a number", 4),
    "rate": ("tokens a second of one", 0),
    "count": ("machines", 1),
    "efficiency": ("efficiency, 0 to 1", 1),
    "price": ("price of one for an hour", 0),
    "hours": ("hours it may take", 24),
}
"""What is put in: label and first value. A rate or price of 0 is not known."""


def rates() -> dict[str, Rate]:
    """Rates that `make bench` has measured for MiniLM, by where."""
    records = benchmarks.read()
    found = {}
    for name, gpu in (("one CPU", False), ("one GPU", True)):
        if measured := benchmarks.rate(records, gpu=gpu):
            origin = f"{measured['variant']}, MiniLM, {measured['machine']}, {measured['measured']}"
            found[f"{name}: {origin}"] = Rate(measured["a second"], origin=f"measured: {origin}")
    return found


def shown(found: Plan, needed: int | None, hours: float) -> pd.DataFrame:
    """A plan in words: columns ``what``, ``value``."""
    unknown = "not known: no rate"
    rows = [
        ("time", unknown if found.seconds is None else duration(found.seconds)),
        ("memory of each process", "not measured" if found.peak_memory is None else size(found.peak_memory)),
        ("disk, texts", size(found.text_bytes)),
        ("disk, vectors", size(found.vector_bytes)),
        ("machine hours", unknown if found.machine_hours is None else f"{found.machine_hours:,.3g}"),
        ("money", "not known: no rate or no price" if found.money is None else f"{found.money:,.2f}"),
        (f"machines for {duration(3600 * hours)}", unknown if needed is None else f"{needed:,}"),
        ("rate from", found.machine.rate.origin),
    ]
    return pd.DataFrame(rows, columns=["what", "value"])


class Planner:
    """Numbers of articles, of a vector and of machines above the table of what follows.

    Attributes:
        widget: what the notebook shows.
        machine: the list of measured machines, to set from code.
        controls: the numbers by name, likewise.
        plan: what was found last.
    """

    def __init__(self) -> None:
        self._rates = rates()
        self.machine = widgets.Dropdown(options=[*self._rates, TYPED], description="machine", **CONTROL)
        self.controls: dict[str, Any] = {
            name: (widgets.IntText if name in ("articles", "count") else widgets.FloatText)(
                value=value, description=label, **CONTROL
            )
            for name, (label, value) in NUMBERS.items()
        }
        self._out = widgets.HTML()
        self.plan: Plan | None = None
        self.widget = widgets.VBox([self.machine, *self.controls.values(), self._out])
        self.machine.observe(self._load, "value")
        for control in self.controls.values():
            control.observe(self._show, "value")
        self._load()

    @property
    def shown(self) -> str:
        """HTML of the plan, or of the reason why there is none."""
        return self._out.value

    def _load(self, change: object = None) -> None:
        if measured := self._rates.get(self.machine.value):
            self.controls["rate"].value = measured.tokens_per_second
        self._show()

    def _show(self, change: object = None) -> None:
        given = {name: control.value for name, control in self.controls.items()}
        measured = self._rates.get(self.machine.value)
        try:
            if measured is None or given["rate"] != measured.tokens_per_second:
                measured = Rate(given["rate"] or None, origin="typed in" if given["rate"] else "not measured")
            article = Article(given["tokens"], given["text_bytes"], given["width"] * given["number_bytes"])
            name = self.machine.value.partition(":")[0]
            chosen = Machine(name, measured, given["price"] or None, given["count"], given["efficiency"])
            self.plan = plan(given["articles"], article, chosen)
            needed = machines_needed(given["articles"], article, chosen, 3600 * given["hours"])
        except UsageError as error:
            self.plan, self._out.value = None, alert(error)
            return
        formulas = "; ".join(f"{name} = {formula}" for name, formula in FORMULAS.items())
        found = table(shown(self.plan, needed, given["hours"]), "What follows.")
        self._out.value = found + note(f"{formulas[0].upper()}{formulas[1:]}.")
