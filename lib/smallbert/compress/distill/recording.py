"""The teacher reads everything once; what it says becomes a store of :mod:`smallbert.compress.distill.outputs`.

Vectors are kept in fp16, which is finer than the bf16 most of them are computed in. So are logits and the probability
of the others: with 1,024 logits of a teacher of width 192 that changes the gradient of the soft targets by 0.0004 of
its norm at T = 2 and by 0.0016 at T = 10, where the others have most of it; a product in bf16 is rounded by 0.004. A
shard is a pure function of teacher and inputs, so a run that was killed goes on with the shards that are missing.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch

from smallbert import runtime, storage
from smallbert.compress.distill.inputs import Inputs, Seen
from smallbert.compress.distill.outputs import TeacherOutputs, arrays_of
from smallbert.compress.distill.pieces import Pieces
from smallbert.compress.distill.teacher import Teacher
from smallbert.compress.shards import MANIFEST, Shard, claim, cut
from smallbert.errors import DataError, MachineError, UsageError
from smallbert.models.encoder import TOKENS_PER_BATCH, one_thread_each
from smallbert.models.packed import Batch
from smallbert.models.packed import plan as plan_batches
from smallbert.models.tokenizer import CLS
from smallbert.progress import Progress

VERSION = 1
"""Part of the key: raise it when the same teacher and inputs would give other arrays."""

SHARD_BYTES = 64 << 20
SHARD_TOKENS = 65_536
"""A shard's size at most: what is held in memory, and what a crash can cost."""

TOP = 1024
"""Logits kept a place. Measured on the generated world (teacher 4 x 192 at a loss of 5.6, 4,096 tokens; student 2 x 96,
Hinton at T = 2, 400,000 tokens, one seed): 128, 512, 1,024 and 4,096 logits hold 22, 50, 65 and 100 % of the
probability, and the student's held-out loss is 8.19, 7.54, 7.36 and 7.41."""


