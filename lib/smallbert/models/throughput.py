"""How fast encoders train and read, measured side by side: ratios survive a machine whose speed drifts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import torch

from smallbert import runtime
from smallbert.errors import UsageError
from smallbert.models.encoder import Encoder
from smallbert.models.pretrain import objective_of
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.tokens import TokenStore
from smallbert.models.training import make_optimizer, update

Name = TypeVar("Name")


def training_throughput(
    recipes: Mapping[str, PretrainRecipe],
    store: TokenStore,
    *,
    rounds: int = 5,
    steps: int = 4,
    device: str = "auto",
) -> dict[str, list[float]]:
    """Tokens per second of a training step on the whole machine: all cores, or the GPU.

    Every round trains each model for some steps, in the order given and in the next round in reverse; a first round is
    not counted. Rounds of equal number can be compared as ratios.

    Args:
        recipes: what to train, by name; nothing is written.
        store: tokens to train on.
        rounds: timed rounds.
        steps: steps a round and model.
        device: auto, cpu or cuda.

    Returns:
        By name, tokens per second in every round.

    Raises:
        UsageError: nothing to measure.
        MachineError: the device is missing.
    """
    where = runtime.device(device)
    _check(recipes, rounds=rounds, steps=steps)
    runs = {name: _Training(recipe, store, where, steps) for name, recipe in recipes.items()}
    threads = torch.get_num_threads()
    torch.set_num_threads(runtime.cores())
    try:
        seconds = _alternating(runs, rounds)
    finally:
        torch.set_num_threads(threads)
    return {name: [steps * recipes[name].batch_tokens / one for one in taken] for name, taken in seconds.items()}


@dataclass(frozen=True)
class Inference:
    """What an encoder takes to read.

    Args:
        latency: seconds from ids to vector of one text alone, the mean over the texts, one entry a round.
        throughput: tokens per second when all texts are given at once, one entry a round.
    """

    latency: list[float]
    throughput: list[float]


def inference(
    encoders: Mapping[str, Encoder], ids: Mapping[str, Sequence[np.ndarray]], *, rounds: int = 5, singles: int = 20
) -> dict[str, Inference]:
    """Latency at batch 1 and throughput at full batches, measured in alternating order as in training.

    Args:
        encoders: by name.
        ids: each encoder's tokenised texts, from :meth:`Encoder.tokenize`.
        rounds: timed rounds.
        singles: the first so many texts are also read one by one.

    Raises:
        UsageError: nothing to measure.
    """
    _check(encoders, rounds=rounds, singles=singles)
    runs: dict[tuple[str, bool], Callable[[], object]] = {}
    for name, encoder in encoders.items():
        runs[name, True] = partial(_one_by_one, encoder, ids[name][:singles])
        runs[name, False] = partial(encoder.encode, ids[name])
    seconds = _alternating(runs, rounds)
    return {
        name: Inference(
            latency=[one / len(ids[name][:singles]) for one in seconds[name, True]],
            throughput=[sum(map(len, ids[name])) / one for one in seconds[name, False]],
        )
        for name in encoders
    }


class _Training:
    """Some more steps of a run at every call."""

    def __init__(self, recipe: PretrainRecipe, store: TokenStore, where: torch.device, steps: int) -> None:
        self.recipe, self.where, self.steps, self.done = recipe, where, steps, 0
        self.objective = objective_of(recipe, store, where, runtime.dtype(recipe.precision, where))
        self.optimizer = make_optimizer(self.objective.model, recipe.weight_decay)

    def __call__(self) -> None:
        for _ in range(self.steps):
            # The rate matters to no clock, and a recipe may be shorter than the measurement.
            update(self.objective, self.optimizer, self.recipe, self.done % self.recipe.steps)
            self.done += 1
        if self.where.type == "cuda":
            torch.cuda.synchronize()


def _one_by_one(encoder: Encoder, ids: Sequence[np.ndarray]) -> None:
    for text in ids:
        encoder.encode([text])


def _alternating(runs: Mapping[Name, Callable[[], object]], rounds: int) -> dict[Name, list[float]]:
    """Seconds of every run in every round, the order reversed each round, after one round that is not counted."""
    seconds: dict[Name, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name in list(runs)[:: 1 if number % 2 else -1]:
            began = time.perf_counter()
            runs[name]()
            if number:
                seconds[name].append(time.perf_counter() - began)
    return seconds


def _check(measured: Mapping[str, object], **counts: int) -> None:
    if not measured:
        raise UsageError("Expected at least one encoder to measure, got none.")
    for name, count in counts.items():
        if count < 1:
            raise UsageError(f"Expected {name} of at least 1, got {count}.")
