"""What vectors and encoders cost: bytes, parameters, floating-point operations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from smallbert.errors import UsageError


def vector_bytes(width: int) -> int:
    """Bytes of one vector or code of ``width`` numbers in float32.

    Raises:
        UsageError: a negative width.
    """
    if width < 0:
        raise UsageError(f"Expected a width of 0 or more, got {width}.")
    return 4 * width


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
