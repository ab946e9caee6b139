"""How much a loss rises when the weights move at random: a proxy for how sharp the minimum is that they lie in.

Keskar et al. (2017, metric 2.1) take the largest rise within a small box around the weights and find it larger after
training in large batches. The mean rise in random directions is cheaper and no search can miss it (the expected
sharpness of Neyshabur et al. 2017). Its noise is relative, since weights before a LayerNorm can be rescaled without
changing what is computed, and with them any absolute measure (Dinh et al. 2017): every filter, that is every row of a
matrix, moves by a share of its own length; biases and norms stay (filter normalisation: Li et al. 2018, section 4).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from smallbert.models.masking import generator

NOISE_STREAM = 7


@torch.no_grad()
def rises(model: nn.Module, loss: Callable[[], float], *, share: float, draws: int, seed: int = 0) -> np.ndarray:
    """Rise of a loss under random noise on the weights, one value a direction.

    Each direction is walked both ways and the two rises are averaged, so that the slope cancels and the curvature is
    left. For a quadratic loss of one row w with Hessian A the expectation is ``share^2 |w|^2 tr(A) / (2 n)``.

    Args:
        model: its weights are moved and put back, to the bit. Models of equal sizes get the same directions.
        loss: the loss at the model's present weights; must always be of the same data.
        share: length of a row's noise, as a share of the row's own.
        draws: directions.
        seed: of the directions.

    Returns:
        Shape (draws,), float64.
    """
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    kept = [matrix.detach().clone() for matrix in matrices]
    here, found = loss(), []
    try:
        for draw in range(draws):
            noise = [share * _direction(matrix, seed, draw, place) for place, matrix in enumerate(kept)]
            both = []
            for sign in (1, -1):
                for matrix, own, moved in zip(matrices, kept, noise, strict=True):
                    torch.add(own, moved, alpha=sign, out=matrix)
                both.append(loss())
            found.append(sum(both) / 2 - here)
    finally:
        for matrix, own in zip(matrices, kept, strict=True):
            matrix.copy_(own)
    return np.array(found, dtype=np.float64)


def _direction(matrix: Tensor, *counter: int) -> Tensor:
    """A random direction for every row, as long as the row."""
    draws = generator(counter[0], NOISE_STREAM, *counter[1:]).standard_normal(matrix.shape, dtype=np.float32)
    noise = torch.from_numpy(draws).to(matrix)
    lengths = [one.flatten(1).norm(dim=1).view(-1, *[1] * (matrix.ndim - 1)) for one in (matrix, noise)]
    return noise * (lengths[0] / lengths[1])
