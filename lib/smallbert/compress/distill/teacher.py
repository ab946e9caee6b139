"""A teacher: any encoder of the BERT family, frozen, that shows what passes through it.

It runs as the packed forward of :mod:`smallbert.models.packed` does, without padding, on the pieces of text between
which there is no attention.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from smallbert import runtime
from smallbert.compress.distill import head as heads
from smallbert.compress.distill import vocabulary as vocabularies
from smallbert.compress.distill.hidden import mean_pooled
from smallbert.errors import DataError
from smallbert.models import families, sources
from smallbert.models.attention import Groups
from smallbert.models.families import Weights
from smallbert.models.linear import Linear
from smallbert.models.packed import ROW_MULTIPLE, PackedModel
from smallbert.models.through_transformers import quiet

HEAD_PLACES = 4096
"""Places whose logits are computed at once: 2 GB of fp32 at the 119,547 tokens of multilingual BERT."""


class Teacher:
    """Weights, head and vocabulary of a teacher in our numbering of tokens; :func:`load` makes one.

    Args:
        weights: the encoder's, word embeddings in our order.
        head: the masked-language-model head, decoder in our order, or None.
        vocabulary: its tokens.
        folder: where it came from.
        identity: what decides its outputs.
        parameters: of encoder and head, without a pooler.
        dtype: number format of matrix products.
        device: where it runs.
    """

    def __init__(
        self,
        weights: Weights,
        head: heads.Head | None,
        vocabulary: vocabularies.Vocabulary,
        folder: Path,
        identity: dict[str, Any],
        parameters: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.weights, self.head, self.vocabulary, self.folder = weights, head, vocabulary, folder
        self.identity, self.parameters, self.dtype, self.device = identity, parameters, dtype, device
        self._model = PackedModel(weights, "mean", dtype, device)
        if head is not None:
            self._transform = Linear(head.transform, dtype, device, head.activation)
            weight, bias = (tensor.to(device, dtype) for tensor in head.norm)
            self._norm, self._epsilon = (weight, bias), head.epsilon
            self._decoder = Linear(head.decoder, dtype, device)

    @property
    def layers(self) -> int:
        """N."""
        return len(self.weights.blocks)

    @property
    def width(self) -> int:
        """d, numbers of a hidden state."""
        return self.weights.blocks[0].out[0].shape[0]

    @property
    def intermediate(self) -> int:
        """Width of the feed-forward layers."""
        return self.weights.blocks[0].up[0].shape[0]

    @torch.inference_mode()
    def trace(self, ids: Tensor, groups: Groups, wanted: Iterable[str], places: Tensor, top: int) -> dict[str, Tensor]:
        """Everything wanted of one packed batch.

        Args:
            ids: token ids of all texts, one after the other, (T).
            groups: the layout of ``ids``.
            wanted: of ``hidden-l`` (l = 0 the embeddings, ..., N), ``queries-l``, ``keys-l``, ``values-l`` (l = 1, ...,
                N), ``first-l`` (hidden states of the first tokens), ``pooled`` (mean of the last hidden states),
                ``top`` (the largest logits) and ``rest-T`` (the probability of all others at temperature T).
            places: tokens whose logits are wanted, int64, (n).
            top: k, how many of their logits.

        Returns:
            The wanted by name: (T, d), with ``first-l`` and ``pooled`` (texts, d); ``rest-T`` (n); ``top`` becomes
            ``top-indices``, int32, and ``top-logits``, the largest one subtracted, (n, k).
        """
        wanted, found, model, tokens = set(wanted), {}, self._model, len(ids)
        lengths = torch.tensor([length for length, count in groups for _ in range(count)], device=self.device)
        first = lengths.cumsum(0) - lengths

        def keep(number: int, hidden: Tensor) -> None:
            if f"hidden-{number}" in wanted:
                found[f"hidden-{number}"] = hidden[:tokens]
            if f"first-{number}" in wanted:
                found[f"first-{number}"] = hidden[first]

        # The embeddings as PackedModel has them; its forward shows nothing but the pooled end.
        filler = -tokens % ROW_MULTIPLE
        position = torch.arange(tokens, device=self.device) - first.repeat_interleave(lengths)
        hidden = F.embedding(F.pad(ids, (0, filler)), model.words)
        hidden = hidden + F.embedding(F.pad(position, (0, filler)), model.positions)
        hidden = F.layer_norm(hidden, hidden.shape[1:], *model.norm, model.epsilon).to(model.dtype)
        if model.projection:
            hidden = model.projection(hidden)
        keep(0, hidden)
        for number, block in enumerate(model.blocks, 1):
            names = [f"{name}-{number}" for name in ("queries", "keys", "values")]
            if wanted.intersection(names):
                parts = block.qkv(hidden)[:tokens].chunk(3, dim=1)
                found |= {name: part for name, part in zip(names, parts, strict=True) if name in wanted}
            hidden = block(hidden, groups)
            keep(number, hidden)
        hidden = hidden[:tokens]
        if "pooled" in wanted:
            text = torch.arange(len(lengths), device=self.device).repeat_interleave(lengths)
            found["pooled"] = mean_pooled(hidden.float(), text, len(lengths))
        if "top" in wanted:
            found |= self._top(hidden[places], top, [name for name in wanted if name.startswith("rest-")])
        return found

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits of last hidden states, fp32: (n, d) -> (n, V)."""
        hidden = self._transform(hidden)
        hidden = F.layer_norm(hidden, hidden.shape[1:], *self._norm, self._epsilon)
        return self._decoder(hidden).float()

    def _top(self, hidden: Tensor, k: int, rests: list[str]) -> dict[str, Tensor]:
        """The k largest logits of each place, largest first, and the probability of the others."""
        parts = []
        for part in hidden.split(HEAD_PLACES):
            logits = self.logits(part)
            top = logits.topk(k, dim=1)
            found = {"top-indices": top.indices.int(), "top-logits": top.values - top.values[:, :1]}
            for name in rests:
                temperature = float(name.removeprefix("rest-"))
                kept = (top.values / temperature).logsumexp(1) - (logits / temperature).logsumexp(1)
                found[name] = -torch.expm1(kept.clamp(max=0.0))
            parts.append(found)
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def load(name: str, *, precision: runtime.Precision = "auto", device: str = "auto") -> Teacher:
    """Load a teacher: BERT, RoBERTa, XLM-R, DistilBERT or ALBERT, with its masked-language-model head where it has one.

    Args:
        name: a local folder, ``minilm``, or a hub id, as for :func:`smallbert.models.encoder.load`.
        precision: ``fp32``, ``bf16``, or ``auto``: bf16 where the hardware has it.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        MachineError: the teacher or the device is not to be had here.
        DataError: the folder holds no encoder of these families, not all of its weights, or a tokenizer that does not
            fit.
    """
    import transformers

    where = runtime.device(device)
    dtype = runtime.dtype(precision, where)
    folder = sources.find(name)
    try:
        with quiet():
            model, report = transformers.AutoModelForMaskedLM.from_pretrained(
                folder,
                use_safetensors=True,
                trust_remote_code=False,
                dtype=torch.float32,
                output_loading_info=True,
            )
    except Exception as error:  # transformers meets a file that is none with errors of any kind
        raise DataError(
            f"{folder} holds no teacher that can be loaded: {error}",
            "Use BERT, RoBERTa, XLM-R, DistilBERT or ALBERT, saved whole with save_pretrained.",
        ) from error
    weights = families.read(model.base_model, model.config.num_hidden_layers)
    if weights is None:
        raise DataError(
            f"Expected a BERT, RoBERTa, XLM-R, DistilBERT or ALBERT in {folder}, got {model.config.model_type}.",
            "Distil one of these.",
        )
    base = f"{model.base_model_prefix}."
    missing = sorted(report["missing_keys"])
    if lost := [key for key in missing if key.startswith(base)]:
        raise DataError(
            f"Expected all of the encoder's weights in {folder}, {len(lost)} are missing: {lost[0]}",
            "Copy or download the whole folder again.",
        )
    vocabulary = vocabularies.read(folder, len(weights.words))
    head = None if missing else heads.read(model)
    identity = {
        "sha256": sources.checksum(folder),
        "family": model.config.model_type,
        "precision": "bf16" if dtype == torch.bfloat16 else "fp32",
    }
    weights = replace(weights, words=vocabulary.rows_to_ours(weights.words))
    if head is not None:
        matrix, bias = map(vocabulary.rows_to_ours, head.decoder)
        head = replace(head, decoder=(matrix, bias))
    counted = model if head else model.base_model
    parameters = sum(one.numel() for name, one in counted.named_parameters() if "pooler" not in name)
    return Teacher(weights, head, vocabulary, folder, identity, parameters, dtype, where)
