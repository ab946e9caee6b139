"""Self-attention for ``transformers``' own layers on a batch without padding.

All tokens of a batch stand in one row, (1, T), positions restart with each input, and this attention keeps the inputs
apart. Every other layer works token by token, so outputs and gradients are those of the padded batch with its mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AttentionInterface

from smallbert.models.attention import Groups

NAME = "smallbert_packed"
"""The attention's name in ``transformers``, which hands attention of an unknown name no mask."""

SMALL_BATCH = 300_000
"""Attention scores, padding included, up to which a batch on a CPU is computed as a whole.

32 sentences of 8 to 60 tokens with two heads take 2.6 instead of 8.2 ms that way, forward and backward; 16 of 60 to 110
with four heads would take 21 instead of 7.
"""

SHORT_RUN = 1024
"""Tokens below which a run of equally long inputs computes its attention in fp32.

oneDNN generates a bf16 kernel for every new shape, 3 to 7 ms each with AMX, and random batches bring new shapes in
every step, where a warm kernel would save less than a millisecond. Runs of equal windows (32 of 128 tokens) are twice
as fast in bf16 and keep it.
"""


@dataclass(frozen=True)
class Layout:
    """Where inputs lie in a packed row.

    Args:
        groups: (length, inputs) runs in the order of the row.
        device: where the row is.
        causal: whether a token sees only itself and what stands before it in its input.
    """

    groups: Groups
    device: torch.device
    causal: bool = False

    @cached_property
    def tokens(self) -> int:
        """Tokens of all inputs (T)."""
        return sum(length * count for length, count in self.groups)

    @cached_property
    def lengths(self) -> Tensor:
        """Tokens of each input, (n)."""
        return torch.tensor([length for length, count in self.groups for _ in range(count)], device=self.device)

    @cached_property
    def places(self) -> Tensor:
        """Position of each token in its input, (T)."""
        return torch.cat([torch.arange(length, device=self.device).repeat(count) for length, count in self.groups])

    @cached_property
    def first(self) -> Tensor:
        """Place of each input's first token in the row, (n)."""
        return self.lengths.cumsum(0) - self.lengths

    @cached_property
    def last(self) -> Tensor:
        """Place of each input's last token in the row, (n)."""
        return self.lengths.cumsum(0) - 1

    @cached_property
    def longest(self) -> int:
        """Tokens of the longest input."""
        return max(length for length, _ in self.groups)

    @cached_property
    def scores(self) -> int:
        """Attention scores of one head if all inputs were padded to the longest."""
        return len(self.lengths) * self.longest**2

    @cached_property
    def owners(self) -> Tensor:
        """Number of each token's input in the row, (T)."""
        return torch.arange(len(self.lengths), device=self.device).repeat_interleave(self.lengths)

    @cached_property
    def slots(self) -> Tensor:
        """Place of each token among n inputs padded to the longest, (T)."""
        return self.owners * self.longest + self.places

    @cached_property
    def seen(self) -> Tensor:
        """Who sees whom among inputs padded to the longest, bool (n, 1, 1, L), or (n, 1, L, L) if causal."""
        real = (torch.arange(self.longest, device=self.device) < self.lengths[:, None])[:, None, None]
        return real.expand(-1, 1, self.longest, -1).tril() if self.causal else real


def packed_attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: None, *, layout: Layout, **_: Any
) -> tuple[Tensor, None]:
    """Attention inside each input of a packed row, in the form ``transformers`` asks for.

    Args:
        module: the layer that calls.
        query, key, value: (1, heads, T, w).
        mask: none; ``layout`` says what belongs together.
        layout: of the row.

    Returns:
        (1, T, heads, w), and no weights.
    """
    attend = attend_padded if query.device.type == "cuda" else attend_groups
    if attend is attend_groups and layout.scores * query.shape[1] <= SMALL_BATCH:
        attend = attend_small
    rows = [part[0, :, : layout.tokens].transpose(0, 1) for part in (query, key, value)]
    filler = query.shape[2] - layout.tokens
    return F.pad(attend(rows[0], rows[1], rows[2], layout), (0, 0, 0, 0, 0, filler))[None], None


def attend_groups(query: Tensor, key: Tensor, value: Tensor, layout: Layout) -> Tensor:
    """One dense product for each run of equally long inputs, as :func:`smallbert.models.attention.attend`.

    Written for training: plain products, since the backward of torch's fused kernel is several times slower on a CPU;
    one split, since the backward of a slice fills a whole row with zeros; fp32 in short runs (:data:`SHORT_RUN`).

    Args:
        query, key, value: (T, heads, w).
        layout: of the row.

    Returns:
        (T, heads, w).
    """
    sizes = [length * count for length, count in layout.groups]
    runs = zip(*(part.split(sizes) for part in (query, key, value)), strict=True)
    pieces = []
    with torch.autocast("cpu", enabled=False):
        for (length, count), parts in zip(layout.groups, runs, strict=True):
            dtype = torch.float32 if length * count < SHORT_RUN else query.dtype
            # (count, heads, length, w)
            q, k, v = (part.to(dtype).unflatten(0, (count, length)).transpose(1, 2) for part in parts)
            scores = torch.matmul(q * q.shape[-1] ** -0.5, k.transpose(-1, -2))
            if layout.causal:
                scores = scores.masked_fill(~torch.ones(length, length, dtype=torch.bool).tril(), -torch.inf)
            pieces.append(torch.matmul(scores.softmax(-1), v).transpose(1, 2).flatten(0, 1).to(query.dtype))
    return torch.cat(pieces)


def attend_small(query: Tensor, key: Tensor, value: Tensor, layout: Layout) -> Tensor:
    """The same as one dense product over padded inputs: where these are few and short, calls cost more than padding."""
    with torch.autocast("cpu", enabled=False):
        q, k, v = _padded(query, key, value, layout)
        scores = torch.matmul(q * q.shape[-1] ** -0.5, k.transpose(-1, -2)).masked_fill(~layout.seen, -torch.inf)
        attended = torch.matmul(scores.softmax(-1), v)
    return attended.transpose(1, 2).flatten(0, 1)[layout.slots]


def attend_padded(query: Tensor, key: Tensor, value: Tensor, layout: Layout) -> Tensor:
    """The same in a few large kernels, as a GPU wants it.

    Only attention is padded; the linear layers, which do most of the work, never see padding.
    """
    q, k, v = _padded(query, key, value, layout)
    attended = F.scaled_dot_product_attention(q, k, v, attn_mask=layout.seen)
    return attended.transpose(1, 2).flatten(0, 1)[layout.slots]


def _padded(query: Tensor, key: Tensor, value: Tensor, layout: Layout) -> list[Tensor]:
    """Queries, keys and values padded to the longest input, (n, heads, longest, w) each."""
    inputs, longest = len(layout.lengths), layout.longest
    padded = (
        part.new_zeros(inputs * longest, *part.shape[1:]).index_copy(0, layout.slots, part)
        for part in (query, key, value)
    )
    return [part.unflatten(0, (inputs, longest)).transpose(1, 2) for part in padded]


AttentionInterface.register(NAME, packed_attention)
