"""A part of a token store to train on: what a student has where data are few."""

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
    starts = np.flatnonzero(store.train == CLS)
    lengths = np.diff(starts, append=len(store.train))
    order = generator(seed, SHARE_STREAM).permutation(len(starts))
    chosen = order[: np.searchsorted(lengths[order].cumsum(), tokens) + 1]
    train = np.concatenate([store.train[starts[one] : starts[one] + lengths[one]] for one in chosen])
    return replace(store, train=train, key=storage.digest([store.key, tokens, seed]))
