"""Fine-tunes an encoder on a task: examples in, a model that predicts out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor

from smallbert import runtime, storage
from smallbert.errors import DataError, UsageError
from smallbert.models import sources, training
from smallbert.models.heads import narrowing
from smallbert.models.heads import network as networks
from smallbert.models.heads.forward import all_outputs
from smallbert.models.heads.network import Network
from smallbert.models.heads.objective import FineTuning, Part
from smallbert.models.heads.recipe import FineTuneRecipe, Run
from smallbert.models.heads.sequences import Reader
from smallbert.models.heads.task import Task
from smallbert.progress import Progress

VERSION = 1
"""Part of every key: raise it when the same encoder, examples and recipe would give another head."""

FINISHED = "finetune.json"
CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fine-tuned encoder.

    Attributes:
        network: encoder and head.
        task: what it was trained for.
        labels: classes seen in training, the most frequent first; none for tasks without classes.
        recipe: how it was trained.
        curve: one row an epoch: step, tokens, learning_rate, train_loss, and development_loss where one was measured.
        new_parameters: parameters that were trained from scratch.
        truncated: training inputs that were cut to fit.
        seconds: of training.
    """

    network: Network
    task: Task
    labels: tuple[str, ...]
    recipe: FineTuneRecipe
    curve: list[dict[str, float]]
    new_parameters: int
    truncated: int
    seconds: float

    def predict(self, examples: Sequence[Any]) -> Any:
        """Predictions for examples of the task, in its own form (see its ``predict``).

        Raises:
            DataError: there is no example, or one with nothing to read.
        """
        _check(examples, "predict")
        inputs = self.task.read(examples, Reader(self.network.tokenizer, self.recipe.max_tokens))
        with Progress("read", len(inputs), "inputs") as line:
            outputs = all_outputs(self.network, inputs, advance=line.advance)
        return self.task.predict(outputs.cpu().numpy(), inputs, self.labels)


