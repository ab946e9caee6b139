"""Decoders with one hidden layer behind a fixed encoder: what a trained nonlinearity adds to PCA's reconstruction.

The decoder is ``PCA(z) + [1, z, act(z V + b)] W``. W begins at zero, so training starts at PCA, the floor it is
compared with, and the affine part stays free. The recipe, the order of rows and the optimizer are those of the
autoencoder grid.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from smallbert.compress.activations import ACTIVATIONS
from smallbert.compress.autoencoder import stream_seed
from smallbert.compress.optimizers import MAKERS
from smallbert.compress.training import Training, row_order

ACTIVATION = "tanh"


def parameters(k: int, d: int, hidden: int) -> int:
    """Numbers of the whole decoder: (k + 1) d of the affine part, h (k + 1) into the hidden layer and h d out of it."""
    return (k + 1 + hidden) * d + hidden * (k + 1)


def train(
    codes: np.ndarray, left: np.ndarray, *, hidden: int, training: Training, seeds: Sequence[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Train one decoder a seed, all in step, by squared error.

    Args:
        codes: standardised training codes, float32 (seeds, n, k).
        left: what PCA leaves of the same rows, float32 (seeds, n, d), in units that make its variance about 1.
        hidden: units of the hidden layer, h.
        training: the recipe.
        seeds: of initial weights and order of rows; one model each.

    Returns:
        ``[V; b]`` of shape (seeds, k + 1, h) and ``W`` of shape (seeds, 1 + k + h, d).
    """
    inputs, targets = _with_one(torch.from_numpy(codes)), torch.from_numpy(left)
    models, rows, fan_in = inputs.shape
    width = targets.shape[-1]
    sizes = (models * fan_in * hidden, models * (fan_in + hidden) * width)
    weights = torch.zeros(sum(sizes))
    gradients = torch.zeros_like(weights)
    shapes = ((models, fan_in, hidden), (models, fan_in + hidden, width))
    into, out = (part.view(shape) for part, shape in zip(weights.split(sizes), shapes, strict=True))
    d_into, d_out = (part.view(shape) for part, shape in zip(gradients.split(sizes), shapes, strict=True))
    for model, seed in zip(into, seeds, strict=True):
        generator = torch.Generator().manual_seed(stream_seed(seed, 0))
        model.normal_(0, fan_in**-0.5, generator=generator)
    act, optimizer = ACTIVATIONS[ACTIVATION], MAKERS[training.optimizer](weights, gradients)
    rates = iter(training.learning_rates(rows))
    first = torch.arange(models)[:, None] * rows
    for epoch in range(1, training.epochs + 1):
        order = first + torch.stack([row_order(rows, seed, epoch) for seed in seeds])
        for batch in order.split(training.batch_size, dim=1):
            x = inputs.view(-1, fan_in).index_select(0, batch.flatten()).view(models, -1, fan_in)
            target = targets.view(-1, width).index_select(0, batch.flatten()).view(models, -1, width)
            active = torch.bmm(x, into).tanh_()
            features = torch.cat([x, active], dim=2)
            scale = 2 / (batch.shape[1] * width)
            error = target.baddbmm_(features, out, beta=-scale, alpha=scale)
            torch.bmm(features.transpose(1, 2), error, out=d_out)
            back = error @ out[:, fan_in:].transpose(1, 2)
            act.backward(back, active)
            torch.bmm(x.transpose(1, 2), back, out=d_into)
            optimizer.step(next(rates))
    return into, out


def correction(weights: tuple[torch.Tensor, torch.Tensor], codes: np.ndarray) -> np.ndarray:
    """What is added to PCA's reconstruction, in the units trained on: (seeds, n, k) to (seeds, n, d), float32."""
    into, out = weights
    x = _with_one(torch.from_numpy(codes))
    return (torch.cat([x, torch.tanh(x @ into)], dim=2) @ out).numpy()


def _with_one(codes: torch.Tensor) -> torch.Tensor:
    return torch.cat([torch.ones_like(codes[..., :1]), codes], dim=2)
