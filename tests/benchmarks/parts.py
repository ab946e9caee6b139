"""Where the time of an extraction goes: matrix products, attention, normalisation, the rest; on one core."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import machine
import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from smallbert.models.encoder import TOKENS_PER_BATCH, Encoder
from smallbert.models.flops import forward
from smallbert.models.packed import plan
from smallbert.models.sizes import Sizes

PRODUCTS, ATTENTION, NORMS, MOVES = "matrix products", "attention", "normalisation", "adding, copying, look-ups"
TOKENS, REST = "tokenisation", "Python and the rest"

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

    run()
    plain = min(run() for _ in range(3))
    with profile(activities=[ProfilerActivity.CPU]) as events:
        run()
    seconds = dict.fromkeys((PRODUCTS, ATTENTION, NORMS, MOVES), 0.0)
    for event in events.key_averages():
        seconds[OPERATORS.get(event.key, MOVES)] += 1e-6 * event.self_cpu_time_total
    profiled = sum(seconds.values())
    # What the profiler sees is all that runs in C++; what is left of the plain run is Python.
    scale = min(1.0, plain / profiled)
    seconds = {part: scale * one for part, one in seconds.items()}
    seconds |= {REST: max(0.0, plain - sum(seconds.values())), TOKENS: tokenisation}
    work, whole = _gflop(sizes, lengths), sum(seconds.values())
    rows = []
    for part, one in seconds.items():
        row = {"form": encoder.describe()["precision"], "part": part, "seconds": one, "share": one / whole}
        if part in work:
            row |= {"gflops": work[part] / one, "of limit": work[part] / one / limit}
        rows.append(row)
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    """Print the table."""
    machine.show("Where the time goes: one core, one thread", rows)


def _gflop(sizes: Sizes, lengths: np.ndarray) -> dict[str, float]:
    bare = replace(sizes, pooler=False, head="none")
    each = [forward(bare, int(length)) for length in lengths]
    products = sum(one.attention + one.feed_forward + one.factor_map for one in each)
    return {PRODUCTS: 1e-9 * products, ATTENTION: 1e-9 * sum(one.scores for one in each)}
