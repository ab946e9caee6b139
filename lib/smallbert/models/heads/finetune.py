"""Fine-tunes an encoder on a task: examples in, a model that predicts out."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

from smallbert import runtime, storage
from smallbert.errors import DataError, UsageError
from smallbert.models import sources, training
from smallbert.models.heads import network as networks
from smallbert.models.heads.forward import all_outputs
from smallbert.models.heads.network import Network
from smallbert.models.heads.objective import FineTuning, Part
from smallbert.models.heads.recipe import FineTuneRecipe, Run
from smallbert.models.heads.sequences import Reader
from smallbert.models.heads.task import Task
from smallbert.progress import Progress

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
        return self.task.predict(all_outputs(self.network, inputs).cpu().numpy(), inputs, self.labels)


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

    Raises:
        DataError: no example, one class only, a label of ``development`` unseen in training, or what the task's
            ``read`` and ``targets`` raise; all before the first step.
        UsageError: ``max_tokens`` does not fit the encoder, ``out`` holds another run's result, or the loss is no
            longer finite.
        MachineError: encoder or device are not to be had here, or the disk is full.
    """
    _check(examples, "learn from")
    where = runtime.device(device)
    dtype = runtime.dtype(recipe.precision, where)
    labels = task.labels(examples)
    key = _key(encoder, task, examples, development, recipe, where, dtype) if out else ""
    if out and (out / FINISHED).exists():
        return _finished(out, key, task, recipe, where, dtype)

    network = networks.build(
        encoder, task.head, task.outputs(labels), labels=labels, seed=recipe.seed, device=where, dtype=dtype
    )
    reader = Reader(network.tokenizer, recipe.max_tokens)
    shortest = reader.specials(pair=True) + 2
    if not shortest <= recipe.max_tokens <= network.places:
        raise UsageError(
            f"Expected max_tokens between {shortest} and {network.places} for {encoder}, got {recipe.max_tokens}.",
            f"The encoder has {network.places} positions.",
        )
    train, held_out = (_part(task, part, reader, labels) if part else None for part in (examples, development))
    run = Run(recipe, len(train.inputs) // task.per_example, len(train.inputs.ids))
    objective = FineTuning(network, task, train, held_out, run)
    if out:
        out.mkdir(parents=True, exist_ok=True)
        curve, seconds = training.fit(
            objective, run, out / CHECKPOINT, key, checkpoint_every=checkpoint_every, label="fine-tune"
        )
    else:
        curve, seconds = _fit(objective, run)
    fitted = Fitted(
        network, task, labels, recipe, curve, network.new_parameters, train.inputs.truncated, round(seconds, 1)
    )
    if out:
        _save(fitted, out, key)
    return fitted


def _check(examples: Sequence[Any], purpose: str) -> None:
    if not len(examples):
        raise DataError(f"Expected examples to {purpose}, got none.")


def _part(task: Task, examples: Sequence[Any], reader: Reader, labels: tuple[str, ...]) -> Part:
    inputs = task.read(examples, reader)
    return Part(inputs, task.targets(examples, inputs, labels))


def _fit(objective: FineTuning, run: Run) -> tuple[list[dict[str, float]], float]:
    """:func:`smallbert.models.training.fit` without a file: curve and seconds."""
    began = time.monotonic()
    optimizer = training.make_optimizer(objective.model, run.weight_decay)
    curve, pending, measured = [], [], run.evaluation_steps()
    with Progress("fine-tune", run.steps, "steps") as shown:
        for step in range(run.steps):
            pending.append(training.update(objective, optimizer, run, step))
            if step + 1 in measured:
                point = {"step": step + 1, "tokens": (step + 1) * run.batch_tokens, "learning_rate": run.rate(step)}
                curve.append(point | {"train_loss": sum(pending) / len(pending)} | objective.evaluate())
                pending.clear()
            shown.advance()
    return curve, time.monotonic() - began


def _key(
    encoder: str | Path,
    task: Task,
    examples: Sequence[Any],
    development: Sequence[Any],
    recipe: FineTuneRecipe,
    where: torch.device,
    dtype: torch.dtype,
) -> str:
    """Digest of everything that decides the result."""
    data = hashlib.sha256()
    for example in (*examples, None, *development):
        data.update(repr(example).encode("utf-8", "surrogatepass"))
    made_of = {"encoder": sources.checksum(sources.find(str(encoder))), "task": repr(task), "recipe": asdict(recipe)}
    return storage.digest(made_of | {"data": data.hexdigest(), "device": where.type, "dtype": str(dtype)})


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
    found = networks.load(out, task.head, device=where, dtype=dtype)
    kept = {name: stamp[name] for name in ("curve", "new_parameters", "truncated", "seconds")}
    return Fitted(found, task, tuple(stamp["labels"]), recipe, **kept)
