"""Student and teacher on the same rows: what the losses of a distillation read of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor

from smallbert.compress.distill.forward import Trace
from smallbert.compress.distill.inputs import Seen


@dataclass(frozen=True, eq=False)
class Compared:
    """What student and teacher make of the same rows.

    Args:
        seen: the rows.
        given: the teacher's outputs by name.
        student: what passed through the student.
        asked: all places whose logits any loss reads, ascending, (n,).
        logits: the student's there, fp32, (n, V); None where nothing is masked.
    """

    seen: Seen
    given: dict[str, Tensor]
    student: Trace
    asked: np.ndarray
    logits: Tensor | None

    def logits_at(self, places: np.ndarray) -> Tensor:
        """Logits at some of the places asked."""
        logits = cast(Tensor, self.logits)  # only losses on masked rows read any
        if len(places) == len(self.asked):
            return logits
        return logits[torch.from_numpy(np.searchsorted(self.asked, places)).to(logits.device)]

    def given_states(self, layer: int) -> Tensor:
        """The teacher's hidden states at all real tokens, (n, d)."""
        return self.given[f"hidden-{layer}"][self.student.real.flatten()]

    def own(self, layer: int, *names: str) -> list[Tensor]:
        """Queries, keys or values of a student layer, fp32, (B, L, d')."""
        return [self.student.projections[layer, name].float() for name in names]

    def theirs(self, layer: int, *names: str) -> list[Tensor]:
        """Queries, keys or values of a teacher layer, (B, L, d)."""
        return [self.given[f"{name}-{layer}"].unflatten(0, self.student.real.shape) for name in names]
