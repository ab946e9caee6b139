"""The steps of the waterfall really applied to an encoder that runs here: what each leaves and what it costs.

Nothing is trained. Held-out articles are embedded before and after each step, and their vectors compared: equal to the
bit, cosine, neighbours, and what a linear probe reads from them. Intervals are over articles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smallbert import storage
from smallbert.compress.distill.layer_maps import copied_layers
from smallbert.compress.factorise import truncate
from smallbert.compress.vocabulary import Vocabulary
from smallbert.corpus.prepared import Corpus
from smallbert.errors import UsageError
from smallbert.measure.bootstrap import percentiles, resampled_means
from smallbert.measure.neighbours import nearest, overlap
from smallbert.measure.probe import probe
from smallbert.measure.reconstruction import row_cosines
from smallbert.measure.stats import Interval, verdict, wilson_interval
from smallbert.models import encoder as encoders
from smallbert.models import sources
from smallbert.models.encoder import Encoder
from smallbert.models.layers import with_layers
from smallbert.models.parameters import BYTES, count
from smallbert.models.presets import sizes as sizes_of
from smallbert.models.sizes import Sizes
from smallbert.models.words import with_words, word_table
from smallbert.progress import Progress
from smallbert.studies.articles import NEIGHBOURS, draw
from smallbert.studies.embed import Texts
from smallbert.studies.matrices import common_topics

VERSION = 1
"""Part of the cache's key: raise it when the same inputs would give other measures."""

WHOLE = "whole"
COVERAGES = (0.9, 0.99, 0.999, 1.0)
"""Shares of the corpus's token occurrences that the kept tokens cover."""

NARROWER = 4
"""The word table is truncated to a fourth of its width; page 4 has every rank."""

UNCHANGED, COSINE, KEPT, ACCURACY, CHANGE = "unchanged to the bit", "cosine", "neighbours kept", "accuracy", "change"
"""What is measured of a step: a share of articles; a mean over them; the same; a probe's; that less the whole's."""

MEASURES = (UNCHANGED, COSINE, KEPT, ACCURACY, CHANGE)


@dataclass(frozen=True, eq=False)
class Step:
    """An encoder after a step.

    Args:
        name: what was done.
        encoder: what it became.
        parameters: that are left; without pooler and heads, which make no vectors.
        new_ids: the id now of each token before, -1 where it is gone, (V,); None where tokens keep theirs.
    """

    name: str
    encoder: Encoder
    parameters: int
    new_ids: np.ndarray | None = None


def run(
    source: str,
    prepared: Corpus,
    store: Path,
    *,
    students: Mapping[str, Path] | None = None,
    coverages: Sequence[float] = COVERAGES,
    rows: int,
    seed: int,
    max_tokens: int,
    device: str = "auto",
) -> pd.DataFrame:
    """Apply every step alone, then three together, and measure each. What is finished is found again.

    Args:
        source: the encoder: ``minilm``, a folder or a hub id.
        prepared: its train articles decide what trimming keeps; vectors are compared on test articles.
        store: folder of trimmed encoders and finished measures.
        students: folders of students distilled from the encoder, by what tables call them; the last one takes part in
            the steps together, where else half of the layers are dropped.
        coverages: ascending; the last takes part in the steps together.
        rows: test articles at most; probes are fitted on at most twice as many train articles.
        seed: of the draw, the probes and the intervals.
        max_tokens: where an article is cut.
        device: where to embed.

    Returns:
        One row a step and measure: ``step``, ``parameters``, ``measure`` (of :data:`MEASURES`), ``estimate``, ``low``,
        ``high`` (95% intervals, Wilson's for shares of articles, bootstrapped over articles for means; ``change`` is
        paired) and ``label``, what the probe tells apart: topic, or language where there are no two topics. Cosines
        need vectors of one width, probes two labels: else there is no such row.

    Raises:
        UsageError: too few rows to find neighbours among, or a family whose weights cannot be exchanged.
        DataError: the encoder cannot be read, or a split of the corpus has no article.
    """
    if rows <= NEIGHBOURS:
        raise UsageError(f"Expected more than {NEIGHBOURS} rows, to find {NEIGHBOURS} neighbours, got {rows}.")
    options = {"max_tokens": max_tokens, "device": device}
    steps = _steps(source, prepared, store, students or {}, coverages, options)
    articles = _Articles(prepared, rows, seed)
    identities = [{key: value for key, value in one.encoder.describe().items() if key != "name"} for one in steps]
    paths = [store / f"{storage.digest([VERSION, articles.key, identities[0], one])}.json" for one in identities]
    missing = [(step, path) for step, path in zip(steps, paths, strict=True) if not path.exists()]
    if missing:
        with Progress("reduce", articles.total * (len(missing) + (missing[0][0] is not steps[0])), "articles") as bar:
            whole = _Read(articles, steps[0], bar)
            for step, path in missing:
                read = whole if step is steps[0] else _Read(articles, step, bar)
                found = _measure(whole, read, step.new_ids, seed)
                storage.write_json(path, {name: [one.estimate, one.low, one.high] for name, one in found.items()})
    return pd.DataFrame(
        [
            (step.name, step.parameters, measure, *values, articles.label)
            for step, path in zip(steps, paths, strict=True)
            for measure, values in storage.read_json(path).items()
        ],
        columns=["step", "parameters", "measure", "estimate", "low", "high", "label"],
    )


