"""Study 6, part one: what is left of an encoder, made smaller, for the tasks people use BERT for.

Every task is learnt on every encoder of a shelf, by a head on frozen weights and, where it is not too large, by
fine-tuning all weights, for several seeds; rates are chosen on development, scores are the official ones, on test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from smallbert import paths, storage
from smallbert.models.heads.fleet import Trial, finetune_all
from smallbert.models.heads.network import Pooling
from smallbert.models.heads.null_threshold import NullThreshold
from smallbert.models.heads.recipe import FineTuneRecipe
from smallbert.models.heads.spans import Span
from smallbert.studies.task_kinds import score, threshold
from smallbert.studies.task_suite import TaskSet
from smallbert.studies.transfer_shelf import REFERENCE, Model, Shelf

Mode = Literal["frozen", "fine-tuned"]

FROZEN: Mode = "frozen"
TUNED: Mode = "fine-tuned"

POOLING: Pooling = "mean"
"""What heads over whole inputs read: BERT's read the first token, in which masked words alone leave nothing."""

KEYS = ["task", "model", "mode"]


@dataclass(frozen=True)
class Settings:
    """How encoders are trained on tasks.

    Args:
        seeds: repetitions of every cell: another head, another order of the examples and, where the shelf has several
            of an encoder, another encoder.
        max_tokens: of an input; an encoder with fewer positions reads fewer.
        head_rates: peak rates of heads on frozen encoders.
        head_epochs: times that such a head sees every example.
        rates: peak rates of fine-tuning; of several each encoder takes the best on development, task by task.
        epochs: times that fine-tuning reads every example.
        largest: parameters up to which an encoder is fine-tuned; larger ones are only used frozen.
        copies: fine-tune the reference with fewer tokens, and with fresh weights, too.
        batch_size: examples a step.
    """

    seeds: int
    max_tokens: int
    head_rates: Sequence[float]
    head_epochs: int
    rates: Sequence[float]
    epochs: int
    largest: int
    copies: bool = False
    batch_size: int = 32

    def recipe(self, mode: Mode, model: Model, rate: float, seed: int) -> FineTuneRecipe:
        """The recipe of one training."""
        frozen = mode == FROZEN
        return FineTuneRecipe(
            learning_rate=rate,
            epochs=self.head_epochs if frozen else self.epochs,
            batch_size=self.batch_size,
            max_tokens=min(self.max_tokens, model.sizes.positions),
            frozen=frozen,
            pooling=POOLING,
            seed=seed,
        )

    def modes(self, model: Model) -> list[Mode]:
        """How an encoder is used."""
        learns = model.tunable and (self.copies or not model.optional) and model.parameters <= self.largest
        return [FROZEN, TUNED] if learns else [FROZEN]


def settings(params: Any) -> Settings:
    """The settings that a page's parameters give."""
    return Settings(
        seeds=params.seeds,
        max_tokens=params.max_tokens,
        head_rates=params.head_rates,
        head_epochs=params.head_epochs,
        rates=params.tuning_rates,
        epochs=params.tuning_epochs,
        largest=params.largest,
        copies=params.tune_copies,
    )


@dataclass(frozen=True)
class Cells:
    """What all trainings gave.

    Args:
        scores: one row a task, model, mode and seed: these, ``kind``, ``metric``, ``rate`` (chosen), ``score`` and the
            other measures of :func:`smallbert.studies.task_kinds.score` on test, ``tau`` (of questions that may have no
            answer), ``new parameters`` (counted in the live model) and ``cut`` (share of training inputs).
        rates: one row a rate tried: ``task``, ``model``, ``mode``, ``rate``, ``development`` (score), ``chosen``.
        files: what each cell predicted, by task, model, mode and seed.
    """

    scores: pd.DataFrame
    rates: pd.DataFrame
    files: dict[tuple[str, str, Mode, int], Path]


@dataclass(frozen=True)
class _Run:
    """One training of the plan."""

    task: TaskSet
    model: Model
    mode: Mode
    rate: float
    seed: int

    @property
    def cell(self) -> tuple[str, str, Mode]:
        return self.task.name, self.model.name, self.mode

    def trial(self, settings: Settings) -> Trial:
        recipe = settings.recipe(self.mode, self.model, self.rate, self.seed)
        task = self.task.head(recipe.max_tokens)
        asked = {"development": self.task.development, "test": self.task.test}
        name = f"{self.task.name}, {self.model.name}, {self.mode}"
        return Trial(name, self.model.folder(self.seed), task, self.task.train, asked, recipe)


