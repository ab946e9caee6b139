"""Weights in fewer bits: what a file of them takes, what its vectors are worth, and how fast integers run here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from smallbert import runtime, storage
from smallbert.compress import quantize
from smallbert.compress.vocabulary import stored
from smallbert.corpus.prepared import Corpus
from smallbert.measure.neighbours import nearest, overlap
from smallbert.measure.stats import mean_interval
from smallbert.models import encoder as encoders
from smallbert.models import sources
from smallbert.models.encoder import Encoder
from smallbert.models.throughput import inference
from smallbert.progress import Progress
from smallbert.studies.articles import NEIGHBOURS, Articles
from smallbert.studies.facts import plain

VERSION = 1
"""Part of every key: raise it when the same inputs would give other measures."""

FULL, HALF, INT8, INT4, DYNAMIC = "fp32", "fp16", "int8 weights", "int4 weights", "int8 products"
STORED: dict[str, quantize.Bits] = {HALF: 16, INT8: 8, INT4: 4, DYNAMIC: 8}
"""Bits of the matrices on disk."""
BFLOAT = "bf16 products"

ALONE, TOGETHER = "one text", "many texts"
KEPT = f"neighbours of the first encoder kept@{NEIGHBOURS}"


def forms() -> list[str]:
    """What can be measured here: integer products only where the processor has units for them."""
    return [FULL, HALF, INT8, INT4, *([DYNAMIC] if quantize.integer_units() else [])]


def quality(
    chosen: Mapping[str, str], corpus: Corpus, *, max_tokens: int, rows: int, seed: int, store: Path
) -> pd.DataFrame:
    """Every encoder in every form: bytes on disk, and what its vectors are worth.

    A measured form is stored at once, so that an interrupted study goes on where it stopped.

    Args:
        chosen: encoders by the name the report has for them: folders or what ``encoder.load`` takes; the first is what
            the others (trimmed, distilled) come from.
        corpus: whose articles are embedded.
        max_tokens: where an article is cut.
        rows: test articles at most; twice as many train articles.
        seed: of the draw and the probes.
        store: folder of quantised encoders and finished measures.

    Returns:
        One row an encoder and form: ``encoder``, ``form``, ``parameters``, ``bytes`` (of the weights' files), ``share``
        (of the first encoder's fp32), ``cosine to original`` and ``neighbour overlap@10`` (against the same encoder in
        fp32), neighbours of the first encoder kept, and ``topic accuracy``, ``topic low`` ... as
        :meth:`smallbert.studies.articles.Articles.measure` gives them.
    """
    table, first = [], None
    for name, source in chosen.items():
        found = _Forms(source, max_tokens, store)
        full = found.load(FULL)
        articles = Articles(full, corpus, rows=rows, seed=seed)
        records = {form: store / f"{found.key(form, articles.key)}.json" for form in forms()}
        vectors: dict[str, dict[str, np.ndarray]] = {}
        with Progress(f"quantise {name}", articles.total * len(records), "articles") as bar:
            # Neighbours are compared with those of the first encoder, so its vectors are always needed.
            missing = [form for form, path in records.items() if not path.exists() or form == FULL]
            bar.advance(articles.total * (len(records) - len(missing)))
            for form in missing:
                encoder = full if form == FULL else found.load(form)
                vectors[form] = articles.vectors(encoder, bar.advance)
                first = first or vectors[FULL]
                measured = articles.measure(vectors[form], vectors[FULL])
                storage.write_json(records[form], measured | {KEPT: _kept(first["test"], vectors[form]["test"])})
        parameters, _ = stored(found.folder)
        for form, path in records.items():
            known = {"encoder": name, "form": form, "parameters": parameters, "bytes": found.nbytes(form)}
            table.append(known | storage.read_json(path))
    frame = pd.DataFrame(table)
    frame.insert(4, "share", frame.bytes / frame.bytes.iloc[0])
    return frame


class _Forms:
    """One encoder in all forms, each made once."""

    def __init__(self, source: str, max_tokens: int, store: Path) -> None:
        self.source, self.folder = source, sources.find(source)
        self._options = {"max_tokens": max_tokens}
        self._sha256, self._store = sources.checksum(self.folder), store

    def key(self, form: str, *more: object) -> str:
        return storage.digest([VERSION, self._sha256, self._options, form, *more])

    def nbytes(self, form: str) -> int:
        return stored(self.folder if form == FULL else self._packed(STORED[form]))[1]

    def load(self, form: str) -> Encoder:
        if form == FULL:
            return encoders.load(self.source, precision="fp32", device="cpu", **self._options)
        if form == DYNAMIC:
            return quantize.dynamic(self.source, **self._options)
        packed = self._packed(STORED[form])
        restored = packed.with_name(f"{packed.name}-restored")
        if not (restored / "config.json").exists():
            quantize.restore(packed, restored)
        return encoders.load(str(restored), precision="fp32", device="cpu", **self._options)

    def _packed(self, bits: quantize.Bits) -> Path:
        folder = self._store / f"{storage.digest([VERSION, self._sha256, bits])}-{bits}"
        if not (folder / "config.json").exists():
            quantize.write(self.folder, folder, bits)
        return folder


def _kept(first: np.ndarray, other: np.ndarray) -> float:
    queries = np.arange(len(first))
    return float(overlap(*(nearest(one, queries, NEIGHBOURS, metric="l2") for one in (first, other))).mean())


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
        ``high`` (95% t interval over rounds), ``speed`` (against the first encoder's fp32, round by round), ``speed
        low``, ``speed high``.
    """
    loaders: dict[str, Callable[[str], Encoder]] = {
        FULL: lambda source: encoders.load(source, precision="fp32", device="cpu", max_tokens=max_tokens)
    }
    if runtime.has_fast_bf16():
        loaders[BFLOAT] = lambda source: encoders.load(source, precision="bf16", device="cpu", max_tokens=max_tokens)
    if quantize.integer_units():
        loaders[DYNAMIC] = lambda source: quantize.dynamic(source, max_tokens=max_tokens)
    loaded = {(name, form): load(source) for name, source in chosen.items() for form, load in loaders.items()}
    ids = {key: encoder.tokenize(texts) for key, encoder in loaded.items()}
    measured = inference(loaded, ids, rounds=rounds, singles=singles)
    times = {
        key: {ALONE: [1e6 * one for one in found.latency], TOGETHER: [1e6 / one for one in found.throughput]}
        for key, found in measured.items()
    }
    reference = next(iter(times.values()))
    rows = []
    for (name, form), by_measure in times.items():
        for measure, values in by_measure.items():
            found = mean_interval(values)
            # A trimmed encoder reads the same text in other tokens: texts compare where tokens would not.
            tokens = [sum(map(len, ids[key])) for key in ((name, form), next(iter(times)))]
            scale = tokens[1] / tokens[0] if measure == TOGETHER else 1.0
            speed = mean_interval(scale * np.array(reference[measure]) / np.array(values))
            rows.append(
                (name, form, measure, found.estimate, found.low, found.high, speed.estimate, speed.low, speed.high)
            )
    columns = ["encoder", "form", "measure", "microseconds", "low", "high", "speed", "speed low", "speed high"]
    return pd.DataFrame(rows, columns=columns)


def quality_sentence(found: pd.DataFrame) -> str:
    """What each form of each encoder takes and keeps."""
    told = []
    for name, part in found.groupby("encoder", sort=False):
        rows = []
        for row in part.to_dict("records"):
            worth = [
                f"cosine {row['cosine to original']:.4f}",
                f"neighbours {row[f'neighbour overlap@{NEIGHBOURS}']:.3f}",
            ]
            if not pd.isna(row["topic accuracy"]):
                worth.append(f"topic {row['topic accuracy']:.3f} [{row['topic low']:.3f}, {row['topic high']:.3f}]")
            kept = "" if row["form"] == FULL else f" ({', '.join(worth)})"
            rows.append(f"{row['form']} {row['bytes'] / 1e6:.2f} MB{kept}")
        told.append(f"{plain(name)}: {'; '.join(rows)}")
    return f"{'. '.join(told)}. Cosines and neighbours are those with the same encoder in {FULL}."


def speed_sentence(found: pd.DataFrame) -> str:
    """Whether integers are faster than floating point here, by the intervals."""
    units = quantize.integer_units()
    told = []
    for (name, measure), part in found.groupby(["encoder", "measure"], sort=False):
        rows = [
            f"{row['form']} {row['speed']:.2f} [{row['speed low']:.2f}, {row['speed high']:.2f}]"
            for row in part.to_dict("records")
        ]
        fastest = part.loc[part.speed.idxmax()]
        others = part[part.form != fastest.form]
        clear = (fastest["speed low"] > others["speed high"]).all()
        told.append(
            f"{plain(name)}, {measure}: {', '.join(rows)}; fastest: {fastest.form}, "
            f"{'by its whole interval' if clear else 'by mean only'}"
        )
    where = f"This processor has integer units ({units})" if units else "This processor has no integer units"
    return f"{where}. Speed against the first encoder in {FULL}. {'. '.join(told)}."
