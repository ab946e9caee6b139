"""Weights in fewer bits: what a file of them takes, what its vectors are worth, and how fast integers run here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from smallbert import runtime, storage
from smallbert.compress import quantize
from smallbert.compress.vocabulary import stored
from smallbert.corpus.prepared import Corpus
from smallbert.measure.bootstrap import percentiles, resampled_means
from smallbert.measure.neighbours import nearest, overlap
from smallbert.measure.probe import probe
from smallbert.measure.proportions import paired_difference
from smallbert.measure.reconstruction import row_cosines
from smallbert.measure.stats import wilson_interval
from smallbert.models import encoder as encoders
from smallbert.models import sources
from smallbert.models.encoder import Encoder
from smallbert.models.throughput import inference
from smallbert.progress import Progress
from smallbert.studies.articles import NEIGHBOURS, Articles
from smallbert.studies.commonest import commonest, nothing_to_keep
from smallbert.studies.matrices import common_topics
from smallbert.studies.reading import ALONE, TOGETHER, geometric_interval

VERSION = 3
"""Part of every key: raise it when the same inputs would give other measures."""

FULL, HALF, INT8, INT4, DYNAMIC = "fp32", "fp16", "int8 weights", "int4 weights", "int8 products"
STORED: dict[str, quantize.Bits] = {HALF: 16, INT8: 8, INT4: 4}
"""Bits of the matrices on disk, where they are not fp32: products in fewer bits are made of the whole file."""
BFLOAT = "bf16 products"
PRODUCTS = (BFLOAT, DYNAMIC)
"""Forms that run in another time than fp32; the others are restored before they run."""

OWN = f"neighbour overlap@{NEIGHBOURS}"
KEPT = f"neighbours of the first encoder kept@{NEIGHBOURS}"
TOPIC, TOPIC_KEPT = "topic accuracy", "topic accuracy kept"
COMMONEST, FITTED, ASKED = "commonest topic", "articles fitted", "articles asked"
"""Accuracy of always answering the commonest topic; with a known topic, articles a probe is fitted on and asked."""
LIMITS = ("low", "high")
COSINE = "cosine to original"

EMBEDDING = "bytes that embed"
"""Of the weights that make a vector, as the other pages count: without a file's header, a pooler and heads."""

_EMBEDS = re.compile(r"(?:^|\.)(?:embeddings|encoder|transformer)\.(?!position_ids$)")
"""In the names of such weights, in all families."""


def forms() -> list[str]:
    """What can be measured here: products in fewer bits only where the processor has units for them."""
    products = {BFLOAT: runtime.has_fast_bf16(), DYNAMIC: quantize.integer_units() is not None}
    return [FULL, HALF, INT8, INT4, *(form for form, fast in products.items() if fast)]


def quality(
    chosen: Mapping[str, str], corpus: Corpus, *, max_tokens: int, rows: int, seed: int, store: Path
) -> pd.DataFrame:
    """Every encoder in every form: bytes on disk, and what its vectors are worth.

    All read the same articles, so that what is kept is told article by article: neighbours with a bootstrap over
    articles, topics with the interval of a paired difference. A measured form is stored at once, so that an interrupted
    study goes on where it stopped.

    Args:
        chosen: encoders by the name the report has for them: folders or what ``encoder.load`` takes; the first is what
            the others (trimmed, distilled) come from.
        corpus: whose articles are embedded.
        max_tokens: where an article is cut.
        rows: test articles at most; twice as many train articles.
        seed: of the draw, the probes and the intervals.
        store: folder of quantised encoders and finished measures.

    Returns:
        One row an encoder and form: ``encoder``, ``form``, ``parameters``, ``bytes`` (of the weights' files; of those
        that make a vector alone :data:`EMBEDDING`), ``share``
        (of the first encoder's fp32), ``articles``, ``cosine to original`` and ``neighbour overlap@10`` (against the
        same encoder in fp32), neighbours of the first encoder kept, ``topic accuracy`` and ``topic accuracy kept`` (as
        a share of the first encoder's in fp32; not-a-number where that is no better than :data:`COMMONEST`). Each
        measure but the cosine has its 95% limits, such as ``topic accuracy low``; those of topics are empty where no
        two are known. Last :data:`COMMONEST`, :data:`FITTED` and :data:`ASKED`.
    """
    read, first = {name: _Forms(source, max_tokens, store) for name, source in chosen.items()}, next(iter(chosen))
    full = {name: forms.load(FULL) for name, forms in read.items()}
    articles = {name: Articles(full[name], corpus, rows=rows, seed=seed) for name in chosen}
    records = {
        (name, form): store / f"{own.key(form, articles[name].key, read[first].sha256)}.json"
        for name, own in read.items()
        for form in forms()
    }
    missing = {name: [form for form in forms() if not records[name, form].exists()] for name in chosen}
    original: dict[str, np.ndarray] = {}
    for name in [name for name in chosen if missing[name] or (name == first and any(missing.values()))]:
        own = articles[name]
        others = [form for form in missing[name] if form != FULL]
        with Progress(f"quantise {name}", own.total * (1 + len(others)), "articles") as bar:
            whole = own.vectors(full[name], bar.advance)  # what every form is held against
            original = original or whole
            for form in [FULL, *others]:
                vectors = whole if form == FULL else own.vectors(read[name].load(form), bar.advance)
                storage.write_json(records[name, form], _measure(own, vectors, whole, original))
    measured = {key: storage.read_json(path) for key, path in records.items()}
    topics = common_topics(articles[first].known)  # all encoders read the same articles
    floor = commonest(**topics)
    table = [
        {
            "encoder": name,
            "form": form,
            "parameters": stored(read[name].folder)[0],
            "bytes": read[name].nbytes(form),
            EMBEDDING: embedding_bytes(read[name].files(form)),
            **_summary(found, measured[first, FULL], seed, floor),
        }
        for (name, form), found in measured.items()
    ]
    counts = {FITTED: int((topics["train"] != "").sum()), ASKED: int((topics["test"] != "").sum())}
    frame = pd.DataFrame(table).assign(**{COMMONEST: floor}, **counts)
    frame.insert(5, "share", frame.bytes / frame.bytes.iloc[0])
    return frame


