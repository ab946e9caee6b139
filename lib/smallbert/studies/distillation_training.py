"""Study 5, the students: every arm distilled for every seed, counted and measured beside the teacher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smallbert import paths, storage
from smallbert.compress.distill import operations, yardstick
from smallbert.compress.distill.fleet import Job, distil_all
from smallbert.compress.distill.teacher import Teacher
from smallbert.compress.distill.train import FINISHED
from smallbert.models import flops, parameters
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.sizes import Sizes
from smallbert.models.tokens import TokenStore
from smallbert.studies.distillation import Arm


@dataclass(frozen=True, eq=False)
class Trained:
    """Students of all arms and seeds.

    Args:
        arms: the arms.
        cells: one row an arm and seed: ``arm``, ``method``, ``start``, ``temperature``, ``share``, ``layers``,
            ``hidden``, ``tokens``, ``seed``, ``parameters``, ``megabytes`` (fp32), ``operations`` (millions, forward
            pass without head, a token of a full row), ``loss`` (held out, nats), ``accuracy`` (masked tokens predicted
            right), ``agreement`` (masked tokens of which student and teacher say the same), ``mass kept`` (of the
            teacher's probability on the kept logits), ``labels``. Not-a-number where nothing is predicted.
        folders: where each lies, by arm and seed.
        teacher: the same of the teacher, as far as it has them.
    """

    arms: tuple[Arm, ...]
    cells: pd.DataFrame
    folders: dict[tuple[str, int], Path]
    teacher: dict[str, float]

    def panel(self, name: str) -> pd.DataFrame:
        """The cells of one comparison, with what each is called there as ``label``."""
        own = self.cells[[name in labels for labels in self.cells.labels]]
        labels = [labels[name] for labels in own.labels]
        return own.drop(columns="labels").assign(label=labels).reset_index(drop=True)

    @property
    def panels(self) -> set[str]:
        """The comparisons there are."""
        return set().union(*self.cells.labels)

    @property
    def predicts(self) -> bool:
        """Whether the teacher predicts words."""
        return bool(np.isfinite(self.teacher["loss"]))


def train(
    chosen: Sequence[Arm],
    store: TokenStore,
    source: str,
    given: Teacher,
    *,
    seeds: int,
    device: str = "auto",
    workers: int | None = None,
) -> Trained:
    """Distil every arm for seeds 0 .. ``seeds`` - 1, or find it distilled.

    The same seed gives every arm the same order of the same rows and the same masks.

    Args:
        chosen: from :func:`smallbert.studies.distillation.arms`.
        store: from :func:`smallbert.studies.distillation.tokens`.
        source: where the teacher is.
        given: the teacher.
        seeds: how many.
        device: auto, cpu or cuda.
        workers: processes on a CPU; all cores by default.
    """
    runs = [(arm, replace(arm.recipe, seed=seed)) for arm in chosen for seed in range(seeds)]
    jobs = [
        Job(f"{arm.name}, seed {recipe.seed}", recipe, arm.method, arm.start, data_tokens(arm, store))
        for arm, recipe in runs
    ]
    where = paths.cache() / "students"
    made = distil_all(jobs, store, source, where, loaded=given, device=device, workers=workers, label="students")
    folders = {(arm.name, recipe.seed): folder for (arm, recipe), folder in zip(runs, made, strict=True)}
    cells = pd.DataFrame([_cell(arm, recipe, folders[arm.name, recipe.seed]) for arm, recipe in runs])
    return Trained(tuple(chosen), cells, folders, _teacher_cell(given, store, chosen[0].recipe))


def data_tokens(arm: Arm, store: TokenStore) -> int | None:
    """Tokens of the documents an arm draws; None for all there are."""
    return None if arm.share == 1 else round(arm.share * min(arm.recipe.tokens, len(store.train)))


def _cell(arm: Arm, recipe: PretrainRecipe, folder: Path) -> dict[str, Any]:
    made = storage.read_json(folder / FINISHED)
    measures = made["measures"] if arm.method.masked else {}
    counted = operations.student_sizes(recipe)
    return {
        "arm": arm.name,
        "method": arm.method.name,
        "start": arm.start,
        "temperature": arm.method.temperature,
        "share": arm.share,
        "layers": recipe.layers,
        "hidden": recipe.hidden,
        "tokens": recipe.tokens,
        "seed": recipe.seed,
        **_size(counted, recipe, made["parameters"]),
        "loss": measures.get("held_out_loss", np.nan),
        "accuracy": measures.get("held_out_accuracy", np.nan),
        "agreement": measures.get("agreement", np.nan),
        "mass kept": next(iter(made["mass_kept"].values()), np.nan),
        "labels": arm.labels,
    }


def _teacher_cell(given: Teacher, store: TokenStore, recipe: PretrainRecipe) -> dict[str, float]:
    measures = yardstick.held_out(given, store, recipe) if given.head is not None else {}
    return {
        "layers": given.layers,
        "hidden": given.width,
        **_size(operations.teacher_sizes(given), recipe, given.parameters),
        "loss": measures.get("held_out_loss", np.nan),
        "accuracy": measures.get("held_out_accuracy", np.nan),
        "agreement": 1.0 if given.head is not None else np.nan,
    }


def _size(counted: Sizes, recipe: PretrainRecipe, total: int) -> dict[str, float]:
    """Parameters, megabytes and operations of an encoder."""
    run = flops.forward(replace(counted, head="none"), recipe.sequence_length).total
    return {
        "parameters": total,
        "megabytes": total * parameters.BYTES["fp32"] / 1e6,
        "operations": run / recipe.sequence_length / 1e6,
    }


def summary(trained: Trained) -> pd.DataFrame:
    """Mean over seeds of every arm, the teacher first.

    Returns:
        Columns ``arm``, ``parameters``, ``megabytes``, ``operations``, ``loss``, ``sd of loss``, ``accuracy``,
        ``agreement`` and ``mass kept``, as of :class:`Trained`.
    """
    values = ["parameters", "megabytes", "operations", "loss", "accuracy", "agreement", "mass kept"]
    found = trained.cells.groupby("arm", sort=False)[values].mean().reset_index()
    spread = trained.cells.groupby("arm", sort=False).loss.std(ddof=1)
    found.insert(found.columns.get_loc("loss") + 1, "sd of loss", found.arm.map(spread))
    own = {"arm": "the teacher", **{name: trained.teacher[name] for name in values if name in trained.teacher}}
    return pd.DataFrame([own, *found.to_dict("records")], columns=found.columns).astype({"parameters": int})
