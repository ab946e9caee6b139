"""Where the time of an extraction, a grid and a PCA goes: matrix products, attention, updates, the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import machine
import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from smallbert.arrays import blocks
from smallbert.compress.cells import Cell, GridData
from smallbert.compress.engine import train_stack
from smallbert.compress.linear import Pca
from smallbert.compress.moments import ROWS, Moments
from smallbert.compress.stack import Resident
from smallbert.models.encoder import TOKENS_PER_BATCH, Encoder
from smallbert.models.flops import forward
from smallbert.models.packed import plan
from smallbert.models.sizes import Sizes

PRODUCTS, ATTENTION, NORMS, MOVES = "matrix products", "attention", "normalisation", "adding, copying, look-ups"
TOKENS, REST = "tokenisation", "Python and the rest"
ROUNDING, UPDATES, AXES = "rounding to 8 bits", "weight updates", "eigendecomposition"

OPERATORS = {
    "mkldnn::_linear_pointwise": PRODUCTS,
    "aten::addmm": PRODUCTS,
    "aten::mm": PRODUCTS,
    "aten::bmm": ATTENTION,
    "aten::_softmax": ATTENTION,
    "aten::_scaled_dot_product_flash_attention_for_cpu": ATTENTION,
    "aten::native_layer_norm": NORMS,
}
"""Operators by the part they count to; all others that run on data are moves."""

IN_INTEGERS = OPERATORS | {"onednn::qlinear_pointwise": PRODUCTS}
IN_INTEGERS |= dict.fromkeys(("aten::aminmax", "aten::amax", "aten::add", "aten::addcmul", "aten::copy_"), ROUNDING)
"""Of an encoder whose products run in integers; the residual connections add in place, which is another operator."""

OF_TRAINING = {"aten::addmm": PRODUCTS, "aten::mm": PRODUCTS, "aten::_fused_adam_": UPDATES}


def of(encoder: Encoder, texts: list[str], sizes: Sizes, limit: float) -> list[dict[str, Any]]:
    """One row a part: seconds of one core, share, and for products GFLOP/s and the share of one core's limit.

    One batch a core is how the encoder runs, so one core with one thread tells all; the parts' shares are those of a
    profiled run (events cost some microseconds each), scaled to the seconds of one without.

    Args:
        encoder: packed, on the CPU.
        texts: what is read.
        sizes: of the encoder.
        limit: GFLOP/s of matrix products on one core in the encoder's number format.
    """
    began = time.perf_counter()
    ids = encoder.tokenize(texts)
    tokenisation = time.perf_counter() - began
    lengths = np.array([len(one) for one in ids])
    batches = plan(lengths, TOKENS_PER_BATCH["cpu"])
    inputs = [(torch.from_numpy(np.concatenate([ids[row] for row in one.rows]).astype(np.int64)), one.groups)
              for one in batches]  # fmt: skip

    def run() -> float:
        began = time.perf_counter()
        with torch.inference_mode():
            for flat, groups in inputs:
                encoder.forward(flat, groups)
        return time.perf_counter() - began

    form = encoder.describe()["precision"].split(" ")[0]
    seconds = _profiled(run, IN_INTEGERS if form == "int8" else OPERATORS) | {TOKENS: tokenisation}
    return _rows("Extraction, MiniLM", form, seconds, _gflop(sizes, lengths), limit)


def of_training(cell: Cell, data: GridData, limit: float) -> list[dict[str, Any]]:
    """The same of an autoencoder's training in fp32; drawing its weights and one evaluation, some per cent, are in it.

    Args:
        cell: what is trained.
        data: on these rows.
        limit: GFLOP/s of matrix products on one core in fp32.
    """
    resident = Resident(data, torch.device("cpu"), torch.float32)

    def run() -> float:
        began = time.perf_counter()
        train_stack([cell], resident)
        return time.perf_counter() - began

    gflop = 1e-9 * cell.training.epochs * len(data.train) * cell.architecture.training_flops
    name = f"Autoencoder grid, batch {cell.training.batch_size:,}"
    seconds = _profiled(run, OF_TRAINING)
    return _rows(name, "fp32", seconds, {PRODUCTS: gflop}, limit)


def of_pca(matrix: np.ndarray, limit: float) -> list[dict[str, Any]]:
    """The same of PCA in one pass: the bare products, timed alone, and the eigendecomposition; what is left are moves.

    numpy's threads are those the process began with, so unlike the others this is of all cores.

    Args:
        matrix: (n, d), fp32.
        limit: GFLOP/s of matrix products on one core in fp32.
    """
    moments = Moments.of(matrix)
    whole = _least(partial(Moments.of, matrix))
    products = _least(lambda: [block.T @ block for block in blocks(matrix, ROWS)])
    seconds = {PRODUCTS: products, MOVES: max(0.0, whole - products), AXES: _least(lambda: Pca.fit(moments))}
    return _rows("PCA", "fp32", seconds, {PRODUCTS: 1e-9 * matrix.shape[0] * matrix.shape[1] ** 2}, limit)


def _profiled(run: Callable[[], float], operators: Mapping[str, str]) -> dict[str, float]:
    """Seconds by part of a run that tells its seconds."""
    run()
    plain = min(run() for _ in range(3))
    with profile(activities=[ProfilerActivity.CPU]) as events:
        run()
    seconds = dict.fromkeys((PRODUCTS, *dict.fromkeys(operators.values()), MOVES), 0.0)
    for event in events.key_averages():
        seconds[operators.get(event.key, MOVES)] += 1e-6 * event.self_cpu_time_total
    # What the profiler sees is all that runs in C++; what is left of the plain run is Python.
    scale = min(1.0, plain / sum(seconds.values()))
    seconds = {part: scale * one for part, one in seconds.items()}
    return seconds | {REST: max(0.0, plain - sum(seconds.values()))}


def _least(run: Callable[[], Any]) -> float:
    timings = []
    for _ in range(3):
        began = time.perf_counter()
        run()
        timings.append(time.perf_counter() - began)
    return min(timings)


def _rows(
    task: str, form: str, seconds: Mapping[str, float], work: Mapping[str, float], limit: float
) -> list[dict[str, Any]]:
    whole, rows = sum(seconds.values()), []
    for part, one in seconds.items():
        row = {"task": task, "form": form, "part": part, "seconds": one, "share": one / whole}
        if part in work:
            row |= {"gflops": work[part] / one, "of limit": work[part] / one / limit}
        rows.append(row)
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    """Print the table."""
    machine.show("Where the time goes", rows)


def _gflop(sizes: Sizes, lengths: np.ndarray) -> dict[str, float]:
    bare = replace(sizes, pooler=False, head="none")
    each = [forward(bare, int(length)) for length in lengths]
    products = sum(one.attention + one.feed_forward + one.factor_map for one in each)
    return {PRODUCTS: 1e-9 * products, ATTENTION: 1e-9 * sum(one.scores for one in each)}
