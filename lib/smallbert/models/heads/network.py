"""A task model of ``transformers`` on any encoder of the BERT family, run on batches without padding."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.initialization import no_init_weights

from smallbert.errors import UsageError
from smallbert.models import pretrained, sources
from smallbert.models.heads import narrowing, packing
from smallbert.models.packed import ROW_MULTIPLE

Pooling = Literal["first", "last", "mean"]

Head = Literal["SequenceClassification", "TokenClassification", "QuestionAnswering", "MultipleChoice"]

FAMILIES = ("bert", "roberta", "xlm-roberta", "distilbert", "albert")

POOLED = ("SequenceClassification", "MultipleChoice")
"""Heads that read an input's first token alone."""

SHIFTLESS = ("QuestionAnswering", "MultipleChoice")
"""Heads whose outputs enter a softmax over tokens or candidates, which no bias can change.

BERT has none there (S and E, and one vector for SWAG); ``transformers`` adds one, which is kept as a constant.
"""


class Network:
    """An encoder and its head.

    Args:
        model: a ``transformers`` task model.
        tokenizer: its fast tokenizer.
        new: names of the parameters that the pretrained encoder does not hold.
        device: where to run.
        dtype: number format of the encoder's matrix products; weights and head are fp32.
        pooling: what a head over whole inputs reads: the ``first`` token, as BERT's; the ``last``, as GPT-1's; or the
            ``mean`` of all.
        types: give the second text of a pair a token type of its own, where the encoder has one.

    An encoder whose configuration says so (``is_decoder``) looks to the left only; one with a last layer
    (:mod:`smallbert.models.heads.narrowing`) gives the head narrower vectors.

    Without dropout, in training too: each step is then a pure function of weights and step number, as in pretraining.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        new: Sequence[str],
        device: torch.device,
        dtype: torch.dtype,
        pooling: Pooling = "first",
        *,
        types: bool = True,
    ) -> None:
        self.model, self.tokenizer = model.to(device).eval(), tokenizer
        self.device, self.dtype, self.pooling = device, dtype, pooling
        head = type(model).__name__.partition("For")[2]
        self.pooled = head in POOLED
        self._head = model.qa_outputs if head == "QuestionAnswering" else model.classifier
        if head in SHIFTLESS:
            _fix_bias(self._head)
        self.new = tuple(name for name, _ in model.named_parameters() if name in new)
        model.set_attn_implementation(packing.NAME)
        # fairseq's convention: places start after padding
        self._offset = model.config.pad_token_id + 1 if "roberta" in model.config.model_type else 0
        self._typed = types and getattr(model.config, "type_vocab_size", 1) > 1
        self.causal = getattr(model.config, "is_decoder", False)
        self._narrow = getattr(model, narrowing.LAYER, nn.Identity())

    @property
    def places(self) -> int:
        """Tokens of the longest input the encoder has positions for."""
        return self.model.config.max_position_embeddings - self._offset

    @property
    def new_parameters(self) -> int:
        """Parameters that training starts from scratch: the head, and a pooler the encoder does not bring."""
        return sum(parameter.numel() for name, parameter in self.model.named_parameters() if name in self.new)

    def states(self, ids: Tensor, types: Tensor, layout: packing.Layout) -> Tensor:
        """Last hidden states of a packed row.

        Args:
            ids: token ids (T), on the device.
            types: token types (T).
            layout: where the inputs lie.

        Returns:
            (T, H), or (n, H) where the head reads one vector an input; H as narrowed, where it is.
        """
        tokens, filler = len(ids), -len(ids) % ROW_MULTIPLE
        ids, types, places = (F.pad(part, (0, filler)) for part in (ids, types, layout.places + self._offset))
        more = {"token_type_ids": types[None]} if self._typed else {}
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not torch.float32):
            hidden = self.model.base_model(
                input_ids=ids[None], position_ids=places[None], layout=layout, **more
            ).last_hidden_state[0, :tokens]
        if self.pooled and self.pooling == "mean":
            sums = torch.zeros(len(layout.lengths), hidden.shape[1], device=self.device)
            hidden = sums.index_add(0, layout.owners, hidden.float()) / layout.lengths[:, None]
        elif self.pooled:
            hidden = hidden[layout.first if self.pooling == "first" else layout.last]
        return self._narrow(hidden.float())

    def head(self, states: Tensor) -> Tensor:
        """Outputs of the head, fp32: (n, H) to (n, K), or (T, H) to (T, K)."""
        return self._head(self._pool(states) if self.pooled else states)

    def _pool(self, first: Tensor) -> Tensor:
        """What each family does to the first token before its last layer: (n, H) to what that layer reads."""
        if hasattr(self.model, "pre_classifier"):
            return self.model.pre_classifier(first).relu()
        base = self.model.base_model
        pooler = getattr(self.model, "pooler", base.pooler)
        if pooler is None:
            return first[:, None]  # RoBERTa's head takes the tokens and pools itself
        return base.pooler_activation(pooler(first)) if isinstance(pooler, nn.Linear) else pooler(first[:, None])

    def restart(self, seed: int) -> None:
        """Draw every parameter that the encoder does not bring anew, as BERT does: small normal weights, zero biases.

        Args:
            seed: of the draw, which depends on nothing else but the shapes.
        """
        generator = torch.Generator().manual_seed(seed)
        parameters, deviation = dict(self.model.named_parameters()), self.model.config.initializer_range
        with torch.no_grad():
            for name in self.new:
                drawn = torch.zeros(parameters[name].shape)
                parameters[name].copy_(drawn.normal_(0.0, deviation, generator=generator) if drawn.ndim > 1 else drawn)


def build(
    name: str | Path,
    head: Head,
    outputs: int,
    *,
    seed: int,
    device: torch.device,
    dtype: torch.dtype,
    pooling: Pooling = "first",
    types: bool = True,
) -> Network:
    """A pretrained encoder with a fresh head.

    Args:
        name: a local folder, ``minilm`` or a hub id; a head that its file holds is not used, its pooler is.
        head: which task model of ``transformers``.
        outputs: numbers the head gives (K).
        seed: of the fresh weights; the global generator is left as it was.
        device: where to run.
        dtype: number format of the encoder's matrix products.
        pooling, types: see :class:`Network`.

    Raises:
        MachineError: the encoder is not to be had here.
        DataError: the folder holds no encoder that can be used.
        UsageError: another family than :data:`FAMILIES`.
    """
    folder = Path(sources.find(str(name)))
    with torch.random.fork_rng(devices=[]):
        found = pretrained.read(folder)
        family = found.encoder.config.model_type
        if family not in FAMILIES:
            raise UsageError(f"Expected an encoder of the family {', '.join(FAMILIES)}, got {family} in {folder}.")
        config = copy.deepcopy(found.encoder.config)
        config.num_labels = outputs
        with no_init_weights():  # every one is copied or drawn below
            model = getattr(transformers, f"AutoModelFor{head}").from_config(config, dtype=torch.float32)
        if last := narrowing.read(folder):
            narrowing.put(model, last)
    weights = found.weights
    if last:  # the pooler is of another width
        weights = {key: value for key, value in weights.items() if not key.startswith("pooler.")}
    missing = model.base_model.load_state_dict(weights, strict=False).missing_keys
    prefix = f"{model.base_model_prefix}."
    known = f"{narrowing.LAYER}."
    heads = [key for key, _ in model.named_parameters() if not key.startswith((prefix, known))]
    network = Network(
        model, found.tokenizer, [*heads, *(prefix + key for key in missing)], device, dtype, pooling, types=types
    )
    network.restart(seed)
    return network


def _fix_bias(layer: nn.Linear) -> None:
    """Make the bias a constant zero, which is no parameter."""
    bias = torch.zeros_like(layer.bias)
    del layer.bias
    layer.register_buffer("bias", bias)
