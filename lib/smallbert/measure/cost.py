"""What vectors and encoders cost: bytes, parameters, floating-point operations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from smallbert.errors import UsageError

BITS = {"float32": 32, "float16": 16, "bfloat16": 16, "float8": 8, "int8": 8, "binary": 1}
"""Bits per number in each format a vector can be stored in."""


def vector_bytes(width: int, dtype: str = "float32") -> int:
    """Bytes of one vector; binary codes are packed and padded to whole bytes.

    Raises:
        UsageError: a negative width or an unknown format.
    """
    if width < 0 or dtype not in BITS:
        raise UsageError(f"Expected a width of 0 or more in one of {sorted(BITS)}, got {width} in {dtype!r}.")
    return (width * BITS[dtype] + 7) // 8


def index_bytes(rows: int, width: int, dtype: str = "float32") -> int:
    """Bytes of a flat index of ``rows`` vectors, without ids.

    Raises:
        UsageError: as :func:`vector_bytes`, or a negative number of rows.
    """
    if rows < 0:
        raise UsageError(f"Expected 0 rows or more, got {rows}.")
    return rows * vector_bytes(width, dtype)


def affine_parameters(widths: Sequence[int]) -> int:
    """Parameters of a chain of affine layers, weights and biases.

    Args:
        widths: of the input, every hidden layer and the output: (768, 256, 64) has two layers.

    Raises:
        UsageError: fewer than two widths, or one that is not positive.
    """
    return sum(a * b + b for a, b in _layers(widths))


def affine_flops(widths: Sequence[int]) -> int:
    """Floating-point operations of the chain for one vector: 2 per weight, multiply and add.

    Biases and activations are left out, as ``torch.utils.flop_counter`` leaves them out.

    Args:
        widths: as for :func:`affine_parameters`.

    Raises:
        UsageError: fewer than two widths, or one that is not positive.
    """
    return sum(2 * a * b for a, b in _layers(widths))


def _layers(widths: Sequence[int]) -> list[tuple[int, int]]:
    if len(widths) < 2 or min(widths) < 1:
        raise UsageError(f"Expected two positive widths or more (input to output), got {list(widths)}.")
    return list(pairwise(widths))
