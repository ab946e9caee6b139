"""Cross-entropy over a vocabulary whose gradient is taken in one pass: most of a small encoder's step is this."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

ROW_MULTIPLE = 32
"""Predictions are filled up to a multiple of this many rows. Their number changes from step to step, and oneDNN
generates a kernel for each row count (15 ms each with AMX, as much as a small encoder's whole step)."""


def filler(rows: int) -> int:
    """Rows to add to reach the next multiple of ``ROW_MULTIPLE``."""
    return -rows % ROW_MULTIPLE


class VocabularyLoss(torch.autograd.Function):
    """Sum of the cross-entropies, in nats, of ``softmax(hidden @ words.T + bias)``.

    Equal to ``F.cross_entropy(F.linear(hidden, words, bias), targets, reduction="sum")`` and its gradient. The
    probabilities are made in place from the logits and are, less one at the target, the gradient of the logits, so one
    (n, V) matrix is kept where autograd keeps and makes three.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, words: Tensor, bias: Tensor, targets: Tensor, dtype: torch.dtype) -> Tensor:
        """Loss of the first ``len(targets)`` rows; the others are filler.

        Args:
            ctx: what backward needs.
            hidden: rows to predict from (n, E).
            words: vectors of the vocabulary (V, E), in the format that gradients have too.
            bias: of the vocabulary (V).
            targets: the right tokens, one each for the first rows.
            dtype: number format of the three matrix products; softmax and loss are at least fp32.
        """
        ctx.dtype, exact = words.dtype, torch.promote_types(dtype, torch.float32)
        hidden, words = hidden.to(dtype), words.to(dtype)
        logits = torch.addmm(bias.to(dtype), hidden, words.t())
        log_probabilities = logits.log_softmax(1, dtype=exact)  # (n, V)
        right = torch.arange(len(targets), device=targets.device), targets
        loss = -log_probabilities[right].sum()
        gradient = log_probabilities.exp_()
        gradient[right] -= 1
        gradient[len(targets) :] = 0
        ctx.save_for_backward(hidden, words, gradient.to(dtype))
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of hidden, words and bias."""
        hidden, words, gradient = ctx.saved_tensors
        return (
            (gradient @ words).to(ctx.dtype) * scale,
            (gradient.t() @ hidden).to(ctx.dtype) * scale,
            gradient.sum(0, dtype=ctx.dtype) * scale,
            None,
            None,
        )
