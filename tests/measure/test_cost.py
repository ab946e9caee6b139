import itertools

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from smallbert.errors import UsageError
from smallbert.measure.cost import affine_flops, affine_parameters, index_bytes, vector_bytes


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


@pytest.mark.parametrize(
    ("dtype", "size"),
    [("float32", 3072), ("float16", 1536), ("bfloat16", 1536), ("float8", 768), ("int8", 768), ("binary", 96)],
)
def test_bytes_of_a_vector(dtype, size):
    assert vector_bytes(768, dtype) == size
    assert index_bytes(1_000_000, 768, dtype) == size * 1_000_000


def test_binary_codes_fill_whole_bytes():
    assert [vector_bytes(k, "binary") for k in (0, 1, 8, 9)] == [0, 1, 1, 2]


def test_errors():
    with pytest.raises(UsageError, match="got 4 in 'int4'"):
        vector_bytes(4, "int4")
    with pytest.raises(UsageError, match="got -1 in 'float32'"):
        vector_bytes(-1)
    with pytest.raises(UsageError, match="0 rows or more, got -1"):
        index_bytes(-1, 4)
    with pytest.raises(UsageError, match=r"two positive widths or more .*got \[4\]"):
        affine_parameters([4])
    with pytest.raises(UsageError, match=r"got \[4, 0\]"):
        affine_flops([4, 0])
