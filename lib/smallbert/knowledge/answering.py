"""Fine-tunes a reader on questions and asks it others: one job a method and seed, resumable, results in a folder."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from smallbert import runtime, storage
from smallbert.knowledge.given import Item
from smallbert.knowledge.inject import Injector, Input, Method
from smallbert.knowledge.reader import Batch, TreeReader
from smallbert.models import training
from smallbert.models.heads.recipe import FineTuneRecipe, Run
from smallbert.models.workers import Job, run

VERSION = 1
"""Part of every key: raise it when the same encoder, questions and recipe would give other answers."""

FINISHED = "answers.json"
CHECKPOINT = "checkpoint.safetensors"

TOKENS_AT_ONCE = 4096
"""Tokens of a batch when nothing is learnt, filler included."""


@dataclass(frozen=True, eq=False)
class Task:
    """One reader: what it learns from, and what it is asked then.

    Args:
        encoder: a local folder.
        checksum: of the encoder, as :func:`smallbert.models.sources.checksum` gives it.
        method: how knowledge is given.
        train: what to learn from.
        asked: name -> what to ask.
        recipe: how to learn. Word vectors are never trained.
        layers: the encoder's lowest ones that are kept; -1 keeps all.
        vectors: of entities, for the method ``embedded``, fp32 (E, d).
    """

    encoder: Path
    checksum: str
    method: Method
    train: Sequence[Item]
    asked: Mapping[str, Sequence[Item]]
    recipe: FineTuneRecipe
    layers: int = -1
    vectors: np.ndarray | None = None

    @cached_property
    def key(self) -> str:
        """Digest of everything that decides the answers, the device and its number format aside."""
        made_of = {
            "encoder": self.checksum,
            "method": self.method,
            "train": _digest(self.train),
            "asked": {name: _digest(items) for name, items in self.asked.items()},
            "recipe": asdict(self.recipe),
            "layers": self.layers,
            "vectors": "" if self.vectors is None else hashlib.sha256(self.vectors.tobytes()).hexdigest(),
        }
        return storage.digest(made_of, version=VERSION)

    @property
    def steps(self) -> int:
        """Steps of its training."""
        return math.ceil(len(self.train) * self.recipe.epochs / self.recipe.batch_size)


class Answering:
    """The loss of choosing the right candidate, as :func:`smallbert.models.training.fit` asks for it."""

    def __init__(self, reader: TreeReader, inputs: Sequence[Input], run: Run, dtype: torch.dtype) -> None:
        self.reader, self.inputs, self.run, self.dtype = reader, inputs, run, dtype
        self.device = next(reader.parameters()).device

    @cached_property
    def model(self) -> nn.Module:
        """What is trained."""
        named = {name.replace(".", "/"): one for name, one in self.reader.named_parameters() if one.requires_grad}
        return nn.ParameterDict(named)

    def scores(self, batch: Batch) -> Tensor:
        """Scores of the candidates, fp32 (B, C)."""
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not torch.float32):
            return self.reader(batch)

    def loss(self, step: int) -> Tensor:
        """Mean cross-entropy of a step in nats: a function of the weights and the step's number only."""
        batch = Batch.of([self.inputs[place] for place in self.run.batch(step)], self.device)
        return F.cross_entropy(self.scores(batch), batch.labels)

    def evaluate(self) -> dict[str, float]:
        """Nothing is held out: the questions asked later decide nothing."""
        return {}

    @torch.inference_mode()
    def choose(self, inputs: Sequence[Input]) -> list[int]:
        """Place of the best candidate of each input, the first of equals."""
        chosen = np.zeros(len(inputs), np.int64)
        for places in _batches([len(one.tree) for one in inputs]):
            scores = self.scores(Batch.of([inputs[place] for place in places], self.device))
            chosen[places] = scores.argmax(1).cpu().numpy()
        return chosen.tolist()


def answer_all(
    tasks: Mapping[str, Task], where: Path, *, device: str = "auto", workers: int | None = None
) -> dict[str, dict[str, list[int]]]:
    """Train every reader and ask it, or find what it has answered.

    On a CPU every reader has one thread and answers the same whatever runs beside it. After a kill the same call goes
    on from the checkpoints.

    Args:
        tasks: by name.
        where: a task's folder is ``where/answers-KEY``.
        device: auto, cpu or cuda.
        workers: processes on a CPU; all cores by default.

    Returns:
        Task -> what was asked -> the places of the candidates chosen.

    Raises:
        UsageError, DataError, MachineError: as :class:`Injector` and :meth:`TreeReader.load`, with the task's name.
    """
    kind = runtime.device(device).type
    folders = {name: where / f"answers-{task.key}-{kind}" for name, task in tasks.items()}
    missing = [name for name in tasks if not (folders[name] / FINISHED).exists()]
    if missing:
        storage.make_folder(where)
        with storage.lock(where, "answers", wait=True):
            jobs = [_job(name, tasks[name], folders[name], kind) for name in missing]
            finished = sum(task.steps for task in tasks.values()) - sum(job.units for job in jobs)
            run(jobs, label="questions", unit="steps", finished=finished, kind=kind, workers=workers)
    return {name: storage.read_json(folder / FINISHED)["answers"] for name, folder in folders.items()}


def _job(name: str, task: Task, folder: Path, kind: str) -> Job:
    cost = task.steps * (1 + len(task.train[0].triples))
    return Job(name, answer, (task, folder, kind), task.steps, training.trained_steps(folder / CHECKPOINT), cost)


def answer(task: Task, folder: Path, device: str, *, report: Callable[[int], None]) -> None:
    """Train one reader, ask it, and write ``answers.json``; a killed run goes on from its checkpoint."""
    if (folder / FINISHED).exists():
        return
    where = runtime.device(device)
    reader, tokenizer = TreeReader.load(task.encoder, task.vectors, layers=task.layers, seed=task.recipe.seed)
    injector = Injector(task.method, tokenizer, min(reader.places, task.recipe.max_tokens))
    train = injector.inputs(task.train)
    asked = {name: injector.inputs(items) for name, items in task.asked.items()}
    plan = Run(task.recipe, len(train), sum(len(one.tree) for one in train))
    objective = Answering(reader.to(where), train, plan, runtime.dtype(task.recipe.precision, where))
    storage.make_folder(folder)
    curve, seconds = training.fit(
        objective, plan, folder / CHECKPOINT, task.key, report=lambda tokens: report(tokens // plan.batch_tokens)
    )
    answers = {name: objective.choose(inputs) for name, inputs in asked.items()}
    storage.write_json(folder / FINISHED, {"answers": answers, "curve": curve, "seconds": round(seconds, 1)})
    (folder / CHECKPOINT).unlink(missing_ok=True)


def _batches(lengths: Sequence[int]) -> Iterator[np.ndarray]:
    """Places of inputs in batches of about one length, the longest first."""
    order, start = np.argsort(-np.array(lengths), kind="stable"), 0
    while start < len(order):
        stop = start + max(TOKENS_AT_ONCE // lengths[order[start]], 1)
        yield order[start:stop]
        start = stop


def _digest(items: Sequence[Item]) -> str:
    return hashlib.sha256(repr(list(items)).encode()).hexdigest()
