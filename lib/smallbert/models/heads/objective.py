"""The loss of fine-tuning as :func:`smallbert.models.training.fit` asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from smallbert.models.heads.forward import all_states, states
from smallbert.models.heads.network import Network
from smallbert.models.heads.packing import Layout
from smallbert.models.heads.recipe import Run
from smallbert.models.heads.task import Task
from smallbert.models.packed import Batch, plan


@dataclass(frozen=True, eq=False)
class Part:
    """Inputs with their targets.

    Args:
        inputs: as from :meth:`Task.read`.
        targets: as from :meth:`Task.targets`.
    """

    inputs: Any
    targets: np.ndarray


class FineTuning:
    """A task's loss on random batches.

    Args:
        network: encoder and head.
        task: what to learn.
        train: what to learn from.
        run: which examples make a step.
        features: what a frozen encoder gives for these, where it has read them before.

    A frozen encoder reads every input once, before the first step, and only the head is trained.
    """

    def __init__(
        self,
        network: Network,
        task: Task,
        train: Part,
        run: Run,
        features: Tensor | None = None,
    ) -> None:
        self.network, self.task, self.train, self.run = network, task, train, run
        self.frozen = run.recipe.frozen
        if self.frozen:
            for name, parameter in network.model.named_parameters():
                parameter.requires_grad_(name in network.new)
            self._features = all_states(network, train.inputs) if features is None else features

    @cached_property
    def model(self) -> nn.Module:
        """What is trained: the whole model, or the parameters the encoder does not bring."""
        if not self.frozen:
            return self.network.model
        parameters = dict(self.network.model.named_parameters())
        return nn.ParameterDict({name.replace(".", "/"): parameters[name] for name in self.network.new})

    def loss(self, step: int) -> Tensor:
        """Loss of a step: a function of the weights and the step's number only."""
        together = np.arange(self.task.per_example)
        rows = (self.run.batch(step)[:, None] * self.task.per_example + together).ravel()
        return self.loss_of(rows)

    def loss_of(self, rows: np.ndarray) -> Tensor:
        """Loss of some inputs, by their numbers; inputs that are judged together stand together."""
        part = self.train
        lengths = part.inputs.lengths[rows]
        packed = plan(lengths, lengths.sum())[0]
        batch = Batch(rows[packed.rows], packed.groups)
        pooled = self.network.pooled
        places = batch.rows if pooled else part.inputs.flat(batch.rows)
        hidden = self._features[places] if self.frozen else states(self.network, part.inputs, batch)
        outputs, targets = self.network.head(hidden), torch.from_numpy(part.targets[places]).to(hidden.device)
        if pooled and self.task.per_example > 1:
            back = torch.from_numpy(np.argsort(packed.rows)).to(hidden.device)
            outputs, targets = outputs[back], targets[back]
        return self.task.loss(outputs, targets, Layout(batch.groups, hidden.device).lengths)

    def evaluate(self) -> dict[str, float]:
        """Nothing: what a fine-tuning is worth is seen in what it predicts."""
        return {}
