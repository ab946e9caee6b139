"""Build a point of the frontier from an encoder and a corpus, and hold it to what the report says of it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from smallbert import paths
from smallbert.compress import dense, fewer_layers, narrow_words, quantize
from smallbert.compress.codes import catalogue, files
from smallbert.compress.codes.autoencoded import Bottleneck
from smallbert.compress.codes.code import Code, cosines, remapped, storing
from smallbert.compress.distill.layer_maps import copied_layers
from smallbert.compress.folders import write_modules
from smallbert.compress.vocabulary import Vocabulary, check_free
from smallbert.corpus.prepared import Corpus
from smallbert.errors import DataError, UsageError
from smallbert.measure.bootstrap import percentiles, resampled_means
from smallbert.measure.neighbours import Metric, nearest, overlap
from smallbert.measure.stats import Interval
from smallbert.models import encoder as encoders
from smallbert.models import last_layer, sources
from smallbert.models.encoder import Encoder, Pooling
from smallbert.models.last_layer import Layer
from smallbert.models.presets import sizes
from smallbert.progress import Progress
from smallbert.results import Results
from smallbert.studies import build_code, searches
from smallbert.studies.articles import NEIGHBOURS, draw, shuffled
from smallbert.studies.build_code import Settings
from smallbert.studies.embed import Texts
from smallbert.studies.facts import PRETRAIN
from smallbert.studies.points import Plan

EMBEDDINGS = "01_corpus_and_embeddings"

STORED = "stored"
"""Folder within a built encoder's that holds its weights in fewer bits: what is sent or kept."""

INDEX = "index.safetensors"
"""How an index stores the vectors, fitted to train articles; :func:`smallbert.compress.codes.files.read` reads it."""

TRAIN_ROWS, TEST_ROWS = 20_000, 2_000
"""Articles that principal components are fitted to, and that are searched, at most."""


@dataclass(frozen=True)
class Built:
    """What was built.

    Args:
        folder: where.
        megabytes: of the weights' files; with fewer bits of those that are sent.
        code: the last layer and how an index stores its numbers; None for what has no last layer.
    """

    folder: Path
    megabytes: float
    code: Code | None = None


def source(results: Results, name: str) -> str:
    """Where an encoder is: that of an edition by ``pretrain``, any other by what it is called.

    Args:
        results: of the edition.
        name: ``pretrain``, ``minilm``, a folder or a hub id.

    Raises:
        UsageError: the edition has pretrained none, or on another machine.
    """
    if name != PRETRAIN:
        return name
    try:
        own = results.of(EMBEDDINGS).values().get("pretrained", "")
    except DataError:
        own = ""
    if not own or not (paths.cache() / own).is_dir():
        raise UsageError(
            f"Expected an encoder that edition {results.edition.name} has pretrained on this machine, found none.",
            "Run its page 1 here first, or name an encoder.",
        )
    return str(paths.cache() / own)


def build(
    plan: Plan,
    source: str,
    corpus: Corpus,
    out: Path,
    *,
    settings: Settings,
    pooling: Pooling = "mean",
    max_tokens: int = 128,
    seed: int = 0,
    device: str = "auto",
) -> Built:
    """Build a plan.

    Args:
        plan: from :func:`smallbert.studies.points.parse`.
        source: the encoder: ``minilm``, a folder or a hub id.
        corpus: its train articles decide which tokens stay and what the last layer is fitted to.
        out: a folder without an encoder.
        settings: how an autoencoder or another trained code is trained.
        pooling: ``mean`` or ``cls``.
        max_tokens: where an article is cut.
        seed: of the draw of train articles.
        device: where to embed and train.

    Returns:
        A folder that ``transformers`` and sentence-transformers load. With fewer bits it holds their values in 32 bits,
        which everything computes with, and in ``stored`` the bits themselves; with a word table in two factors their
        product, and in ``stored`` the factors. Of these :func:`restore` makes the same encoder elsewhere.

    Raises:
        UsageError: ``out`` holds an encoder, or a code that the encoder's vectors cannot have.
        DataError, MachineError: the encoder cannot be read, or the folder not be written.
    """
    check_free(out)
    if (test := corpus.counts["split"]["test"]) <= NEIGHBOURS:
        raise DataError(
            f"Expected more than {NEIGHBOURS} test articles to be held to, got {test}.", "Use more articles."
        )
    folder = sources.find(source)
    given, last_layers = sizes(str(folder)), last_layer.read(folder)
    if last_layers:
        last_layer.require_pooling(last_layers, pooling, folder)
    build_code.require(plan, last_layers.width if last_layers else given.hidden)
    if plan.rank is not None:
        narrow_words.require_rank(plan.rank, given.vocabulary, given.factor)
    told: dict[str, Any] = {"max_tokens": max_tokens, "pooling": pooling}
    told["dense"] = len(last_layers.layers) if last_layers else 0
    with tempfile.TemporaryDirectory(prefix="smallbert-build-") as work:
        if plan.coverage is not None:
            more = plan.narrows or plan.bits is not None or plan.rank is not None
            folder = _trim(source, corpus, plan.coverage, Path(work) / "trimmed" if more else out)
        code, sent = None, out
        if plan.layers is not None:
            fewer_layers.write(folder, _kept_layers(folder, *plan.layers), out)
        if not plan.narrows:
            write_modules(out, given.hidden, **told)
        else:
            loaded = encoders.load(str(folder), precision="fp32", pooling=pooling, max_tokens=max_tokens, device=device)
            vectors = {}
            for split in build_code.splits(plan):
                # Some trainings take the first rows: these must not be one language's.
                _, texts = shuffled(*draw(corpus, split, TRAIN_ROWS if split == "train" else TEST_ROWS, seed), seed)
                vectors[split] = _vectors(loaded, texts, "embedding")
            code = build_code.fit(plan, vectors, seed, settings, device)
            last = storing(code)
            dense.write(folder, _layers(last.map), out, pooling=pooling, max_tokens=max_tokens)
            files.write(cast(files.Format, last.format), out / INDEX)
        if plan.rank is not None:
            counts = _counts(Vocabulary(str(folder)), corpus) if plan.by_frequency else None
            sent = narrow_words.write(folder, out / STORED, plan.rank, counts)
        if plan.bits is not None:
            sent = quantize.write(folder, out / STORED, plan.bits).parent
        if sent != out:
            write_modules(sent, given.hidden, **told)  # the source's own folder may say that texts are cut elsewhere
            restore(sent, out)
    weights = [path for path in sent.rglob("*.safetensors") if path.name != INDEX]
    return Built(out, sum(path.stat().st_size for path in weights) / 1e6, code)


