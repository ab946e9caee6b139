"""The fast forward: tokens of many texts in one matrix, without padding.

Linear layers run over the whole token matrix, attention runs once for each group of equally long texts, and
nothing is spent on padding or masks. The result of a text depends on its batch only through the rounding of
the matrix kernels, and batches are a pure function of the lengths, so a shard repeats byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from smallbert.errors import UsageError
from smallbert.models.attention import Groups, attend
from smallbert.models.families import Block, Weights
from smallbert.models.last_layer import Followed
from smallbert.models.linear import Linear

if TYPE_CHECKING:
    from smallbert.models.encoder import Encoder

ROW_MULTIPLE = 64
"""Token matrices are filled up to a multiple of this many rows: matrix kernels are generated for each row
count (15 ms each with AMX), and 32 counts up to 2,048 tokens are generated once."""


@dataclass(frozen=True)
class Batch:
    """Texts that run together.

    Args:
        rows: index of each text in the caller's list, ordered by length.
        groups: (length, texts) runs in that order.
    """

    rows: np.ndarray
    groups: Groups

    @property
    def tokens(self) -> int:
        """Real tokens in the batch."""
        return sum(length * count for length, count in self.groups)


def plan(lengths: np.ndarray, budget: int, *, padded: bool = False) -> list[Batch]:
    """Cut texts into batches of at most ``budget`` tokens, longest texts first.

    Args:
        lengths: tokens a text (n).
        budget: tokens a batch; a longer text runs alone.
        padded: whether each text counts as the longest of its batch, which is what padding makes of it.

    Returns:
        Batches that hold every text once; the same lengths always give the same batches. With many texts
        nearly every batch has a single length.
    """
    order = np.argsort(-lengths, kind="stable")
    batches, start, tokens, longest = [], 0, 0, 0
    for place, length in enumerate(lengths[order].tolist()):
        if tokens and tokens + (longest if padded else length) > budget:
            batches.append(_batch(order[start:place], lengths))
            start, tokens = place, 0
        if not tokens:
            longest = length
        tokens += longest if padded else length
    return [*batches, _batch(order[start:], lengths)] if len(order) else batches


def _batch(rows: np.ndarray, lengths: np.ndarray) -> Batch:
    values, counts = np.unique(-lengths[rows], return_counts=True)
    return Batch(rows, [(int(-value), int(count)) for value, count in zip(values, counts, strict=True)])


class PackedModel:
    """An encoder's blocks, ready to run on packed batches.

    Args:
        weights: the blocks to run, no more.
        pooling: ``mean`` over all tokens of a text or ``cls``, its first token.
        dtype: number format of linear layers and attention. Embeddings and pooling are fp32; layer norm and
            softmax accumulate in fp32 whatever the format.
        device: where to run.
    """

    def __init__(self, weights: Weights, pooling: str, dtype: torch.dtype, device: torch.device) -> None:
        self.pooling, self.dtype, self.device = pooling, dtype, device
        self.heads, self.epsilon = weights.heads, weights.epsilon
        self.words = weights.words.to(device)
        self.positions = weights.positions.to(device)
        self.norm = weights.norm[0].to(device), weights.norm[1].to(device)
        self.projection = Linear(weights.projection, dtype, device) if weights.projection else None
        packed: dict[int, _PackedBlock] = {}  # shared blocks are packed once
        for block in weights.blocks:
            if id(block) not in packed:
                packed[id(block)] = _PackedBlock(block, weights, dtype, device)
        self.blocks = [packed[id(block)] for block in weights.blocks]

    def __call__(self, ids: Tensor, groups: Groups) -> Tensor:
        """Pooled vectors of one batch.

        Args:
            ids: token ids of all texts, one after the other (T), on the device.
            groups: the layout of ``ids``.

        Returns:
            fp32 (texts, d), in the order of ``ids``.
        """
        filler = -len(ids) % ROW_MULTIPLE
        places = [torch.arange(length, device=self.device).repeat(count) for length, count in groups]
        places.append(torch.zeros(filler, dtype=torch.long, device=self.device))
        hidden = F.embedding(F.pad(ids, (0, filler)), self.words) + F.embedding(torch.cat(places), self.positions)
        hidden = F.layer_norm(hidden, [hidden.shape[1]], *self.norm, self.epsilon).to(self.dtype)
        if self.projection:
            hidden = self.projection(hidden)
        if self.pooling == "mean":
            for block in self.blocks:
                hidden = block(hidden, groups)
            return _mean(hidden, groups)
        first = _first_rows(groups, self.device)
        for block in self.blocks[:-1]:
            hidden = block(hidden, groups)
        if not self.blocks:
            return hidden[first].float()
        return self.blocks[-1].first_tokens(hidden, groups, first).float()


class _PackedBlock:
    def __init__(self, block: Block, weights: Weights, dtype: torch.dtype, device: torch.device) -> None:
        self.heads, self.epsilon = weights.heads, weights.epsilon
        self.qkv, self.out = Linear(block.qkv, dtype, device), Linear(block.out, dtype, device)
        self.up = Linear(block.up, dtype, device, weights.activation)
        self.down = Linear(block.down, dtype, device)
        self.attention_norm = block.attention_norm[0].to(device, dtype), block.attention_norm[1].to(device, dtype)
        self.norm = block.norm[0].to(device, dtype), block.norm[1].to(device, dtype)

    def __call__(self, hidden: Tensor, groups: Groups) -> Tensor:
        """(T, d) -> (T, d)."""
        return self._finish(attend(self.qkv(hidden), groups, self.heads), hidden)

    def first_tokens(self, hidden: Tensor, groups: Groups, first: Tensor) -> Tensor:
        """The block's output at each text's first token alone: (T, d) -> (texts, d).

        Keys and values need every token; everything after attention is needed at ``first`` only.
        """
        attended = attend(self.qkv(hidden), groups, self.heads, first_only=True)
        filler = -len(first) % ROW_MULTIPLE
        attended = F.pad(attended, (0, 0, 0, filler))
        return self._finish(attended, hidden[F.pad(first, (0, filler))])[: len(first)]

    def _finish(self, attended: Tensor, hidden: Tensor) -> Tensor:
        width = [hidden.shape[1]]
        hidden = F.layer_norm(self.out(attended).add_(hidden), width, *self.attention_norm, self.epsilon)
        return F.layer_norm(self.down(self.up(hidden)).add_(hidden), width, *self.norm, self.epsilon)


def packed_model(encoder: Encoder, part: str) -> PackedModel:
    """The model inside an encoder, for those who exchange a part of it.

    Args:
        encoder: from :func:`smallbert.models.encoder.load`.
        part: what they exchange, as a sentence begins.

    Raises:
        UsageError: its family runs through ``transformers``.
    """
    forward = encoder.forward.forward if isinstance(encoder.forward, Followed) else encoder.forward
    if isinstance(forward, PackedModel):
        return forward
    raise UsageError(
        f"Expected an encoder of the BERT family, got {encoder.describe()['family']}.",
        f"{part} cannot be exchanged: use BERT, RoBERTa, XLM-R, DistilBERT or ALBERT.",
    )


def with_packed(encoder: Encoder, forward: PackedModel, **identity: str) -> Encoder:
    """The same encoder around another model, with the dense layers that follow its pooling.

    Args:
        encoder: of which :func:`packed_model` gave the model that was changed.
        forward: the changed copy.
        identity: as for ``Encoder.with_forward``.
    """
    own = encoder.forward
    return encoder.with_forward(replace(own, forward=forward) if isinstance(own, Followed) else forward, **identity)


def _mean(hidden: Tensor, groups: Groups) -> Tensor:
    pieces, start = [], 0
    for length, count in groups:
        stop = start + length * count
        pieces.append(hidden[start:stop].view(count, length, -1).mean(1, dtype=torch.float32))
        start = stop
    return torch.cat(pieces)


def _first_rows(groups: Groups, device: torch.device) -> Tensor:
    """Row of each text's first token in the token matrix (texts)."""
    lengths = [length for length, count in groups for _ in range(count)]
    return torch.tensor([0, *np.cumsum(lengths)[:-1]], device=device)
