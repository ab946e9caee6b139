"""A real word table as two narrow ones: what every rank loses, and what that costs the vectors of articles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from smallbert import storage
from smallbert.compress.factorise import Truncation, train_factors, truncate
from smallbert.corpus.prepared import Corpus
from smallbert.errors import SmallbertError, UsageError
from smallbert.models.encoder import Encoder
from smallbert.models.parameters import break_even
from smallbert.models.words import with_words, word_table
from smallbert.progress import Progress
from smallbert.studies.articles import NEIGHBOURS, Articles
from smallbert.studies.commonest import ALWAYS, nothing_to_keep
from smallbert.studies.facts import plain

VERSION = 2
"""Part of the cache's key: raise it when the same inputs would give other measures."""

NORMS = ("plain", "by frequency")
"""The norms a truncation can minimise: every token's row alike, or weighted by how often the corpus uses it."""
WHOLE = "whole"
KEPT = 0.95
"""Share of the squared norm that :func:`sentence` asks for."""
TOLERANCE = 1e-6


def truncations(words: np.ndarray, counts: np.ndarray) -> dict[str, Truncation]:
    """The table decomposed in both norms.

    Args:
        words: shape (V, H).
        counts: shape (V,), occurrences of each token.
    """
    return {"plain": truncate(words), "by frequency": truncate(words, counts / counts.sum())}


def error_curve(both: dict[str, Truncation], counts: np.ndarray) -> pd.DataFrame:
    """What every rank loses of the table itself, by both truncations and in both norms.

    Args:
        both: from :func:`truncations`.
        counts: shape (V,).

    Returns:
        One row a rank from 1 and a norm minimised: ``rank``, ``fitted`` (of ``NORMS``), ``parameters``, ``bytes``
        (fp32), ``lost`` and ``lost by frequency`` (shares of the squared norm), ``cosine`` and ``cosine by frequency``
        (mean cosine of a word vector with its truncation).
    """
    vocabulary, width = both["plain"].words.shape
    rank = np.arange(1, width + 1)
    tables = [
        pd.DataFrame(
            {
                "rank": rank,
                "fitted": name,
                "parameters": rank * (vocabulary + width),
                "bytes": 4 * rank * (vocabulary + width),
                "lost": one.lost(both["plain"].triangle)[1:],
                "lost by frequency": one.lost(both["by frequency"].triangle)[1:],
                "cosine": one.cosines()[1:],
                "cosine by frequency": one.cosines(counts)[1:],
            }
        )
        for name, one in both.items()
    ]
    return pd.concat(tables, ignore_index=True)


def trained_factors(truncation: Truncation, ranks: Sequence[int], *, seeds: int) -> pd.DataFrame:
    """Factorisations trained by gradient descent beside the truncation of the same rank.

    Returns:
        One row a rank and seed: ``rank``, ``seed``, ``trained`` and ``truncated`` (shares of the squared norm lost)
        and ``above``, their difference.
    """
    lost = truncation.lost()
    rows = [
        (rank, seed, train_factors(truncation, rank, seed=seed), lost[rank]) for rank in ranks for seed in range(seeds)
    ]
    table = pd.DataFrame(rows, columns=["rank", "seed", "trained", "truncated"])
    return table.assign(above=table.trained - table.truncated)


def check_trained(table: pd.DataFrame) -> pd.DataFrame:
    """Hold every trained factorisation to the truncation.

    Args:
        table: from :func:`trained_factors`.

    Returns:
        One row: the number of factorisations checked, their smallest and largest distance above the truncation.

    Raises:
        SmallbertError: one lies below by more than 1e-6, which Eckart and Young exclude.
    """
    if (table.above < -TOLERANCE).any():
        worst = table.loc[table.above.idxmin()]
        raise SmallbertError(
            f"Expected every trained factorisation to lose at least what the truncation loses, but rank "
            f"{worst['rank']:.0f} (seed {worst.seed:.0f}) loses {-worst.above:.2e} less, which Eckart and Young "
            "exclude.",
            "Suspect the decomposition or the measure, not the theorem.",
        )
    return pd.DataFrame(
        {
            "factorisations checked": [len(table)],
            "least above the truncation": [table.above.min()],
            "most above the truncation": [table.above.max()],
        }
    )


