import numpy as np
import pytest
import torch

from smallbert.arrays import blocks, matrix, require_finite, require_same_rows
from smallbert.errors import DataError


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_matrices_are_taken_without_a_copy(dtype):
    x = np.ones((3, 2), dtype)
    assert np.shares_memory(matrix(x), x)
    assert np.shares_memory(matrix(torch.from_numpy(x)), x)


@pytest.mark.parametrize("x", [torch.ones(2, 3, dtype=torch.bfloat16), np.ones((2, 3), np.float16), [[1, 2, 3]]])
def test_other_formats_become_float32(x):
    assert matrix(x).dtype == np.float32


def test_wrong_shapes_say_what_came():
    with pytest.raises(DataError, match=r"Expected codes of shape \(rows, dimensions\), got shape \(3,\)"):
        matrix(np.ones(3), what="codes")
    with pytest.raises(DataError, match="width 4, got width 3"):
        matrix(np.ones((2, 3)), width=4)


def test_blocks_cover_all_rows_once():
    x = np.arange(10).reshape(5, 2)
    parts = list(blocks(x, 2))
    assert [len(part) for part in parts] == [2, 2, 1]
    assert (np.concatenate(parts) == x).all()


def test_the_first_damaged_row_is_named():
    x = np.ones((3, 2))
    require_finite(x)
    x[1, 1] = np.nan
    with pytest.raises(DataError, match="got nan in row 101, dimension 1"):
        require_finite(x, first_row=100)


def test_unequal_rows_are_named():
    with pytest.raises(DataError, match="got x 1,000, y 2"):
        require_same_rows(x=np.ones(1000), y=[1, 2])