def finetune(
    encoder: str | Path,
    task: Task,
    examples: Sequence[Any],
    recipe: FineTuneRecipe,
    *,
    development: Sequence[Any] = (),
    out: Path | None = None,
    device: str = "auto",
    checkpoint_every: int = 200,
    report: Callable[[int], None] | None = None,
) -> Fitted:
    """Fine-tune an encoder of the BERT family, or train a head on what it gives.

    The result is a function of encoder, examples, recipe and, on a CPU, the number of threads. With ``out`` the same
    call after a kill goes on from the last checkpoint, and one after the end returns at once what stands there.

    Args:
        encoder: a local folder, ``minilm`` or a hub id.
        task: what to learn.
        examples: what to learn from.
        recipe: how.
        development: examples to measure the loss on after each epoch.
        out: folder of the result: model and tokenizer as ``transformers`` loads them and, written last,
            ``finetune.json``. Without it nothing is written.
        device: auto, cpu or cuda.
        checkpoint_every: steps between two checkpoints.
        report: see :func:`smallbert.models.training.fit`.

    Raises:
        DataError: no example, one class only, a label of ``development`` unseen in training, or what the task's
            ``read`` and ``targets`` raise; all before the first step.
        UsageError: ``max_tokens`` does not fit the encoder, ``out`` holds another run's result, or the loss is no
            longer finite.
        MachineError: encoder or device are not to be had here, or the disk is full.
    """
    where = runtime.device(device)
    dtype = runtime.dtype(recipe.precision, where)
    _check(examples, "learn from")
    key = key_of(encoder, task, examples, recipe, where, development) if out else ""
    if out and (out / FINISHED).exists():
        return _finished(out, key, task, recipe, where, dtype)
    ready = prepare(encoder, task, examples, recipe, where)
    held_out = ready.part(development) if development else None
    if out:
        storage.make_folder(out)
    checkpoint = out / CHECKPOINT if out else None
    fitted = ready.train(recipe, held_out, checkpoint, key, checkpoint_every=checkpoint_every, report=report)
    if out:
        _save(fitted, out, key)
    return fitted


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

    def part(self, examples: Sequence[Any]) -> Part:
        """Other examples, such as those of development."""
        return _part(self.task, examples, self.reader, self.labels)

    def train(
        self,
        recipe: FineTuneRecipe,
        development: Part | None = None,
        checkpoint: Path | None = None,
        key: str = "",
        *,
        features: Mapping[Part, Tensor] | None = None,
        checkpoint_every: int = 200,
        report: Callable[[int], None] | None = None,
    ) -> Fitted:
        """Train the network to a recipe; see :func:`finetune`, :class:`FineTuning` and ``training.fit``."""
        inputs = self.examples.inputs
        run = Run(recipe, len(inputs) // self.task.per_example, len(inputs.ids))
        objective = FineTuning(self.network, self.task, self.examples, development, run, features)
        curve, seconds = training.fit(
            objective, run, checkpoint, key, checkpoint_every=checkpoint_every, label="fine-tune", report=report
        )
        new = self.network.new_parameters
        return Fitted(self.network, self.task, self.labels, recipe, curve, new, inputs.truncated, round(seconds, 1))


def prepare(
    encoder: str | Path, task: Task, examples: Sequence[Any], recipe: FineTuneRecipe, device: torch.device
) -> Prepared:
    """The encoder with a head for the task, drawn by the recipe's seed, and the examples as it reads them.

    Raises:
        DataError, UsageError, MachineError: as :func:`finetune`.
    """
    _check(examples, "learn from")
    labels = task.labels(examples)
    dtype = runtime.dtype(recipe.precision, device)
    network = networks.build(
        encoder,
        task.head,
        task.outputs(labels),
        labels=labels,
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
    return Prepared(network, task, labels, reader, _part(task, examples, reader, labels))


def _check(examples: Sequence[Any], purpose: str) -> None:
    if not len(examples):
        raise DataError(f"Expected examples to {purpose}, got none.")


def _part(task: Task, examples: Sequence[Any], reader: Reader, labels: tuple[str, ...]) -> Part:
    inputs = task.read(examples, reader)
    return Part(inputs, task.targets(examples, inputs, labels))


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
        others: examples of development, and such as are to be predicted.
    """
    data = hashlib.sha256()
    for example in chain(examples, *(chain((None,), other) for other in others)):
        data.update(repr(example).encode("utf-8", "surrogatepass"))
    folder = sources.find(str(encoder))
    made_of = {"encoder": sources.checksum(folder), "task": repr(task), "recipe": asdict(recipe)}
    if last := narrowing.place(folder):
        made_of["last layer"] = storage.sha256_file(last)
    dtype = runtime.dtype(recipe.precision, device)
    return storage.digest(
        made_of | {"data": data.hexdigest(), "device": device.type, "dtype": str(dtype)}, version=VERSION
    )


def _save(fitted: Fitted, out: Path, key: str) -> None:
    fitted.network.save(out)
    stamp = {
        "key": key,
        "task": repr(fitted.task),
        "labels": fitted.labels,
        "recipe": asdict(fitted.recipe),
        "curve": fitted.curve,
        "new_parameters": fitted.new_parameters,
        "truncated": fitted.truncated,
        "seconds": fitted.seconds,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    storage.write_json(out / FINISHED, stamp)
    (out / CHECKPOINT).unlink()


def _finished(
    out: Path, key: str, task: Task, recipe: FineTuneRecipe, where: torch.device, dtype: torch.dtype
) -> Fitted:
    stamp = storage.read_json(out / FINISHED)
    if stamp["key"] != key:
        raise UsageError(
            f"Expected the model {key} in {out}, found {stamp['key']}, made with another recipe, encoder or examples.",
            "Choose another folder or delete this one.",
        )
    found = networks.load(out, task.head, device=where, dtype=dtype, pooling=recipe.pooling)
    kept = {name: stamp[name] for name in ("curve", "new_parameters", "truncated", "seconds")}
    return Fitted(found, task, tuple(stamp["labels"]), recipe, **kept)