def _measure(
    articles: Articles, vectors: dict[str, np.ndarray], whole: dict[str, np.ndarray], first: dict[str, np.ndarray]
) -> dict[str, list[float] | None]:
    """By measure, a value for every test article, of topics for every one whose topic is known; else nothing."""
    own = vectors["test"]
    queries = np.arange(len(own))
    near = [nearest(one, queries, NEIGHBOURS, metric="l2") for one in (own, whole["test"], first["test"])]
    topics = common_topics(articles.known)
    right = None
    if topics["train"][topics["train"] != ""].nunique() > 1 and (topics["test"] != "").any():
        right = probe(vectors["train"], topics["train"], own, topics["test"], seed=articles.seed).right.tolist()
    return {
        COSINE: row_cosines(own, whole["test"]).tolist(),
        OWN: overlap(near[1], near[0]).tolist(),
        KEPT: overlap(near[2], near[0]).tolist(),
        TOPIC: right,
    }


def _summary(found: dict[str, Any], first: dict[str, Any], seed: int, floor: float) -> dict[str, float]:
    """Means with their limits; topics also as a share of the first encoder's, where that is worth something."""
    told = {"articles": len(found[COSINE]), COSINE: float(np.mean(found[COSINE]))}
    for name in (OWN, KEPT):
        values = np.array(found[name])
        over = percentiles(values, resampled_means(values, seed=seed))
        told |= _limited(name, over.estimate, over.low, over.high)
    if found[TOPIC] is None:
        return told | _limited(TOPIC, *[np.nan] * 3) | _limited(TOPIC_KEPT, *[np.nan] * 3)
    right, before = np.array(found[TOPIC]), np.array(first[TOPIC])
    over, change = wilson_interval(int(right.sum()), len(right)), paired_difference(right, before)
    told |= _limited(TOPIC, over.estimate, over.low, over.high)
    if nothing_to_keep(wilson_interval(int(before.sum()), len(before)).low, floor):
        return told | _limited(TOPIC_KEPT, *[np.nan] * 3)
    if found is first:
        return told | _limited(TOPIC_KEPT, 1.0, 1.0, 1.0)
    # The first encoder's accuracy is the unit here, not an estimate: what is uncertain is the change.
    kept = [
        1 + value / before.mean() if before.any() else np.nan for value in (change.estimate, change.low, change.high)
    ]
    return told | _limited(TOPIC_KEPT, *kept)


def _limited(name: str, estimate: float, low: float, high: float) -> dict[str, float]:
    return dict(zip((name, *(f"{name} {limit}" for limit in LIMITS)), (estimate, low, high), strict=True))


def embedding_bytes(folder: Path) -> int:
    """Bytes of the weights in an encoder's folder that make a vector; nothing but headers is read."""
    total = 0
    for path in _files(folder):
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        ends = (about["data_offsets"] for name, about in header.items() if _EMBEDS.search(name))
        total += sum(end - start for start, end in ends)
    return total


