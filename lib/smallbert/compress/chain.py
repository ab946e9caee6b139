"""Gradients of plain autoencoders written out by hand: every product into a buffer that is there already.

An autograd step allocates each intermediate anew and walks a graph; a multilayer perceptron needs neither. With
``h_0 = x``, ``z_l = h_{l-1} W_l^T + b_l`` and ``h_l = act_l(z_l)``, the mean squared error over ``n`` rows of ``d``
numbers gives (Rumelhart, Hinton & Williams 1986)

    dL/dh_L = 2 (h_L - x) / (n d)        dL/dz_l = dL/dh_l * act_l'(z_l)
    dL/dW_l = (dL/dz_l)^T h_{l-1}        dL/dh_{l-1} = dL/dz_l W_l
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from smallbert.compress.activations import ACTIVATIONS, Activation
from smallbert.compress.autoencoder import Architecture


@dataclass(frozen=True)
class _Layer:
    weight: Tensor  # (out, in), or (models, out, in)
    bias: Tensor  # (1, out), or (models, 1, out)
    weight_gradient: Tensor
    bias_gradient: Tensor
    activation: Activation


@dataclass(frozen=True)
class _Buffers:
    sums: list[Tensor]  # z_l
    outputs: list[Tensor]  # h_l, the same memory as z_l unless the activation's derivative needs both
    gradients: list[Tensor]  # of h_l


class Chain:
    """Forward and backward pass of one model, or of a stack of models of one architecture by batched products.

    Args:
        architecture: without residual blocks.
        weights, gradients: the flat fp32 parameters and their gradients, (numbers,) or (models, numbers).
        layout: offset and shape of each parameter within them, in the module's order: weight, bias, weight, ...
        dtype: of products and activations. In bf16 the weights are rounded at the start of each step and the
            gradients widened at its end; what the optimizer keeps stays fp32.
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: Tensor,
        gradients: Tensor,
        layout: list[tuple[int, torch.Size]],
        dtype: torch.dtype,
    ) -> None:
        self.dtype = dtype
        self._weights, self._gradients = weights, gradients
        self._rounded = weights if dtype == torch.float32 else weights.to(dtype)
        self._rounded_gradients = gradients if dtype == torch.float32 else gradients.to(dtype)
        stacked = weights.dim() == 2
        self._product: Callable[..., Tensor] = torch.bmm if stacked else torch.mm
        self._affine: Callable[..., Tensor] = torch.baddbmm if stacked else torch.addmm

        def view(flat: Tensor, offset: int, shape: torch.Size) -> Tensor:
            shape = shape if len(shape) == 2 else torch.Size((1, *shape))
            return flat[..., offset : offset + shape.numel()].unflatten(-1, shape)

        names = [architecture.activation] * len(architecture.hidden) + [architecture.code_activation]
        names += [architecture.activation] * (len(architecture.decoder_widths) - 2)
        names += [architecture.output_activation]
        self._layers = [
            _Layer(
                view(self._rounded, *layout[2 * i]),
                view(self._rounded, *layout[2 * i + 1]),
                view(self._rounded_gradients, *layout[2 * i]),
                view(self._rounded_gradients, *layout[2 * i + 1]),
                ACTIVATIONS[name],
            )
            for i, name in enumerate(names)
        ]
        self._buffers: dict[int, _Buffers] = {}

    def __call__(self, vectors: Tensor) -> None:
        """Overwrite the flat gradients with those of the mean squared error of ``vectors``.

        Args:
            vectors: (rows, d) or (models, rows, d), of ``dtype``; left as they are.
        """
        if self._rounded is not self._weights:
            self._rounded.copy_(self._weights)
        buffers = self._buffers_for(vectors)
        hidden = vectors
        for layer, sums, outputs in zip(self._layers, buffers.sums, buffers.outputs, strict=True):
            self._affine(layer.bias, hidden, layer.weight.mT, out=sums)
            layer.activation.forward(sums, outputs)
            hidden = outputs
        gradient = torch.sub(hidden, vectors, out=buffers.gradients[-1])
        gradient.mul_(2 / (vectors.shape[-2] * vectors.shape[-1]))
        for index in reversed(range(len(self._layers))):
            layer = self._layers[index]
            saved = buffers.sums if layer.activation.keeps_input else buffers.outputs
            layer.activation.backward(gradient, saved[index])
            below = buffers.outputs[index - 1] if index else vectors
            self._product(gradient.mT, below, out=layer.weight_gradient)
            torch.sum(gradient, -2, keepdim=True, out=layer.bias_gradient)
            if index:
                gradient = self._product(gradient, layer.weight, out=buffers.gradients[index - 1])
        if self._rounded_gradients is not self._gradients:
            self._gradients.copy_(self._rounded_gradients)

    def _buffers_for(self, vectors: Tensor) -> _Buffers:
        rows = vectors.shape[-2]
        if rows not in self._buffers:

            def empty(layer: _Layer) -> Tensor:
                return vectors.new_empty((*vectors.shape[:-1], layer.weight.shape[-2]))

            sums = [empty(layer) for layer in self._layers]
            pairs = zip(self._layers, sums, strict=True)
            outputs = [empty(layer) if layer.activation.keeps_input else z for layer, z in pairs]
            self._buffers[rows] = _Buffers(sums, outputs, [empty(layer) for layer in self._layers])
        return self._buffers[rows]
