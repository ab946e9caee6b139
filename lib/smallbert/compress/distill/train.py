"""Distils a student: texts and a teacher in, a Hugging Face folder out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import transformers
from tokenizers import Tokenizer

from smallbert import runtime, storage
from smallbert.compress.distill import students
from smallbert.compress.distill import teacher as teachers
from smallbert.compress.distill.layer_maps import copied_layers
from smallbert.compress.distill.methods import Method
from smallbert.compress.distill.methods import check as check_method
from smallbert.compress.distill.objectives import Distillation
from smallbert.compress.distill.projections import Student
from smallbert.compress.distill.recording import TOP
from smallbert.compress.distill.said import Said, held_out_inputs, listen, train_inputs
from smallbert.compress.distill.teacher import Teacher
from smallbert.compress.distill.whole_texts import WholeTexts
from smallbert.errors import DataError, UsageError
from smallbert.models import parallel
from smallbert.models.alone import held
from smallbert.models.packing import PackedRows
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.tokens import TokenStore
from smallbert.models.training import fit

VERSION = 1
"""Part of every key: raise it when the same recipe, method and teacher would give another student."""

WHOLE_TEXTS_VERSION = 2
"""The same of students that read whole texts."""

FINISHED = "recipe.json"
CHECKPOINT = "checkpoint.safetensors"


def distil(
    texts: TokenStore | Iterable[str],
    teacher: str,
    recipe: PretrainRecipe,
    method: Method,
    out: Path,
    *,
    start: str = students.FRESH,
    work: Path | None = None,
    data_key: str | None = None,
    top: int = TOP,
    loaded: Teacher | None = None,
    said: Said | None = None,
    device: str = "auto",
    checkpoint_every: int = 200,
    report: Callable[[int], None] | None = None,
) -> Path:
    """Distil a student, or return at once what an earlier call with the same key finished.

    The teacher reads everything first and is then let go; after a kill at any moment the same call goes on with the
    teacher's outputs that are missing, or from the student's last checkpoint, and the result is the one an
    uninterrupted call gives. Of the processes that ``torchrun`` started the first records the teacher; they share every
    step of the student (:mod:`smallbert.models.parallel`).

    Args:
        texts: an iterable that can be read several times, encoded with the teacher's tokenizer; or a store of
            :func:`encode`, to share one encoding between students.
        teacher: a local folder, ``minilm``, or a hub id.
        recipe: the student's sizes, budget and optimisation; its vocabulary is the teacher's.
        method: losses and weights.
        out: the student's folder: ``config.json``, ``model.safetensors``, tokenizer files, ``curve.csv`` (see
            :func:`smallbert.models.training.fit`) and, written last, ``recipe.json``.
        start: a layer map of :func:`smallbert.compress.distill.layer_maps.copied_layers`, or ``fresh``.
        work: folder of token store and teacher's outputs, which students share; ``out/work`` by default.
        data_key: identifies the texts; by default a digest of them, which costs one pass.
        top: logits the teacher's predictions are kept at.
        loaded: the teacher, where it is in memory already.
        said: its outputs, where they are recorded already.
        device: auto, cpu or cuda.
        checkpoint_every: steps between two checkpoints.
        report: of :func:`smallbert.models.training.fit`: called after every step with the tokens trained on so far.

    Returns:
        ``out``, loadable by ``AutoModel``, :func:`smallbert.models.encoder.load` and, if the student learnt a
        masked-language-model head or started with its teacher's, ``AutoModelForMaskedLM``.

    Raises:
        UsageError: teacher, student and method do not fit each other, ``out`` holds another run's student, or the loss
            is no longer finite.
        DataError: the teacher cannot be read, or the texts are too few.
        MachineError: the device is missing or the disk is too small or full.
    """
    work = work or out / "work"
    where = runtime.device(device)
    dtype = runtime.dtype(recipe.precision, where)
    given = loaded or teachers.load(teacher, precision=recipe.precision, device=device)
    recipe = replace(recipe, vocabulary_size=len(given.vocabulary.theirs))
    check(recipe, method, start, given)
    store = texts if isinstance(texts, TokenStore) else encode(texts, given, work / "tokens", data_key=data_key)
    require_same_vocabulary(store, given)
    key = student_key(recipe, store, given, method, start, top)
    if (out / FINISHED).exists():
        _check_finished(out, key)
        return out
    if len(store.train) < recipe.batch_tokens:
        raise DataError(
            f"Expected at least one step of {recipe.batch_tokens} tokens to train on, got {len(store.train)}.",
            "Give more text or lower batch_tokens.",
        )

    with held(out):
        if (out / FINISHED).exists():  # by the run that this one has waited for
            _check_finished(out, key)
            return out
        with parallel.in_turn():
            said = said or listen(store, given, recipe, method, work / "teacher", top)
        objective = _objective(store, given, recipe, method, start, said, dtype, where)
        folder, vocabulary = given.folder, given.vocabulary
        with_head = method.masked or (start != students.FRESH and given.head is not None)  # else it is as drawn
        wanted = method.wanted(recipe.layers, given.layers)
        about_teacher = {"name": Path(teacher).name, **given.identity, "parameters": given.parameters}
        del given, loaded  # the student learns from what is stored
        run = storage.digest({"key": key, "device": where.type, "dtype": str(dtype)})
        options: dict[str, Any] = {"checkpoint_every": checkpoint_every, "label": "distil", "report": report}
        curve, seconds = fit(objective, recipe, out / CHECKPOINT, run, **options)

        if parallel.here().first:
            student = objective.model.encoder
            students.save(student, folder, vocabulary, out, with_head=with_head)
            storage.write_text(out / "curve.csv", pd.DataFrame(curve).to_csv(index=False, lineterminator="\n"))
            counted = student if with_head else student.bert
            stamp = {
                "key": key,
                "recipe": asdict(recipe),
                "method": method.identity(),
                "start": start,
                "teacher": about_teacher,
                "mass_kept": said.mass_kept(wanted),
                "data": {"key": store.key, "train_tokens": len(store.train), "held_out_tokens": len(store.held_out)},
                "parameters": sum(parameter.numel() for parameter in counted.parameters()),
                "measures": {
                    name: value for name, value in curve[-1].items() if name not in ("step", "tokens", "learning_rate")
                },
                "device": where.type,
                "dtype": str(dtype).removeprefix("torch."),
                "processes": parallel.here().of,
                "threads": torch.get_num_threads(),
                "torch": torch.__version__,
                "transformers": transformers.__version__,
                "seconds": round(seconds, 1),
                "model_sha256": storage.sha256_file(out / "model.safetensors"),
            }
            storage.remove_strays(out)  # before the record: what has one is never looked at again
            storage.write_json(out / FINISHED, stamp)
            (out / CHECKPOINT).unlink(missing_ok=True)
        parallel.wait()
    return out


def check(recipe: PretrainRecipe, method: Method, start: str, teacher: Teacher) -> None:
    """Refuse what cannot be distilled, before any long work.

    Args:
        recipe, method, start: as for :func:`distil`.
        teacher: the loaded teacher.

    Raises:
        UsageError: with the reason.
    """
    places = len(teacher.weights.positions)
    if recipe.sequence_length > places:
        raise UsageError(
            f"Expected a sequence_length of at most {places}, as many positions as the teacher has, "
            f"got {recipe.sequence_length}."
        )
    check_method(method, recipe, teacher)
    if start not in (students.FRESH, students.EMBEDDINGS):
        copied_layers(start, recipe.layers, teacher.layers)
    if start != students.FRESH:
        students.require_copies(recipe, teacher)


def encode(texts: Iterable[str], teacher: Teacher, out: Path, *, data_key: str | None = None) -> TokenStore:
    """Texts as the teacher's tokens, in our numbering.

    Args:
        texts: an iterable that can be read several times.
        teacher: whose tokenizer is used.
        out: the store's folder.
        data_key: identifies the texts; by default a digest of them, which costs one pass.

    Raises:
        UsageError: ``out`` holds a store of other data, or the texts can be read only once.
        DataError: the texts are too few for a held-out part.
    """
    vocabulary = teacher.vocabulary
    with parallel.in_turn():
        return TokenStore.build(texts, vocabulary.get_vocab_size(), out, data_key=data_key, tokenizer=vocabulary)


def student_key(
    recipe: PretrainRecipe, store: TokenStore, teacher: Teacher, method: Method, start: str, top: int = TOP
) -> str:
    """Digest of all that decides a student but the machine.

    Args:
        recipe: with the teacher's vocabulary.
        store, teacher, method, start, top: as for :func:`distil`.
    """
    identity = {"teacher": teacher.identity["sha256"], "method": method.identity(), "start": start, "top": top}
    version = VERSION if method.masked else WHOLE_TEXTS_VERSION
    return storage.digest({"recipe": recipe.key(store.key), **identity}, version=version)


def epoch_tokens(store: TokenStore, method: Method, sequence_length: int) -> int:
    """Tokens of one pass over the training rows that a method reads, [PAD] included."""
    rows = PackedRows if method.masked else WholeTexts
    return len(rows(store.train, sequence_length)) * sequence_length


def require_same_vocabulary(store: TokenStore, teacher: Teacher) -> None:
    """Refuse a store of another tokenizer: a student has its teacher's vocabulary, whatever it learns from.

    Raises:
        UsageError: the store's tokenizer is not the teacher's.
    """
    path = store.folder / "tokenizer.json"
    theirs = teacher.vocabulary.tokenizer.get_vocab()
    if not path.exists() or Tokenizer.from_file(str(path)).get_vocab() != theirs:
        raise UsageError(
            f"Expected tokens of the teacher's vocabulary in {store.folder}, found another vocabulary's: the "
            "student reads and is saved with the teacher's tokenizer.",
            "Give the texts themselves, which are then encoded with the teacher's tokenizer.",
        )


def _check_finished(out: Path, key: str) -> None:
    found = storage.read_json(out / FINISHED)["key"]
    if found != key:
        raise UsageError(
            f"Expected the student {key} in {out}, found {found}, made with another recipe, method, teacher or corpus.",
            "Choose another folder or delete this one.",
        )


def _objective(
    store: TokenStore,
    teacher: Teacher,
    recipe: PretrainRecipe,
    method: Method,
    start: str,
    said: Said,
    dtype: torch.dtype,
    where: torch.device,
) -> Distillation:
    """The student with everything it needs of the teacher."""
    return Distillation(
        Student(students.build(recipe, teacher, start, where), method, teacher.width, recipe.seed),
        train_inputs(store, recipe, method),
        held_out_inputs(store, recipe, method),
        said.train,
        said.held_out,
        method,
        teacher_layers=teacher.layers,
        teacher_heads=teacher.weights.heads,
        dtype=dtype,
    )
