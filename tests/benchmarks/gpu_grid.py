"""The original study's grid of autoencoders at its own size on a GPU, beside the plain loop.

Eight encoders (depths 2 to 5, uniform and bottleneck-heavy widths, 768 to 128), five seeds each, ten epochs of 900,000
rows in mini-batches of 256. The plain loop is timed over some steps of one model of each shape and scaled to all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from gpu_tools import Check
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from smallbert.compress.autoencoder import Architecture, build
from smallbert.compress.cells import Cell, GridData
from smallbert.compress.engine import train_stack
from smallbert.compress.schedules import hidden_widths
from smallbert.compress.stack import Resident
from smallbert.compress.training import Training

NAME = "Autoencoder grid, 1M x 768, on a GPU"
DEPTHS, SCHEDULES = (5, 4, 3, 2), ("uniform", "bottleneck-heavy-2")
"""The deepest first: where time runs out and the rest is scaled, the estimate is too long rather than too short."""

BATCH = 256
FORMS = {"fp32": torch.float32, "bf16": torch.bfloat16}
EXACT_SHARE = 0.6
"""Share of the time left that training in fp32 may take; bf16 has the rest."""


Outcome = tuple[float, dict[str, Any]]
"""Seconds of the whole grid, and what else is told of it: ``measured``, the share of the work that was run."""


class _Enough(Exception):
    """The time of one number format is over."""


def measure(check: Check) -> None:
    """The plain loop twice (rows on the host; rows on the device) and the engine in both number formats."""
    data, stacks = _data(check), _stacks(check)
    epochs, rows = stacks[0][0].training.epochs, len(data.train)
    amount = float(epochs * rows * sum(map(len, stacks)))
    gflop = 1e-9 * epochs * rows * sum(cell.architecture.training_flops for stack in stacks for cell in stack)
    found: list[dict[str, Any]] = []

    def time_it(variant: str, form: str, run: Callable[[], Outcome]) -> None:
        outcome = check.attempt(f"{NAME}: {variant}", run)
        if outcome is not None:
            seconds, told = outcome
            found.append(check.row(variant, form, seconds, amount, gflop) | told)
            print(f"{variant}: {seconds:,.1f} s for the whole grid, of which run: {told['measured']:.1%}", flush=True)

    try:
        time_it("plain loop", "fp32", lambda: _plain(check, stacks, data.train, resident=False))
        time_it("plain loop, rows on the device", "fp32", lambda: _plain(check, stacks, data.train, resident=True))
        time_it("smallbert fp32", "fp32", lambda: _engine(check, stacks, data, "fp32", EXACT_SHARE * check.left()))
        time_it("smallbert bf16", "bf16", lambda: _engine(check, stacks, data, "bf16", 0.9 * check.left()))
    finally:  # out of time: what there is is kept
        for row in found:
            ratio = found[0]["seconds"] / row["seconds"]
            row |= {"ratio": ratio, "ratio low": ratio, "ratio high": ratio}
        if found:
            note = "measured: the share of the work that was run; seconds and rates are scaled to all of it"
            more = {"rows of the data": rows, "models": sum(map(len, stacks)), "epochs": epochs, "note": note}
            check.keep(NAME, found, amount=amount, unit="rows of one model", rounds=1, **more)


def _stacks(check: Check) -> list[list[Cell]]:
    """What trains together: an architecture with all its seeds, as the grid has it on a GPU."""
    width, code = check.size(768, 24), check.size(128, 4)
    training = Training(1e-3, check.size(10, 2), batch_size=check.size(BATCH, 64))
    architectures = [
        Architecture(width, code, hidden_widths(name, width, code, depth)) for depth in DEPTHS for name in SCHEDULES
    ]
    return [[Cell(one, training, seed) for seed in range(check.size(5, 2))] for one in architectures]


def _data(check: Check) -> GridData:
    """Rows with a falling spectrum, drawn on the device: 90 % to train on, as the original study splits."""
    width, rows = check.size(768, 24), check.size(1_000_000, 1_000)
    generator = torch.Generator(check.device).manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, device=check.device)

    basis = torch.linalg.qr(normal(width, width)).Q
    basis *= torch.arange(1, width + 1, device=check.device) ** -0.75
    matrix = np.empty((rows, width), np.float32)
    for part in np.array_split(matrix, 10):
        part[:] = (normal(len(part), width) @ basis.T).cpu().numpy()
    train, validation, test = np.split(matrix, [rows * 9 // 10, rows * 19 // 20])
    return GridData(train, validation, test)


def _engine(check: Check, stacks: list[list[Cell]], data: GridData, form: str, budget: float) -> Outcome:
    """Seconds of the whole grid, moving the rows to the device and every evaluation included.

    Stack after stack, as :func:`smallbert.compress.grid.train` does on a GPU, which cannot be told to stop in time.
    """
    check.sync()
    began, done, finite = time.perf_counter(), 0, True
    total = sum(stack[0].training.epochs for stack in stacks)

    def on_epoch() -> None:
        nonlocal done
        done += 1
        if time.perf_counter() - began > budget:
            raise _Enough

    try:
        resident = Resident(data, check.device, FORMS[form])
        for stack in stacks:
            curves, _ = train_stack(stack, resident, on_epoch)
            finite &= all(curve[-1]["finite"] for curve in curves)
    except _Enough:
        pass
    check.sync()
    return (time.perf_counter() - began) * total / done, {"measured": done / total, "all finite": finite}


def _plain(check: Check, stacks: list[list[Cell]], rows: torch.Tensor, resident: bool) -> Outcome:
    """Seconds that the plain loop would take: some steps of every shape, scaled to all steps and seeds."""
    steps, warm = check.size(150, 3), check.size(20, 1)
    source, seconds, total = rows.to(check.device) if resident else rows, 0.0, 0
    for stack in stacks:
        cell = stack[0]
        initial = build(cell.architecture, cell.seed).to(check.device)
        model = nn.Sequential(*initial.encoder, *initial.decoder)
        optimizer = torch.optim.Adam(model.parameters(), lr=cell.training.learning_rate)
        batches = _batches(source, cell.training.batch_size, resident)
        for step in range(warm + steps):
            if step == warm:
                check.sync()
                began = time.perf_counter()
            batch = next(batches).to(check.device)
            optimizer.zero_grad()
            nn.functional.mse_loss(model(batch), batch).backward()
            optimizer.step()
        check.sync()
        needed = cell.training.steps(len(rows)) * len(stack)
        seconds, total = seconds + (time.perf_counter() - began) / steps * needed, total + needed
    return seconds, {"measured": steps * len(stacks) / total}


def _batches(rows: torch.Tensor, size: int, resident: bool) -> Iterator[torch.Tensor]:
    if not resident:
        yield from (batch for (batch,) in DataLoader(TensorDataset(rows), size, shuffle=True))
    else:
        yield from (rows[index] for index in torch.randperm(len(rows), device=rows.device).split(size))
