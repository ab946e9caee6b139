"""Activation functions as the grid needs them: a module for the reference, and forward and backward in place.

The backward functions are the kernels autograd itself calls (``torch.ops.aten.*_backward``), written to a given
buffer, so hand-written gradients equal autograd's to the last bit of each element-wise step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

_aten = torch.ops.aten
_LEAK = 0.01
# Klambauer et al. 2017, Self-Normalizing Neural Networks, eq. 2 and the constants of its appendix.
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


@dataclass(frozen=True)
class Activation:
    """One activation function.

    Attributes:
        module: makes the ``nn.Module``.
        forward: ``(z, out)``: writes the activation of ``z`` to ``out``. Both are one buffer unless ``keeps_input``.
        backward: ``(grad, saved)``: turns the gradient of the output into that of the input, in place; ``saved``
            is the output, or the input if ``keeps_input``.
        keeps_input: the derivative cannot be read from the output.
    """

    module: Callable[[], nn.Module]
    forward: Callable[[Tensor, Tensor], object]
    backward: Callable[[Tensor, Tensor], object]
    keeps_input: bool = False


def _elu_backward(alpha: float, scale: float) -> Callable[[Tensor, Tensor], object]:
    return lambda grad, out: _aten.elu_backward.grad_input(grad, alpha, scale, 1.0, True, out, grad_input=grad)


ACTIVATIONS: dict[str, Activation] = {
    "identity": Activation(nn.Identity, lambda z, out: out, lambda grad, out: grad),
    "relu": Activation(
        nn.ReLU,
        lambda z, out: torch.relu_(z),
        lambda grad, out: _aten.threshold_backward.grad_input(grad, out, 0, grad_input=grad),
    ),
    "leaky-relu": Activation(
        lambda: nn.LeakyReLU(_LEAK),
        lambda z, out: functional.leaky_relu_(z, _LEAK),
        lambda grad, out: _aten.leaky_relu_backward.grad_input(grad, out, _LEAK, True, grad_input=grad),
    ),
    "elu": Activation(nn.ELU, lambda z, out: functional.elu_(z), _elu_backward(1.0, 1.0)),
    "selu": Activation(nn.SELU, lambda z, out: torch.selu_(z), _elu_backward(_SELU_ALPHA, _SELU_SCALE)),
    "tanh": Activation(
        nn.Tanh,
        lambda z, out: torch.tanh_(z),
        lambda grad, out: _aten.tanh_backward.grad_input(grad, out, grad_input=grad),
    ),
    "sigmoid": Activation(
        nn.Sigmoid,
        lambda z, out: torch.sigmoid_(z),
        lambda grad, out: _aten.sigmoid_backward.grad_input(grad, out, grad_input=grad),
    ),
    "gelu": Activation(
        nn.GELU,
        lambda z, out: _aten.gelu.out(z, out=out),
        lambda grad, z: _aten.gelu_backward.grad_input(grad, z, grad_input=grad),
        keeps_input=True,
    ),
}
