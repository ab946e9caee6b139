"""Adam, RMSprop and momentum SGD over one flat vector of parameters: few large passes over memory instead of many.

Each equals its namesake in ``torch.optim`` at torch's defaults (momentum 0.9 for SGD) up to rounding. The learning
rate comes as a tensor, so a captured GPU step reads a new one at every replay.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor


class Optimizer(Protocol):
    """Updates the flat parameters it was made for from their gradients."""

    state: list[Tensor]

    def step(self, rate: Tensor) -> None:
        """Take one step at learning rate ``rate``, a tensor of no dimension."""


class Adam:
    """Kingma & Ba 2015, arXiv 1412.6980, algorithm 1, by the kernel behind ``torch.optim.Adam(fused=True)``."""

    def __init__(self, weights: Tensor, gradients: Tensor) -> None:
        self._weights, self._gradients = weights, gradients
        self._mean, self._square = torch.zeros_like(weights), torch.zeros_like(weights)
        self._steps = weights.new_zeros(())
        self.state = [self._mean, self._square, self._steps]

    def step(self, rate: Tensor) -> None:
        """See :class:`Optimizer`."""
        self._steps.add_(1)
        torch._fused_adam_(
            [self._weights],
            [self._gradients],
            [self._mean],
            [self._square],
            [],
            [self._steps],
            lr=rate,
            beta1=0.9,
            beta2=0.999,
            weight_decay=0.0,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )


class RmsProp:
    """Tieleman & Hinton 2012 (lecture 6.5), not centred, as ``torch.optim.RMSprop``: decay 0.99, epsilon 1e-8."""

    def __init__(self, weights: Tensor, gradients: Tensor) -> None:
        self._weights, self._gradients = weights, gradients
        self._square, self._update = torch.zeros_like(weights), torch.zeros_like(weights)
        self.state = [self._square]

    def step(self, rate: Tensor) -> None:
        """See :class:`Optimizer`."""
        self._square.mul_(0.99).addcmul_(self._gradients, self._gradients, value=0.01)
        torch.sqrt(self._square, out=self._update).add_(1e-8)
        torch.div(self._gradients, self._update, out=self._update)
        self._weights.sub_(self._update.mul_(rate))


class Sgd:
    """Stochastic gradient descent with momentum 0.9, as ``torch.optim.SGD``."""

    def __init__(self, weights: Tensor, gradients: Tensor) -> None:
        self._weights, self._gradients = weights, gradients
        self._velocity, self._update = torch.zeros_like(weights), torch.zeros_like(weights)
        self.state = [self._velocity]

    def step(self, rate: Tensor) -> None:
        """See :class:`Optimizer`."""
        self._velocity.mul_(0.9).add_(self._gradients)
        self._weights.sub_(torch.mul(self._velocity, rate, out=self._update))


#: By the names that :class:`smallbert.compress.training.Training` takes.
MAKERS: dict[str, Callable[[Tensor, Tensor], Optimizer]] = {"adam": Adam, "rmsprop": RmsProp, "sgd": Sgd}
