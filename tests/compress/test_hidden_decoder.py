"""The trained decoder against autograd and torch.optim, and what it can and cannot learn."""

import numpy as np
import pytest
import torch

from smallbert.compress import hidden_decoder
from smallbert.compress.autoencoder import stream_seed
from smallbert.compress.training import Training, row_order

K, D, H, ROWS = 3, 5, 4, 24
RECIPE = Training(0.02, 4, 10, schedule="cosine", warm_up=0.1)


@pytest.fixture
def data(rng):
    codes = rng.standard_normal((2, ROWS, K)).astype(np.float32)
    left = np.tanh(codes @ rng.standard_normal((K, D))).astype(np.float32)
    return codes, left


def by_autograd(codes, left, seed):
    """One model trained by the book; its correction of ``codes``."""
    x = torch.cat([torch.ones(ROWS, 1), torch.from_numpy(codes)], dim=1)
    into = torch.empty(K + 1, H).normal_(
        0, (K + 1) ** -0.5, generator=torch.Generator().manual_seed(stream_seed(seed, 0))
    )
    out = torch.zeros(K + 1 + H, D)
    parameters = [into.requires_grad_(), out.requires_grad_()]
    optimizer = torch.optim.Adam(parameters)
    rates = iter(RECIPE.learning_rates(ROWS))

    def reconstruct(rows):
        return torch.cat([rows, torch.tanh(rows @ into)], dim=1) @ out

    for epoch in range(1, RECIPE.epochs + 1):
        for batch in row_order(ROWS, seed, epoch).split(RECIPE.batch_size):
            optimizer.param_groups[0]["lr"] = float(next(rates))
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(reconstruct(x[batch]), torch.from_numpy(left)[batch]).backward()
            optimizer.step()
    return reconstruct(x).detach().numpy()


def test_equals_autograd_and_torchs_adam(data):
    codes, left = data
    weights = hidden_decoder.train(codes, left, hidden=H, training=RECIPE, seeds=(3, 8))
    ours = hidden_decoder.correction(weights, codes)
    for model, seed in enumerate((3, 8)):
        np.testing.assert_allclose(ours[model], by_autograd(codes[model], left[model], seed), atol=2e-5)


def test_a_model_is_the_same_whatever_trains_beside_it(data):
    codes, left = data
    both = hidden_decoder.train(codes, left, hidden=H, training=RECIPE, seeds=(3, 8))
    alone = hidden_decoder.train(codes[1:], left[1:], hidden=H, training=RECIPE, seeds=(8,))
    for one, other in zip(both, alone, strict=True):
        np.testing.assert_allclose(one[1:], other, atol=1e-6)


def test_learns_a_bend_that_no_affine_map_has(rng):
    codes = rng.standard_normal((1, 2000, 2)).astype(np.float32)
    left = (codes[..., :1] ** 2 - 1).astype(np.float32)
    training = Training(0.03, 60, 256, schedule="cosine", warm_up=0.1)
    weights = hidden_decoder.train(codes, left, hidden=8, training=training, seeds=(0,))
    missed = left - hidden_decoder.correction(weights, codes)
    assert (missed**2).sum() < 0.2 * (left**2).sum()


def test_parameters_count_what_is_trained(data):
    codes, left = data
    weights = hidden_decoder.train(codes, left, hidden=H, training=RECIPE, seeds=(0, 1))
    assert hidden_decoder.parameters(K, D, H) == sum(part[0].numel() for part in weights)
