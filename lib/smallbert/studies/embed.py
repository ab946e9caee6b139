"""Study 1: what goes in, and what the encoder makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smallbert import paths
from smallbert.compress.codes.product import CODEWORDS
from smallbert.compress.embeddings import extract
from smallbert.compress.linear import Pca
from smallbert.compress.moments import Moments
from smallbert.compress.store import EmbeddingStore
from smallbert.corpus import world
from smallbert.corpus.prepare import prepare_source
from smallbert.corpus.prepared import Corpus
from smallbert.corpus.text import text
from smallbert.measure.geometry import anisotropy, effective_rank, participation_ratio, second_moment_shares
from smallbert.measure.probe import probe
from smallbert.measure.retrieval import retrieval
from smallbert.models import encoder as encoders
from smallbert.models.pretrain import pretrain
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.tokens import TokenStore
from smallbert.storage import digest, sha256_file
from smallbert.studies.facts import (
    BETWEEN_LANGUAGES,
    BETWEEN_TOPICS,
    COMPONENTS,
    GENERATED,
    LANGUAGE_COMPONENTS,
    TOPIC,
    WHOLE,
)
from smallbert.studies.floor import Floor
from smallbert.studies.matrices import Matrices, can_be_told, common_topics, has_translations
from smallbert.studies.quality import NEIGHBOURS

LEAST = {"train": CODEWORDS, "validation": 2, "test": NEIGHBOURS + 1}
"""Articles without which a page would stop: product quantisation learns its codewords from train (page 8), validation
vectors have a variance, and a test article's neighbours are among the other ones."""


def corpus(
    source: str,
    *,
    rows: int,
    seed: int,
    columns: dict[str, str],
    test_fraction: float,
    validation_fraction: float,
    near_duplicates: bool,
    max_bad_rows: float,
    least: Mapping[str, int] = LEAST,
) -> Corpus:
    """Prepare the corpus a notebook names: ``world`` is generated, anything else is read.

    Args:
        source: ``world``, or a file, folder, corpus description or hub data set.
        rows: articles at most, drawn at random from a larger source.
        seed: of the world, the draw and the splits.
        columns: our column name to the source's.
        test_fraction: share of test articles.
        validation_fraction: share of validation articles.
        near_duplicates: whether near copies across splits are removed too.
        max_bad_rows: unreadable rows tolerated, share of all.
        least: articles that splits must have, so that a small corpus is refused here and not pages later.

    Raises:
        UsageError, DataError, MachineError: as :func:`smallbert.corpus.prepare.prepare_source` and
            :meth:`smallbert.corpus.prepared.Corpus.require` do.
    """
    options: dict[str, Any] = {
        "test_fraction": test_fraction,
        "validation_fraction": validation_fraction,
        "seed": seed,
        "near_duplicates": near_duplicates,
    }
    where = paths.cache() / "corpora"
    if source == GENERATED:
        batches = world.stream(rows, seed)
        name = f"{GENERATED}-{rows}-{seed}-{_world_sources()}"
        prepared = prepare_source(name, where, batches=batches, **options)
    else:
        prepared = prepare_source(source, where, columns=columns, rows=rows, max_bad_rows=max_bad_rows, **options)
    prepared.require(least)
    return prepared


def _world_sources() -> str:
    """Digest of the generator's code and lexicons: a world that tells another story is another corpus."""
    files = [*Path(world.__file__).parent.glob("*.py"), *(paths.data() / "world").iterdir()]
    return digest([sha256_file(path) for path in sorted(files)], length=8)


@dataclass(frozen=True)
class Texts:
    """The train texts of a corpus, or their languages, to be read as often as needed."""

    prepared: Corpus
    languages: bool = False

    def __iter__(self) -> Iterator[str]:
        for batch in self.prepared.batches(["title", "content", "lang"], split="train"):
            yield from batch["lang"].to_pylist() if self.languages else text(batch)


def tokens(prepared: Corpus, vocabulary_size: int) -> TokenStore:
    """The train texts of a corpus as tokens of an own WordPiece vocabulary, made once for each vocabulary size."""
    return TokenStore.build(
        Texts(prepared),
        vocabulary_size,
        paths.cache() / "encoders" / f"tokens-{prepared.key}-{vocabulary_size}",
        languages=Texts(prepared, languages=True),
        data_key=prepared.key,
    )


def pretrained(prepared: Corpus, recipe: PretrainRecipe, device: str = "auto") -> Path:
    """Pretrain a small multilingual BERT on the train texts of a corpus, or find it finished.

    Returns:
        A Hugging Face folder with ``curve.csv`` beside the weights.
    """
    store = tokens(prepared, recipe.vocabulary_size)
    return pretrain(store, recipe, paths.cache() / "encoders" / f"bert-{recipe.key(store.key)}", device=device)


def embeddings(prepared: Corpus, chosen: encoders.Encoder) -> EmbeddingStore:
    """Embed the corpus, or find it embedded; what another edition is embedding right now is waited for."""
    identity = {key: value for key, value in chosen.describe().items() if key != "name"}
    out = paths.cache() / "embeddings" / digest([prepared.key, identity])
    store = extract(prepared, chosen, out, wait=True)
    assert store is not None  # one shard of one: nothing is left to others
    return store


