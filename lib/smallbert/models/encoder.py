"""Any encoder of the BERT family as a function from texts to vectors."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from smallbert import runtime
from smallbert.errors import DataError, UsageError
from smallbert.models import families, last_layer, sources
from smallbert.models.attention import Groups
from smallbert.models.packed import Batch, PackedModel, plan
from smallbert.models.through_transformers import Fallback, layer_count, load_model

Pooling = Literal["mean", "cls"]

TOKENS_PER_BATCH = {"cpu": 2048, "cuda": 65536}
"""Tokens a batch. On CPUs fp32 is flat from 512 to 4,096 tokens and bf16 best near 2,048; a GPU wants to be filled."""


class Encoder:
    """Texts to token ids to vectors, the same vectors however often and wherever it is interrupted.

    Args:
        forward: ``(ids (T), groups) -> fp32 (texts, width)`` on ``device``, free of side effects.
        tokenizer: the model's fast tokenizer.
        width: of the vectors.
        device: where ``forward`` runs.
        max_tokens: a longer text is cut there, special tokens included.
        identity: what decides a vector, for keys and provenance.
        parallel: run one batch a core on CPUs; else one batch on all cores.
    """

    def __init__(
        self,
        forward: Callable[[Tensor, Groups], Tensor],
        tokenizer: Any,
        *,
        width: int,
        device: torch.device,
        max_tokens: int,
        identity: dict[str, Any],
        parallel: bool,
    ) -> None:
        self.tokenizer, self.width, self.device, self.max_tokens = tokenizer, width, device, max_tokens
        self.forward, self._identity = forward, identity
        self._workers = runtime.cores() if parallel and device.type == "cpu" else 1

    @property
    def sha256(self) -> str:
        """Checksum over weights, configuration and tokenizer."""
        return self._identity["sha256"]

    def with_forward(self, forward: Callable[[Tensor, Groups], Tensor], **identity: str) -> Encoder:
        """The same encoder computing otherwise: with weights of another ``sha256``, or in another ``precision``."""
        changed = copy.copy(self)
        changed.forward, changed._identity = forward, self.describe() | identity
        return changed

    def describe(self) -> dict[str, Any]:
        """What decides a vector: name, family, sha256, pooling, layer, max_tokens, precision, width, fast; where there
        are some, last_layers: the numbers that each gives."""
        return dict(self._identity)

    def tokenize(self, texts: list[str]) -> list[np.ndarray]:
        """Token ids of each text, special tokens included, cut at ``max_tokens``: int32 arrays."""
        backend = self.tokenizer.backend_tokenizer
        backend.no_padding()
        backend.enable_truncation(self.max_tokens)
        return [np.array(encoding.ids, np.int32) for encoding in backend.encode_batch_fast(texts)]

    def encode(self, ids: Sequence[np.ndarray], *, advance: Callable[[int], None] = lambda texts: None) -> np.ndarray:
        """Vectors of tokenised texts.

        Args:
            ids: token ids of each text, as from :meth:`tokenize`.
            advance: called with the number of texts after each batch.

        Returns:
            fp32 (texts, width). Batches are a pure function of the lengths and each runs on one thread of one
            core, so neither the number of cores nor the order of work changes a bit.

        Raises:
            DataError: a text has no tokens at all.
        """
        lengths = np.array([len(text) for text in ids], dtype=np.int64)
        if len(lengths) and not lengths.min():
            raise DataError(f"Expected at least one token in every text, got none in text {lengths.argmin()}.")
        vectors = np.empty((len(ids), self.width), dtype=np.float32)
        batches = plan(lengths, TOKENS_PER_BATCH[self.device.type])
        for batch, pooled in self._run(ids, batches):
            vectors[batch.rows] = pooled
            advance(len(batch.rows))
        return vectors

    def _run(self, ids: Sequence[np.ndarray], batches: list[Batch]) -> Iterator[tuple[Batch, np.ndarray]]:
        if self.device.type == "cuda":
            yield from self._run_queued(ids, batches)
        elif self._workers == 1:
            yield from ((batch, self._start(ids, batch).numpy()) for batch in batches)
        else:
            with one_thread_each(self._workers) as pool:
                pooled = pool.map(lambda batch: self._start(ids, batch).numpy(), batches)
                yield from zip(batches, pooled, strict=True)

    def _run_queued(self, ids: Sequence[np.ndarray], batches: list[Batch]) -> Iterator[tuple[Batch, np.ndarray]]:
        """Queue every batch before waiting for the first, so that a GPU never waits for the host."""
        queued = [self._start(ids, batch) for batch in batches]
        for batch, pooled in zip(batches, queued, strict=True):
            yield batch, pooled.cpu().numpy()

    def _start(self, ids: Sequence[np.ndarray], batch: Batch) -> Tensor:
        flat = torch.from_numpy(np.concatenate([ids[row] for row in batch.rows]).astype(np.int64))
        if self.device.type == "cuda":
            flat = flat.pin_memory().to(self.device, non_blocking=True)
        with torch.inference_mode():
            return self.forward(flat, batch.groups)


def load(
    name: str,
    *,
    pooling: Pooling | None = None,
    layer: int = -1,
    max_tokens: int = 128,
    precision: runtime.Precision = "auto",
    device: str = "auto",
) -> Encoder:
    """Load any Hugging Face encoder of the BERT family.

    BERT, RoBERTa, XLM-R, DistilBERT and ALBERT run through the packed forward and never build a layer above
    ``layer``; every other family runs through ``transformers`` on batches of equal length. The dense layers that
    ``smallbert build`` writes after the pooling are applied to the last layer's vectors, however that layer is named.

    Args:
        name: a local folder, ``minilm`` (an installed package), or a hub id. Safetensors only; remote code off.
        pooling: ``mean`` over all tokens, special ones included, or ``cls``, the first token; None: as
            :func:`smallbert.models.last_layer.own_pooling` says.
        layer: an index into transformers' ``hidden_states``: 0 the embeddings, -1 the last layer.
        max_tokens: tokens a text at most, special ones included.
        precision: ``fp32``, ``bf16``, or ``auto``: bf16 where the hardware has it.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        MachineError: the encoder or the device is not to be had here.
        DataError: the folder holds no encoder that can be used.
        UsageError: pooling, layer or max_tokens is out of range.
    """
    if pooling not in (None, "mean", "cls"):
        raise UsageError(f"Expected pooling mean or cls, got {pooling!r}.")
    where = runtime.device(device)
    dtype = runtime.dtype(precision, where)
    folder = sources.find(name)
    model, tokenizer, depth = load_model(folder, layer)
    sources.require_tokenizer(folder)
    weights = families.read(model, depth)
    places = families.places(model) or max_tokens
    if not 3 <= max_tokens <= places:
        raise UsageError(
            f"Expected max_tokens between 3 and {places} for {name}, got {max_tokens}.",
            f"The encoder has {places} positions.",
        )
    last = last_layer.read(folder) if depth == layer_count(folder) else None
    if last and pooling:
        last_layer.require_pooling(last, pooling, folder)
    taken = pooling or last_layer.own_pooling(folder)
    forward: Callable[[Tensor, Groups], Tensor] = (
        PackedModel(weights, taken, dtype, where) if weights else Fallback(model, taken, depth, dtype, where)
    )
    width = model.config.hidden_size
    if last is not None:
        forward, width = last.after(forward, where), last.width
    identity = {
        "name": name,
        "family": model.config.model_type,
        "sha256": sources.checksum(folder),
        "pooling": taken,
        "layer": depth,
        "max_tokens": max_tokens,
        "precision": "bf16" if dtype == torch.bfloat16 else "fp32",
        "width": width,
        "fast": weights is not None,
    }
    if last is not None:  # others keep the keys that their vectors are stored by
        identity["last_layers"] = [len(one.weight) for one in last.layers]
    return Encoder(
        forward,
        tokenizer,
        width=width,
        device=where,
        max_tokens=max_tokens,
        identity=identity,
        parallel=weights is not None,
    )


@contextmanager
def one_thread_each(workers: int) -> Iterator[ThreadPoolExecutor]:
    """A pool whose workers compute on one core each, and this thread's own setting as it was afterwards.

    ``torch.set_num_threads`` acts on the calling thread's OpenMP team and on what new threads start with.
    """
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(workers, initializer=lambda: torch.set_num_threads(1))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)  # an interrupted run does not wait for the batches still queued
        torch.set_num_threads(threads)
