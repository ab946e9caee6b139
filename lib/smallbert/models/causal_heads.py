"""Task models for twins: read GPT-1's way or BERT's, whichever way the encoder's attention looks.

Whether attention looks to the right is the encoder's own affair (``is_decoder`` in its configuration); which token
classes are read from, and whether the second text of a pair has a token type of its own, is the fine-tuner's choice.
All else is that of :mod:`smallbert.models.heads`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AttentionInterface

from smallbert.models.heads import network as networks
from smallbert.models.heads.network import Head, Network
from smallbert.models.heads.packing import Layout

NAME = "smallbert_packed_twin"
"""The attention's name in ``transformers``."""


@dataclass(frozen=True)
class TwinLayout(Layout):
    """Where inputs lie in a packed row, and who sees whom.

    Args:
        groups, device: as for :class:`Layout`.
        last: heads that read one token read the last, where others read the first.
        causal: a token sees itself and what stands before it.
    """

    last: bool = False
    causal: bool = False

    @cached_property
    def first(self) -> Tensor:
        """Place of the token that classes are read from, of each input, (n)."""
        ends = self.lengths.cumsum(0)
        return ends - 1 if self.last else ends - self.lengths

    @cached_property
    def longest(self) -> int:
        """Tokens of the longest input."""
        return max(length for length, _ in self.groups)

    @cached_property
    def seen(self) -> Tensor:
        """Who sees whom when inputs are padded to the longest, bool (n, 1, longest, longest)."""
        real = torch.arange(self.longest, device=self.device) < self.lengths[:, None]
        seen = real[:, None, None].expand(-1, 1, self.longest, -1)
        return seen.tril() if self.causal else seen


class TwinNetwork(Network):
    """An encoder that looks to both sides or to the left, and its head.

    Args:
        model, tokenizer, new, device, dtype: as for :class:`Network`.
        last: a head that reads one token reads the last, [SEP], which stands for GPT-1's [extract], instead of [CLS].
        types: give the second text of a pair a token type of its own.
    """

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Any,
        new: Sequence[str],
        device: torch.device,
        dtype: torch.dtype,
        *,
        last: bool,
        types: bool,
    ) -> None:
        super().__init__(model, tokenizer, new, device, dtype)
        model.set_attn_implementation(NAME)
        self._last, self._causal = last, model.config.is_decoder
        self._typed = self._typed and types

    def states(self, ids: Tensor, types: Tensor, layout: Layout) -> Tensor:
        """Last hidden states of a packed row; see :meth:`Network.states`."""
        return super().states(ids, types, TwinLayout(layout.groups, layout.device, self._last, self._causal))


def build(
    name: str | Path,
    head: Head,
    outputs: int,
    *,
    last: bool,
    types: bool,
    labels: Sequence[str] = (),
    seed: int,
    device: torch.device,
    dtype: torch.dtype,
) -> TwinNetwork:
    """A pretrained encoder with a fresh head; see :func:`smallbert.models.heads.network.build`."""
    own = networks.build(name, head, outputs, labels=labels, seed=seed, device=device, dtype=dtype)
    return TwinNetwork(own.model, own.tokenizer, own.new, device, dtype, last=last, types=types)


def twin_attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: None, *, layout: TwinLayout, **_: Any
) -> tuple[Tensor, None]:
    """Attention inside each input of a packed row, in the form ``transformers`` asks for.

    Inputs are padded for attention alone. Short inputs in a narrow encoder are read faster so than with one product for
    each length (:func:`smallbert.models.heads.packing.attend_groups`): 1.7 against 3.8 ms for two layers of width 64,
    forward and backward, 16 sentences of about 17 tokens, one core.

    Args:
        module: the layer that calls.
        query, key, value: (1, heads, T, w).
        mask: none; ``layout`` says who sees whom.
        layout: of the row.

    Returns:
        (1, T, heads, w), and no weights.
    """
    inputs, longest = len(layout.lengths), layout.longest
    rows = (part[0, :, : layout.tokens].transpose(0, 1) for part in (query, key, value))
    padded = (part.new_zeros(inputs * longest, *part.shape[1:]).index_copy(0, layout.slots, part) for part in rows)
    q, k, v = (part.unflatten(0, (inputs, longest)).transpose(1, 2) for part in padded)  # (n, heads, longest, w)
    if query.device.type == "cpu":  # where the backward of the fused kernel is several times slower
        scores = torch.matmul(q * q.shape[-1] ** -0.5, k.transpose(-1, -2))
        attended = torch.matmul(scores.masked_fill(~layout.seen, -torch.inf).softmax(-1), v)
    else:
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=layout.seen)
    flat = attended.transpose(1, 2).flatten(0, 1)[layout.slots]
    return F.pad(flat, (0, 0, 0, 0, 0, query.shape[2] - layout.tokens))[None], None


AttentionInterface.register(NAME, twin_attention)
