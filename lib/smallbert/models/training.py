"""The training loop all objectives share: AdamW, warm-up and cosine, loss curve, checkpoints that resume exactly."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from smallbert import storage
from smallbert.errors import DataError, UsageError
from smallbert.models import parallel
from smallbert.progress import Progress

CLIP_NORM = 1.0
BETAS = (0.9, 0.98)
EPSILON = 1e-6
MOMENTS = ("exp_avg", "exp_avg_sq")


class Objective(Protocol):
    """What a loop needs to know of a task."""

    @property
    def model(self) -> Any:
        """What is trained: a ``torch.nn.Module``."""

    def loss(self, step: int) -> torch.Tensor:
        """Loss of a step, a scalar that depends on the weights and the step's number only."""

    def evaluate(self) -> dict[str, float]:
        """Held-out measures, by name."""


class Schedule(Protocol):
    """What a loop needs to know of a recipe."""

    @property
    def weight_decay(self) -> float:
        """Of matrices."""

    @property
    def steps(self) -> int:
        """Updates in all."""

    @property
    def batch_tokens(self) -> int:
        """Tokens of a step."""

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""

    def evaluation_steps(self) -> set[int]:
        """Numbers of finished steps after which a row of the curve is due."""


def make_optimizer(model: nn.Module, weight_decay: float) -> torch.optim.AdamW:
    """Fused AdamW, decay on matrices alone (as google-research/bert spares biases and LayerNorm), RoBERTa's betas."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, betas=BETAS, eps=EPSILON, fused=True)


def fit(
    objective: Objective,
    recipe: Schedule,
    checkpoint: Path | None,
    key: str,
    *,
    checkpoint_every: int = 200,
    label: str = "pretrain",
    report: Callable[[int], None] | None = None,
) -> tuple[list[dict[str, float]], float]:
    """Train ``objective.model`` in place to the end of the recipe, from the last checkpoint if there is one.

    The result does not depend on interruptions: on a CPU the weights are equal to the bit. Processes that ``torchrun``
    started share each step (:mod:`smallbert.models.parallel`); any number of them goes on from a checkpoint.

    Args:
        objective: model, loss and measures.
        recipe: steps, rates, decay, evaluations.
        checkpoint: one safetensors file with weights, both moments and, as metadata, step, curve and seconds; None for
            a run so short that it begins again after a kill.
        key: identifies the run; a checkpoint of another run is refused.
        checkpoint_every: steps between two checkpoints; a shorter run writes none.
        label: name shown with the progress.
        report: called after every step with the tokens trained on so far, earlier attempts included, instead of
            showing a line of progress; what it raises ends the training.

    Returns:
        The loss curve, one dict a measured step (step, tokens, learning_rate, train_loss = mean since the last row,
        and the objective's measures), and the seconds of training, evaluation and checkpoints over all attempts.

    Raises:
        UsageError: the checkpoint is another run's, or the loss or its gradient is no longer finite.
        DataError: the checkpoint is damaged.
    """
    model = objective.model
    optimizer = make_optimizer(model, recipe.weight_decay)
    progress: dict[str, Any] = {"step": 0, "curve": [], "pending": [], "seconds": 0.0}
    if checkpoint and checkpoint.exists():
        progress = _restore(checkpoint, key, model, optimizer)
    curve, pending = progress["curve"], progress["pending"]
    measured = recipe.evaluation_steps()
    began = time.monotonic() - progress["seconds"]
    tokens = recipe.batch_tokens
    objective, first = parallel.shared(objective), parallel.here().first
    line = None
    if report is None and first:
        line = Progress(label, recipe.steps * tokens, "tokens", done=progress["step"] * tokens)
    with line or nullcontext():
        for step in range(progress["step"], recipe.steps):
            pending.append(update(objective, optimizer, recipe, step))
            done = step + 1
            if done in measured:
                point = {"step": done, "tokens": done * tokens, "learning_rate": recipe.rate(step)}
                curve.append(point | {"train_loss": math.fsum(pending) / len(pending)} | objective.evaluate())
                pending.clear()
            last = done == recipe.steps and done > checkpoint_every
            if checkpoint and first and (done % checkpoint_every == 0 or last):
                state = {"step": done, "curve": curve, "pending": pending, "seconds": time.monotonic() - began}
                _save(checkpoint, key, model, optimizer, state)
            if line:
                line.advance(tokens)
            elif report:
                report(done * tokens)
    return curve, time.monotonic() - began


def update(objective: Objective, optimizer: torch.optim.AdamW, recipe: Schedule, step: int) -> float:
    """One update; returns the loss before it. Weights are untouched if loss or gradient is not finite."""
    for group in optimizer.param_groups:
        group["lr"] = recipe.rate(step)
    loss = objective.loss(step)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(objective.model.parameters(), CLIP_NORM)
    value, size = torch.stack([loss.detach(), norm]).tolist()
    if not (math.isfinite(value) and math.isfinite(size)):
        raise UsageError(
            f"Expected a finite loss and gradient, got {value} and {size} at step {step + 1} of {recipe.steps} "
            f"(learning rate {recipe.rate(step):.2g}).",
            "The last checkpoint is kept. Lower learning_rate or raise warmup_fraction.",
        )
    optimizer.step()
    return value


def trained_steps(checkpoint: Path) -> int:
    """Steps a checkpoint holds; 0 where there is none."""
    if not checkpoint.exists():
        return 0
    with _opened(checkpoint) as file:
        return json.loads(file.metadata()["progress"])["step"]


def _save(path: Path, key: str, model: nn.Module, optimizer: torch.optim.AdamW, progress: dict[str, Any]) -> None:
    """Write weights, moments and progress as one file with its checksum, so that no crash leaves two that disagree."""
    tensors = {}
    for name, parameter in model.named_parameters():
        tensors[f"weight.{name}"] = parameter.detach().cpu()
        for moment in MOMENTS:
            tensors[f"{moment}.{name}"] = optimizer.state[parameter][moment].cpu()
    said = json.dumps({"key": key, **progress})
    metadata = {"progress": said, "sha256": _checksum(said, tensors)}
    with storage.atomic_write(path) as file:
        file.write(save(tensors, metadata=metadata))


def _checksum(progress: str, tensors: dict[str, torch.Tensor]) -> str:
    """SHA-256 over all that a checkpoint holds."""
    total = hashlib.sha256(progress.encode())
    for name in sorted(tensors):
        total.update(f"{name} {tensors[name].dtype} {tuple(tensors[name].shape)}".encode())
        total.update(tensors[name].contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A checkpoint's file.

    Raises:
        DataError: it is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"Expected a whole checkpoint at {path}, got a damaged one: {error}.",
            "Delete it and run again: this training starts over, all that is finished is kept.",
        ) from error


def _restore(path: Path, key: str, model: nn.Module, optimizer: torch.optim.AdamW) -> dict[str, Any]:
    """Load a checkpoint into model and optimizer; returns its progress.

    Raises:
        UsageError: it is another run's.
        DataError: it is damaged.
    """
    with _opened(path) as file:
        metadata = file.metadata()
        progress = json.loads(metadata["progress"])
        if progress["key"] != key:
            raise UsageError(
                f"Expected a checkpoint of run {key} at {path}, found one of {progress['key']}: "
                "another recipe, corpus, device or number format.",
                "Choose another folder or delete this one.",
            )
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        if _checksum(metadata["progress"], tensors) != metadata["sha256"]:
            raise ValueError("its checksum is another one")
    for name, parameter in model.named_parameters():
        with torch.no_grad():
            parameter.copy_(tensors[f"weight.{name}"])
        state = {moment: tensors[f"{moment}.{name}"].to(parameter.device) for moment in MOMENTS}
        # Adam's own count, a tensor on the parameter's device where the optimizer is fused.
        state["step"] = torch.tensor(float(progress["step"]), device=parameter.device)
        optimizer.state[parameter] = state
    return progress
