"""Distils many students of one teacher side by side: it reads everything once, before the first of them starts.

Students that read the same rows share a recording of all that any of them asks of the teacher there. Masked rows are a
function of data, seed, batch and row length, and of no size, loss or number of steps: so there is one recording a seed
and share of the data, as long as its longest student. A teacher beside every student would read as often as there are
students.

It costs disk while it lasts: 2 bytes for each number of each hidden state, query, key or value, and 4 (6 beyond 65,536
tokens of vocabulary) for each kept logit of each masked token. Recordings are deleted once all students are finished.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from smallbert import runtime, storage
from smallbert.compress.distill import operations, students, train
from smallbert.compress.distill import teacher as teachers
from smallbert.compress.distill.inputs import Inputs
from smallbert.compress.distill.methods import Method
from smallbert.compress.distill.outputs import TeacherOutputs
from smallbert.compress.distill.recording import TOP, record
from smallbert.compress.distill.said import Said, held_out_inputs, train_inputs, wanted_held_out
from smallbert.compress.distill.shares import drawn
from smallbert.compress.distill.teacher import Teacher
from smallbert.errors import SmallbertError, UsageError
from smallbert.models import workers as processes
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.tokens import TokenStore
from smallbert.models.training import trained_steps

RECORDINGS = "recordings"


@dataclass(frozen=True)
class Job:
    """A student to distil.

    Args:
        name: how errors call it.
        recipe: sizes, budget and optimisation; the vocabulary is the teacher's.
        method: losses and weights.
        start: a layer map of :func:`smallbert.compress.distill.layer_maps.copied_layers`, or ``fresh``.
        data: tokens of documents to draw from the store by the recipe's seed, see
            :func:`smallbert.compress.distill.shares.drawn`; None takes all.
    """

    name: str
    recipe: PretrainRecipe
    method: Method
    start: str = students.FRESH
    data: int | None = None


def distil_all(
    jobs: Sequence[Job],
    store: TokenStore,
    teacher: str,
    where: Path,
    *,
    loaded: Teacher | None = None,
    top: int = TOP,
    device: str = "auto",
    workers: int | None = None,
    label: str = "distil",
    checkpoint_every: int = 200,
    run: processes.Run = processes.run,
) -> list[Path]:
    """Distil a student for every job, or find it finished.

    A result depends on its job, the store and the teacher alone; see :func:`smallbert.models.workers.run`. After a kill
    at any moment the same call goes on from recordings and checkpoints.

    Args:
        jobs: what to distil, all with one ``precision``; equal ones are distilled once.
        store: from :func:`smallbert.compress.distill.train.encode`.
        teacher: a local folder, ``minilm``, or a hub id.
        where: a student's folder is ``where/student-KEY``; recordings lie beside them until all are finished.
        loaded: the teacher, where it is in memory already.
        top: logits the teacher's predictions are kept at.
        device: auto, cpu or cuda.
        workers: processes on a CPU; all cores by default.
        label: name shown with the progress.
        checkpoint_every: steps between two checkpoints.
        run: where they are distilled; this machine by default.

    Returns:
        One folder a job, in the order given; see :func:`smallbert.compress.distill.train.distil`.

    Raises:
        UsageError: as ``distil``, with the job's name; what does not fit is refused before the teacher reads a word.
        DataError: as ``distil``, with the job's name.
        MachineError: as ``distil``, with the job's name; or a worker was killed.
    """
    if len(precisions := {job.recipe.precision for job in jobs}) > 1:
        raise UsageError(f"Expected jobs of one precision, got {', '.join(sorted(precisions))}.")
    kind = runtime.device(device).type
    given = loaded
    if given is None:
        if not jobs:
            return []
        given = teachers.load(teacher, precision=jobs[0].recipe.precision, device=kind)
    tasks = [_task(job, store, given, where, top) for job in jobs]
    if _missing(tasks):
        storage.make_folder(where)
        with storage.lock(where, "students", wait=True):
            missing = _missing(tasks)  # again: whoever held the lock may have distilled them
            heard = _listen(tasks, missing, given, where / RECORDINGS, top)
            runs = [
                processes.Job(
                    name=task.job.name,
                    work=_distil,
                    arguments=(
                        task.job, store.folder, teacher, given.identity["sha256"], kind, task.folder,
                        [heard.get(key) for key in task.readings], top, checkpoint_every,
                    ),
                    units=task.tokens,
                    done=trained_steps(task.folder / train.CHECKPOINT) * task.job.recipe.batch_tokens,
                    cost=task.tokens * operations.learning(task.job.recipe),
                )
                for task in missing
            ]  # fmt: skip
            finished = sum({task.folder: task.tokens for task in tasks}.values()) - sum(one.units for one in runs)
            run(runs, label=label, unit="tokens", finished=finished, kind=kind, workers=workers)
            shutil.rmtree(where / RECORDINGS, ignore_errors=True)
    return [task.folder for task in tasks]


@dataclass(frozen=True)
class _Reading:
    """Rows that the teacher reads.

    Args:
        inputs: the rows.
        wanted: its outputs.
        data: key of the store they come from.
    """

    inputs: Inputs
    wanted: frozenset[str]
    data: str


@dataclass(frozen=True)
class _Task:
    """A job with its place and what it needs of the teacher.

    Args:
        job: with the teacher's vocabulary.
        folder: where the student will lie.
        readings: on the rows to train on and on those held out, by a key that equal rows share.
    """

    job: Job
    folder: Path
    readings: dict[str, _Reading]

    @property
    def tokens(self) -> int:
        """Tokens of the whole run."""
        return self.job.recipe.steps * self.job.recipe.batch_tokens


def _task(job: Job, store: TokenStore, teacher: Teacher, where: Path, top: int) -> _Task:
    """Check a job and find its place."""
    job = replace(job, recipe=replace(job.recipe, vocabulary_size=len(teacher.vocabulary.theirs)))
    recipe, method = job.recipe, job.method
    try:
        train.check(recipe, method, job.start, teacher)
        train.require_same_vocabulary(store, teacher)
    except SmallbertError as error:
        raise type(error)(f"{job.name}: {error.message}", error.hint) from error
    own = _own(job, store)
    folder = where / f"student-{train.student_key(recipe, own, teacher, method, job.start, top)}"
    readings = [
        _Reading(train_inputs(own, recipe, method), frozenset(method.wanted(recipe.layers, teacher.layers)), own.key),
        _Reading(held_out_inputs(own, recipe, method), frozenset(wanted_held_out(recipe, method, teacher)), store.key),
    ]
    return _Task(job, folder, {_key(one): one for one in readings})


def _own(job: Job, store: TokenStore) -> TokenStore:
    """The store as a job has it."""
    return store if job.data is None else drawn(store, job.data, job.recipe.seed)


def _key(reading: _Reading) -> str:
    """What two readings share whose rows are the same as far as both go."""
    rows = {name: value for name, value in reading.inputs.identity.items() if name != "steps"}
    return storage.digest({"data": reading.data, **rows})


def _missing(tasks: Sequence[_Task]) -> list[_Task]:
    """Those without a finished student, each once."""
    return list({task.folder: task for task in tasks if not (task.folder / train.FINISHED).exists()}.values())


def _listen(
    tasks: Sequence[_Task], missing: Sequence[_Task], teacher: Teacher, where: Path, top: int
) -> dict[str, Path]:
    """Let the teacher read all rows that missing students need, once; what finished ones needed stays in the plan, so
    that a killed run finds its recordings again.

    Returns:
        Folders of the recordings by key of the reading; where nothing is wanted there is none.
    """
    longest: dict[str, _Reading] = {}
    for task in tasks:
        for key, one in task.readings.items():
            if one.wanted:
                other = longest.get(key, one)
                inputs = max(one.inputs, other.inputs, key=lambda inputs: inputs.units)
                longest[key] = replace(one, inputs=inputs, wanted=one.wanted | other.wanted)
    needed = {key for task in missing for key, one in task.readings.items() if one.wanted}
    return {
        key: record(teacher, one.inputs, set(one.wanted), where, data=one.data, top=top).folder
        for key, one in longest.items()
        if key in needed
    }


def _distil(
    job: Job,
    store: Path,
    teacher: str,
    sha256: str,
    kind: str,
    out: Path,
    recordings: list[Path | None],
    top: int,
    checkpoint_every: int,
    *,
    report: Callable[[int], None],
) -> None:
    """Distil one student."""
    read, held_out = (TeacherOutputs.open(folder) if folder else None for folder in recordings)
    train.distil(
        _own(job, TokenStore.open(store)),
        teacher,
        job.recipe,
        job.method,
        out,
        start=job.start,
        loaded=_load(teacher, job.recipe.precision, kind, sha256),
        said=Said(read, held_out),
        top=top,
        device=kind,
        checkpoint_every=checkpoint_every,
        report=report,
    )


@lru_cache(maxsize=1)
def _load(teacher: str, precision: runtime.Precision, kind: str, _sha256: str) -> Teacher:
    """The teacher, once a process for all students it distils; the checksum tells a folder that has changed."""
    return teachers.load(teacher, precision=precision, device=kind)