def run(
    tasks: Sequence[TaskSet],
    models: Shelf,
    settings: Settings,
    *,
    where: Path | None = None,
    device: str = "auto",
    jobs: int | None = None,
) -> Cells:
    """Train everything, or find it trained.

    Where there are several rates, that of fine-tuning is the best on development with the first seed, as BERT's is.
    Heads on frozen encoders are cheap: each is trained at every rate for every seed, and the rate with the best mean on
    development is taken. Test examples choose nothing.

    Args:
        tasks: from :func:`smallbert.studies.task_suite.suite`.
        models: from :func:`smallbert.studies.transfer_shelf.shelf`.
        settings: how.
        where: folder of what each training predicted.
        device: auto, cpu or cuda.
        jobs: trainings at once on a CPU; all cores by default.

    Raises:
        UsageError, DataError, MachineError: as :func:`smallbert.models.heads.fleet.finetune_all`.
    """
    where = where or paths.cache() / "transfer"
    plan = [(task, model, mode) for task in tasks for model in models.models for mode in settings.modes(model)]
    seeds = range(settings.seeds)
    tried = [
        _Run(*cell, rate, seed)
        for cell in plan
        for rate in (settings.head_rates if cell[2] == FROZEN else settings.rates)
        for seed in (seeds if cell[2] == FROZEN else seeds[:1])
        if cell[2] == FROZEN or len(settings.rates) > 1
    ]

    def train(runs: Sequence[_Run], label: str) -> dict[_Run, Path]:
        files = finetune_all([one.trial(settings) for one in runs], where, device=device, jobs=jobs, label=label)
        return dict(zip(runs, files, strict=True))

    files = train(tried, "heads and rates")
    rates = _rates(files, plan, settings)
    best = rates[rates.chosen].set_index(KEYS).rate
    final = [_Run(*cell, float(best[_named(cell)]), seed) for cell in plan for seed in seeds]
    files |= train([one for one in final if one not in files], TUNED)
    scores = pd.DataFrame([_cell(one, files[one]) for one in final])
    return Cells(scores, rates, {(*one.cell, one.seed): files[one] for one in final})


def threshold_curves(cells: Cells, tasks: Sequence[TaskSet]) -> pd.DataFrame:
    """F1 of the reference at every threshold below which a question has no answer, for each seed.

    Of the first task with unanswerable questions; fine-tuned where the reference is, else frozen.

    Returns:
        Columns ``task``, ``mode``, ``seed``, ``tau``, ``development`` and ``test`` (F1 of that part), ``chosen`` (the
        threshold chosen on development) and ``silent`` (F1 on test of answering nothing); empty without such a task.
    """
    tables = [pd.DataFrame(columns=["task", "mode", "seed", "tau", "development", "test", "chosen", "silent"])]
    for task in [task for task in tasks if task.unanswerable][:1]:
        known = {key[2:]: file for key, file in cells.files.items() if key[:2] == (task.name, REFERENCE)}
        mode = TUNED if any(mode == TUNED for mode, _ in known) else FROZEN
        for seed in sorted(seed for its_mode, seed in known if its_mode == mode):
            said = storage.read_json(known[mode, seed])["predictions"]
            found = {part: threshold(getattr(task, part), said[part]) for part in ("development", "test")}
            taus = np.unique(np.concatenate([one.taus for one in found.values()]))
            curves = {part: _at(one, said[part], taus) for part, one in found.items()}
            told = {"chosen": found["development"].tau, "silent": float(found["test"].scores[-1])}
            names = {"task": task.name, "mode": mode, "seed": seed}
            tables.append(pd.DataFrame({**names, "tau": taus, **curves, **told}))
    return pd.concat(tables[1:] or tables, ignore_index=True)


def _at(curve: NullThreshold, said: Sequence[dict[str, Any]], taus: np.ndarray) -> np.ndarray:
    """The mean score at any thresholds: it changes where one passes a margin."""
    margins = np.unique([Span(**entry).margin for entry in said])
    return curve.scores[np.searchsorted(margins, taus, side="right")]


def _named(cell: tuple[TaskSet, Model, Mode]) -> tuple[str, str, Mode]:
    task, model, mode = cell
    return task.name, model.name, mode


def _rates(files: Mapping[_Run, Path], plan: Sequence[tuple[TaskSet, Model, Mode]], settings: Settings) -> pd.DataFrame:
    """Mean development score of all rates, and the best rate of each cell, the lowest of equals."""
    told = [
        (*one.cell, one.rate, _judged(one.task, storage.read_json(file), "development")["score"])
        for one, file in files.items()
    ]
    # With a single rate of fine-tuning nothing was tried.
    told += [
        (*_named(cell), settings.rates[0], np.nan) for cell in plan if cell[2] == TUNED and len(settings.rates) == 1
    ]
    table = pd.DataFrame(told, columns=[*KEYS, "rate", "development"])
    table = (
        table.groupby([*KEYS, "rate"], sort=False).development.mean().reset_index().sort_values("rate", kind="stable")
    )
    best = table.fillna({"development": 0.0}).groupby(KEYS, sort=False).development.idxmax()
    return table.assign(chosen=table.index.isin(best)).sort_index().reset_index(drop=True)


def _cell(one: _Run, file: Path) -> dict[str, Any]:
    found = storage.read_json(file)
    return {
        **dict(zip(KEYS, one.cell, strict=True)),
        "kind": one.task.kind,
        "metric": one.task.metric,
        "seed": one.seed,
        "rate": one.rate,
        "new parameters": found["new_parameters"],
        "cut": found["truncated"] / len(one.task.train),
        **_judged(one.task, found, "test"),
    }


def _judged(task: TaskSet, found: Mapping[str, Any], part: str) -> dict[str, float]:
    """Scores of a part; questions that may have no answer at the threshold chosen on development, told as ``tau``."""
    said = found["predictions"]
    if not task.unanswerable:
        return score(task.kind, getattr(task, part), said[part])
    tau = threshold(task.development, said["development"]).tau
    return {"tau": tau} | score(task.kind, getattr(task, part), said[part], tau)
