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
from smallbert.measure.stats import Interval, verdict
from smallbert.models import encoder as encoders
from smallbert.models import sources
from smallbert.models.encoder import Encoder
from smallbert.models.layers import with_layers
from smallbert.models.parameters import BYTES, count
from smallbert.models.presets import sizes as sizes_of
from smallbert.models.sizes import Sizes
from smallbert.models.words import with_words, word_table
from smallbert.progress import Progress
from smallbert.studies.articles import NEIGHBOURS
from smallbert.studies.commonest import ALWAYS, nothing_to_keep
from smallbert.studies.embed import Texts
from smallbert.studies.reduction_costs import (
    ACCURACY,
    CHANGE,
    KEPT,
    MEASURES,
    UNCHANGED,
    Articles,
    Read,
    measure,
)

VERSION = 3
"""Part of the cache's key: raise it when the same inputs would give other measures."""

WHOLE = "whole"
COVERAGES = (0.9, 0.99, 0.999, 1.0)
"""Shares of the corpus's token occurrences that the kept tokens cover."""

NARROWER = 4
"""The word table is truncated to a fourth of its width; page 4 has every rank."""


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
        paired), ``label``, what the probe tells apart: topic, or language where there are no two topics, ``n``
        (articles) and ``commonest`` (accuracy of always answering the commonest label, not-a-number without one).
        Cosines need vectors of one width, probes two labels: else there is no such row.

    Raises:
        UsageError: too few rows to find neighbours among, or a family whose weights cannot be exchanged.
        DataError: the encoder cannot be read, or a split of the corpus has no article.
    """
    if rows <= NEIGHBOURS:
        raise UsageError(f"Expected more than {NEIGHBOURS} rows, to find {NEIGHBOURS} neighbours, got {rows}.")
    options = {"max_tokens": max_tokens, "device": device}
    steps = _steps(source, prepared, store, students or {}, coverages, options)
    articles = Articles(prepared, rows, seed)
    identities = [{key: value for key, value in one.encoder.describe().items() if key != "name"} for one in steps]
    paths = [store / f"{storage.digest([VERSION, articles.key, identities[0], one])}.json" for one in identities]
    missing = [(step, path) for step, path in zip(steps, paths, strict=True) if not path.exists()]
    if missing:
        with Progress("reduce", articles.total * (len(missing) + (missing[0][0] is not steps[0])), "articles") as bar:
            whole = Read(articles, steps[0].encoder, bar)
            for step, path in missing:
                read = whole if step is steps[0] else Read(articles, step.encoder, bar)
                found = measure(whole, read, step.new_ids, seed)
                storage.write_json(path, {name: [one.estimate, one.low, one.high] for name, one in found.items()})
    return pd.DataFrame(
        [
            (step.name, step.parameters, measure, *values, articles.label, articles.asked(measure), articles.commonest)
            for step, path in zip(steps, paths, strict=True)
            for measure, values in storage.read_json(path).items()
        ],
        columns=["step", "parameters", "measure", "estimate", "low", "high", "label", "n", "commonest"],
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
    """Which step leaves least of the parameters, which changes nothing, and what the others cost; the table has more.

    Args:
        cells: from :func:`run`.
    """
    first = cells[cells.step == WHOLE].set_index("measure")
    whole, others = first.iloc[0], cells[cells.step != WHOLE]
    wide = others.pivot(index="step", columns="measure", values="estimate").reindex(columns=list(MEASURES))
    left = others.groupby("step").parameters.first() / whole.parameters
    said = [
        f"Of {whole.parameters:,} parameters {left.idxmin()} leaves least, {left.min():.0%}, with "
        f"{wide[KEPT][left.idxmin()]:.0%} of the articles' neighbours."
    ]
    same = [f"{step} ({left[step]:.0%})" for step in wide.index[wide[UNCHANGED] == 1]]
    if same:
        said.append(f"Every article stays the same to the bit with {'; '.join(same)}.")
    if ACCURACY in first.index and nothing_to_keep(first.low[ACCURACY], whole.commonest):
        said.append(
            f"No step is judged by {whole.label} accuracy: the whole encoder's, {first.estimate[ACCURACY]:.3f}, is no "
            f"better for sure than {ALWAYS} ({whole.commonest:.3f})."
        )
        return " ".join(said)
    changes = others[(others.measure == CHANGE) & ~others.step.isin(wide.index[wide[UNCHANGED] == 1])]
    words: dict[str, list[str]] = {}
    for row in changes.itertuples():
        word = verdict(Interval(row.estimate, row.low, row.high, 0, 0.95))
        told = f" ({row.estimate:+.3f} [{row.low:+.3f}, {row.high:+.3f}])" if word in ("lower", "higher") else ""
        words.setdefault(word, []).append(f"{row.step}{told}")
    if words:
        each = ". ".join(f"{word.capitalize()} after {'; '.join(steps)}" for word, steps in words.items())
        said.append(
            f"The probe's {whole.label} accuracy against the whole encoder's, 95% intervals, uncorrected. {each}."
        )
    return " ".join(said)


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
