"""k-sparse codes: a vector as k weighted entries of a learnt dictionary, far larger than k.

An autoencoder whose hidden layer keeps its k largest activations (Makhzani & Frey 2013, arXiv 1312.5663; Gao et al.
2024, arXiv 2406.04093), as CSR puts on frozen embeddings (Wen et al. 2025, arXiv 2503.01776). One dictionary serves
every k: the loss is the sum over all of them (Gao et al., section 5.3, Multi-TopK).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from smallbert.arrays import Array, blocks, matrix, require_finite
from smallbert.compress.codes.code import Code, checked
from smallbert.errors import UsageError

ENTRY_BYTES = 4
"""An entry: its number in 16 bits, its weight in 16-bit floating point."""

MOST_ENTRIES = 1 << 16
BATCH = 128
RATE = 3e-3


@dataclass(frozen=True, eq=False)
class Dictionary:
    """A trained sparse autoencoder.

    Args:
        centre: float32 (d,), the training mean, taken off before and added after.
        encoder: float32 (d, m).
        bias: float32 (m,).
        entries: float32 (m, d), the dictionary.
    """

    centre: Tensor
    encoder: Tensor
    bias: Tensor
    entries: Tensor

    def top(self, vectors: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """The k largest activations of each vector (n, d), not below zero, and where they stand: two of (n, k)."""
        activations = torch.addmm(self.bias, vectors - self.centre, self.encoder)
        found = activations.topk(k, dim=1)
        return found.values.relu(), found.indices

    def mix(self, weights: Tensor, places: Tensor) -> Tensor:
        """Vectors from weighted entries: two of (n, k) to (n, d)."""
        return self.centre + F.embedding_bag(places, self.entries, per_sample_weights=weights, mode="sum")


def train(vectors: Array, *, entries: int, ks: Sequence[int], epochs: int, seed: int) -> Dictionary:
    """Learn a dictionary that reconstructs training vectors from few of its entries.

    Adam (Kingma & Ba 2015), squared error, a rate that falls to zero as a cosine. Training vectors are the first
    entries, so that every entry is of use somewhere; their transpose is the first encoder, scaled so that the first
    sums of many alike entries are not far too long.

    Args:
        vectors: (n, d), entries of about unit size.
        entries: m, of the dictionary.
        ks: numbers of entries a code may have.
        epochs: passes over the vectors.
        seed: of the first entries and the order of rows.

    Raises:
        UsageError: more entries than 16 bits can number, or more a code than there are.
    """
    if not max(ks) <= entries <= MOST_ENTRIES:
        raise UsageError(
            f"Expected a dictionary of {max(ks):,} (entries of a code) to {MOST_ENTRIES:,} entries, got {entries:,}."
        )
    rows = torch.from_numpy(np.ascontiguousarray(matrix(vectors), dtype=np.float32))
    generator = torch.Generator().manual_seed(seed)
    centre = rows.mean(dim=0)
    drawn = rows[torch.randint(len(rows), (entries,), generator=generator)] - centre
    start = F.normalize(drawn)
    parameters = [nn.Parameter(one) for one in (start.T / max(ks) ** 0.5, torch.zeros(entries), start.clone())]
    model = Dictionary(centre, *parameters)
    optimizer = torch.optim.Adam(parameters, lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * -(-len(rows) // BATCH))
    for _ in range(epochs):
        for chosen in torch.randperm(len(rows), generator=generator).split(BATCH):
            batch = rows[chosen]
            optimizer.zero_grad()
            weights, places = model.top(batch, max(ks))
            missed = [model.mix(weights[:, :k].contiguous(), places[:, :k].contiguous()) - batch for k in ks]
            torch.stack(missed).square().mean().backward()
            optimizer.step()
            schedule.step()
    return Dictionary(centre, *(parameter.detach() for parameter in parameters))


@dataclass(frozen=True, eq=False)
class Sparse(Code):
    """Codes of k entries of a dictionary; a query is compared with what they add up to.

    Args:
        dictionary: from :func:`train`.
        k: entries a vector.
    """

    dictionary: Dictionary
    k: int

    @property
    def nbytes(self) -> int:
        """Bytes a vector: four an entry."""
        return ENTRY_BYTES * self.k

    def encode(self, vectors: Array) -> np.ndarray:
        """See :class:`smallbert.compress.codes.code.Code`: all numbers of entries first, then all weights."""
        rows = matrix(vectors, width=len(self.dictionary.centre))
        stored = np.empty((len(rows), self.nbytes), np.uint8)
        for block, into in zip(blocks(rows), blocks(stored), strict=True):
            weights, places = self.dictionary.top(torch.from_numpy(np.ascontiguousarray(block, np.float32)), self.k)
            require_finite(weights.half().numpy(), what="weights in 16 bits")
            both = places.numpy().astype("<u2"), weights.numpy().astype("<f2")
            into[:] = np.concatenate([one.view(np.uint8) for one in both], axis=1)
        return stored

    def decode(self, stored: np.ndarray) -> np.ndarray:
        """See :class:`smallbert.compress.codes.code.Code`: vectors of the original width."""
        places, weights = np.split(checked(stored, self.nbytes), 2, axis=1)
        places = np.ascontiguousarray(places).view("<u2").astype(np.int64)
        weights = np.ascontiguousarray(weights).view("<f2").astype(np.float32)
        mixed = np.empty((len(weights), len(self.dictionary.centre)), np.float32)
        for part, where, into in zip(blocks(weights), blocks(places), blocks(mixed), strict=True):
            into[:] = self.dictionary.mix(torch.from_numpy(part), torch.from_numpy(where)).numpy()
        return mixed

    def query(self, vectors: Array) -> np.ndarray:
        """See :class:`smallbert.compress.codes.code.Code`: the vectors themselves."""
        return matrix(vectors, width=len(self.dictionary.centre))
