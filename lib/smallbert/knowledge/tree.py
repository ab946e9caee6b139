"""K-BERT's sentence tree: branches that hang on words, with soft positions and a visible matrix (Liu et al. 2020).

A sentence stays as it is; a triple about a word becomes a branch at it. Positions go on along each path from the root,
so that the sentence's own words keep theirs, and a word sees only what lies on its paths: the sentence does not see the
branches, but the words they hang on do (sections 3.4 and 3.5 of the paper).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Branch:
    """Tokens that hang on tokens of the trunk.

    Args:
        ids: token ids, (n).
        start, stop: the trunk's tokens it hangs on, ``start <= place < stop``. It sees these, no others.
        seen: whether these see it as well, as in K-BERT. Unseen, it leaves the trunk as it is without.
        reads: whether it sees all seen branches besides, which in K-BERT nothing does.
        kind: token type.
    """

    ids: np.ndarray
    start: int
    stop: int
    seen: bool = True
    reads: bool = False
    kind: int = 0


@dataclass(frozen=True, eq=False)
class Tree:
    """A sentence tree, flattened: the trunk, then its branches.

    Args:
        ids, kinds, positions: token ids, token types and soft positions, int64 (L).
        branches: number of each token's branch, -1 in the trunk, int64 (L).
        visible: whether the token of a row sees that of a column, bool (L, L).
    """

    ids: np.ndarray
    kinds: np.ndarray
    positions: np.ndarray
    branches: np.ndarray
    visible: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def grow(cls, trunk: np.ndarray, kinds: np.ndarray, branches: Sequence[Branch] = ()) -> Tree:
        """Hang branches on a trunk.

        Args:
            trunk: token ids of the sentence, special ones included, (n).
            kinds: their token types, (n).
            branches: in any order; several may hang on the same words and do not see each other.
        """
        owners = np.repeat(np.arange(-1, len(branches)), [len(trunk), *(len(branch.ids) for branch in branches)])
        positions = [np.arange(len(trunk)), *(np.arange(len(b.ids)) + b.stop for b in branches)]
        visible = owners[:, None] == owners[None, :]
        seen = np.isin(owners, [number for number, branch in enumerate(branches) if branch.seen])
        for number, branch in enumerate(branches):
            own = owners == number
            visible[own, branch.start : branch.stop] = True
            if branch.reads:
                visible[np.ix_(own, seen)] = True
            if branch.seen:
                visible[branch.start : branch.stop, own] = True
        types = [kinds, *(np.full(len(b.ids), b.kind) for b in branches)]
        ids = [trunk, *(branch.ids for branch in branches)]
        tokens, kinds, places = (np.concatenate(part).astype(np.int64) for part in (ids, types, positions))
        return cls(tokens, kinds, places, owners, visible)
