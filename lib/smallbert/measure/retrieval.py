"""Cross-language retrieval: given a text, is its translation the nearest text of the other language?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pandas as pd
import torch

from smallbert.arrays import Array, matrix, require_finite, require_same_rows
from smallbert.errors import DataError

QUERY_BLOCK = 256
"""Queries scored at once against all candidates: 1 kB per candidate of scores."""


@dataclass(frozen=True, eq=False)
class Retrieval:
    """Retrieval over all ordered pairs of languages.

    Attributes:
        pairs: one row per (query language, candidate language) with a translated pair between them: columns
            query, candidate, queries, candidates, precision_at_1, mrr, chance.
    """

    pairs: pd.DataFrame

    @property
    def precision_at_1(self) -> float:
        """Share of queries whose nearest candidate is a translation; mean over pairs, each counting once."""
        return float(self.pairs["precision_at_1"].mean())


def retrieval(
    vectors: Array,
    languages: Sequence[str] | np.ndarray,
    groups: Sequence[str] | np.ndarray,
    *,
    seed: int,
    max_queries: int = 2000,
    centre_languages: bool = False,
    device: torch.device | str = "cpu",
) -> Retrieval:
    """Find translations by cosine, for every ordered pair of languages.

    Rows with the same non-empty group are translations of one another. For languages A and B the queries are
    the rows of A that have a translation in B, the candidates *all* rows of B. A candidate that scores exactly
    as high as the translation ranks before it, so codes that map everything to one point get nothing.

    Args:
        vectors: shape (n, d).
        languages: n language codes.
        groups: n event names; empty where unknown.
        seed: of the draw where a pair of languages has more than ``max_queries`` queries.
        max_queries: queries per ordered pair at most.
        centre_languages: subtract each language's own mean first, which removes the constant offset that
            tells a vector's language (Libovický et al. 2020).
        device: where to compute.

    Raises:
        DataError: shapes that do not agree, no translated pair at all, or a value that is not finite.
    """
    data = matrix(vectors)
    languages, groups = np.asarray(languages, dtype=np.str_), np.asarray(groups, dtype=np.str_)
    require_same_rows(vectors=data, languages=languages, groups=groups)
    require_finite(data)
    members = {name: np.flatnonzero(languages == name) for name in np.unique(languages)}
    _, events = np.unique(groups, return_inverse=True)
    events[groups == ""] = -1
    units = torch.empty(data.shape, dtype=torch.float32, device=device)
    for rows in members.values():
        part = torch.as_tensor(data[rows], dtype=torch.float32, device=device)
        part = part - part.mean(dim=0) if centre_languages else part
        units[rows] = torch.nn.functional.normalize(part, eps=torch.finfo(torch.float32).tiny)
    generator = np.random.default_rng(seed)
    records = []
    for asked, answering in permutations(members, 2):
        candidates = members[answering]
        known = np.intersect1d(events[members[asked]], events[candidates])
        queries = members[asked][np.isin(events[members[asked]], known[known >= 0])]
        if not len(queries):
            continue
        if len(queries) > max_queries:
            queries = np.sort(generator.choice(queries, max_queries, replace=False))
        ranks, relevant = _ranks(units, events, queries, candidates)
        records.append(
            {
                "query": asked,
                "candidate": answering,
                "queries": len(queries),
                "candidates": len(candidates),
                "precision_at_1": float((ranks == 1).mean()),
                "mrr": float((1 / ranks).mean()),
                "chance": float((relevant / len(candidates)).mean()),
            }
        )
    if not records:
        raise DataError(
            "Expected rows in two languages that share a group, found none.",
            "Cross-language retrieval needs a corpus whose translations are known.",
        )
    return Retrieval(pd.DataFrame(records))


def _ranks(
    units: torch.Tensor, events: np.ndarray, queries: np.ndarray, candidates: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rank of each query's best translation among the candidates, and how many translations there are."""
    pool = units[candidates]
    # Candidates sorted by event, so that the translations of a query are one slice of them.
    order = np.argsort(events[candidates], kind="stable")
    first, last = (np.searchsorted(events[candidates][order], events[queries], side) for side in ("left", "right"))
    relevant = last - first
    ranks = []
    for start in range(0, len(queries), QUERY_BLOCK):
        part = slice(start, start + QUERY_BLOCK)
        scores = units[queries[part]] @ pool.T  # (queries of the block, candidates)
        rows = np.repeat(np.arange(len(scores)), relevant[part])
        columns = np.concatenate([order[a:b] for a, b in zip(first[part], last[part], strict=True)])
        right = scores[rows, columns]
        row = torch.as_tensor(rows, device=scores.device)
        best = scores.new_full((len(scores),), -torch.inf).scatter_reduce(0, row, right, "amax")
        level = torch.bincount(row[right == best[row]], minlength=len(scores))  # translations at the best score
        ranks.append(1 + torch.count_nonzero(scores >= best[:, None], dim=1) - level)
    return torch.cat(ranks).cpu().numpy(), relevant
