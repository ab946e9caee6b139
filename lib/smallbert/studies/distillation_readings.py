"""Study 5, what embeddings are worth: yardsticks that ask nothing of a student's predictions.

Every student and the teacher embed the same articles. A linear classifier then reads topic and language from them, and
the cosines of all pairs of test articles are compared with the teacher's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from smallbert import paths, storage
from smallbert.compress.distill.objectives import similarity_agreement
from smallbert.corpus.prepared import Corpus
from smallbert.measure.probe import probe
from smallbert.models import encoder as encoders
from smallbert.models import workers as processes
from smallbert.studies.articles import draw
from smallbert.studies.distillation_training import Trained
from smallbert.studies.matrices import common_topics

VERSION = 2
"""Part of every key: raise it when the same encoder and articles would give other readings."""

READINGS = ("topic", "language", "similarity")
"""Accuracy of two linear probes; Spearman correlation with the teacher's cosines."""


def panels(trained: Trained) -> list[str]:
    """The panels whose students are read: those that show it, which are more where the teacher predicts nothing."""
    wanted = (
        ("methods", "removed", "sizes") if trained.predicts else ("methods", "removed", "sizes", "starts", "shares")
    )
    return [name for name in wanted if name in trained.panels]


def read(
    trained: Trained,
    corpus: Corpus,
    source: str,
    *,
    panels: Sequence[str],
    max_tokens: int,
    rows: int,
    seed: int,
    device: str = "auto",
    workers: int | None = None,
) -> Trained:
    """The same students with what their embeddings are worth, for the arms of some panels, and the teacher's.

    Args:
        trained: from :func:`smallbert.studies.distillation_training.train`.
        corpus: articles to embed.
        source: where the teacher is.
        panels: whose arms are read.
        max_tokens: where an article is cut: what the students can read.
        rows: test articles at most; twice as many train articles.
        seed: of the draw.
        device: where to embed.
        workers: processes on a CPU; all cores by default.

    Returns:
        Cells and teacher with :data:`READINGS`: not-a-number for other arms, and where the corpus has fewer than two
        topics or languages.
    """
    articles = _articles(corpus, source, max_tokens=max_tokens, rows=rows, seed=seed, device=device)
    asked = trained.cells.index[[not set(labels).isdisjoint(panels) for labels in trained.cells.labels]]
    folders = {index: trained.folders[trained.cells.arm[index], trained.cells.seed[index]] for index in asked}
    found = {index: folder / f"{articles.stem}.json" for index, folder in folders.items()}
    jobs = [
        processes.Job(
            name=f"{trained.cells.arm[index]}, seed {trained.cells.seed[index]}",
            work=_read,
            arguments=(str(folders[index]), articles, found[index], max_tokens, seed, device),
            units=1,
        )
        for index in {found[index]: index for index in asked if not found[index].exists()}.values()
    ]
    kind = "cuda" if device == "cuda" or (device == "auto" and torch.cuda.is_available()) else "cpu"
    processes.run(jobs, label="readings", unit="encoders", finished=len(asked) - len(jobs), kind=kind, workers=workers)
    values = pd.DataFrame({index: storage.read_json(path) for index, path in found.items()}, index=list(READINGS)).T
    own = storage.read_json(articles.with_suffix(".json"))
    return replace(
        trained,
        cells=trained.cells.join(values.astype(float)),
        teacher=trained.teacher | {name: np.nan if own[name] is None else own[name] for name in READINGS},
    )


def _articles(corpus: Corpus, source: str, *, max_tokens: int, rows: int, seed: int, device: str) -> Path:
    """Tokens, labels and the teacher's vectors of the drawn articles, as one file; its own readings beside it."""
    teacher = encoders.load(source, max_tokens=max_tokens, device=device)
    key = storage.digest([corpus.key, teacher.describe()["sha256"], max_tokens, rows, seed], version=VERSION)
    path = paths.cache() / "students" / f"articles-{key}.npz"
    if path.with_suffix(".json").exists():
        return path
    drawn = {split: draw(corpus, split, most, seed) for split, most in (("train", 2 * rows), ("test", rows))}
    known = {split: frame for split, (frame, _) in drawn.items()}
    topics = common_topics(known)
    arrays: dict[str, Any] = {}
    for split, (_, texts) in drawn.items():
        ids = teacher.tokenize(texts)
        arrays[f"{split} ids"] = np.concatenate(ids)
        arrays[f"{split} ends"] = np.cumsum([len(one) for one in ids])
        arrays[f"{split} topic"] = topics[split].to_numpy(np.str_)
        arrays[f"{split} language"] = known[split].lang.to_numpy(np.str_)
        arrays[f"{split} teacher"] = teacher.encode(ids)
    with storage.atomic_write(path) as file:
        np.savez(file, **arrays)
    storage.write_json(path.with_suffix(".json"), _judge(arrays, arrays["train teacher"], arrays["test teacher"], seed))
    return path


def _read(
    folder: str,
    articles: Path,
    out: Path,
    max_tokens: int,
    seed: int,
    device: str,
    *,
    report: Callable[[int], None],
) -> None:
    """Embed the articles with one student and write what its vectors are worth."""
    encoder = encoders.load(folder, max_tokens=max_tokens, device=device)
    with np.load(articles, allow_pickle=False) as file:
        arrays = dict(file)
    train, test = (
        encoder.encode(np.split(arrays[f"{split} ids"], arrays[f"{split} ends"][:-1])) for split in ("train", "test")
    )
    report(0)
    storage.write_json(out, _judge(arrays, train, test, seed))


def _judge(arrays: dict[str, np.ndarray], train: np.ndarray, test: np.ndarray, seed: int) -> dict[str, float | None]:
    """:data:`READINGS` of vectors; None where there are not two classes to tell apart."""
    found: dict[str, float | None] = {}
    for name in ("topic", "language"):
        known, asked = arrays[f"train {name}"], arrays[f"test {name}"]
        told = len(np.unique(known[known != ""])) > 1 and (asked != "").any()
        found[name] = probe(train, known, test, asked, seed=seed).accuracy.estimate if told else None
    agreement = similarity_agreement(torch.from_numpy(test), torch.from_numpy(arrays["test teacher"]))
    return found | {"similarity": agreement}