def record(
    teacher: Teacher,
    inputs: Inputs,
    wanted: set[str],
    folder: Path,
    *,
    data: str,
    top: int = TOP,
    progress: TextIO | None = None,
) -> TeacherOutputs:
    """Let the teacher read all inputs, or return what an earlier call with the same key finished.

    What was finished is checked by its checksums, as a store of embeddings is, and redone where it is damaged;
    :meth:`TeacherOutputs.open`, which every student calls, trusts it.

    Args:
        teacher: from :func:`smallbert.compress.distill.teacher.load`.
        inputs: what it reads.
        wanted: outputs by name, see :meth:`Teacher.trace`.
        folder: holds a store for each key, so students that ask for the same share it.
        data: key of the token store the inputs come from.
        top: logits kept a place.
        progress: where progress goes; standard error by default.

    Raises:
        UsageError: another run records the same, or predictions are wanted of a teacher without a head.
        DataError: an output is not finite in fp16.
        MachineError: the disk is too small, full or not writable; finished shards are kept.
    """
    _require_known(wanted, teacher)
    if any(name.startswith("rest-") for name in wanted):
        wanted = wanted | {"top"}
    top = min(top, len(teacher.vocabulary.theirs))
    length = inputs.unit(0).ids.shape[1]
    tokens = inputs.unit_rows * length
    unit_bytes = _bytes(inputs.unit(0), wanted, teacher.width, top)
    shard_units = max(min(SHARD_BYTES // max(unit_bytes, 1), SHARD_TOKENS // tokens), 1)
    plan = {
        "teacher": teacher.identity,
        "data": data,
        "inputs": inputs.identity,
        "wanted": sorted(wanted),
        "top": top,
        "rows": inputs.rows,
        "unit_rows": inputs.unit_rows,
        "row_tokens": length,
        "shard_units": shard_units,
        "version": VERSION,
    }
    plan = {"key": storage.digest(plan), **plan}
    out = folder / plan["key"]
    claim(out, plan)
    with storage.lock(out, "record"):
        shards = cut(inputs.units, shard_units)
        if (out / MANIFEST).exists() and not _reopen(out, shards, progress or sys.stderr):
            return TeacherOutputs.open(out)
        todo = [shard for shard in shards if not _finished(out, shard)]
        left = sum(shard.stop - shard.start for shard in todo)
        _require_space(out, unit_bytes * left)
        bar = Progress("teacher", tokens * inputs.units, "tokens", done=tokens * (inputs.units - left), stream=progress)
        with bar, _workers(teacher) as run:
            for shard in todo:
                for stale in out.glob(f".{shard.index:05d}.*.part"):  # left by a killed run
                    stale.unlink()
                seen = [inputs.unit(number) for number in range(shard.start, shard.stop)]
                _store(out, shard, _compute(teacher, seen, wanted, top, run))
                bar.advance(tokens * (shard.stop - shard.start))
        return _complete(out, plan, shards)


def _require_known(wanted: set[str], teacher: Teacher) -> None:
    layer = "|".join(str(number) for number in range(teacher.layers + 1))
    known = re.compile(rf"(hidden|first|queries|keys|values)-({layer})|pooled|top|rest-[0-9.]+(e[+-]?[0-9]+)?")
    if unknown := sorted(name for name in wanted if not known.fullmatch(name)):
        raise UsageError(f"Expected outputs that a teacher of {teacher.layers} layers has, got {unknown[0]!r}.")
    if teacher.head is None and (predictions := sorted(name for name in wanted if name[:4] in ("top", "rest"))):
        raise UsageError(
            f"Expected a teacher with a masked-language-model head for {predictions[0]}, {teacher.folder} has none.",
            "Choose a method on hidden states: sentence, minilm or tinybert-general.",
        )


def _bytes(seen: Seen, wanted: set[str], width: int, top: int) -> int:
    """Bytes that the outputs of a unit take."""
    kinds = [kind for _name, kind in arrays_of(wanted)]
    vectors = kinds.count("tokens") * seen.ids.size + kinds.count("texts") * int((seen.ids == CLS).sum())
    return 2 * width * vectors + 6 * top * len(seen.places) * ("top" in wanted)


def _require_space(out: Path, needed: int) -> None:
    free = shutil.disk_usage(out).free
    if needed > free:
        raise MachineError(
            f"The teacher's outputs need {needed / 2**30:.1f} GiB in {out}, {free / 2**30:.1f} GiB are free.",
            "Distil on fewer texts, for fewer steps, or by a method that needs fewer layers.",
        )


def _reopen(out: Path, shards: list[Shard], stream: TextIO) -> bool:
    """Check a finished store; where a file is damaged, name it and make the store unfinished again.

    Returns:
        Whether there is work to do.
    """
    records = storage.read_json(out / MANIFEST)["shards"]
    damaged = [
        name for record in records for name, sha256 in record["files"].items() if not storage.holds(out / name, sha256)
    ]
    for name in damaged:
        stream.write(f"{out / name} is missing or damaged: computing it again\n")
    if damaged:
        for shard, record in zip(shards, records, strict=True):
            storage.write_json(shard.record(out), record)
        (out / MANIFEST).unlink()
    return bool(damaged)


def _finished(out: Path, shard: Shard) -> bool:
    """Whether all of a shard's files are there as recorded."""
    path = shard.record(out)
    if not path.exists():
        return False
    return all(storage.holds(out / name, sha256) for name, sha256 in storage.read_json(path)["files"].items())


@contextmanager
def _workers(teacher: Teacher) -> Iterator[Callable]:
    """A map over batches: one batch a core on CPUs, where that is fastest, one after the other on a GPU."""
    if teacher.device.type == "cuda":
        yield map
    else:
        with one_thread_each(runtime.cores()) as pool:
            yield pool.map


def _compute(teacher: Teacher, seen: list[Seen], wanted: set[str], top: int, run: Callable) -> dict[str, np.ndarray]:
    """All arrays of a shard."""
    pieces = Pieces.of(seen)
    index = np.uint16 if len(teacher.vocabulary.theirs) <= 1 << 16 else np.int32

    def stored(name: str, value: torch.Tensor) -> np.ndarray:
        return value.cpu().numpy().astype(index) if name == "top-indices" else value.half().cpu().numpy()

    def trace(batch: Batch) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        at = pieces.tokens_of(batch.rows)
        places = torch.from_numpy(np.flatnonzero(pieces.is_place[at])).to(teacher.device)
        ids = torch.from_numpy(pieces.read[at]).to(teacher.device)
        found = teacher.trace(ids, batch.groups, wanted, places, top)
        return at, {name: stored(name, value) for name, value in found.items()}

    arrays: dict[str, np.ndarray] = {}
    batches = plan_batches(pieces.lengths, TOKENS_PER_BATCH[teacher.device.type])
    for batch, (at, found) in zip(batches, run(trace, batches), strict=True):
        for name, kind in arrays_of(wanted):
            targets, chosen = pieces.entries(kind, batch.rows, at)
            value = found[name]
            if name not in arrays:
                arrays[name] = np.zeros((pieces.entry_count(kind), *value.shape[1:]), value.dtype)
            arrays[name][targets] = value[chosen]
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise DataError(
                f"Expected finite outputs of the teacher, got {name} beyond the range of fp16.",
                "Load the teacher in fp32; if it stays, its weights are damaged.",
            )
    return arrays | {"texts": pieces.texts_a_row, "places": pieces.places_a_row}


def _store(out: Path, shard: Shard, arrays: dict[str, np.ndarray]) -> None:
    """Write a shard's arrays, then the record that they are there."""
    files = {}
    for name, array in arrays.items():
        path = out / f"{shard.index:05d}.{name}.npy"
        storage.write_array(path, array)
        files[path.name] = storage.sha256_file(path)
    rests = {name: array.sum(dtype=float) for name, array in arrays.items() if name.startswith("rest-")}
    storage.write_json(shard.record(out), {"places": arrays["places"].sum(), "rests": rests, "files": files})


def _complete(out: Path, plan: dict[str, Any], shards: list[Shard]) -> TeacherOutputs:
    """Write the manifest once all shards are there."""
    records = [storage.read_json(shard.record(out)) for shard in shards]
    places = max(sum(record["places"] for record in records), 1)
    rests = [name for name in plan["wanted"] if name.startswith("rest-")]
    kept = {name.removeprefix("rest-"): 1 - sum(record["rests"][name] for record in records) / places for name in rests}
    storage.write_json(out / MANIFEST, {**plan, "mass_kept": kept, "shards": records})
    shutil.rmtree(out / "parts", ignore_errors=True)
    return TeacherOutputs.open(out)