def _files(folder: Path) -> list[Path]:
    """The weights of an encoder, whole or in fewer bits."""
    packed = folder / quantize.WEIGHTS
    return [packed] if packed.is_file() else sources.weight_files(folder)


class _Forms:
    """One encoder in all forms, each made once."""

    def __init__(self, source: str, max_tokens: int, store: Path) -> None:
        self.source, self.folder = source, sources.find(source)
        self._options: dict[str, Any] = {"max_tokens": max_tokens}
        self.sha256, self._store = sources.checksum(self.folder), store

    def key(self, form: str, *more: object) -> str:
        return storage.digest([VERSION, self.sha256, self._options, form, *more])

    def nbytes(self, form: str) -> int:
        return sum(path.stat().st_size for path in _files(self.files(form)))

    def files(self, form: str) -> Path:
        """The folder that a download of the form would be."""
        return self._packed(STORED[form]) if form in STORED else self.folder

    def load(self, form: str) -> Encoder:
        if form in (FULL, BFLOAT):
            precision: Literal["bf16", "fp32"] = "bf16" if form == BFLOAT else "fp32"
            return encoders.load(self.source, precision=precision, device="cpu", **self._options)
        if form == DYNAMIC:
            return quantize.dynamic(self.source, **self._options)
        packed = self._packed(STORED[form])
        restored = packed.with_name(f"{packed.name}-restored")
        if not (restored / "config.json").exists():
            quantize.restore(packed, restored)
        return encoders.load(str(restored), precision="fp32", device="cpu", **self._options)

    def _packed(self, bits: quantize.Bits) -> Path:
        folder = self._store / f"{storage.digest([VERSION, self.sha256, bits])}-{bits}"
        if not (folder / "config.json").exists():
            quantize.write(self.folder, folder, bits)
        return folder


def timings(
    chosen: Mapping[str, str], texts: list[str], *, max_tokens: int, rounds: int, singles: int = 20
) -> pd.DataFrame:
    """How long reading takes with products in each number format, encoders and formats in alternating order, all cores.

    Weights that are only stored in fewer bits are restored before they run, and run as fp32 does.

    Args:
        chosen: encoders by name.
        texts: what is read.
        max_tokens: where a text is cut.
        rounds: timings of each.
        singles: the first so many texts are also read one by one.

    Returns:
        Columns ``encoder``, ``form`` (fp32, bf16 products where the processor has them, int8 products likewise),
        ``measure`` (one text: microseconds a text; many texts: microseconds a token), ``microseconds``, ``low``,
        ``high``, ``speed`` (against the first encoder's fp32, round by round), ``speed low``, ``speed high``: geometric
        means over rounds with 95% intervals, see :func:`smallbert.studies.reading.geometric_interval`.
    """
    loaders: dict[str, Callable[[str], Encoder]] = {
        FULL: lambda source: encoders.load(source, precision="fp32", device="cpu", max_tokens=max_tokens)
    }
    if runtime.has_fast_bf16():
        loaders[BFLOAT] = lambda source: encoders.load(source, precision="bf16", device="cpu", max_tokens=max_tokens)
    if quantize.integer_units():
        loaders[DYNAMIC] = lambda source: quantize.dynamic(source, max_tokens=max_tokens)
    asked = {f"{form}, {name}": (name, form) for name in chosen for form in loaders}
    loaded = {key: loaders[form](chosen[name]) for key, (name, form) in asked.items()}
    ids = {key: encoder.tokenize(texts) for key, encoder in loaded.items()}
    measured = inference(loaded, ids, rounds=rounds, singles=singles)
    times = {
        key: {ALONE: [1e6 * one for one in found.latency], TOGETHER: [1e6 / one for one in found.throughput]}
        for key, found in measured.items()
    }
    reference = next(iter(times.values()))
    rows = []
    for key, by_measure in times.items():
        for measure, values in by_measure.items():
            found = geometric_interval(values)
            # A trimmed encoder reads the same text in other tokens: texts compare where tokens would not.
            tokens = [sum(map(len, ids[one])) for one in (key, next(iter(times)))]
            scale = tokens[1] / tokens[0] if measure == TOGETHER else 1.0
            speed = geometric_interval(scale * np.array(reference[measure]) / np.array(values))
            rows.append(
                (*asked[key], measure, found.estimate, found.low, found.high, speed.estimate, speed.low, speed.high)
            )
    columns = ["encoder", "form", "measure", "microseconds", "low", "high", "speed", "speed low", "speed high"]
    return pd.DataFrame(rows, columns=columns)
