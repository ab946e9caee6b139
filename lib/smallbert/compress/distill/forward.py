"""One forward of a student that shows what the losses compare."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import BertForMaskedLM

from smallbert.models.packing import document_positions
from smallbert.models.tokenizer import CLS, PAD


@dataclass(frozen=True, eq=False)
class Trace:
    """What passed through a student.

    Args:
        hidden: hidden states of the embeddings and of every layer, M + 1 of (B, L, d).
        projections: by (layer, name), layers counted from 1, queries, keys and values, (B, L, d).
        real: which tokens are not [PAD], bool, (B, L).
        first: which tokens begin a text, bool, (B, L).
        inside: which pairs of real tokens belong to one text, bool, (B, 1, L, L).
    """

    hidden: tuple[Tensor, ...]
    projections: dict[tuple[int, str], Tensor]
    real: Tensor
    first: Tensor
    inside: Tensor


def trace(student: BertForMaskedLM, ids: Tensor, read: Tensor, layers: set[int]) -> Trace:
    """Run a student on packed rows.

    Args:
        student: the model.
        ids: rows before masking, from which texts are told apart, int64, (B, L).
        read: what the model reads, int64, (B, L).
        layers: layers, counted from 1, whose queries, keys and values are asked for.
    """
    positions, inside = document_positions(ids)
    real = ids != PAD
    attended = inside
    if student.config._attn_implementation == "eager":  # which adds the mask to the scores
        attended = torch.zeros(inside.shape, device=ids.device).masked_fill_(~inside, torch.finfo(torch.float32).min)
    found: dict[tuple[int, str], Tensor] = {}

    def catch(layer: int, name: str):
        return lambda _module, _input, output: found.__setitem__((layer, name), output)

    hooks = [
        getattr(student.bert.encoder.layer[layer - 1].attention.self, part).register_forward_hook(catch(layer, name))
        for layer in layers
        for part, name in (("query", "queries"), ("key", "keys"), ("value", "values"))
    ]
    try:
        states = student.bert(read, attention_mask=attended, position_ids=positions, output_hidden_states=True)
    finally:
        for hook in hooks:
            hook.remove()
    return Trace(states.hidden_states, found, real, ids == CLS, inside & real[:, None, :, None])
