"""What a network makes of many inputs, in packed batches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from smallbert.models.heads.network import Network
from smallbert.models.heads.packing import Layout
from smallbert.models.heads.sequences import Sequences
from smallbert.models.packed import Batch, plan

TOKENS_PER_BATCH = {"cpu": 2048, "cuda": 65536}
"""Tokens a batch of inference, padding included on a GPU; see :data:`smallbert.models.encoder.TOKENS_PER_BATCH`."""


def batches(lengths: np.ndarray, device: str) -> list[Batch]:
    """Inputs as batches of inference, a pure function of their lengths.

    A GPU pads attention (:func:`smallbert.models.heads.packing.attend_padded`): there one long input among thousands of
    short ones would make each of them as long.

    Args:
        lengths: tokens an input (n).
        device: cpu or cuda.
    """
    return plan(lengths, TOKENS_PER_BATCH[device], padded=device == "cuda")


def states(network: Network, inputs: Sequences, batch: Batch) -> Tensor:
    """What the head reads of a batch, in the order of ``batch.rows``; see :meth:`Network.states`."""
    flat = inputs.flat(batch.rows)
    ids, types = (
        torch.from_numpy(part[flat].astype(np.int64)).to(network.device) for part in (inputs.ids, inputs.types)
    )
    return network.states(ids, types, Layout(batch.groups, network.device, network.causal))


def all_states(network: Network, inputs: Sequences, *, advance: Callable[[int], None] = lambda inputs: None) -> Tensor:
    """What the head reads of all inputs, fp32 on the network's device: (n, H), or (T, H) where it reads every token.

    Batches are a pure function of the lengths.

    Args:
        network: encoder and head.
        inputs: what to read.
        advance: called with the number of inputs after each batch.
    """
    return _collect(network, inputs, lambda batch: states(network, inputs, batch), advance)


def all_outputs(network: Network, inputs: Sequences, *, advance: Callable[[int], None] = lambda inputs: None) -> Tensor:
    """Outputs of the head for all inputs, fp32: (n, K) or (T, K); arguments as of :func:`all_states`."""
    return _collect(network, inputs, lambda batch: network.head(states(network, inputs, batch)), advance)


@torch.no_grad()
def _collect(
    network: Network, inputs: Sequences, compute: Callable[[Batch], Tensor], advance: Callable[[int], None]
) -> Tensor:
    found, places = [], []
    for batch in batches(inputs.lengths, network.device.type):
        found.append(compute(batch))
        places.append(batch.rows if network.pooled else inputs.flat(batch.rows))
        advance(len(batch.rows))
    back = torch.from_numpy(np.argsort(np.concatenate(places)))
    return torch.cat(found)[back.to(network.device)]
