"""A linear Matryoshka head: one linear map whose first k numbers are a good code for every k.

Kusupati et al. (2022, arXiv 2205.13147) train nested prefixes together, with the loss of the task. Where there are only
vectors the loss is how well cosines of pairs survive (Yoon et al. 2024, arXiv 2407.20243, equation 2, squared here).
PCA keeps inner products best at every k at once (Eckart & Young 1936), and it is where the training starts: whatever
the head gains over PCA, it gains because a search uses cosines.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy import linalg
from torch import nn

from smallbert.arrays import Array, matrix
from smallbert.compress.linear import AffineCode, Pca

BATCH = 256
RATE = 3e-3


def train(vectors: Array, pca: Pca, *, ks: Sequence[int], epochs: int, seed: int) -> AffineCode:
    """Learn the head of the widest prefix; :func:`prefix` cuts narrower ones.

    Adam (Kingma & Ba 2015) at a rate that falls to zero as a cosine; every step sums the loss over all prefixes.

    Args:
        vectors: (n, d), for training.
        pca: of the same vectors.
        ks: prefix widths.
        epochs: passes over the vectors.
        seed: of the order of rows.
    """
    rows = torch.from_numpy(np.ascontiguousarray(matrix(vectors) - pca.mean, dtype=np.float32))
    head = nn.Parameter(torch.from_numpy(pca.components[:, : max(ks)].astype(np.float32)))
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam([head], lr=RATE)
    # Whole mini-batches only: a last one of a few rows has next to no pairs.
    steps = len(rows) // BATCH or 1
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * steps)
    for _ in range(epochs):
        for chosen in torch.randperm(len(rows), generator=generator).split(BATCH)[:steps]:
            batch = rows[chosen]
            optimizer.zero_grad()
            codes, wanted = batch @ head, _cosines(batch)
            torch.stack([(_cosines(codes[:, :k]) - wanted).square().mean() for k in ks]).sum().backward()
            optimizer.step()
            schedule.step()
    return _code(pca.mean, head.detach().double().numpy())


def prefix(head: AffineCode, k: int) -> AffineCode:
    """The code of the head's first ``k`` numbers."""
    return _code(head.centre, head.encoder[:, :k])


def _code(centre: np.ndarray, encoder: np.ndarray) -> AffineCode:
    return AffineCode("Matryoshka head", centre, encoder, linalg.pinv(encoder), centre)


def _cosines(vectors: torch.Tensor) -> torch.Tensor:
    units = nn.functional.normalize(vectors)
    return units @ units.T
