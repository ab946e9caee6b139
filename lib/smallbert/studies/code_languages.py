"""On which articles shall a multilingual reduction be fitted: on all languages, on each alone, or on one of them?

A map fitted on a language keeps more of that language than one fitted on all, for PCA of its own rows is the least
error there is. But codes of different maps have nothing to do with one another, so a search across languages ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from smallbert.compress.codes.code import Mapped, cosines
from smallbert.compress.codes.formats import Int8
from smallbert.compress.linear import AffineCode, Pca
from smallbert.compress.moments import Moments
from smallbert.errors import SmallbertError
from smallbert.measure.bootstrap import percentiles, resampled_means
from smallbert.studies.searches import NEIGHBOURS, OVERLAP, TRANSLATIONS, Searches, neighbours, overlap

ALL, CENTRED, EACH = "one map", "one map, languages centred", "a map a language"
LEAST_TEST = NEIGHBOURS + 2
"""Test articles a language needs, so that not all others are neighbours."""
TOLERANCE = 1e-6
PARTS = ("components", "mean")


@dataclass(frozen=True)
class Fits:
    """What was found.

    Args:
        languages: one row an arm, size and language: ``arm``, ``bytes``, ``language``, ``train FVU``, ``test FVU``
            (of the language's articles about their own mean) and neighbour overlap@10 within the language.
        points: one row an arm, size and measure: ``arm``, ``bytes``, ``measure`` (overlap within a language, or
            translations found), ``mean``, ``low``, ``high`` (95% bootstrap over articles, of translations over events),
            ``queries`` (articles).
        shares: numbers stored for the maps, by arm and bytes: ``arm``, ``bytes``, ``map megabytes``.
    """

    languages: pd.DataFrame
    points: pd.DataFrame
    shares: pd.DataFrame


def fits(searches: Searches, budgets: Sequence[int]) -> Fits:
    """PCA and int8 numbers, fitted in four ways, at equal bytes.

    Args:
        searches: the questions.
        budgets: bytes a vector, one a number; those beyond the width or a language's training rows are left out.

    Raises:
        SmallbertError: a shared map is better than a language's own on its own training articles, which Eckart and
            Young exclude.
    """
    train_rows = searches.collection.matrices.rows["train"]
    spoken, tested = train_rows.lang.to_numpy(), searches.rows.lang.to_numpy()
    own = {
        str(language): (searches.train[spoken == language], tested == language)
        for language in pd.unique(spoken)
        if (tested == language).sum() >= LEAST_TEST and (spoken == language).sum() > max(budgets)
    }
    own = dict(sorted(own.items(), key=lambda item: -len(item[1][0])))
    sizes = [nbytes for nbytes in sorted(budgets) if nbytes <= searches.test.shape[1]]
    if len(own) < 2 or not sizes:
        empty = pd.DataFrame
        return Fits(empty(), empty(), empty())
    moments = {language: Moments.of(rows) for language, (rows, _) in own.items()}
    maps = _maps(moments)
    truths = {
        language: neighbours(_nearness(searches.test[rows], searches.test[rows])) for language, (_, rows) in own.items()
    }
    languages, points, shares = [], [], []
    for arm, by_language in maps.items():
        for nbytes in sizes:
            stored, queries = _coded(searches.test, own, {name: pca.code(nbytes) for name, pca in by_language.items()})
            per_query = []
            for language, (_, here) in own.items():
                kept = overlap(truths[language], neighbours(_nearness(queries[here], stored[here])))
                per_query.append(kept)
                test = Moments.of(searches.test[here])
                map = by_language[language].code(nbytes)
                languages.append((arm, nbytes, language, map.fvu(moments[language]), map.fvu(test), kept.mean()))
            points.append((arm, nbytes, OVERLAP, *_interval(np.concatenate(per_query))))
            if searches.has_translations:
                found = searches.translations(cosines(queries, stored))
                points.append((arm, nbytes, TRANSLATIONS, *_interval(found, searches.groups[TRANSLATIONS])))
            # Directions once where they are shared, a mean where it is not.
            directions, means = (len({id(getattr(one, part)) for one in by_language.values()}) for part in PARTS)
            numbers = searches.test.shape[1] * (directions * nbytes + means)
            shares.append((arm, nbytes, 4 * numbers / 1e6))
    table = pd.DataFrame(languages, columns=["arm", "bytes", "language", "train FVU", "test FVU", OVERLAP])
    _check(table)
    return Fits(
        table,
        pd.DataFrame(points, columns=["arm", "bytes", "measure", "mean", "low", "high", "queries"]),
        pd.DataFrame(shares, columns=["arm", "bytes", "map megabytes"]),
    )


def _maps(moments: dict[str, Moments]) -> dict[str, dict[str, Pca]]:
    """Arm -> language -> the PCA its articles are coded with."""
    first, *rest = moments.values()
    everything, within = first, first.scatter.copy()
    for part in rest:
        everything = everything + part
        within += part.scatter
    shared = Pca.fit(everything)
    # The directions in which articles of one language differ, about each language's own mean.
    inner = Pca.fit(Moments(everything.n, np.zeros(everything.width), within))
    each = {language: Pca.fit(own) for language, own in moments.items()}
    largest = next(iter(each))
    return {
        ALL: dict.fromkeys(moments, shared),
        CENTRED: {
            language: Pca(own.mean, inner.components, inner.variances) for language, own in moments.items()
        },
        EACH: each,
        f"the map of {largest}": dict.fromkeys(moments, each[largest]),
    }  # fmt: skip


def _coded(
    test: np.ndarray, own: dict[str, tuple[np.ndarray, np.ndarray]], maps: dict[str, AffineCode]
) -> tuple[np.ndarray, np.ndarray]:
    """All test articles as they decode and as queries: two of (n, k). Those of languages left out are zero.

    Int8 numbers are calibrated together on all training rows, so that maps which share directions share one format.
    """
    calibrated = Int8.fit(np.concatenate([maps[language].encode(rows) for language, (rows, _) in own.items()]))
    stored, queries = np.zeros((2, len(test), next(iter(maps.values())).width), np.float32)
    for language, (_, rows) in own.items():
        code = Mapped(maps[language], calibrated)
        stored[rows], queries[rows] = code.decode(code.encode(test[rows])), code.query(test[rows])
    return stored, queries


def _nearness(queries: np.ndarray, documents: np.ndarray) -> np.ndarray:
    """Minus the squared Euclidean distance, up to what all documents of a query share: (q, n)."""
    return queries @ documents.T - np.square(documents).sum(axis=1) / 2


def _interval(values: np.ndarray, groups: np.ndarray | None = None) -> tuple[float, float, float, int]:
    found = percentiles(values, resampled_means(values, groups=groups))
    return found.estimate, found.low, found.high, found.n


def _check(table: pd.DataFrame) -> None:
    wide = table.pivot(index=["bytes", "language"], columns="arm", values="train FVU")
    worst = wide.sub(wide[EACH], axis=0).min().min()
    if worst < -TOLERANCE:
        raise SmallbertError(
            f"Expected no map to be better on a language's training articles than PCA of these, but one is by "
            f"{-worst:.2e} FVU, which Eckart and Young exclude.",
            "Suspect the moments, not the theorem.",
        )


def sentence(found: Fits, nbytes: int) -> str:
    """Which way of fitting is best at one size, beside one map for all; the others stand in the figure."""
    if found.points.empty:
        return "With fewer than two languages of enough articles there is nothing to compare."
    own = found.points[found.points.bytes == nbytes]
    megabytes = found.shares[found.shares.bytes == nbytes].set_index("arm")["map megabytes"]
    told = []
    for measure, part in own.groupby("measure", sort=False):
        worth = {
            str(row["arm"]): f"{row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
            for row in part.to_dict("records")
        }
        best = str(part.arm[part["mean"].idxmax()])
        beside = "" if best == ALL else f", against {worth[ALL]} of {ALL}"
        told.append(f"Most {measure} by mean: {best}, {worth[best]}{beside}.")
    sizes = f"{EACH[0].upper()}{EACH[1:]} takes {megabytes[EACH]:.2f} MB, {ALL} {megabytes[ALL]:.2f} MB."
    return f"At {nbytes} bytes. {' '.join([*told, sizes])}"
