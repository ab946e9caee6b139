"""What every layer of an encoder makes of every token: transformers' hidden states, without padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from smallbert import runtime
from smallbert.errors import UsageError
from smallbert.models import families, sources
from smallbert.models.packed import plan
from smallbert.models.through_transformers import load_model

TOKENS_PER_BATCH = 4096
"""Tokens a batch: at 25 states of width 1,024 that is 420 MB of hidden states."""


@dataclass(frozen=True, eq=False)
class LayerStack:
    """An encoder that shows what passes between its layers; :func:`load` makes one.

    Args:
        model: a ``transformers`` encoder in fp32, ready to read.
        tokenizer: its fast tokenizer.
        max_tokens: a longer text is cut there, special tokens included.
        device: where the model is.
    """

    model: Any
    tokenizer: Any
    max_tokens: int
    device: torch.device

    @property
    def layers(self) -> int:
        """Number of layers L."""
        return self.model.config.num_hidden_layers

    @property
    def shared(self) -> bool:
        """Whether layers share their weights, as ALBERT's do."""
        return getattr(self.model.config, "num_hidden_groups", self.layers) < self.layers

    def tokenize(self, texts: list[str]) -> list[np.ndarray]:
        """Token ids of each text, special tokens included, cut at ``max_tokens``."""
        backend = self.tokenizer.backend_tokenizer
        backend.no_padding()
        backend.enable_truncation(self.max_tokens)
        return [np.array(encoding.ids) for encoding in backend.encode_batch_fast(texts)]

    def states(self, ids: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, Tensor]]:
        """Hidden states of all texts, batch by batch.

        Texts of equal length run together, so no token is padding and no mask is needed.

        Args:
            ids: token ids of each text, as from :meth:`tokenize`.

        Yields:
            Places of the batch's texts in ``ids`` (n), and their states (L + 1, n, length, d) in fp32: 0 is what the
            first layer reads (in ALBERT after the map from E to H), l what layer l gives.
        """
        for batch in plan(np.array([len(text) for text in ids]), TOKENS_PER_BATCH):
            start = 0
            for _length, count in batch.groups:
                rows = batch.rows[start : start + count]
                start += count
                read = torch.from_numpy(np.stack([ids[row] for row in rows])).to(self.device)
                with torch.inference_mode():
                    states = self.model(input_ids=read, output_hidden_states=True).hidden_states
                yield rows, torch.stack(states)


def load(name: str, *, max_tokens: int = 128, fresh: int | None = None, device: str = "auto") -> LayerStack:
    """Load any Hugging Face encoder, or its freshly initialised twin.

    Args:
        name: a local folder, ``minilm`` or a hub id, as in :func:`smallbert.models.encoder.load`.
        max_tokens: tokens a text at most, special ones included.
        fresh: draw the weights anew with this seed, as ``transformers`` initialises this configuration; None keeps the
            trained ones.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        MachineError: the encoder or the device is not to be had here.
        DataError: the folder holds no encoder that can be used.
        UsageError: max_tokens is out of range.
    """
    import transformers

    where = runtime.device(device)
    model, tokenizer, _depth = load_model(sources.find(name), -1)
    places = families.places(model) or max_tokens
    if not 3 <= max_tokens <= places:
        raise UsageError(
            f"Expected max_tokens between 3 and {places} for {name}, got {max_tokens}.",
            f"The encoder has {places} positions.",
        )
    if fresh is not None:
        with torch.random.fork_rng(devices=[]):  # transformers draws from the global generator
            torch.manual_seed(fresh)
            model = transformers.AutoModel.from_config(model.config, trust_remote_code=False, dtype=torch.float32)
    return LayerStack(model.to(where).eval(), tokenizer, max_tokens, where)
