"""Fine-tunes an encoder on a task: examples in, a network that predicts out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from smallbert import runtime, storage
from smallbert.errors import DataError, UsageError
from smallbert.models import sources, training
from smallbert.models.heads import narrowing
from smallbert.models.heads import network as networks
from smallbert.models.heads.network import Network
from smallbert.models.heads.objective import FineTuning, Part
from smallbert.models.heads.recipe import FineTuneRecipe, Run
from smallbert.models.heads.sequences import Reader
from smallbert.models.heads.task import Task

VERSION = 1
"""Part of every key: raise it when the same encoder, examples and recipe would give another head."""

CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True)
class Fitted:
    """What a fine-tuning leaves beside the trained network.

    Attributes:
        labels: classes seen in training, the most frequent first; none for tasks without classes.
        new_parameters: parameters that were trained from scratch.
        truncated: training inputs that were cut to fit.
        curve: one row an epoch: step, tokens, learning_rate, train_loss.
    """

    labels: tuple[str, ...]
    new_parameters: int
    truncated: int
    curve: list[dict[str, float]]


@dataclass(frozen=True, eq=False)
class Prepared:
    """An encoder with a fresh head, and what it is to learn: everything that can be wrong has been looked at.

    Attributes:
        network: encoder and head.
        task: what to learn.
        labels: as of :class:`Fitted`.
        reader: of the encoder's tokenizer.
        examples: inputs to learn from, with their targets.
    """

    network: Network
    task: Task
    labels: tuple[str, ...]
    reader: Reader
    examples: Part

    def train(
        self,
        recipe: FineTuneRecipe,
        checkpoint: Path | None = None,
        key: str = "",
        *,
        features: Tensor | None = None,
        checkpoint_every: int = 200,
        report: Callable[[int], None] | None = None,
    ) -> Fitted:
        """Train the network to a recipe, or go on from a checkpoint.

        The result is a function of encoder, examples, recipe and, on a CPU, the number of threads.

        Args:
            recipe: how.
            checkpoint, key, checkpoint_every, report: see :func:`smallbert.models.training.fit`.
            features: see :class:`FineTuning`.

        Raises:
            UsageError: the checkpoint is another run's, or the loss is no longer finite.
            MachineError: the disk is full.
        """
        inputs = self.examples.inputs
        run = Run(recipe, len(inputs) // self.task.per_example, len(inputs.ids))
        objective = FineTuning(self.network, self.task, self.examples, run, features)
        curve, _seconds = training.fit(
            objective, run, checkpoint, key, checkpoint_every=checkpoint_every, label="fine-tune", report=report
        )
        return Fitted(self.labels, self.network.new_parameters, inputs.truncated, curve)


def prepare(
    encoder: str | Path, task: Task, examples: Sequence[Any], recipe: FineTuneRecipe, device: torch.device
) -> Prepared:
    """The encoder with a head for the task, drawn by the recipe's seed, and the examples as it reads them.

    Args:
        encoder: of the BERT family: a local folder, ``minilm`` or a hub id.
        task: what to learn.
        examples: what to learn from.
        recipe: how.
        device: where to train.

    Raises:
        DataError: no example, one class only, a decoder, or what the task's ``read`` and ``targets`` raise.
        UsageError: ``max_tokens`` does not fit the encoder, or it is of another family.
        MachineError: the encoder is not to be had here.
    """
    if not len(examples):
        raise DataError("Expected examples to learn from, got none.")
    labels = task.labels(examples)
    dtype = runtime.dtype(recipe.precision, device)
    network = networks.build(
        encoder,
        task.head,
        task.outputs(labels),
        seed=recipe.seed,
        device=device,
        dtype=dtype,
        pooling=recipe.pooling,
    )
    if getattr(network.model.config, "is_decoder", False):
        raise DataError(
            f"Expected an encoder in {encoder}, got a decoder (is_decoder), whose tokens see no later one.",
            "Read in both directions it is not what was pretrained. Use an encoder.",
        )
    reader = Reader(network.tokenizer, recipe.max_tokens)
    shortest = reader.specials(pair=True) + 2
    if not shortest <= recipe.max_tokens <= network.places:
        raise UsageError(
            f"Expected max_tokens between {shortest} and {network.places} for {encoder}, got {recipe.max_tokens}.",
            f"The encoder has {network.places} positions.",
        )
    inputs = task.read(examples, reader)
    return Prepared(network, task, labels, reader, Part(inputs, task.targets(examples, inputs, labels)))


def key_of(
    encoder: str | Path,
    task: Task,
    examples: Sequence[Any],
    recipe: FineTuneRecipe,
    device: torch.device,
    *others: Sequence[Any],
) -> str:
    """Digest of everything that decides a result: encoder, task, recipe, device, number format and all examples.

    Args:
        encoder, task, examples, recipe, device: of the run.
        others: examples that are to be predicted.
    """
    data = hashlib.sha256()
    for example in chain(examples, *(chain((None,), other) for other in others)):
        data.update(repr(example).encode("utf-8", "surrogatepass"))
    folder = sources.find(str(encoder))
    made_of = {"encoder": sources.checksum(folder), "task": repr(task), "recipe": asdict(recipe)}
    if narrowing.read(folder) is not None:  # what a head cannot read is refused before anything is trained
        [last] = sources.last_layers(folder)
        made_of["last layer"] = storage.sha256_file(last / sources.WEIGHTS)
    dtype = runtime.dtype(recipe.precision, device)
    return storage.digest(
        made_of | {"data": data.hexdigest(), "device": device.type, "dtype": str(dtype)}, version=VERSION
    )