def truncation_study(
    encoder: Encoder, articles: Articles, both: dict[str, Truncation], ranks: Sequence[int], store: Path
) -> pd.DataFrame:
    """Embed the articles again with the word table truncated to every rank, in both norms.

    A measured truncation is stored at once, so that an interrupted study goes on where it stopped.

    Args:
        encoder: as loaded, its own table whole.
        articles: what it embeds.
        both: its table, from :func:`truncations`.
        ranks: inner widths E; those beyond the table's width are left out.
        store: folder of finished measures.

    Returns:
        First the whole table, then one row a norm and rank: ``rank``, ``fitted`` (of ``NORMS``, or ``whole``),
        ``parameters``, ``bytes`` (fp32), ``lost`` (share of the squared norm minimised), ``cosine to original`` (mean
        over test articles), ``neighbour overlap@10``, ``topic accuracy``, ``topic low``, ``topic high``, and the same
        of ``language`` (95% Wilson intervals; empty where the corpus names fewer than two); ``topic commonest``, the
        accuracy of always answering the commonest topic.
    """
    vocabulary, width = both["plain"].words.shape
    plan = [(WHOLE, width)] + [(norm, rank) for norm in NORMS for rank in sorted(set(ranks)) if rank <= width]
    identity = {key: value for key, value in encoder.describe().items() if key != "name"}
    paths = {one: store / f"{storage.digest([VERSION, identity, articles.key, *one])}.json" for one in plan}
    missing = [one for one in plan if not paths[one].exists()]
    if missing:
        with Progress("truncate", articles.total * (len(missing) + 1 - (plan[0] in missing)), "articles") as bar:
            original = articles.vectors(encoder, bar.advance)
            for norm, rank in missing:
                vectors = original
                if norm != WHOLE:
                    left, right = both[norm].factors(rank)
                    vectors = articles.vectors(with_words(encoder, left @ right), bar.advance)
                storage.write_json(paths[norm, rank], articles.measure(vectors, original))
    rows = []
    for norm, rank in plan:
        numbers = rank * (vocabulary + width) if norm != WHOLE else vocabulary * width
        lost = both[norm].lost()[rank] if norm != WHOLE else 0.0
        known = {"rank": rank, "fitted": norm, "parameters": numbers, "bytes": 4 * numbers, "lost": float(lost)}
        rows.append(known | {"topic commonest": articles.commonest} | storage.read_json(paths[norm, rank]))
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class WordTable:
    """What was found of one encoder's word table.

    Args:
        name: the encoder.
        curve: from :func:`error_curve`.
        costs: from :func:`truncation_study`.
        trained: from :func:`trained_factors`, at the middle rank.
    """

    name: str
    curve: pd.DataFrame
    costs: pd.DataFrame
    trained: pd.DataFrame

    @property
    def break_even(self) -> float:
        """The rank from which a factorisation saves nothing."""
        whole = self.costs[self.costs.fitted == WHOLE].iloc[0]
        return break_even(whole.parameters // whole["rank"], whole["rank"])


def study(
    name: str,
    encoder: Encoder,
    prepared: Corpus,
    ranks: Sequence[int],
    *,
    rows: int,
    seeds: int,
    seed: int,
    store: Path,
) -> WordTable:
    """Everything about one encoder's table.

    Args:
        name: of the encoder.
        encoder: of a family whose table can be exchanged.
        prepared: the corpus whose articles are embedded and whose tokens are counted.
        ranks: inner widths E to embed with.
        rows: test articles at most; twice as many train articles.
        seeds: factorisations trained beside the truncation.
        seed: of the draw and the probes.
        store: folder of finished measures.

    Raises:
        UsageError: every rank is wider than the table.
    """
    words = word_table(encoder)
    possible = sorted(rank for rank in ranks if rank <= words.shape[1])
    if not possible:
        raise UsageError(
            f"Expected a width of at most {words.shape[1]}, which the word table of {name} has, got {list(ranks)}.",
            "Add a narrower one: -p truncations=[16,64].",
        )
    articles = Articles(encoder, prepared, rows=rows, seed=seed)
    counts = articles.counts(len(words))
    both = truncations(words, counts)
    trained = trained_factors(both["plain"], possible[len(possible) // 2 : len(possible) // 2 + 1], seeds=seeds)
    costs = truncation_study(encoder, articles, both, ranks, store)
    return WordTable(name, error_curve(both, counts), costs, trained)


def sentence(found: WordTable) -> str:
    """What a factorised table of this encoder saves and costs: the table itself, then each norm at the middle rank."""
    curve, costs = found.curve, found.costs
    whole = costs[costs.fitted == WHOLE].iloc[0]
    width = int(whole["rank"])
    vocabulary = int(whole.parameters) // width
    lost = curve[curve.fitted == "plain"].set_index("rank").lost
    enough = int(lost.index[lost <= 1 - KEPT][0])
    share = enough * (vocabulary + width) / whole.parameters
    said = [
        f"{plain(found.name)}: a table of {vocabulary:,} x {width} saves nothing from rank {found.break_even:.1f} on; "
        f"rank {enough} keeps {KEPT:.0%} of its squared norm at {share:.0%} of its parameters."
    ]
    for norm in NORMS:
        own = costs[costs.fitted == norm].sort_values("rank")
        middle = own.iloc[len(own) // 2]
        said.append(
            f"Truncated {norm} to rank {middle['rank']} ({middle.parameters / whole.parameters:.0%} of the "
            f"parameters), it leaves test articles at cosine {middle['cosine to original']:.3f} to their original "
            f"vectors and keeps {middle[f'neighbour overlap@{NEIGHBOURS}']:.0%} of their neighbours"
            f"{_smallest_rank(own, whole)}."
        )
    return " ".join(said)


def _smallest_rank(own: pd.DataFrame, whole: pd.Series) -> str:
    """From which rank on topics are read as well as from the whole table, as far as its interval can tell."""
    if pd.isna(whole["topic low"]):
        return ""
    if nothing_to_keep(whole["topic low"], whole["topic commonest"]):
        return (
            f"; the whole table's topic accuracy, {whole['topic accuracy']:.0%}, is not told from {ALWAYS} topic, "
            f"{whole['topic commonest']:.0%}: nothing to keep"
        )
    worse = own["rank"][own["topic accuracy"] < whole["topic low"]]
    enough = own["rank"][own["rank"] > worse.max()] if len(worse) else own["rank"]
    if enough.empty:
        return "; at no rank tried is topic accuracy within the whole table's interval"
    return f"; from rank {enough.iloc[0]} on topic accuracy is within the whole table's interval"
