"""From a stream of rows to a corpus on disk: sampled, split, without duplicates, with a manifest.

Two passes: the first writes the rows aside and keeps keys and fingerprints, the second writes those that stay. The
peak of memory grows by some 530 bytes a row between 100,000 and a million generated rows, as measured in
``data/results/benchmarks/growth.json``: near copies are looked for among all fingerprints. The manifest is written
last, so a corpus without one is unfinished and is made again.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from smallbert.corpus import duplicates, first_pass, hub, news, second_pass
from smallbert.corpus.delimited import Quoting
from smallbert.corpus.prepared import MANIFEST, ROWS, Corpus
from smallbert.corpus.sources import Options, describe, parts, plain_name
from smallbert.corpus.tally import Tally
from smallbert.errors import DataError, UsageError
from smallbert.progress import Progress
from smallbert.storage import digest, lock, make_folder, read_json, remove_strays, sha256_file, write_json

VERSION = 2
"""Counts the changes of what is written for the same request; part of it."""


def prepare(
    batches: Iterable[pa.RecordBatch],
    out: str | Path,
    *,
    rows: int | None = None,
    test_fraction: float = 0.1,
    validation_fraction: float = 0.05,
    seed: int = 0,
    near_duplicates: bool = True,
    near_threshold: float = 0.8,
    keep_duplicates: bool = False,
    source: Mapping[str, Any] | None = None,
    tally: Tally | None = None,
) -> Corpus:
    """Prepare a corpus, or open it where the same request has finished before.

    Rows keep the order of the stream. Splits and samples go by a keyed hash of the row's group (id and
    title where it has none): rows of one group share their split, and a row keeps its split when the
    corpus grows. Duplicates leave after sampling (:mod:`smallbert.corpus.duplicates` says which), so somewhat
    fewer than ``rows`` may stay. An id that appears again gets ``~`` and its row number behind it.

    Args:
        batches: rows of :data:`smallbert.corpus.rows.SCHEMA`; not touched where nothing is to be done.
        out: the corpus's folder. One process writes; another waits, then opens what the first has made.
        rows: draw so many at random from the whole stream (whole groups, but for one); all by default.
        test_fraction: share of test rows.
        validation_fraction: share of validation rows.
        seed: of sample and splits.
        near_duplicates: whether near copies across splits are looked for; exact ones always are.
        near_threshold: least estimated Jaccard similarity of near copies.
        keep_duplicates: remove no copy at all, near or exact, not even across splits.
        source: where the rows come from, as plain data. Part of the request: it must change when the
            rows do.
        tally: of the reading; goes into the manifest.

    Returns:
        the finished corpus.

    Raises:
        UsageError: fractions or ``rows`` make no sense.
        DataError: no row goes to train, or whatever the stream raises.
        MachineError: the disk is full.
    """
    if not (test_fraction >= 0 and validation_fraction >= 0 and test_fraction + validation_fraction < 1):
        raise UsageError(
            "Expected fractions of test and validation of at least 0 that leave room for train, "
            f"got {test_fraction} and {validation_fraction}.",
            "Their sum must stay below 1, for example test_fraction=0.1 and validation_fraction=0.05.",
        )
    if rows is not None and rows < 1:
        raise UsageError(f"Expected at least one row, got rows={rows}.", "Leave it out to take all rows.")
    request = {
        "version": VERSION,
        "source": dict(source or {}),
        "rows": rows,
        "test_fraction": test_fraction,
        "validation_fraction": validation_fraction,
        "seed": seed,
        "near_duplicates": near_duplicates,
        "near_threshold": near_threshold,
        "keep_duplicates": keep_duplicates,
    }
    out = Path(out)
    if _is_finished(out, request):
        return Corpus.open(out)
    make_folder(out)
    with lock(out.parent, out.name, wait=True):
        if not _is_finished(out, request):  # by the process we have waited for
            _make(batches, out, request, tally)
    return Corpus.open(out)


def _is_finished(out: Path, request: dict[str, Any]) -> bool:
    manifest = out / MANIFEST
    return manifest.is_file() and digest(read_json(manifest)["request"]) == digest(request)


def _make(batches: Iterable[pa.RecordBatch], out: Path, request: dict[str, Any], tally: Tally | None) -> None:
    """Both passes, then the manifest."""
    manifest, rows = out / MANIFEST, request["rows"]
    manifest.unlink(missing_ok=True)
    remove_strays(out)
    aside = out / "first-pass.parquet"
    near = request["near_duplicates"] and not request["keep_duplicates"]
    seen = first_pass.collect(batches, aside, rows=rows, seed=request["seed"], near_duplicates=near)

    chosen = _sample(seen.sampling, rows)
    split = _split(seen.splitting[chosen], request["test_fraction"], request["validation_fraction"])
    if request["keep_duplicates"]:
        verdict = duplicates.Verdict(np.zeros(len(chosen), np.uint8), 0)
    else:
        prints = duplicates.Fingerprints(seen.prints.exact[chosen], seen.prints.near[chosen])
        verdict = duplicates.judge(prints, split, threshold=request["near_threshold"])
    if not ((split == 0) & (verdict.reason == 0)).any():
        raise DataError(f"Expected rows to train on, found none among {len(chosen):,}.", "Add rows.")

    decisions = np.full(len(seen.ids), -1, np.int8)  # -1 not sampled, else the split
    decisions[chosen] = split
    reasons = np.zeros(len(seen.ids), np.uint8)
    reasons[chosen] = verdict.reason
    summary = second_pass.write(aside, out / ROWS, seen.ids, decisions, reasons)
    summary["duplicates"]["near_kept_within_split"] = verdict.near_kept
    aside.unlink()  # before the manifest: what a kill leaves beside that is never looked at again
    write_json(
        manifest,
        {
            **summary,
            "bytes": (out / ROWS).stat().st_size,
            "sha256": sha256_file(out / ROWS),
            "reading": tally.as_dict() if tally else None,
            "request": request,
        },
    )


def prepare_source(
    source: str | Path,
    out_root: str | Path,
    *,
    batches: Iterable[pa.RecordBatch] | None = None,
    columns: Mapping[str, str] | None = None,
    lang: str = "",
    lang_from_folder: bool = False,
    quoting: Quoting = "auto",
    max_bad_rows: int | float = 0.05,
    longest_field: int = news.LONGEST_FIELD,
    rows: int | None = None,
    **options: Any,
) -> Corpus:
    """Prepare whatever ``source`` names, in a folder of its own under ``out_root``.

    Args:
        source: what :func:`smallbert.corpus.news.read` takes, or with ``batches`` any name that says what
            they are, all their parameters included.
        out_root: the folder's name is derived from the source (its files' checksums) and all parameters,
            so the same request finds its finished corpus.
        batches: the rows, where they are generated rather than read.
        columns: see :func:`smallbert.corpus.news.read`, also for the next five.
        lang: language of every row.
        lang_from_folder: language from the folder's name.
        quoting: of CSV and TSV.
        max_bad_rows: how many rows may be bad.
        longest_field: characters a field may have.
        rows: see :func:`prepare`.
        **options: the rest of :func:`prepare`'s.

    Raises:
        UsageError, DataError, MachineError: as reading and :func:`prepare` do.
    """
    if batches is not None:
        described: dict[str, Any] = {"name": str(source)}
        return prepare(batches, _folder(out_root, described, rows, options), rows=rows, source=described, **options)
    found = parts(source, Options(dict(columns or {}), lang, lang_from_folder, quoting))
    files = describe(found)
    described = {
        "name": str(source) if hub.is_remote(str(source)) else plain_name(Path(source).name),
        "files": files,
        "options": [vars(part.options) for part in found],
        "max_bad_rows": max_bad_rows,
        "longest_field": longest_field,
    }
    tally = Tally(max_bad_rows)
    read = news.rows(found, tally, longest_field)
    return prepare(
        _with_progress(read, tally, sum(file.get("bytes", 0) for file in files)),
        _folder(out_root, described, rows, options),
        rows=rows,
        source=described,
        tally=tally,
        **options,
    )


def _folder(root: str | Path, source: dict[str, Any], rows: int | None, options: dict[str, Any]) -> Path:
    stem = "".join(c if c.isalnum() else "-" for c in Path(source["name"]).stem)[:40]
    return Path(root) / f"{stem}-{digest([VERSION, source, rows, options], 12)}"


def _with_progress(batches: Iterator[pa.RecordBatch], tally: Tally, total: int) -> Iterator[pa.RecordBatch]:
    size, unit = (1e6, "MB") if total >= 1e7 else (1e3, "kB")
    with Progress("reading the corpus", math.ceil(total / size), unit) as progress:
        for batch in batches:
            progress.advance(int(tally.bytes / size) - progress.done)
            yield batch
        progress.advance(progress.total - progress.done)
    if tally.total:
        sys.stderr.write(f"{tally.summary()}\n")


def _sample(keys: np.ndarray, rows: int | None) -> np.ndarray:
    """Row numbers of the ``rows`` least keys, ascending; ties go to the earlier row."""
    if rows is None or rows >= len(keys):
        return np.arange(len(keys))
    return np.sort(np.argsort(keys, kind="stable")[:rows])


def _split(keys: np.ndarray, test: float, validation: float) -> np.ndarray:
    """(n,) int8: 0 train, 1 validation, 2 test, by a uniform number in [0, 1) from each key."""
    uniform = (keys >> np.uint64(11)) / 2.0**53
    return np.where(uniform < test, 2, np.where(uniform < test + validation, 1, 0)).astype(np.int8)
