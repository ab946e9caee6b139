"""Sharpness of losses whose curvature is known."""

import numpy as np
import pytest
import torch
from torch import nn

from smallbert.measure.sharpness import rises


class Rows(nn.Module):
    def __init__(self, rng):
        super().__init__()
        self.matrix = nn.Parameter(torch.from_numpy(rng.standard_normal((3, 40)) * [[1.0], [2.0], [0.0]]))
        self.bias = nn.Parameter(torch.ones(3, dtype=torch.float64))


@pytest.fixture
def model(rng):
    return Rows(rng)


def test_a_round_bowl_rises_by_half_the_squared_length_in_every_direction(model):
    slope = torch.linspace(-5, 5, 40, dtype=torch.float64)  # a slope adds nothing: both ways are walked
    found = rises(model, lambda: float((0.5 * model.matrix**2 + slope * model.matrix).sum()), share=0.3, draws=4)
    assert found == pytest.approx([0.5 * 0.3**2 * float((model.matrix.detach() ** 2).sum())] * 4)


def test_a_long_bowl_rises_by_the_mean_of_its_curvatures(model):
    curvature = torch.linspace(0, 2, 40, dtype=torch.float64) ** 3
    found = rises(model, lambda: float((0.5 * curvature * model.matrix**2).sum()), share=0.1, draws=400, seed=3)
    expected = 0.1**2 * float((model.matrix.detach() ** 2).sum() * curvature.sum()) / (2 * 40)
    assert found.mean() == pytest.approx(expected, abs=3 * found.std() / 20)
    assert found.std() > 0.01 * expected


def test_rescaling_weights_and_loss_together_changes_nothing(model):
    before = rises(model, lambda: float(torch.cos(model.matrix).sum()), share=0.2, draws=3)
    with torch.no_grad():
        model.matrix.mul_(8)
    after = rises(model, lambda: float(torch.cos(model.matrix / 8).sum()), share=0.2, draws=3)
    assert after == pytest.approx(before)


def test_weights_come_back_to_the_bit_even_after_an_error_and_biases_never_move(model):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    seen = []

    def loss():
        seen.append((model.matrix.detach().clone(), model.bias.detach().clone()))
        if len(seen) == 3:
            raise RuntimeError("stop")
        return 0.0

    with pytest.raises(RuntimeError, match="stop"):
        rises(model, loss, share=0.5, draws=2)
    assert all((value == before[name]).all() for name, value in model.state_dict().items())
    assert all((bias == 1).all() for _, bias in seen)
    moved = seen[1][0] - seen[0][0]
    assert moved.norm(dim=1) == pytest.approx(0.5 * seen[0][0].norm(dim=1))
    assert seen[2][0] == pytest.approx(seen[0][0] - moved)


def test_directions_are_the_seed_s(model):
    def loss():
        return float(torch.sin(3 * model.matrix).sum())

    one, again, other = (rises(model, loss, share=0.3, draws=2, seed=seed) for seed in (1, 1, 2))
    assert (one == again).all() and (one != other).all()
    assert isinstance(one, np.ndarray)
