"""How one autoencoder is trained: the recipe, its learning rates and the order of its rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from smallbert.compress.autoencoder import stream_seed
from smallbert.errors import UsageError

OPTIMIZERS = ("adam", "rmsprop", "sgd")
RATE_SCHEDULES = ("constant", "cosine")


@dataclass(frozen=True)
class Training:
    """One recipe: mean squared error, mini-batches without replacement, the last one possibly smaller.

    Attributes:
        learning_rate: the highest rate of the run.
        epochs: passes over the training rows.
        batch_size: rows of a mini-batch.
        optimizer: ``adam`` (0.9, 0.999, 1e-8), ``rmsprop`` (0.99, 1e-8) or ``sgd`` (momentum 0.9), otherwise torch's
            defaults; no weight decay.
        schedule: ``constant``, or ``cosine`` from the highest rate down to 0 over the steps after the warm-up.
        warm_up: share of all steps over which the rate rises linearly to its highest value.
        evaluate_at: epochs after which train, validation and test errors are recorded; the last always is.

    Raises:
        UsageError: a value outside its range.
    """

    learning_rate: float
    epochs: int
    batch_size: int = 256
    optimizer: str = "adam"
    schedule: str = "constant"
    warm_up: float = 0.0
    evaluate_at: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "evaluate_at", tuple(sorted({*self.evaluate_at, self.epochs})))
        if self.optimizer not in OPTIMIZERS:
            raise UsageError(f"Expected optimizer out of {', '.join(OPTIMIZERS)}; got {self.optimizer!r}.")
        if self.schedule not in RATE_SCHEDULES:
            raise UsageError(f"Expected schedule out of {', '.join(RATE_SCHEDULES)}; got {self.schedule!r}.")
        if not (self.learning_rate > 0 and math.isfinite(self.learning_rate)):
            raise UsageError(f"Expected a learning rate above 0; got {self.learning_rate}.")
        if self.epochs < 1 or self.batch_size < 1 or not 0 <= self.warm_up < 1:
            raise UsageError(
                f"Expected epochs >= 1, batch_size >= 1 and 0 <= warm_up < 1; got {self.epochs}, "
                f"{self.batch_size} and {self.warm_up}."
            )
        if self.evaluate_at[0] < 1 or self.evaluate_at[-1] > self.epochs:
            raise UsageError(f"Expected evaluate_at within 1..{self.epochs}; got {self.evaluate_at}.")

    def steps(self, rows: int) -> int:
        """Optimizer steps of the whole run over ``rows`` training rows."""
        return self.epochs * math.ceil(rows / self.batch_size)

    def learning_rates(self, rows: int) -> Tensor:
        """The rate of every step, float32 of shape (steps,).

        With ``W`` warm-up steps out of ``S``: ``(s + 1) / W`` of the highest rate for ``s < W``, then 1, or with
        ``cosine`` ``(1 + cos(pi (s - W) / (S - W))) / 2`` (Loshchilov & Hutter 2017, arXiv 1608.03983, eq. 5).
        """
        total = self.steps(rows)
        warm = round(self.warm_up * total)
        step = torch.arange(total, dtype=torch.float64)
        share = torch.ones_like(step)
        if self.schedule == "cosine":
            share = (1 + torch.cos(math.pi * (step - warm) / (total - warm))) / 2
        share[:warm] = (step[:warm] + 1) / max(warm, 1)
        return (self.learning_rate * share).float()


def row_order(rows: int, seed: int, epoch: int) -> Tensor:
    """The order in which epoch ``epoch`` of a run with ``seed`` visits its rows: int64 of shape (rows,).

    A function of its arguments alone, so all cells with one seed and batch size see the same mini-batches (paired
    comparison), on every device and whatever else runs.
    """
    return torch.randperm(rows, generator=torch.Generator().manual_seed(stream_seed(seed, 1, epoch)))
