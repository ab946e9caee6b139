"""Train a student of page 5 as its edition did, or find it trained, and hold it to what that page says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from smallbert import paths, storage
from smallbert.compress.distill import teacher as teachers
from smallbert.compress.distill import yardstick
from smallbert.compress.distill.fleet import Job, distil_all
from smallbert.compress.distill.teacher import Teacher
from smallbert.compress.distill.train import FINISHED
from smallbert.compress.folders import copy_beside, write_modules
from smallbert.compress.vocabulary import check_free
from smallbert.corpus.prepared import Corpus
from smallbert.errors import DataError, UsageError
from smallbert.measure.stats import Interval
from smallbert.models.tokens import TokenStore
from smallbert.results import Results
from smallbert.studies import distillation, points
from smallbert.studies.build import Built
from smallbert.studies.distillation import Arm
from smallbert.studies.distillation_training import data_tokens
from smallbert.studies.frontier_points import DISTIL

SEED = 0
"""Of the student that is built: the first of the page's."""


@dataclass(frozen=True, eq=False)
class Asked:
    """A student of an edition's page 5, and who teaches it.

    Args:
        arm: sizes, budget, losses and start.
        source: the teacher: ``minilm``, a folder or a hub id.
        teacher: the same, loaded.
    """

    arm: Arm
    source: str
    teacher: Teacher

    def over(self, corpus: Corpus) -> Student:
        """The same with what it reads."""
        return Student(self.arm, self.source, self.teacher, distillation.tokens(corpus, self.teacher))


@dataclass(frozen=True, eq=False)
class Student(Asked):
    """A student that can be trained.

    Args:
        store: train texts as the teacher's tokens.
    """

    store: TokenStore


def is_known(results: Results, point: str) -> bool:
    """Whether a point is a student that an edition's page 5 has trained."""
    try:
        found = results.table("points")
    except DataError:
        return False
    own = found[(found.point == point) & (found.page == DISTIL)]
    return bool(own.command.fillna("").str.startswith("smallbert build").any()) and not points.buildable(point)


def find(results: Results, point: str, source: str, device: str = "auto") -> Asked:
    """The student of a point.

    Args:
        results: of the edition.
        point: its name: an arm's, or ``student-L-x-H`` for the best distilled one of that size.
        source: the teacher.
        device: auto, cpu or cuda.

    Raises:
        UsageError: the edition has trained none of that name with such a teacher.
        DataError, MachineError: the teacher cannot be read.
    """
    teacher = teachers.load(source, device=device)
    arms = distillation.arms(_design(results), teacher)
    chosen = results.of(DISTIL).values()["students"]
    best = {
        (one["method"], one["hidden"])
        for one in chosen
        if one["kind"] != distillation.ALONE and points.slug(f"student, {one['layers']} x {one['hidden']}") == point
    }
    for arm in arms:
        compared = {"methods", "sizes"} & set(arm.labels)
        if points.slug(arm.name) == point or (compared and (arm.method.name, arm.recipe.hidden) in best):
            return Asked(arm, source, teacher)
    raise UsageError(
        f"Expected a student of edition {results.edition.name} whose teacher is {source}, got {point!r}.",
        "Give the edition's own encoder; students of another: smallbert distil.",
    )


def _design(results: Results) -> distillation.Design:
    """Sizes and budgets that an edition's page 5 ran with."""
    run = results.edition.results / "run.json"
    stages = storage.read_json(run)["stages"] if run.exists() else {}
    if DISTIL not in stages:
        raise DataError(f"Expected the settings of {DISTIL} in {run}, which has none.", "Run that page first.")
    return distillation.Design.of(SimpleNamespace(**stages[DISTIL]["parameters"]))


def build(student: Student, out: Path, *, max_tokens: int = 128, device: str = "auto") -> Built:
    """Train the student as its page did, for the first seed; on the machine that ran the page it is found trained.

    Args:
        student: what to train and what it reads.
        out: a folder without an encoder.
        max_tokens: where sentence-transformers cuts a text.
        device: where to train.

    Returns:
        A folder that ``transformers`` and sentence-transformers load; ``recipe.json`` says how it was made.

    Raises:
        UsageError: ``out`` holds an encoder.
        DataError, MachineError: as of :func:`smallbert.compress.distill.train.distil`.
    """
    check_free(out)
    arm = student.arm
    job = Job(arm.name, replace(arm.recipe, seed=SEED), arm.method, arm.start, data_tokens(arm, student.store))
    where = paths.cache() / "students"
    [made] = distil_all([job], student.store, student.source, where, loaded=student.teacher, device=device)
    write_modules(out, arm.recipe.hidden, max_tokens=max_tokens)
    copy_beside(made, out, "*.safetensors")
    return Built(out, sum(path.stat().st_size for path in out.glob("*.safetensors")) / 1e6, None)


def masked_words(student: Student, built: Built) -> Interval:
    """Perplexity of the teacher on the held-out masked words as a share of the student's: one student, no interval."""
    loss = storage.read_json(built.folder / FINISHED)["measures"]["held_out_loss"]
    known = yardstick.held_out(student.teacher, student.store, student.arm.recipe)["held_out_loss"]
    return Interval(float(np.exp(known - loss)), np.nan, np.nan, 1, 0.95)
