"""The word table of a loaded encoder, and the same encoder with another one, in memory."""

from __future__ import annotations

import copy
import hashlib

import numpy as np
import torch

from smallbert.errors import UsageError
from smallbert.models.encoder import Encoder
from smallbert.models.packed import packed_model, with_packed
from smallbert.storage import digest


def word_table(encoder: Encoder) -> np.ndarray:
    """Token embeddings of ``encoder``, float32 (V, e); e is narrower than the hidden width in ALBERT.

    Raises:
        UsageError: the table cannot be exchanged, see :func:`packed_model`.
    """
    return packed_model(encoder, "Its word table").words.float().cpu().numpy()


def with_words(encoder: Encoder, words: np.ndarray) -> Encoder:
    """The same encoder reading another word table; all other weights are shared with it.

    Args:
        encoder: one of the families of :mod:`smallbert.models.families`.
        words: shape (V, e), as :func:`word_table` gives it.

    Returns:
        An encoder whose checksum covers the new table.

    Raises:
        UsageError: another shape, or the table cannot be exchanged, see :func:`packed_model`.
    """
    forward = copy.copy(packed_model(encoder, "Its word table"))
    if words.shape != tuple(forward.words.shape):
        raise UsageError(f"Expected a word table of shape {tuple(forward.words.shape)}, got {words.shape}.")
    words = np.ascontiguousarray(words, dtype=np.float32)
    forward.words = torch.from_numpy(words).to(encoder.device)
    sha256 = digest([encoder.sha256, hashlib.sha256(words.data).hexdigest()], length=64)
    return with_packed(encoder, forward, sha256=sha256)
