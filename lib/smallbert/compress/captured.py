"""A GPU training step recorded once and replayed."""

from __future__ import annotations

import torch
from torch import Tensor

from smallbert.compress.stack import Stack


class CapturedStep:
    """A stack's step as a CUDA graph: one launch instead of some hundred.

    Args:
        stack: on a GPU; its state is as before when the constructor returns.
        rows: mini-batch size, fixed by the capture.
    """

    def __init__(self, stack: Stack, rows: int) -> None:
        device = stack.data.device
        shape = (rows,) if len(stack.cells) == 1 else (len(stack.cells), rows)
        self._rows = torch.zeros(shape, dtype=torch.int64, device=device)
        self._rates = torch.zeros_like(stack.rates[0])
        before = [tensor.clone() for tensor in stack.state()]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):  # libraries choose kernels and workspaces before the capture
            for _ in range(3):
                stack.step(self._rows, self._rates)
        torch.cuda.current_stream().wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            stack.step(self._rows, self._rates)
        for tensor, value in zip(stack.state(), before, strict=True):
            tensor.copy_(value)

    def __call__(self, rows: Tensor, rates: Tensor) -> None:
        """Replay the step for other rows and rates."""
        self._rows.copy_(rows)
        self._rates.copy_(rates)
        self._graph.replay()