def trimmed(source: str, prepared: Corpus, coverages: Sequence[float], store: Path) -> list[Path]:
    """The encoder trimmed to the corpus at every coverage, or found trimmed: Hugging Face folders."""
    own = store / storage.digest([sources.checksum(sources.find(source)), prepared.key])
    folders = {coverage: own / f"coverage-{coverage:g}" for coverage in coverages}
    missing = {coverage: folder for coverage, folder in folders.items() if not (folder / "config.json").exists()}
    if missing:
        vocabulary = Vocabulary(source)
        with Progress("count tokens", prepared.counts["split"]["train"], "articles") as bar:
            counts = vocabulary.count(Texts(prepared), advance=bar.advance)
        for coverage, folder in missing.items():
            vocabulary.trim(vocabulary.keep(counts, coverage=coverage), folder)
    return list(folders.values())


def summary(cells: pd.DataFrame) -> pd.DataFrame:
    """One row a step.

    Args:
        cells: from :func:`run`.

    Returns:
        Columns ``step``, ``parameters``, ``megabytes`` (fp32), ``left`` (share of the whole's parameters), what is
        measured, and ``low`` and ``high`` of ``change``; measures that no step has are left out.
    """
    steps = cells.drop_duplicates("step")[["step", "parameters"]]
    wide = cells.pivot(index="step", columns="measure", values="estimate").loc[steps.step]
    table = steps.assign(
        megabytes=BYTES["fp32"] * steps.parameters / 1e6, left=steps.parameters / steps.parameters.iloc[0]
    ).set_index("step")
    table = table.join(wide[[name for name in MEASURES if name in wide]])
    change = cells[cells.measure == CHANGE].set_index("step")
    return (table.join(change[["low", "high"]]) if len(change) else table).reset_index()


def sentence(cells: pd.DataFrame) -> str:
    """What each step leaves of the parameters, and what it costs.

    Args:
        cells: from :func:`run`.
    """
    whole = cells[cells.step == WHOLE].iloc[0]
    said = []
    for step, part in cells[cells.step != WHOLE].groupby("step", sort=False):
        found = part.set_index("measure")
        clauses = [f"{found.parameters.iloc[0] / whole.parameters:.0%} of the parameters"]
        if found.estimate.get(UNCHANGED, 0) > 0:
            clauses.append(f"{found.estimate[UNCHANGED]:.0%} of the articles the same to the bit")
        clauses.append(f"{found.estimate[KEPT]:.0%} of their neighbours")
        if CHANGE in found.index and found.estimate.get(UNCHANGED, 0) < 1:
            change = found.loc[CHANGE]
            word = verdict(Interval(change.estimate, change.low, change.high, 0, 0.95))
            between = f"[{change.low:+.3f}, {change.high:+.3f}]"
            clauses.append(f"{change.label} accuracy {change.estimate:+.3f} {between}, {word}")
        said.append(f"{step}: {', '.join(clauses)}")
    return f"What is left of {whole.parameters:,} parameters, and of what their vectors say. {'; '.join(said)}."


