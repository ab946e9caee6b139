"""Losses over sizes against numpy, the lists of sizes against the papers, and gradients only where a size is listed."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from smallbert.compress.distill import elastic
from smallbert.errors import UsageError

PAIRS = [(1, 3), (2, 5), (4, 8)]


def draws(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


@pytest.fixture
def vectors():
    """Vectors of 6 texts after layers 1, 2 and 4, and the teacher's, which are wider."""
    return {layer: draws(6, 8, seed=layer) for layer in (1, 2, 4)}


@pytest.fixture
def teacher():
    return draws(6, 11, seed=9)


def by_hand(student, teacher, temperature):
    """The mean KL divergence, text by text in double precision."""
    total = 0.0
    for i in range(len(student)):
        logs = []
        for rows in (teacher, student):
            unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
            logs.append(log_softmax([unit[i] @ unit[j] / temperature for j in range(len(unit)) if j != i]))
        total += (np.exp(logs[0]) * (logs[0] - logs[1])).sum()
    return total / len(student)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_the_loss_of_a_list_is_the_mean_worked_out_by_hand(vectors, teacher, temperature):
    found = elastic.pair_list_loss(vectors, teacher, PAIRS, temperature)
    parts = [
        by_hand(vectors[layer][:, :width].double().numpy(), teacher.double().numpy(), temperature)
        for layer, width in PAIRS
    ]
    assert found.item() == pytest.approx(np.mean(parts), rel=1e-4)


def test_the_same_neighbourhoods_cost_nothing_whatever_the_coordinates(teacher):
    rotation = torch.linalg.qr(draws(11, 11, seed=3))[0]
    assert elastic.neighbour_loss(3 * teacher @ rotation, teacher).item() == pytest.approx(0, abs=1e-5)


def test_gradients_reach_every_listed_size_and_no_other(vectors, teacher):
    leaves = {layer: one.clone().requires_grad_() for layer, one in vectors.items()}
    elastic.pair_list_loss(leaves, teacher, [(1, 3), (4, 2), (4, 5)]).backward()
    assert leaves[2].grad is None
    for layer, width in ((1, 3), (4, 5)):
        gradient = leaves[layer].grad
        assert (gradient[:, :width] != 0).all()
        assert (gradient[:, width:] == 0).all()


def test_a_prefix_keeps_its_bits(vectors):
    np.testing.assert_array_equal(elastic.prefix(vectors[1], 5).numpy(), vectors[1].numpy()[:, :5])


def test_layers_are_even_and_widths_are_halves():
    assert elastic.grid(12, 768, 6) == ([2, 4, 6, 8, 10, 12], [24, 48, 96, 192, 384, 768])
    assert elastic.grid(2, 64, 3) == ([1, 2], [16, 32, 64])  # no more layers than there are
    assert elastic.grid(1, 64, 2) == ([1], [32, 64])


def test_the_fixed_list_grows_to_the_full_size():
    assert elastic.fixed_list([1, 2, 3], [48, 96, 192]) == [(1, 48), (2, 96), (3, 192)]
    assert elastic.fixed_list([1, 2, 3], [96, 192]) == [(1, 96), (2, 96), (3, 192)]


def test_drawn_sizes_hold_the_full_one_and_are_the_same_for_a_seed():
    layers, widths = [1, 2, 3], [48, 96, 192]
    steps = [elastic.drawn(layers, widths, step, seed=5) for step in range(40)]
    assert steps == [elastic.drawn(layers, widths, step, seed=5) for step in range(40)]
    assert steps != [elastic.drawn(layers, widths, step, seed=6) for step in range(40)]
    for full, narrow, shallow, both in steps:
        assert full == (3, 192) and narrow[0] == 3 and shallow[1] == 192
        assert both == (shallow[0], narrow[1])
    assert {one[3] for one in steps} == {(layer, width) for layer in (1, 2) for width in (48, 96)}


@pytest.mark.parametrize("pair", [(0, 4), (5, 4), (2, 0), (2, 9)])
def test_a_size_beyond_the_student_is_refused(pair):
    with pytest.raises(UsageError, match=r"layer from 1 to 4 and a width from 1 to 8, got \("):
        elastic.require_pairs([(1, 2), pair], 4, 8)


def test_lists_that_say_nothing_are_refused(vectors, teacher):
    for pairs in ([], [(1, 2), (1, 2)]):
        with pytest.raises(UsageError, match="each once"):
            elastic.pair_list_loss(vectors, teacher, pairs)
    with pytest.raises(UsageError, match="layer out of 1, 2, 4, got 3"):
        elastic.pair_list_loss(vectors, teacher, [(3, 4)])
    with pytest.raises(UsageError, match="same 3 or more texts, got 2 and 2"):
        elastic.neighbour_loss(draws(2, 4), draws(2, 4))
    with pytest.raises(UsageError, match="at least 1 layer"):
        elastic.grid(0, 64, 3)