def token_lengths(store: EmbeddingStore, max_tokens: int, bins: int = 32) -> tuple[pd.DataFrame, float]:
    """How long articles are as the encoder reads them.

    Returns:
        A histogram, columns ``tokens`` (right edge of a bin) and ``share``; and the share of articles that fill the
        limit, nearly all of which were cut there.
    """
    lengths = store.rows.n_tokens
    edges = np.unique(np.linspace(0, max_tokens, bins + 1).round().astype(int))
    counts, _ = np.histogram(lengths, bins=edges)
    return pd.DataFrame({"tokens": edges[1:], "share": counts / counts.sum()}), float((lengths >= max_tokens).mean())


def outlier_share(width: int) -> float:
    """Share of the second moment above which a dimension is called an outlier.

    One per cent, as is usual at 768 dimensions (about eight times the even share), but at least five times the even
    share, so that a narrow encoder has not only outliers.
    """
    return max(0.01, 5 / width)


def geometry(matrices: Matrices, floor: Floor) -> pd.DataFrame:
    """The shape of the cloud of train vectors: columns ``property``, ``value``."""
    moments, variances = floor.moments["train"], floor.pca.variances
    shares = second_moment_shares(moments.second_moments)
    outlier = outlier_share(matrices.width)
    mean_share = float(moments.mean @ moments.mean) / float(moments.second_moments.sum())
    return pd.DataFrame(
        [
            ("dimensions", matrices.width),
            ("mean cosine of two articles (anisotropy)", anisotropy(matrices.train)),
            ("the same after centring", anisotropy(matrices.centred().train)),
            ("share of the second moment in the mean", mean_share),
            (f"dimensions with more than {outlier:.1%} of the second moment", int((shares > outlier).sum())),
            ("effective rank of the covariance", effective_rank(variances)),
            ("participation ratio of the covariance", participation_ratio(variances)),
            (COMPONENTS, enough(floor.transfer["test"])),
            *_groups(matrices, floor),
        ],
        columns=["property", "value"],
    )


def enough(fvu: np.ndarray) -> int:
    """The fewest components that leave at most 5% of the variance, from the FVU at every width from 0 on."""
    return int(np.argmax(fvu <= 0.05))


def _groups(matrices: Matrices, floor: Floor) -> Iterator[tuple[str, float]]:
    """What of the variance of train tells languages and topics apart, and the components needed within languages."""
    inner, total = matrices.train, floor.moments["train"].sst
    if within := matrices.within_languages():
        inner, left = within.train, Moments.of(within.train)
        yield BETWEEN_LANGUAGES, 1 - left.sst / total
        yield LANGUAGE_COMPONENTS, enough(Pca.fit(left).fvu(Moments.of(within.test)))
    topics = common_topics(matrices.rows)["train"].to_numpy()
    if len(np.unique(topics[topics != ""])) > 1:
        yield BETWEEN_TOPICS, share_between(inner[topics != ""], topics[topics != ""])


def share_between(vectors: np.ndarray, labels: np.ndarray) -> float:
    """Share of the variance that lies between the means of labels, the rest being spread about each one's mean.

    Args:
        vectors: shape (n, d).
        labels: n of them.
    """
    within = sum(float(np.trace(Moments.of(vectors[labels == name]).scatter)) for name in np.unique(labels))
    return 1 - within / Moments.of(vectors).sst


def second_moment(floor: Floor) -> pd.DataFrame:
    """Share of the raw second moment by dimension, largest first: ``rank``, ``dimension``, ``share``."""
    shares = second_moment_shares(floor.moments["train"].second_moments)
    order = np.argsort(-shares, kind="stable")
    return pd.DataFrame({"rank": np.arange(1, len(shares) + 1), "dimension": order, "share": shares[order]})


def probes(matrices: Matrices, floor: Floor, *, seed: int) -> pd.DataFrame:
    """What a linear classifier reads: language and the commonest topics, Wilson intervals.

    Read from the whole embedding, and from those first components alone that hold 95% of the variance.
    """
    topics = common_topics(matrices.rows)
    k = enough(floor.transfer["test"])
    code = floor.pca.code(k)
    read = {
        WHOLE: (matrices.train, matrices.test),
        f"first {k} components": (code.encode(matrices.train), code.encode(matrices.test)),
    }
    rows = []
    for label in ("lang", TOPIC):
        named = topics if label == TOPIC else {split: frame.lang for split, frame in matrices.rows.items()}
        train, test = named["train"], named["test"]
        if can_be_told(train, test):
            for source, (known, asked) in read.items():
                found = probe(known, train, asked, test, seed=seed)
                accuracy = found.accuracy
                rows.append(
                    (
                        {"lang": "language", TOPIC: TOPIC}[label],
                        source,
                        found.classes,
                        accuracy.estimate,
                        accuracy.low,
                        accuracy.high,
                        found.macro_f1,
                        found.majority,
                        found.n_train,
                        found.n_test,
                    )
                )
    columns = [
        "label", "read from", "classes", "accuracy", "low", "high", "macro F1", "commonest class", "train articles",
        "test articles",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def translations(matrices: Matrices, *, seed: int) -> pd.DataFrame | None:
    """Cross-language retrieval among test articles, as the vectors come and with each language centred.

    Returns:
        Columns ``query``, ``target``, ``precision``, ``chance``, ``centred``; None where no translations are known.
    """
    rows = matrices.rows["test"]
    if not has_translations(rows):
        return None
    tables = []
    for centred in (False, True):
        pairs = retrieval(matrices.test, rows.lang, rows.group, seed=seed, centre_languages=centred).pairs
        pairs = pairs.rename(columns={"candidate": "target", "precision_at_1": "precision"})
        tables.append(pairs.assign(centred=centred))
    return pd.concat(tables, ignore_index=True)
