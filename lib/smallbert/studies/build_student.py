"""Train a student of page 5 as its edition did, or find it trained, and hold it to what that page says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from smallbert import paths, storage
from smallbert.compress.distill import teacher as teachers
from smallbert.compress.distill import yardstick
from smallbert.compress.distill.fleet import Job, distil_all
from smallbert.compress.distill.teacher import Teacher
from smallbert.compress.distill.train import FINISHED
from smallbert.compress.folders import copy_beside, write_modules
from smallbert.compress.vocabulary import check_free
from smallbert.corpus.prepared import Corpus
from smallbert.errors import UsageError
from smallbert.measure.stats import Interval
from smallbert.models import sources
from smallbert.models.tokens import TokenStore
from smallbert.results import Results
from smallbert.studies import distillation, points
from smallbert.studies.build import EMBEDDINGS, Built
from smallbert.studies.build_check import listed, parameters
from smallbert.studies.distillation import Arm
from smallbert.studies.distillation_training import data_tokens
from smallbert.studies.facts import PRETRAIN
from smallbert.studies.frontier_points import ALONE, DISTIL, DISTILLED, TEACHER, TRANSFER, student_cells

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
    """Whether a point is a student that an edition's page 5 has trained, which its page 6 may have fine-tuned."""
    return bool(listed(results, point, DISTIL, TRANSFER).method.isin([ALONE, DISTILLED]).any())


def find(results: Results, point: str, source: str, device: str = "auto") -> Asked:
    """The student of a point.

    Args:
        results: of the edition.
        point: its name: an arm's, or of a size ``student-L-x-H`` for the best distilled one and
            ``student-alone-L-x-H`` for the one trained alone.
        source: the teacher.
        device: auto, cpu or cuda.

    Raises:
        UsageError: it is not the edition's teacher, or the edition has trained none of that name.
        DataError, MachineError: the teacher cannot be read.
    """
    given = parameters(results, DISTIL)
    first = results.of(EMBEDDINGS).values()["encoder"]["sha256"]
    named = given.get("teacher", PRETRAIN)
    if sources.checksum(sources.find(source)) != (
        first if named == PRETRAIN else sources.checksum(sources.find(named))
    ):
        raise UsageError(
            f"Expected the teacher of edition {results.edition.name}, got another: {source}.",
            "Students of an encoder of your own: smallbert distil.",
        )
    teacher = teachers.load(source, device=device)
    arms = distillation.arms(distillation.Design.of(SimpleNamespace(**given)), teacher)
    chosen = results.of(DISTIL).values()["students"]
    named_so = {
        (one["method"], one["hidden"])
        for one in chosen
        if points.student(one["layers"], one["hidden"], alone=one["kind"] == distillation.ALONE) == point
    }
    for arm in arms:
        # Of those trained alone, one had as many operations as a distilled one costs: it is no page's student.
        compared = {"methods", "sizes"} & set(arm.labels) and distillation.EQUAL not in arm.labels.values()
        if points.slug(arm.name) == point or (compared and (arm.method.name, arm.recipe.hidden) in named_so):
            return Asked(arm, source, teacher)
    raise UsageError(
        f"Expected a student of edition {results.edition.name}, got {point!r}.",
        "Its table of points has their names; students of your own: smallbert distil.",
    )


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


def first_seed(results: Results, student: Student, row: pd.Series | None) -> pd.Series | None:
    """A point's row with what its page measured of the seed that is built, where the row is a mean over seeds.

    Args:
        results: of the edition.
        student: that is built.
        row: of the points, if there is one.
    """
    if row is None or row.measure != TEACHER:
        return row
    cells = student_cells(results)
    own = cells[(cells.arm == student.arm.name) & (cells.seed == SEED)]
    loss = results.of(DISTIL).table("students").loss.iloc[0]
    return row if own.empty else row.to_frame().T.assign(kept=float(np.exp(loss - own.loss.iloc[0]))).iloc[0]


def masked_words(student: Student, built: Built) -> Interval:
    """Perplexity of the teacher on the held-out masked words as a share of the student's: one student, no interval."""
    loss = storage.read_json(built.folder / FINISHED)["measures"]["held_out_loss"]
    known = yardstick.held_out(student.teacher, student.store, student.arm.recipe)["held_out_loss"]
    return Interval(float(np.exp(known - loss)), np.nan, np.nan, 1, 0.95)
