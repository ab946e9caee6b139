"""What the students of :mod:`smallbert.studies.elastic` read, and what a cut one is worth beside its teacher."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from smallbert import storage
from smallbert.compress.distill.elastic import Pair
from smallbert.compress.distill.elastic_student import ElasticStudent
from smallbert.compress.linear import Pca
from smallbert.compress.moments import Moments
from smallbert.compress.store import EmbeddingStore
from smallbert.compress.vocabulary import Vocabulary
from smallbert.corpus.prepared import Corpus
from smallbert.errors import DataError, UsageError
from smallbert.measure.neighbours import nearest, overlap
from smallbert.measure.probe import probe
from smallbert.models import encoder as encoders
from smallbert.models import sources
from smallbert.models.encoder import Pooling
from smallbert.models.presets import sizes as sizes_of
from smallbert.models.sizes import Sizes
from smallbert.studies.articles import NEIGHBOURS, draw, shuffled
from smallbert.studies.matrices import common_topics
from smallbert.studies.reductions import trimmed

VERSION = 3
"""Part of every key: raise it when the same inputs would give other arrays."""

OVERLAP, TOPIC = f"neighbour overlap@{NEIGHBOURS}", "topic accuracy"
MEASURES = (OVERLAP, TOPIC)

WHOLE = 1.0
"""Coverage of the vocabulary that nothing was trimmed from."""

COVERAGES = (0.9, 0.99)
"""Shares of the corpus's token occurrences that a trimmed vocabulary keeps."""

PCA_TEXTS = 2000
"""Train texts behind the teacher's principal components, at most: many times its width, however short a training is."""

AT_ONCE = 64
"""Texts read at once to be measured."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """Texts as token ids, and what the teacher makes of them; :func:`prepare` makes it, :meth:`open` finds it again.

    Args:
        folder: where it lies.
        source: where the teacher is: ``minilm``, a folder or a hub id.
        about: plain facts: key, layer, pooling, sequence, vocabularies.
        arrays: by name.
    """

    folder: Path
    source: str
    about: dict[str, Any]
    arrays: dict[str, np.ndarray]

    @classmethod
    def open(cls, folder: Path, source: str) -> Inputs:
        """Read what :func:`prepare` wrote for the teacher that is now at ``source``.

        Raises:
            DataError: the folder holds none, or a damaged one.
        """
        try:
            with np.load(folder / "arrays.npz", allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
        except Exception as error:  # zipfile, zlib and numpy each raise their own
            raise DataError(f"{folder} cannot be read: {error}", "Delete it and run again.") from error
        return cls(folder, source, storage.read_json(folder / "about.json"), arrays)

    @property
    def key(self) -> str:
        """Digest of all that decides it."""
        return self.about["key"]

    @property
    def pooling(self) -> Pooling:
        """Of the teacher's vectors."""
        return self.about["pooling"]

    @property
    def sequence(self) -> int:
        """Where a text is cut, tokens."""
        return self.about["sequence"]

    @cached_property
    def sizes(self) -> Sizes:
        """Of the teacher up to the layer that is read, without what makes no vectors."""
        return replace(sizes_of(self.source), pooler=False, head="none", layers=self.about["layer"])

    @property
    def vocabularies(self) -> dict[float, int]:
        """Tokens that are left at each coverage."""
        return {float(coverage): count for coverage, count in self.about["vocabularies"].items()}

    @cached_property
    def pca(self) -> Pca:
        """Of the teacher's vectors of the texts to train on."""
        return Pca(*(self.arrays[name] for name in ("mean", "components", "variances")))

    @property
    def train(self) -> list[np.ndarray]:
        """Texts to train on: token ids."""
        return unpacked(self.arrays, "train")

    @property
    def teacher(self) -> np.ndarray:
        """The teacher's vectors of these, about their mean, float32 (n, d)."""
        return self.arrays["teacher"]

    @property
    def tests(self) -> dict[float, tuple[list[np.ndarray], list[np.ndarray]]]:
        """By coverage, train texts of the probes and test texts, as a trimmed tokenizer cuts them, in whole ids."""
        return {
            coverage: (unpacked(self.arrays, f"probe-{coverage:g}"), unpacked(self.arrays, f"test-{coverage:g}"))
            for coverage in self.vocabularies
        }

    def unchanged(self) -> dict[float, float]:
        """By coverage, the share of test articles whose tokens are all kept: their vectors are the same to the bit."""
        whole = unpacked(self.arrays, f"test-{WHOLE:g}")
        return {
            coverage: float(np.mean([np.array_equal(a, b) for a, b in zip(whole, test, strict=True)]))
            for coverage, (_, test) in self.tests.items()
        }


