"""Many fine-tunings at once: one core each, resumable, and of each nothing but what it predicts is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from smallbert import runtime, storage
from smallbert.errors import DataError
from smallbert.models import sources, workers
from smallbert.models.heads.finetune import CHECKPOINT, Fitted, Prepared, key_of, prepare
from smallbert.models.heads.forward import all_outputs, all_states
from smallbert.models.heads.recipe import FineTuneRecipe
from smallbert.models.heads.task import Task

CHECKPOINT_EVERY = 200
"""Steps between two checkpoints of a run; a shorter one begins again after a kill."""

Report = Callable[[int], None]


@dataclass(frozen=True)
class Trial:
    """One fine-tuning, and what is then asked of it.

    Args:
        name: how errors call it.
        encoder: a local folder, ``minilm`` or a hub id.
        task: what to learn.
        examples: what to learn from.
        asked: examples to predict, by part, such as development and test.
        recipe: how; with ``frozen`` the head alone.
    """

    name: str
    encoder: str
    task: Task
    examples: Sequence[Any]
    asked: Mapping[str, Sequence[Any]]
    recipe: FineTuneRecipe

    @property
    def steps(self) -> int:
        """About as many updates as it takes: windows of long passages come on top."""
        return -(-len(self.examples) * self.recipe.epochs // self.recipe.batch_size)

    @property
    def shared(self) -> tuple[Any, ...]:
        """What trials have in common that a frozen encoder reads once for all."""
        asked = tuple((part, id(examples)) for part, examples in self.asked.items())
        return self.encoder, self.task, id(self.examples), asked, replace(self.recipe, **_HEAD)


_HEAD: dict[str, Any] = {
    "learning_rate": 1.0,
    "epochs": 1,
    "batch_size": 1,
    "warmup_fraction": 0.0,
    "weight_decay": 0.0,
    "seed": 0,
}
"""Fields of a recipe that a frozen encoder knows nothing of, at any value."""


def finetune_all(
    trials: Sequence[Trial],
    where: Path,
    *,
    device: str = "auto",
    jobs: int | None = None,
    label: str = "fine-tune",
    run: workers.Run = workers.run,
) -> list[Path]:
    """Do every trial, or find it done.

    A result depends on its trial alone: on a CPU every one has one thread, and is the same to the bit whatever runs
    beside it. Trials of one frozen encoder on the same examples (the same objects) read these once. After a kill the
    same call goes on with what is missing, long runs from their last checkpoint.

    Args:
        trials: what to train.
        where: folder of the results.
        device: auto, cpu or cuda.
        jobs: processes on a CPU; all cores by default. See :func:`smallbert.models.workers.run`.
        label: name shown with the progress.
        run: where they are done; this machine by default.

    Returns:
        For each trial a JSON file ``where/KEY.json``: ``labels`` (classes of training), ``new_parameters``,
        ``truncated`` (training inputs that were cut), ``curve`` (of training) and ``predictions``, by part as
        :meth:`smallbert.models.heads.task.Task.plain` gives them.

    Raises:
        DataError: a trial asks for a part without examples.
        UsageError, DataError, MachineError: as :func:`smallbert.models.heads.finetune.prepare` and its ``train``, with
            the trial's name.
    """
    _require_examples(trials)
    kind = runtime.device(device).type
    keys = _keys(trials, torch.device(kind))
    files = [where / f"{key}.json" for key in keys]
    missing = {file: trial for file, trial in zip(files, trials, strict=True) if not file.exists()}
    if missing:
        storage.make_folder(where)
        with storage.lock(where, "finetune", wait=True):
            # Again: whoever held the lock may have done some.
            todo = {file: trial for file, trial in missing.items() if not file.exists()}
            every = dict(zip(files, trials, strict=True))
            finished = sum(trial.steps for file, trial in every.items() if file not in todo)
            run(_jobs(todo, kind), label=label, unit="steps", finished=finished, kind=kind, workers=jobs)
    return files


def _require_examples(trials: Sequence[Trial]) -> None:
    for trial in trials:
        for part, examples in trial.asked.items():
            if not len(examples):
                raise DataError(
                    f"{trial.name}: Expected examples to predict in the part {part}, got none.",
                    "Leave the part out, or give it examples.",
                )


def _keys(trials: Sequence[Trial], device: torch.device) -> list[str]:
    """A key for each trial; what many trials share is digested once."""
    known: dict[tuple[Any, ...], str] = {}
    for trial in trials:
        if trial.shared not in known:
            recipe = trial.shared[-1]
            known[trial.shared] = key_of(
                trial.encoder, trial.task, trial.examples, recipe, device, *trial.asked.values()
            )
    return [
        storage.digest([known[trial.shared], *trial.asked, [getattr(trial.recipe, name) for name in _HEAD]])
        for trial in trials
    ]


def _jobs(todo: Mapping[Path, Trial], kind: str) -> list[workers.Job]:
    """A job for each fine-tuning, and one for all heads on the same frozen features."""
    groups: dict[tuple[Any, ...], dict[Path, Trial]] = {}
    for file, trial in todo.items():
        groups.setdefault(trial.shared if trial.recipe.frozen else (file,), {})[file] = trial
    jobs = []
    for group in groups.values():
        first = next(iter(group.values()))
        work, passes = (_heads, 1) if first.recipe.frozen else (_whole, 3 * first.recipe.epochs)
        inputs = (len(first.examples) * passes + sum(map(len, first.asked.values()))) * first.task.per_example
        weights = sum(path.stat().st_size for path in sources.weight_files(sources.find(first.encoder)))
        steps = sum(trial.steps for trial in group.values())
        jobs.append(workers.Job(first.name, work, (group, kind), steps, cost=weights * inputs))
    return jobs


def _whole(group: Mapping[Path, Trial], kind: str, *, report: Report) -> None:
    """Fine-tune an encoder and ask it."""
    [(file, trial)] = group.items()
    ready = prepare(trial.encoder, trial.task, trial.examples, trial.recipe, torch.device(kind))
    checkpoint = file.with_suffix(f".{CHECKPOINT}")
    fitted = ready.train(
        trial.recipe,
        checkpoint=checkpoint,
        key=file.stem,
        checkpoint_every=CHECKPOINT_EVERY,
        report=_in_steps(ready, trial, 0, report),
    )

    def answer(inputs: Any) -> Tensor:
        return all_outputs(ready.network, inputs, advance=lambda _inputs: report(trial.steps))

    found = {}
    for part, examples in trial.asked.items():
        inputs = ready.task.read(examples, ready.reader)
        found[part] = _told(ready, answer(inputs), inputs)
    _write(file, fitted, found)
    checkpoint.unlink(missing_ok=True)


def _heads(group: Mapping[Path, Trial], kind: str, *, report: Report) -> None:
    """Read all examples with a frozen encoder once, then train and ask every head."""
    first, done = next(iter(group.values())), 0
    ready = prepare(first.encoder, first.task, first.examples, first.recipe, torch.device(kind))

    def read(inputs: Any) -> Tensor:
        return all_states(ready.network, inputs, advance=lambda _inputs: report(0))

    features = read(ready.examples.inputs)
    asked = {part: ready.task.read(examples, ready.reader) for part, examples in first.asked.items()}
    known = {part: read(inputs) for part, inputs in asked.items()}
    for file, trial in group.items():
        ready.network.restart(trial.recipe.seed)
        fitted = ready.train(trial.recipe, features=features, report=_in_steps(ready, trial, done, report))
        with torch.no_grad():
            found = {part: _told(ready, ready.network.head(known[part]), inputs) for part, inputs in asked.items()}
        _write(file, fitted, found)
        done += trial.steps


def _in_steps(ready: Prepared, trial: Trial, done: int, report: Report) -> Report:
    """Steps done in the trial's own count, from tokens: how many a step has is known only when examples are read."""
    tokens = max(len(ready.examples.inputs.ids) * trial.recipe.epochs, 1)
    return lambda trained: report(done + trial.steps * min(trained, tokens) // tokens)


def _told(ready: Prepared, outputs: Tensor, inputs: Any) -> list[Any]:
    return ready.task.plain(ready.task.predict(outputs.cpu().numpy(), inputs, ready.labels))


def _write(file: Path, fitted: Fitted, predictions: dict[str, list[Any]]) -> None:
    storage.write_json(file, vars(fitted) | {"predictions": predictions})