def restore(stored: Path, out: Path) -> None:
    """Make the encoder of what :func:`build` stored in a smaller form.

    Args:
        stored: its folder ``stored``.
        out: a folder without an encoder.

    Raises:
        DataError: no such weights, or damaged ones.
        MachineError: the folder cannot be written.
    """
    (narrow_words if (stored / narrow_words.WEIGHTS).is_file() else quantize).restore(stored, out)


def kept(
    built: Built,
    source: str,
    corpus: Corpus,
    *,
    rows: int = TEST_ROWS,
    metric: Metric = "cosine",
    pooling: Pooling = "mean",
    max_tokens: int = 128,
    seed: int = 0,
    device: str = "auto",
) -> Interval:
    """Share of every test article's nearest others that what was built finds too, with its bootstrap interval.

    Args:
        built: from :func:`build`.
        source: the encoder it was built from.
        corpus: whose test articles are compared.
        rows: test articles at most; among more of them fewer neighbours stay.
        metric: ``cosine``, where queries keep all their digits, or ``l2`` between what is stored.
        pooling: as in :func:`build`.
        max_tokens: as in :func:`build`.
        seed: of the draw.
        device: where to embed.
    """
    _, texts = draw(corpus, "test", rows, seed)
    options: dict[str, Any] = {"precision": "fp32", "pooling": pooling, "max_tokens": max_tokens, "device": device}
    whole = _vectors(encoders.load(source, **options), texts, "comparing")
    own = _vectors(encoders.load(str(built.folder), **options), texts, "comparing")
    # An origin is no loss: both are compared about their means; the last layer takes off the mean of train itself.
    whole, own = whole - whole.mean(axis=0), own if built.code else own - own.mean(axis=0)
    # The folder's last layer is the map: what is left is the format.
    code = remapped(built.code, lambda last: catalogue.identity(last.width)) if built.code else None
    if metric == "l2":
        stored = code.decode(code.encode(own)) if code else own
        queries = np.arange(len(whole))
        found = overlap(*(nearest(one, queries, NEIGHBOURS, metric=metric) for one in (whole, stored)))
    else:
        near = code.scores(own, code.encode(own)) if code else cosines(own, own)
        found = searches.overlap(searches.neighbours(cosines(whole, whole)), searches.neighbours(near))
    return percentiles(found, resampled_means(found, seed=seed))


def _kept_layers(folder: Path, kept: int, of: int) -> list[int]:
    """The layers that page 5 keeps."""
    layers = sizes(str(folder)).layers
    if layers != of:
        raise UsageError(f"Expected an encoder of {of} layers, {folder.name} has {layers}.")
    return list(copied_layers("released", kept, of))


def _layers(map: Any) -> list[Layer]:
    """The layers that a map is."""
    return dense.encoding(map.module, map.centre) if isinstance(map, Bottleneck) else [dense.affine(map)]


def _trim(source: str, corpus: Corpus, coverage: float, out: Path) -> Path:
    vocabulary = Vocabulary(source)
    return vocabulary.trim(vocabulary.keep(_counts(vocabulary, corpus), coverage=coverage), out).folder


def _counts(vocabulary: Vocabulary, corpus: Corpus) -> np.ndarray:
    """Occurrences of each token in the train articles, (V,)."""
    with Progress("counting tokens", corpus.counts["split"]["train"], "articles") as bar:
        return vocabulary.count(Texts(corpus), advance=bar.advance)


def _vectors(encoder: Encoder, texts: list[str], label: str) -> np.ndarray:
    with Progress(label, len(texts), "articles") as bar:
        return encoder.encode(encoder.tokenize(texts), advance=bar.advance)
