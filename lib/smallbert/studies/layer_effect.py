"""Study 4, what layers add at all: many of one set of weights against few, by held-out loss.

Sharing layers can cost no more than layers add. Where they add nothing, an encoder that shares them and one that does
not are equivalent whatever is shared.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from smallbert.studies.contrasts import by_seed, contrast, corrected
from smallbert.studies.distillation_measures import effect
from smallbert.studies.embedding_widths import MARGIN


@dataclass(frozen=True)
class LayerEffect:
    """The deepest all-shared encoder against the shallowest, paired by seed.

    Args:
        many, few: layers of both.
        change: of the held-out loss, nats; the 95% interval beside it.
        verdict: on that.
    """

    many: int
    few: int
    change: tuple[float, float, float]
    verdict: str

    @property
    def told(self) -> bool:
        """Whether more layers are better for sure."""
        return self.verdict == "lower"


def layer_effect(cells: pd.DataFrame) -> LayerEffect | None:
    """What more layers of one set of weights change.

    Args:
        cells: of the panel ``depth`` of page 4: ``layers``, ``seed``, ``loss``.

    Returns:
        The effect; None where there is one depth.
    """
    wide = by_seed(cells.assign(finite=True), "layers", "loss")
    few, many = int(min(wide)), int(max(wide))
    if few == many:
        return None
    row = corrected(pd.DataFrame([contrast(wide[many], wide[few])]), margin=MARGIN).iloc[0]
    return LayerEffect(many, few, (float(row.difference), float(row.low), float(row.high)), str(row.verdict))


def sentence(found: LayerEffect | None) -> str:
    """What layers add, and what sharing them can then cost; empty where one depth was trained."""
    if found is None or found.verdict == "diverged":  # one seed has nothing to pair
        return ""
    told = f"{found.many} layers of one set of weights against {found.few}"
    if found.told:
        return f"That layers add something is told: {told} {effect('loss', found.change)}."
    return (
        f"That layers add anything is not told: {told} {effect('loss', found.change)}. Sharing can cost no more than "
        "layers add, so equivalent losses do not show that it costs nothing."
    )
