"""Fine-tunes many twins at once, one core each; of each nothing but its scores is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from smallbert import runtime, storage
from smallbert.models import sources, training, workers
from smallbert.models.heads import network as networks
from smallbert.models.heads.forward import all_outputs
from smallbert.models.heads.objective import FineTuning, Part
from smallbert.models.heads.recipe import FineTuneRecipe, Run
from smallbert.models.heads.sequences import Reader
from smallbert.studies.twins_tasks import TwinTask


@dataclass(frozen=True)
class Tuning:
    """One fine-tuning.

    Args:
        encoder: folder of a twin.
        asked: the task.
        recipe: how.
        last: read classes from the last token instead of the first.
        segments: give the second text of a pair a token type of its own.
    """

    encoder: Path
    asked: TwinTask
    recipe: FineTuneRecipe
    last: bool
    segments: bool

    @property
    def reading(self) -> dict[str, bool]:
        """How inputs are read, as far as the task has a choice."""
        return {"last": self.last and self.asked.one_token, "types": self.segments and self.asked.pairs}

    @property
    def steps(self) -> int:
        """Updates."""
        return -(-len(self.asked.examples) * self.recipe.epochs // self.recipe.batch_size)


def tune_all(
    tunings: Sequence[Tuning],
    where: Path,
    *,
    device: str = "auto",
    workers: int | None = None,
    label: str = "fine-tune",
) -> list[dict[str, float]]:
    """Do every fine-tuning, or find it done; equal ones are done once.

    A result depends on its fine-tuning alone: on a CPU each has one thread. After a kill the same call does what is
    missing; one that was cut off begins again, which ends alike.

    Args:
        tunings: what to do.
        where: folder of the results.
        device: auto, cpu or cuda.
        workers: processes on a CPU; all cores by default.
        label: name shown with the progress.

    Returns:
        ``development`` and ``test`` scores of each, 0 to 1.

    Raises:
        DataError, UsageError, MachineError: as :func:`smallbert.models.heads.finetune.prepare` and its ``train``.
    """
    kind = runtime.device(device).type
    files = _files(tunings, where, kind)
    missing = {file: one for file, one in zip(files, tunings, strict=True) if not file.exists()}
    if missing:
        storage.make_folder(where)
        with storage.lock(where, "twins", wait=True):
            _do({file: one for file, one in missing.items() if not file.exists()}, kind, workers, label)
    return [storage.read_json(file) for file in files]


def _files(tunings: Sequence[Tuning], where: Path, kind: str) -> list[Path]:
    """Where each result lies, by what decides it."""
    encoders = {folder: sources.checksum(folder) for folder in {one.encoder for one in tunings}}
    examples = {id(one.asked): one.asked.sha256 for one in tunings}
    found = []
    for one in tunings:
        dtype = runtime.dtype(one.recipe.precision, torch.device(kind))
        made_of: dict[str, Any] = {"encoder": encoders[one.encoder], "examples": examples[id(one.asked)]}
        made_of |= {"task": repr(one.asked.task), "recipe": asdict(one.recipe)}
        made_of |= {"device": kind, "dtype": str(dtype)} | one.reading
        found.append(where / f"{storage.digest(made_of)}.json")
    return found


def _do(todo: dict[Path, Tuning], kind: str, count: int | None, label: str) -> None:
    jobs = [
        workers.Job(f"{one.asked.name}, {one.encoder.name}", _tune, (one, file, kind), one.steps, cost=_cost(one))
        for file, one in todo.items()
    ]
    workers.run(jobs, label=label, unit="steps", kind=kind, workers=count)


def _cost(one: Tuning) -> int:
    """About as many characters as are read."""
    return sum(len(repr(example)) for example in one.asked.examples) * one.recipe.epochs


def _tune(one: Tuning, file: Path, kind: str, *, report: Callable[[int], None]) -> None:
    """Fine-tune a twin and write its scores."""
    where, recipe, asked = torch.device(kind), one.recipe, one.asked
    task, labels = asked.task, asked.task.labels(asked.examples)
    network = networks.build(
        one.encoder,
        task.head,
        task.outputs(labels),
        seed=recipe.seed,
        device=where,
        dtype=runtime.dtype(recipe.precision, where),
        pooling="last" if one.reading["last"] else "first",
        types=one.reading["types"],
    )
    reader = Reader(network.tokenizer, recipe.max_tokens)
    inputs = task.read(asked.examples, reader)
    train = Part(inputs, task.targets(asked.examples, inputs, labels))
    run = Run(recipe, len(inputs), len(inputs.ids))
    objective = FineTuning(network, task, train, run)
    training.fit(objective, run, None, "", report=lambda tokens: report(tokens // run.batch_tokens))
    scores = {}
    for part in ("development", "test"):
        examples = getattr(asked, part)
        read = task.read(examples, reader)
        answers = task.predict(all_outputs(network, read).cpu().numpy(), read, labels)
        scores[part] = asked.score(answers, examples)
    storage.write_json(file, scores)
