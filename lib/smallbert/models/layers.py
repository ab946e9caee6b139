"""The same encoder with some of its layers, in memory."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from smallbert.errors import UsageError
from smallbert.models.encoder import Encoder
from smallbert.models.packed import packed_model, with_packed
from smallbert.storage import digest


def with_layers(encoder: Encoder, layers: Sequence[int]) -> Encoder:
    """The same encoder running only some of its layers; all weights are shared with it.

    Args:
        encoder: one of the families of :mod:`smallbert.models.families`.
        layers: which, counted from 0, in the order in which they run.

    Returns:
        An encoder whose checksum covers the choice.

    Raises:
        UsageError: a layer the encoder has not, or its layers cannot be chosen, see :func:`packed_model`.
    """
    forward = copy.copy(packed_model(encoder, "A layer"))
    if unknown := [layer for layer in layers if not 0 <= layer < len(forward.blocks)]:
        raise UsageError(f"Expected layers from 0 to {len(forward.blocks) - 1}, got {unknown[0]}.")
    forward.blocks = [forward.blocks[layer] for layer in layers]
    return with_packed(encoder, forward, sha256=digest([encoder.sha256, list(layers)], length=64))
