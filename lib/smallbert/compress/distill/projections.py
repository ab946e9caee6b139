"""A student in training: with the learned maps that lift its vectors to the teacher's width."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertForMaskedLM

from smallbert.compress.distill.methods import Method


class Student(nn.Module):
    """A student with the projections that lift it to the teacher's width while it learns; only ``encoder`` is kept.

    Args:
        encoder: the student.
        method: which losses ask for a projection.
        teacher_width: d of the teacher.
        seed: of the projections' first weights.

    A projection between equal widths starts as the identity, so that a student which equals its teacher has a loss of
    0; any other starts as rows of a random orthogonal matrix. The losses that have no W in their papers (cosine,
    patient, pooled) get one only where the widths differ, which the papers do not allow.
    """

    def __init__(self, encoder: BertForMaskedLM, method: Method, teacher_width: int, seed: int) -> None:
        super().__init__()
        self.encoder = encoder
        width, layers, terms = encoder.config.hidden_size, encoder.config.num_hidden_layers, method.terms
        places = ["embedding"] * ("embedding" in terms) + [
            f"hidden-{m}" for m in range(1, layers + 1) if "hidden" in terms
        ]
        if method.shared_projection:
            self._names = dict.fromkeys(places, "shared")
        else:
            self._names = {place: place for place in places}
        if width != teacher_width:
            lifted = [f"patient-{m}" for m in range(1, layers) if "patient" in terms]
            lifted += [term for term in ("cosine", "pooled") if term in terms]
            self._names |= {place: place for place in lifted}
        generator = torch.Generator().manual_seed(seed)
        self.projections = nn.ModuleDict(
            {
                name: _projection(width, teacher_width, name == "shared", generator)
                for name in dict.fromkeys(self._names.values())
            }
        ).to(encoder.device)

    def named_parameters(self, *arguments: Any, **options: Any) -> Iterator[tuple[str, nn.Parameter]]:
        """Those that learn: what needs no gradient has no place in an optimizer or a checkpoint."""
        return ((name, one) for name, one in super().named_parameters(*arguments, **options) if one.requires_grad)

    def lift(self, place: str, vectors: Tensor) -> Tensor:
        """Student vectors at the teacher's width: (..., d') -> (..., d)."""
        return self.projections[self._names[place]](vectors) if place in self._names else vectors


def _projection(width: int, teacher_width: int, bias: bool, generator: torch.Generator) -> nn.Linear:
    linear = nn.Linear(width, teacher_width, bias=bias)
    with torch.no_grad():
        if width == teacher_width:
            nn.init.eye_(linear.weight)
        else:
            nn.init.orthogonal_(linear.weight, generator=generator)
        if bias:
            linear.bias.zero_()
    return linear
