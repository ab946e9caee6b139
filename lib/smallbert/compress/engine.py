"""The training engine: a stack of models, one step at a time, nothing allocated in the loop.

On the CPU a stack holds one model and runs on one core (:mod:`smallbert.compress.grid` runs one a core). On a GPU
all cells that differ only in seed and learning rate form one stack: their products are batched, and the whole step
(gather, gradients, update) is one captured CUDA graph whose only inputs are row numbers and learning rates.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from smallbert.compress.autoencoder import Autoencoder
from smallbert.compress.captured import CapturedStep
from smallbert.compress.cells import Cell
from smallbert.compress.stack import Resident, Stack
from smallbert.compress.training import row_order

_EVALUATION_ROWS = {"cpu": 512, "cuda": 65536}

Curve = list[dict[str, Any]]


def train_stack(
    cells: Sequence[Cell], data: Resident, on_epoch: Callable[[], None] = lambda: None
) -> tuple[list[Curve], list[Autoencoder]]:
    """Train cells that may form a :class:`Stack`, to the end or until all have diverged.

    Args:
        cells: see :class:`Stack`.
        data: the resident matrices.
        on_epoch: called after every epoch; an exception from it ends the training.

    Returns:
        For each cell its curve, one record per epoch in ``training.evaluate_at`` (errors None where they are not
        finite; seconds are those of training all the stack so far), and its trained module.
    """
    stack = Stack(cells, data)
    training, total = cells[0].training, len(data.train)
    captured: dict[int, CapturedStep] = {}

    def step(rows: Tensor, rates: Tensor) -> None:
        if data.device.type != "cuda":
            return stack.step(rows, rates)
        size = rows.shape[-1]
        if size not in captured:
            captured[size] = CapturedStep(stack, size)
        return captured[size](rows, rates)

    curves: list[Curve] = [[] for _ in cells]
    rates, seconds, finite = iter(stack.rates), 0.0, True
    for epoch in range(1, training.epochs + 1):
        start = time.perf_counter()
        if finite:
            orders = {seed: row_order(total, seed, epoch) for seed in {cell.seed for cell in cells}}
            order = torch.stack([orders[cell.seed] for cell in cells]).squeeze(0)
            for rows in order.to(data.device).split(training.batch_size, dim=-1):
                step(rows, next(rates))
            finite = stack.finite()
        seconds += time.perf_counter() - start
        if epoch in training.evaluate_at:
            for curve, module in zip(curves, stack.modules, strict=True):
                curve.append({"epoch": epoch, **evaluate(module, data), "seconds": seconds})
        on_epoch()
    return curves, stack.modules


@torch.no_grad()
def evaluate(module: Autoencoder, data: Resident) -> dict[str, Any]:
    """Squared error of the reconstruction, summed over all numbers of each split.

    Products in fp32 whatever the training's precision; each row's norm in fp32, seven times as fast as in fp64, and
    sums over rows in fp64. The total is good to about 1e-8 of itself, so a difference to the PCA floor of 1e-6 is
    signal.

    Returns:
        ``train_sse``, ``validation_sse``, ``test_sse`` (None where not finite) and ``finite``: whether all are.
    """
    size = _EVALUATION_ROWS[data.device.type]
    errors: dict[str, Any] = {}
    for name, matrix in data.splits.items():
        norms = [torch.linalg.vector_norm(module(part).sub_(part), dim=1) for part in matrix.split(size)]
        sse = torch.cat(norms).double().square().sum().item()
        errors[f"{name}_sse"] = sse if math.isfinite(sse) else None
    return errors | {"finite": None not in errors.values()}
