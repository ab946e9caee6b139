"""A part of a token store to train on: what a student, or another encoder, has where data are few."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smallbert import storage
from smallbert.models.masking import generator
from smallbert.models.tokenizer import CLS
from smallbert.models.tokens import TokenStore

SHARE_STREAM = 4
"""Of the draw; orders and masks have the streams 1 to 3."""


def drawn(store: TokenStore, tokens: int, seed: int) -> TokenStore:
    """A store whose training part holds whole documents drawn at random; the held-out part stays whole.

    Args:
        store: where they are drawn from.
        tokens: how many tokens, reached by the last document; all, where the store has fewer.
        seed: of the draw. With the same seed a smaller part lies within a larger one.
    """
    train = documents(store.train, tokens, generator(seed, SHARE_STREAM))
    return replace(store, train=train, key=storage.digest([store.key, tokens, seed]))


def documents(ids: np.ndarray, tokens: int, random: np.random.Generator) -> np.ndarray:
    """Whole documents of a stream of tokens, in a random order.

    Args:
        ids: documents that begin at each [CLS], one after another.
        tokens: how many at least, reached by the last document; all, where there are fewer.
        random: of the draw. From equal ones fewer tokens are the beginning of more.
    """
    starts = np.flatnonzero(ids == CLS)
    lengths = np.diff(starts, append=len(ids))
    order = random.permutation(len(starts))
    chosen = order[: np.searchsorted(lengths[order].cumsum(), tokens) + 1]
    return np.concatenate([ids[starts[one] : starts[one] + lengths[one]] for one in chosen])
