"""The masked-language-model heads of the BERT families in one plain form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from smallbert.models.families import ACTIVATIONS

Pair = tuple[Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class Head:
    """``norm(activation(h W^T + b)) D^T + c``.

    Args:
        transform: W (e, d) and b (e); e is the width of the embeddings, d that of the hidden states.
        activation: a name of ours, see :data:`smallbert.models.families.ACTIVATIONS`.
        norm: weight (e), bias (e).
        epsilon: of the norm.
        decoder: D (V, e), mostly the word embeddings, and c (V).
    """

    transform: Pair
    activation: str
    norm: Pair
    epsilon: float
    decoder: Pair


def read(model: Any) -> Head:
    """The head of a ``transformers`` masked language model: BERT, RoBERTa, XLM-R, DistilBERT or ALBERT."""
    dense, norm, decoder = _parts(model)
    config = model.config
    activation = getattr(config, "activation", None) or config.hidden_act
    if config.model_type in ("roberta", "xlm-roberta"):
        activation = "gelu"  # whatever the layers have
    return Head(_pair(dense), ACTIVATIONS[activation], _pair(norm), norm.eps, _pair(decoder))


def _parts(model: Any) -> tuple[nn.Linear, nn.LayerNorm, nn.Linear]:
    family = model.config.model_type
    if family == "bert":
        head = model.cls.predictions
        return head.transform.dense, head.transform.LayerNorm, head.decoder
    if family == "distilbert":
        return model.vocab_transform, model.vocab_layer_norm, model.vocab_projector
    if family == "albert":
        return model.predictions.dense, model.predictions.LayerNorm, model.predictions.decoder
    return model.lm_head.dense, model.lm_head.layer_norm, model.lm_head.decoder


def _pair(module: nn.Linear | nn.LayerNorm) -> Pair:
    return module.weight.detach(), module.bias.detach()
