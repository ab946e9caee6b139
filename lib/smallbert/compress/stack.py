"""Models of one architecture in flat memory: one vector each of weights, gradients and optimizer state."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor
from torch.nn import functional

from smallbert.compress.autoencoder import Autoencoder, build
from smallbert.compress.cells import SPLITS, Cell, GridData
from smallbert.compress.chain import Chain
from smallbert.compress.optimizers import MAKERS

# Parameters start at multiples of 64 bytes in fp32 and bf16: products are then equally fast, and equal to the bit,
# wherever the flat vector lies.
_ALIGN = 32


class Resident:
    """The matrices of a grid where they are trained on, placed once and shared by all cells.

    Args:
        data: the grid's matrices.
        device: where to.
        dtype: number format of the products.
    """

    def __init__(self, data: GridData, device: torch.device, dtype: torch.dtype) -> None:
        self.device, self.dtype = device, dtype
        self.splits = {name: getattr(data, name).to(device) for name in SPLITS}
        self.train = self.splits["train"]
        self.rounded = self.train.to(dtype)  # the same memory in fp32


class Stack:
    """Models of one architecture trained in step; a single one has no leading dimension.

    Args:
        cells: equal in all but seed and learning-rate schedule, equal schedules next to one another.
        data: the resident matrices.

    Attributes:
        modules: the reference modules; their parameters are views of ``weights``, so they are always current.
        weights: (numbers,) or (models, numbers), fp32.
        rates: the learning rate of every step, (steps, groups): one group per run of equal schedules.
    """

    def __init__(self, cells: Sequence[Cell], data: Resident) -> None:
        self.cells, self.data = cells, data
        architecture, training = cells[0].architecture, cells[0].training
        self.modules = [build(cell.architecture, cell.seed) for cell in cells]
        layout, numbers = _layout(self.modules[0])
        weights = torch.zeros(len(cells), numbers, device=data.device)
        gradients = torch.zeros_like(weights)
        for module, own, gradient in zip(self.modules, weights, gradients, strict=True):
            _move_into(module, own, gradient, layout)
        runs = [list(run) for _, run in groupby(enumerate(cells), lambda item: item[1].training)]
        make = MAKERS[training.optimizer]
        spans = [slice(run[0][0], run[-1][0] + 1) for run in runs]
        self.optimizers = [make(weights[span], gradients[span]) for span in spans]
        rows = len(data.train)
        rates = [run[0][1].training.learning_rates(rows) for run in runs]
        self.rates = torch.stack(rates, dim=1).to(data.device)
        single = len(cells) == 1
        self.weights, self.gradients = (weights[0], gradients[0]) if single else (weights, gradients)
        self._inputs: dict[int, Tensor] = {}
        if architecture.residual:
            self._source, self._compute = data.train, self._by_autograd
        else:
            self._source = data.rounded
            self._compute = Chain(architecture, self.weights, self.gradients, layout, data.dtype)

    def step(self, rows: Tensor, rates: Tensor) -> None:
        """One optimizer step.

        Args:
            rows: row numbers of the mini-batch, int64 (batch,) or (models, batch).
            rates: learning rates, (groups,).
        """
        size = rows.shape[-1]
        if size not in self._inputs:
            self._inputs[size] = self._source.new_empty((*rows.shape, self._source.shape[1]))
        vectors = self._inputs[size]
        torch.index_select(self._source, 0, rows.flatten(), out=vectors.view(-1, vectors.shape[-1]))
        self._compute(vectors)
        for optimizer, rate in zip(self.optimizers, rates.unbind(), strict=True):
            optimizer.step(rate)

    def _by_autograd(self, vectors: Tensor) -> None:
        """Gradients of residual models: their parameters' ``grad`` are views of the flat gradients."""
        self.gradients.zero_()
        reduced = self.data.dtype != torch.float32
        single = vectors.dim() == 2
        for module, batch in zip(self.modules, [vectors] if single else vectors, strict=True):
            # Autocast would round weights once and remember them; a captured step must round them every time.
            with torch.autocast(vectors.device.type, self.data.dtype, enabled=reduced, cache_enabled=False):
                output = module(batch)
            functional.mse_loss(output.float(), batch).backward()

    def state(self) -> list[Tensor]:
        """Every tensor that training changes."""
        return [self.weights, *(tensor for optimizer in self.optimizers for tensor in optimizer.state)]

    def finite(self) -> bool:
        """Whether any of the models still has finite weights only."""
        return bool(self.weights.isfinite().all(-1).any())


def _layout(module: Autoencoder) -> tuple[list[tuple[int, torch.Size]], int]:
    """Aligned offset and shape of each parameter in a flat vector, and the vector's length."""
    layout, offset = [], 0
    for parameter in module.parameters():
        layout.append((offset, parameter.shape))
        offset += math.ceil(parameter.numel() / _ALIGN) * _ALIGN
    return layout, offset


def _move_into(module: Autoencoder, weights: Tensor, gradients: Tensor, layout: list[tuple[int, torch.Size]]) -> None:
    for parameter, (offset, shape) in zip(module.parameters(), layout, strict=True):
        span = slice(offset, offset + shape.numel())
        weights[span].view(shape).copy_(parameter.detach())
        parameter.data = weights[span].view(shape)
        parameter.grad = gradients[span].view(shape)
