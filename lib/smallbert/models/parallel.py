"""Training on several devices: every process takes its rows of each batch, and their gradients are added up.

Rows, masks and the number of predictions are pure functions of the step's number. So every process knows the whole
batch, computes its own rows, and divides by the count of the whole batch: losses and gradients *add up* to those of one
process, where a mean of the processes' means would weigh a prediction more the fewer its process has. What is left is
the order in which fp32 numbers are summed. No process need tell another anything but gradients and a loss.

Gradients go through ``DistributedDataParallel``, which sends those of the last layers while the first are computed. It
averages, so each process' share is multiplied by the number of processes.

Start with ``torchrun --nproc-per-node N -m smallbert.cli pretrain ...``; without ``torchrun`` all here does nothing.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, cast

import torch
from torch import distributed, nn

from smallbert import runtime
from smallbert.errors import UsageError

if TYPE_CHECKING:
    from smallbert.models.training import Objective

PATIENCE = timedelta(days=7)
"""How long a process waits for the first, which may prepare a large corpus; one that dies is noticed by torchrun."""


@dataclass(frozen=True)
class Part:
    """One of the parts every batch is cut into.

    Args:
        index: counted from 0.
        of: how many there are.
    """

    index: int = 0
    of: int = 1

    @property
    def first(self) -> bool:
        """Whether it is the part of the process that writes files and speaks."""
        return self.index == 0

    def rows(self, total: int) -> slice:
        """Its rows of a batch: ranges that differ by one row at most.

        Raises:
            UsageError: there are fewer rows than parts.
        """
        if total < self.of:
            raise UsageError(
                f"Expected at least one row of a batch for each of {self.of} processes, got {total} rows.",
                "Start fewer processes or raise batch_tokens.",
            )
        return slice(total * self.index // self.of, total * (self.index + 1) // self.of)


WHOLE = Part()
"""The only part of a batch that is not cut."""


class Divisible(Protocol):
    """A :class:`smallbert.models.training.Objective` whose loss is a sum over rows."""

    def loss(self, step: int, part: Part = WHOLE) -> torch.Tensor:
        """What a part of a step's rows adds to the loss of the step."""


@contextmanager
def processes(device: str = "auto") -> Iterator[None]:
    """Be one of the processes that ``torchrun`` started, if it did.

    Args:
        device: auto, cpu or cuda; each process of a machine takes its own GPU.

    Raises:
        MachineError: no such device.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    on_gpu = runtime.device(device).type == "cuda"
    if on_gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo", timeout=PATIENCE)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def here() -> Part:
    """This process' part of every batch."""
    if distributed.is_available() and distributed.is_initialized():
        return Part(distributed.get_rank(), distributed.get_world_size())
    return WHOLE


def wait() -> None:
    """Wait for the other processes to come here too."""
    if here() != WHOLE:
        distributed.barrier()


@contextmanager
def in_turn() -> Iterator[None]:
    """One process after the other, the first first: the others find in its files what it made."""
    part = here()
    for _ in range(part.index):
        wait()
    yield
    for _ in range(part.of - part.index):
        wait()


def shared(objective: Objective) -> Objective:
    """The same objective with its rows shared between the processes: loss and gradients are those of the whole batch.

    Args:
        objective: a :class:`Divisible` one, if there are several processes.

    Raises:
        UsageError: it is none.
    """
    if here() == WHOLE:
        return objective
    if "part" not in inspect.signature(objective.loss).parameters:
        raise UsageError(
            f"Expected an objective whose loss can be shared between processes, got {type(objective).__name__}.",
            "Start it without torchrun.",
        )
    return _Shared(objective)


class _Shared:
    """An objective of which every process computes its part."""

    def __init__(self, objective: Objective) -> None:
        self.model, self.evaluate = objective.model, objective.evaluate
        self._part = nn.parallel.DistributedDataParallel(_Part(objective))

    def loss(self, step: int) -> torch.Tensor:
        """The loss of the whole step, whose gradient is that of the whole step in every process."""
        return self._part(step)


class _Part(nn.Module):
    """One process' part of an objective, as a module, which is what ``DistributedDataParallel`` asks for."""

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.model, self._objective = objective.model, cast(Divisible, objective)

    def forward(self, step: int) -> torch.Tensor:
        """The loss of the whole step, with the gradient of this part times the number of parts."""
        part = here()
        own = self._objective.loss(step, part)
        total = own.detach().clone()
        distributed.all_reduce(total)
        scaled = own * part.of
        return scaled + (total - scaled.detach())
