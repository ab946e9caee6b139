"""The rows a student reads, and what its teacher said of them."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallbert.compress.distill.inputs import (
    Inputs,
    MaskedHeldOut,
    MaskedSteps,
    TrainInputs,
    UnmaskedSteps,
    UnmaskedTexts,
)
from smallbert.compress.distill.methods import Method
from smallbert.compress.distill.outputs import TeacherOutputs
from smallbert.compress.distill.recording import record
from smallbert.compress.distill.teacher import Teacher
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.tokens import TokenStore


@dataclass(frozen=True)
class Said:
    """What a teacher said before its student is trained: stores that hold at least what the student asks for.

    Args:
        train: outputs on the rows to train on, of as many steps or more; None where the method asks for none.
        held_out: outputs on the held-out rows; None where nothing is compared there.
    """

    train: TeacherOutputs | None
    held_out: TeacherOutputs | None

    def mass_kept(self, wanted: Set[str]) -> dict[str, float]:
        """Share of the teacher's probability on the kept logits, by those temperatures that are wanted."""
        kept = self.train.mass_kept if self.train else {}
        return {temperature: share for temperature, share in kept.items() if f"rest-{temperature}" in wanted}


def listen(
    store: TokenStore,
    teacher: Teacher,
    recipe: PretrainRecipe,
    method: Method,
    folder: Path,
    top: int,
) -> Said:
    """Let the teacher read everything a student will, or find what it said.

    Args:
        store, teacher, recipe, method, top: as for :func:`smallbert.compress.distill.train.distil`.
        folder: holds the stores.
    """
    wanted, measured = method.wanted(recipe.layers, teacher.layers), wanted_held_out(recipe, method, teacher)
    options: dict[str, Any] = {"data": store.key, "top": top}
    rows, held_out = train_inputs(store, recipe, method), held_out_inputs(store, recipe, method)
    return Said(
        record(teacher, rows, wanted, folder, **options) if wanted else None,
        record(teacher, held_out, measured, folder, **options) if measured else None,
    )


def train_inputs(store: TokenStore, recipe: PretrainRecipe, method: Method) -> TrainInputs:
    """The rows a student is trained on: masked steps; or whole texts, of which no more than it reads."""
    if method.masked:
        return MaskedSteps(store.train, recipe, recipe.vocabulary_size, method.places)
    texts = UnmaskedTexts(store.train, recipe)
    return texts if recipe.steps * recipe.rows >= texts.rows else UnmaskedSteps(texts, recipe)


def held_out_inputs(store: TokenStore, recipe: PretrainRecipe, method: Method) -> Inputs:
    """The rows a student is measured on."""
    if method.masked:
        return MaskedHeldOut(store.held_out, recipe, recipe.vocabulary_size)
    return UnmaskedTexts(store.held_out, recipe, "held out")


def wanted_held_out(recipe: PretrainRecipe, method: Method, teacher: Teacher) -> set[str]:
    """The teacher's outputs that a student's measures read: its predictions; or what the losses need."""
    if method.masked:
        return {"top"} if teacher.head is not None else set()
    return method.wanted(recipe.layers, teacher.layers) | {"pooled"}