def _steps(
    source: str,
    prepared: Corpus,
    store: Path,
    students: Mapping[str, Path],
    coverages: Sequence[float],
    options: dict[str, Any],
) -> list[Step]:
    """The encoder, then every step applied to it alone, then three together."""
    whole, sizes = encoders.load(source, **options), _sizes(source)
    kept = copied_layers("released", -(-sizes.layers // 2), sizes.layers)
    dropped = f"drop layers, {len(kept)} of {sizes.layers} kept"
    steps = [Step(WHOLE, whole, count(sizes).total)]
    for coverage, folder in zip(coverages, trimmed(source, prepared, coverages, store), strict=True):
        steps.append(_trimmed(f"trim, coverage {coverage:g}", source, folder, options))
    steps += [
        _truncated("truncate the word table", steps[0], sizes),
        Step(dropped, with_layers(whole, kept), count(replace(sizes, layers=len(kept))).total),
    ]
    for name, folder in students.items():
        steps.append(Step(name, encoders.load(str(folder), **options), count(_sizes(str(folder))).total))
    last, small = list(students.items())[-1] if students else (dropped, source)
    [folder] = trimmed(str(small), prepared, coverages[-1:], store)
    together, sizes = _trimmed("", str(small), folder, options), _sizes(str(folder))
    if not students:
        together = replace(together, encoder=with_layers(together.encoder, kept))
        sizes = replace(sizes, layers=len(kept))
    steps.append(_truncated(f"trim, {last}, truncate", together, sizes))
    return steps


def _trimmed(name: str, source: str, folder: Path, options: dict[str, Any]) -> Step:
    encoder = encoders.load(str(folder), **options)
    return Step(name, encoder, count(_sizes(str(folder))).total, Vocabulary(source).renumbering(Vocabulary(folder)))


def _truncated(name: str, step: Step, sizes: Sizes) -> Step:
    """The step with its word table as the best product of two narrow ones."""
    words = word_table(step.encoder)
    rank = max(words.shape[1] // NARROWER, 1)
    left, right = truncate(words).factors(rank)
    parameters = count(sizes).total - words.size + left.size + right.size
    return Step(f"{name}, rank {rank}", with_words(step.encoder, left @ right), parameters, step.new_ids)


def _sizes(source: str) -> Sizes:
    """Of the encoder alone: pooler and heads make no vectors."""
    return replace(sizes_of(str(sources.find(source))), pooler=False, head="none")


class _Articles:
    """The articles all steps read, and what a probe is asked of them."""

    def __init__(self, prepared: Corpus, rows: int, seed: int) -> None:
        drawn = {split: draw(prepared, split, most, seed) for split, most in (("train", 2 * rows), ("test", rows))}
        self.texts = {split: texts for split, (_, texts) in drawn.items()}
        self.key, self.seed = storage.digest([prepared.key, rows, seed]), seed
        self.total = sum(map(len, self.texts.values()))
        known = {split: rows for split, (rows, _) in drawn.items()}
        named = {"topic": common_topics(known), "language": {split: rows.lang for split, rows in known.items()}}
        told = [(name, labels) for name, labels in named.items() if _can_be_told(**labels)]
        self.label, self.labels = told[0] if told else ("", None)


def _can_be_told(train: pd.Series, test: pd.Series) -> bool:
    return train[train != ""].nunique() > 1 and bool((test != "").any())


class _Read:
    """The articles as a step reads them: tokens of the test articles, vectors, and where the probe is right."""

    def __init__(self, articles: _Articles, step: Step, bar: Progress) -> None:
        self.encoder = step.encoder
        ids = {split: step.encoder.tokenize(texts) for split, texts in articles.texts.items()}
        self.ids = ids["test"]
        vectors = {split: step.encoder.encode(own, advance=bar.advance) for split, own in ids.items()}
        mean = vectors["train"].mean(axis=0)  # an origin is no loss
        self.vectors, self.right = vectors["test"] - mean, None
        if articles.labels is not None:
            train, test = (articles.labels[split] for split in ("train", "test"))
            found = probe(vectors["train"] - mean, train, self.vectors, test, seed=articles.seed)
            self.right = found.right.astype(float)


def _measure(whole: _Read, step: _Read, new_ids: np.ndarray | None, seed: int) -> dict[str, Interval]:
    found = {}
    queries = np.arange(len(whole.ids))
    if whole.vectors.shape == step.vectors.shape:
        equal = _equal_to_the_bit(whole, step, new_ids)
        found[UNCHANGED] = wilson_interval(int(equal.sum()), len(equal))
        found[COSINE] = _over_articles(row_cosines(step.vectors, whole.vectors), seed)
    near = [nearest(one.vectors, queries, NEIGHBOURS, metric="l2") for one in (whole, step)]
    found[KEPT] = _over_articles(overlap(*near), seed)
    if whole.right is not None:
        found[ACCURACY] = wilson_interval(int(step.right.sum()), len(step.right))
        found[CHANGE] = _over_articles(step.right - whole.right, seed)
    return found


def _over_articles(values: np.ndarray, seed: int) -> Interval:
    """Mean with its bootstrap interval: other articles might have been drawn."""
    return percentiles(values, resampled_means(values, seed=seed))


def _equal_to_the_bit(whole: _Read, step: _Read, new_ids: np.ndarray | None) -> np.ndarray:
    """Which test articles keep their tokens and have equal vectors, bool (n,).

    Both encoders read these articles alone: a batch is a function of its lengths, and its shape enters the rounding.
    """
    same = np.array(
        [
            np.array_equal(before if new_ids is None else new_ids[before], after)
            for before, after in zip(whole.ids, step.ids, strict=True)
        ]
    )
    if same.any():
        chosen = np.flatnonzero(same)
        before, after = (one.encoder.encode([one.ids[i] for i in chosen]) for one in (whole, step))
        same[chosen] = (before == after).all(axis=1)
    return same
