import itertools

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from smallbert.errors import UsageError
from smallbert.measure.cost import affine_flops, affine_parameters, vector_bytes


@pytest.mark.parametrize("widths", [(768, 64), (768, 512, 256, 64), (5, 5, 1)])
def test_equals_what_torch_counts(widths):
    chain = torch.nn.Sequential(*(torch.nn.Linear(a, b) for a, b in itertools.pairwise(widths)))
    assert affine_parameters(widths) == sum(p.numel() for p in chain.parameters())
    with FlopCounterMode(display=False) as counter:
        chain(torch.ones(1, widths[0]))
    assert affine_flops(widths) == counter.get_total_flops()


def test_two_schedules_counted_by_hand():
    assert affine_flops((768, 608, 448, 288, 128)) == 2 * 905_216
    assert affine_flops((768, 256, 192, 160, 128)) == 2 * 296_960


@pytest.mark.parametrize("width", [0, 1, 768])
def test_bytes_of_a_vector_are_numpys(width):
    assert vector_bytes(width) == np.zeros(width, np.float32).nbytes


def test_errors():
    with pytest.raises(UsageError, match="width of 0 or more, got -1"):
        vector_bytes(-1)
    with pytest.raises(UsageError, match=r"two positive widths or more .*got \[4\]"):
        affine_parameters([4])
    with pytest.raises(UsageError, match=r"got \[4, 0\]"):
        affine_flops([4, 0])
