"""A linear layer in the layout the processor's matrix kernels want, activation included."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_ONEDNN = {None: ("none", ""), "gelu": ("gelu", "none"), "gelu_tanh": ("gelu", "tanh"), "relu": ("relu", "")}
_TORCH = {
    None: lambda x: x,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "relu": F.relu,
}


def prepacks(device: torch.device) -> bool:
    """Whether oneDNN can hold weights prepacked here.

    The two operators are the ones torch.compile's own CPU backend emits; they are not public, so their
    absence only costs speed, and a test holds their results to ``F.linear``'s.
    """
    operators = torch.ops.mkldnn
    return (
        device.type == "cpu"
        and torch.backends.mkldnn.is_available()
        and hasattr(operators, "_reorder_linear_weight")
        and hasattr(operators, "_linear_pointwise")
    )


class Linear:
    """``activation(x @ weight.T + bias)`` with fixed weights.

    Args:
        pair: weight (n, k) and bias (n).
        dtype: number format of weights, inputs and outputs; products accumulate in fp32.
        device: where the weights live.
        activation: None, ``gelu``, ``gelu_tanh`` or ``relu``.
        prepack: let oneDNN reorder the weights once; by default wherever it can.
    """

    def __init__(
        self,
        pair: tuple[Tensor, Tensor],
        dtype: torch.dtype,
        device: torch.device,
        activation: str | None = None,
        *,
        prepack: bool | None = None,
    ) -> None:
        self.weight, self.bias = (tensor.to(device, dtype) for tensor in pair)
        self.activation = activation
        self._prepacked = prepacks(device) if prepack is None else prepack
        if self._prepacked:
            self.weight = torch.ops.mkldnn._reorder_linear_weight(self.weight)

    def __call__(self, x: Tensor) -> Tensor:
        """(rows, k) -> (rows, n)."""
        if self._prepacked:
            kind, algorithm = _ONEDNN[self.activation]
            return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, kind, [], algorithm)
        return _TORCH[self.activation](F.linear(x, self.weight, self.bias))
