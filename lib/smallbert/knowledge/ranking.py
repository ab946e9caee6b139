"""Link prediction: the right entity's rank among all, other right ones left out (Bordes et al. 2013, "filtered")."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch

from smallbert.errors import DataError
from smallbert.knowledge.embedding import GraphEmbedding

AT_ONCE = 256
"""Triples ranked together."""


@dataclass(frozen=True, eq=False)
class Ranks:
    """Ranks of the right heads and tails of n triples, float64 (n) each; 1 is the best.

    A right entity that ties with others has the mean of the ranks they share, so that a model that scores all alike
    gets the middle rank and not the first. Sun et al. (2020, "A re-evaluation of knowledge graph completion methods")
    break ties at random, which has this rank in the mean and a larger reciprocal rank and hits.
    """

    heads: np.ndarray
    tails: np.ndarray

    @property
    def both(self) -> np.ndarray:
        """Ranks of heads and tails, (2 n)."""
        return np.concatenate([self.heads, self.tails])

    @property
    def mrr(self) -> float:
        """Mean reciprocal rank."""
        return float((1 / self.both).mean())

    @property
    def mean_rank(self) -> float:
        """Mean rank."""
        return float(self.both.mean())

    def hits(self, k: int) -> float:
        """Share of ranks up to k."""
        return float((self.both <= k).mean())


@torch.inference_mode()
def rank(model: GraphEmbedding, triples: np.ndarray, known: np.ndarray) -> Ranks:
    """Rank the heads and the tails of some triples.

    Args:
        model: gives the scores.
        triples: to rank, (n, 3).
        known: all true triples, (m, 3); their entities do not count as wrong answers.

    Raises:
        DataError: there is no triple.
    """
    if not len(triples):
        raise DataError("Expected triples to rank, got none.")
    device = model.entities.device
    tails_of, heads_of = defaultdict(list), defaultdict(list)
    for head, relation, tail in known.tolist():
        tails_of[head, relation].append(tail)
        heads_of[relation, tail].append(head)
    found: dict[str, list[np.ndarray]] = {"heads": [], "tails": []}
    for start in range(0, len(triples), AT_ONCE):
        rows = triples[start : start + AT_ONCE]
        heads, relations, tails = torch.from_numpy(rows).to(device).unbind(-1)
        sides = (
            ("tails", model.tail_queries(heads, relations), tails, [tails_of[h, r] for h, r, _ in rows.tolist()]),
            ("heads", model.head_queries(relations, tails), heads, [heads_of[r, t] for _, r, t in rows.tolist()]),
        )
        for side, queries, answers, others in sides:
            scores = model.compare(queries, model.entities)
            right = scores.gather(1, answers[:, None])
            places = torch.tensor(
                [place for place, own in enumerate(others) for _ in own], dtype=torch.long, device=device
            )
            scores[
                places, torch.tensor([one for own in others for one in own], dtype=torch.long, device=device)
            ] = -torch.inf
            scores.scatter_(1, answers[:, None], right)
            ties = (scores == right).sum(1)  # the right one itself is among them
            found[side].append((1 + (scores > right).sum(1) + (ties - 1) / 2).double().cpu().numpy())
    return Ranks(np.concatenate(found["heads"]), np.concatenate(found["tails"]))
