"""An encoder that reads sentence trees and chooses among the candidates that hang on them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from smallbert.errors import UsageError
from smallbert.knowledge.inject import Input
from smallbert.models import pretrained, sources
from smallbert.models.through_transformers import keep_layers

FAMILIES = ("bert", "albert")
"""Families whose ``transformers`` models take positions, added vectors and a matrix of who sees whom."""

DEVIATION = 0.02

STRENGTH = 2.0
"""Length of a projected entity vector at first, in lengths of a word's vector."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Inputs side by side, filled up to the longest.

    Args:
        ids, kinds, positions: int64 (B, L).
        visible: bool (B, L, L); a filler sees itself alone.
        candidates: of each token, -1 for none, int64 (B, L).
        entities: of each token, -1 for none, int64 (B, L).
        labels: int64 (B).
    """

    ids: Tensor
    kinds: Tensor
    positions: Tensor
    visible: Tensor
    candidates: Tensor
    entities: Tensor
    labels: Tensor

    @classmethod
    def of(cls, inputs: Sequence[Input], device: torch.device) -> Batch:
        """Stack some inputs."""
        longest = max(len(one.tree) for one in inputs)

        def stack(rows: Sequence[np.ndarray], filler: int) -> Tensor:
            filled = [np.pad(row, (0, longest - len(row)), constant_values=filler) for row in rows]
            return torch.from_numpy(np.stack(filled)).to(device)

        visible = np.zeros((len(inputs), longest, longest), bool)
        visible[:, np.arange(longest), np.arange(longest)] = True
        for row, one in zip(visible, inputs, strict=True):
            row[: len(one.tree), : len(one.tree)] = one.tree.visible
        trees = [one.tree for one in inputs]
        return cls(
            stack([tree.ids for tree in trees], 0),
            stack([tree.kinds for tree in trees], 0),
            stack([tree.positions for tree in trees], 0),
            torch.from_numpy(visible).to(device),
            stack([one.candidates for one in inputs], -1),
            stack([one.entities for one in inputs], -1),
            torch.tensor([one.label for one in inputs], device=device),
        )


class TreeReader(nn.Module):
    """An encoder, a score for candidates, and a projection of entity vectors.

    The word vectors stay as they are, so that words of training and words that only occur later keep their distances.
    The projection starts as one that keeps distances, so that entities near each other stay so, at twice the length of
    words. Tried on MiniLM with one seed and 25 steps: from zero nothing was learnt, from the length of words the tools
    alone, from twice that also birthplaces.

    Args:
        encoder: a ``transformers`` model of :data:`FAMILIES`.
        vectors: of all entities, fp32 (E, d); None for a reader without embeddings.
        seed: of the fresh weights.
    """

    vectors: Tensor

    def __init__(self, encoder: Any, vectors: np.ndarray | None, seed: int) -> None:
        super().__init__()
        family = encoder.config.model_type
        if family not in FAMILIES:
            raise UsageError(
                f"Expected an encoder of the families {', '.join(FAMILIES)}, got {family}.",
                "Others do not let one say which tokens see each other.",
            )
        encoder.pooler = encoder.pooler_activation = None  # of no use here, and what is not used cannot be trained
        self.encoder, width = encoder, encoder.config.hidden_size
        words = encoder.get_input_embeddings()
        words.weight.requires_grad_(False)
        self.dense, self.score = nn.Linear(width, width), nn.Linear(width, 1)
        random = torch.Generator().manual_seed(seed)
        for layer in (self.dense, self.score):
            nn.init.normal_(layer.weight, std=DEVIATION, generator=random)
            nn.init.zeros_(layer.bias)
        self.projection = None
        if vectors is not None:
            own = torch.from_numpy(vectors).float()
            self.register_buffer("vectors", torch.cat([own, torch.zeros_like(own[:1])]))  # the last one for none
            self.projection = nn.Linear(vectors.shape[1], words.embedding_dim, bias=False)
            length = words.weight.norm(dim=1).median() / own.norm(dim=1).median()
            nn.init.orthogonal_(self.projection.weight, gain=float(STRENGTH * length), generator=random)

    @classmethod
    def load(
        cls, name: str | Path, vectors: np.ndarray | None = None, *, layers: int = -1, seed: int = 0
    ) -> tuple[TreeReader, Any]:
        """A pretrained encoder and its tokenizer.

        Args:
            name: a local folder, ``minilm`` or a hub id.
            vectors, seed: as of the class.
            layers: how many of the encoder's layers, from the lowest, are kept; -1 keeps all.

        Raises:
            MachineError: the encoder is not to be had here.
            DataError: the folder holds no encoder that can be used.
            UsageError: it is of another family, has not so many layers, or is an ALBERT whose groups cannot be cut
                there.
        """
        found = pretrained.read(Path(sources.find(str(name))), layers)
        encoder = copy.deepcopy(found.encoder)
        keep_layers(encoder, found.depth)
        return cls(encoder.eval(), vectors, seed), found.tokenizer

    @property
    def places(self) -> int:
        """Positions the encoder has."""
        return self.encoder.config.max_position_embeddings

    def states(self, batch: Batch) -> Tensor:
        """Last hidden states, (B, L, H)."""
        words = self.encoder.get_input_embeddings()(batch.ids)
        if self.projection is not None:
            words = words + self.projection(self.vectors[batch.entities])
        # Attention as plain products on a CPU, where that is faster, takes what is added to the scores.
        plain = words.device.type == "cpu"
        self.encoder.set_attn_implementation("eager" if plain else "sdpa")
        mask = batch.visible[:, None]
        if plain:
            mask = torch.zeros(mask.shape).masked_fill_(~mask, torch.finfo(torch.float32).min)
        return self.encoder(
            inputs_embeds=words, token_type_ids=batch.kinds, position_ids=batch.positions, attention_mask=mask
        ).last_hidden_state

    def forward(self, batch: Batch) -> Tensor:
        """Scores of the candidates, fp32 (B, C); minus infinity where an input has fewer than C."""
        states = self.states(batch)
        count = int(batch.candidates.max()) + 1
        own = batch.candidates[:, None, :] == torch.arange(count, device=states.device)[:, None]  # (B, C, L)
        size = own.sum(-1, keepdim=True)
        means = torch.matmul(own.to(states.dtype), states) / size.clamp(min=1)
        scores = self.score(self.dense(means).tanh())[..., 0].float()
        return scores.masked_fill(size[..., 0] == 0, -torch.inf)