def prepare(
    source: str,
    store: EmbeddingStore,
    prepared: Corpus,
    cache: Path,
    reduced: Path,
    *,
    sequence: int,
    tokens: int,
    rows: int,
    seed: int,
    device: str = "auto",
    coverages: Sequence[float] = COVERAGES,
) -> Inputs:
    """Draw the texts, cut them into tokens and let the teacher read them, once.

    Args:
        source: the teacher: ``minilm``, a folder or a hub id.
        store: embeddings that say how the teacher is read: which layer, which pooling.
        prepared: the corpus: students learn from train articles and are measured on test articles.
        cache: folder of what is prepared.
        reduced: folder of trimmed encoders, as :func:`smallbert.studies.reductions.trimmed` has it.
        sequence: where a text is cut, tokens.
        tokens: tokens of the longest training: as many texts are drawn, if there are.
        rows: test articles at most; probes are fitted on as many train articles.
        seed: of the draws.
        device: where the teacher reads.
        coverages: of the trimmed vocabularies.

    Raises:
        UsageError: too few rows to find neighbours among.
        DataError: a split has too few articles, or the teacher is not the encoder of the embeddings.
    """
    if rows <= NEIGHBOURS:
        raise UsageError(f"Expected more than {NEIGHBOURS} rows, to find {NEIGHBOURS} neighbours, got {rows}.")
    known = store.manifest["encoder"]
    read_as = {name: known[name] for name in ("sha256", "layer", "pooling")}
    key = storage.digest([VERSION, read_as, prepared.key, sequence, tokens, rows, seed, list(coverages)])
    folder = cache / f"read-{key}"
    if sources.checksum(sources.find(source)) != known["sha256"]:
        raise DataError("Expected the encoder of the embeddings, found another.", "Run the first page again.")
    if (folder / "about.json").exists():
        return Inputs.open(folder, source)
    encoder = encoders.load(
        source, pooling=known["pooling"], layer=known["layer"], max_tokens=sequence, precision="fp32", device=device
    )
    read = -(-tokens // sequence)
    facts, texts = shuffled(*draw(prepared, "train", max(read, PCA_TEXTS) + rows, seed), seed)
    # One draw in two parts: who trains on what a probe is fitted on reads its test differently.
    first = len(texts) - min(rows, len(texts) // 2)
    articles = {"probe": (facts[first:], texts[first:]), "test": draw(prepared, "test", rows, seed)}
    if len(articles["test"][1]) <= NEIGHBOURS:
        raise DataError(f"Expected more than {NEIGHBOURS} test articles.", "Use a larger corpus.")
    ids = encoder.tokenize(texts[:first])
    vectors = encoder.encode(ids)
    pca = Pca.fit(Moments.of(vectors))
    ids, vectors = ids[:read], vectors[:read]
    whole = {split: encoder.encode(encoder.tokenize(texts)) for split, (_, texts) in articles.items()}
    topics = common_topics({"train": articles["probe"][0], "test": articles["test"][0]})
    arrays = packed("train", ids) | {
        "teacher": (vectors - pca.mean).astype(np.float32),
        "mean": pca.mean,
        "components": pca.components,
        "variances": pca.variances,
        "truth": whole["test"] - whole["probe"].mean(axis=0),
        "probe-topics": topics["train"].to_numpy(dtype=np.str_),
        "test-topics": topics["test"].to_numpy(dtype=np.str_),
    }
    vocabulary, vocabularies = Vocabulary(source), {}
    cuts = [
        (WHOLE, vocabulary),
        *zip(coverages, map(Vocabulary, trimmed(source, prepared, coverages, reduced)), strict=True),
    ]
    for coverage, small in cuts:
        vocabularies[f"{coverage:g}"] = small.rows
        back = _back(vocabulary, small)
        small.tokenizer.enable_truncation(sequence)
        for split, (_, texts) in articles.items():
            encoded = small.tokenizer.encode_batch_fast(texts)
            arrays |= packed(f"{split}-{coverage:g}", [back[one.ids] for one in encoded])
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    with storage.atomic_write(folder / "arrays.npz") as file:
        file.write(buffer.getbuffer())
    about = {"key": key, "layer": known["layer"], "pooling": known["pooling"], "sequence": sequence}
    storage.write_json(folder / "about.json", about | {"vocabularies": vocabularies})
    return Inputs.open(folder, source)


def measure(
    student: ElasticStudent, inputs: Inputs, sizes: Sequence[Pair], coverages: Sequence[float]
) -> list[dict[str, Any]]:
    """What a student is worth at every size and coverage: ``layer``, ``width``, ``coverage`` and :data:`MEASURES`.

    Vectors are taken about their mean over the probe's articles: an origin is no loss. Topic accuracy is None where the
    corpus names fewer than two topics.
    """
    queries = np.arange(len(inputs.arrays["truth"]))
    truth = nearest(inputs.arrays["truth"], queries, NEIGHBOURS)
    known, asked = inputs.arrays["probe-topics"], inputs.arrays["test-topics"]
    told = len(np.unique(known[known != ""])) > 1 and bool((asked != "").any())
    found, tests = [], inputs.tests
    layers = sorted({layer for layer, _ in sizes})
    for coverage in coverages:
        train, test = (read(student, texts, inputs.sequence, layers) for texts in tests[coverage])
        for layer, width in sizes:
            own = [vectors[layer][:, :width] - train[layer][:, :width].mean(axis=0) for vectors in (train, test)]
            accuracy = probe(own[0], known, own[1], asked, seed=0).accuracy.estimate if told else None
            kept = float(overlap(truth, nearest(own[1], queries, NEIGHBOURS)).mean())
            row: dict[str, Any] = {"layer": layer, "width": width, "coverage": coverage}
            found.append(row | {OVERLAP: kept, TOPIC: accuracy})
    return found


@torch.inference_mode()
def read(
    student: ElasticStudent, texts: Sequence[np.ndarray], sequence: int, layers: Sequence[int]
) -> dict[int, np.ndarray]:
    """A student's vectors of texts by layer, fp32 (n, D)."""
    device, parts = student.head.weight.device, []
    ids, real = padded(texts, sequence)
    for start in range(0, len(ids), AT_ONCE):
        part = (torch.from_numpy(one[start : start + AT_ONCE]).to(device) for one in (ids, real))
        parts.append(student(*part, layers))
    return {layer: torch.cat([part[layer] for part in parts]).cpu().numpy() for layer in layers}


def padded(texts: Sequence[np.ndarray], sequence: int) -> tuple[np.ndarray, np.ndarray]:
    """Texts as one matrix, filled up at the end: ids, int64, and which of them are tokens, bool, (n, sequence)."""
    ids = np.zeros((len(texts), sequence), dtype=np.int64)
    real = np.zeros(ids.shape, dtype=bool)
    for row, text in enumerate(texts):
        ids[row, : len(text)], real[row, : len(text)] = text, True
    return ids, real


def packed(name: str, texts: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Texts of any lengths as two arrays to store."""
    return {
        f"{name}-ids": np.concatenate(texts).astype(np.int32),
        f"{name}-lengths": np.array([len(text) for text in texts]),
    }


def unpacked(arrays: dict[str, np.ndarray], name: str) -> list[np.ndarray]:
    """The texts that :func:`packed` stored."""
    return np.split(arrays[f"{name}-ids"], np.cumsum(arrays[f"{name}-lengths"])[:-1])


def _back(whole: Vocabulary, small: Vocabulary) -> np.ndarray:
    """The id in the whole vocabulary of each id of a trimmed one: a kept row has the same bits under either."""
    new = whole.renumbering(small)
    back = np.zeros(small.rows, dtype=np.int64)
    back[new[new >= 0]] = np.flatnonzero(new >= 0)
    return back
