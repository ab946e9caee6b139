"""The weights of four BERT families in one plain form that a single fast forward can run.

BERT (Devlin et al. 2019), RoBERTa and XLM-R (Liu et al. 2019; Conneau et al. 2020), DistilBERT (Sanh et al.
2019) and ALBERT (Lan et al. 2020) all stack the same post-norm block; they differ in where positions start,
in token types, in a projection after the embeddings and in which blocks share weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

ACTIVATIONS = {"gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "relu": "relu"}
"""Activation names of ``transformers`` -> ours; a model with any other runs through ``transformers``."""


@dataclass(frozen=True, eq=False)
class Block:
    """One post-norm Transformer block: attention, add, norm, feed-forward, add, norm.

    Args:
        qkv: weight (3 d, d) and bias (3 d): queries, keys, values stacked.
        out: weight (d, d) and bias (d) after attention.
        attention_norm: weight (d), bias (d) of the norm after attention.
        up: weight (f, d) and bias (f) before the activation.
        down: weight (d, f) and bias (d) after it.
        norm: weight (d), bias (d) of the norm that ends the block.
    """

    qkv: tuple[Tensor, Tensor]
    out: tuple[Tensor, Tensor]
    attention_norm: tuple[Tensor, Tensor]
    up: tuple[Tensor, Tensor]
    down: tuple[Tensor, Tensor]
    norm: tuple[Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class Weights:
    """An encoder's weights.

    Args:
        words: token embeddings (V, e).
        positions: what is added at place 0, 1, ... of a text (P, e), token type 0 included.
        norm: weight (e), bias (e) of the norm after the embeddings.
        projection: weight (d, e) and bias (d) from embedding width to hidden width (ALBERT), or None.
        blocks: the stack; ALBERT repeats one object where layers share weights.
        heads: attention heads in a block.
        activation: ``gelu`` (exact), ``gelu_tanh`` or ``relu``.
        epsilon: of every layer norm.
    """

    words: Tensor
    positions: Tensor
    norm: tuple[Tensor, Tensor]
    projection: tuple[Tensor, Tensor] | None
    blocks: tuple[Block, ...]
    heads: int
    activation: str
    epsilon: float


def read(model: Any, layers: int) -> Weights | None:
    """The first ``layers`` blocks of a ``transformers`` encoder, or None where the family is another one."""
    config = model.config
    readers = {
        "bert": _bert,
        "roberta": _bert,
        "xlm-roberta": _bert,
        "distilbert": _distilbert,
        "albert": _albert,
    }
    activation = getattr(config, "activation", None) or getattr(config, "hidden_act", None)
    if config.model_type not in readers or activation not in ACTIVATIONS or getattr(config, "is_decoder", False):
        return None
    embeddings = model.embeddings
    with torch.no_grad():
        positions = embeddings.position_embeddings.weight.detach()
        positions = positions[_first_place(embeddings.position_embeddings) :]
        if hasattr(embeddings, "token_type_embeddings"):
            positions = positions + embeddings.token_type_embeddings.weight[0]
        blocks, projection = readers[config.model_type](model, layers)
    return Weights(
        words=embeddings.word_embeddings.weight.detach(),
        positions=positions,
        norm=_pair(embeddings.LayerNorm),
        projection=projection,
        blocks=blocks,
        heads=config.num_attention_heads,
        activation=ACTIVATIONS[activation],
        epsilon=embeddings.LayerNorm.eps,
    )


def places(model: Any) -> int | None:
    """Tokens that a text may have in a ``transformers`` encoder of any family; None where nothing limits them."""
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    if table is None:
        return getattr(model.config, "max_position_embeddings", None)
    return table.num_embeddings - _first_place(table)


def _first_place(table: Any) -> int:
    """Row of a text's first token: fairseq's families (RoBERTa, CamemBERT, MPNet) count from after the padding's."""
    return 0 if table.padding_idx is None else table.padding_idx + 1


def _bert(model: Any, layers: int) -> tuple[tuple[Block, ...], None]:
    blocks = tuple(
        Block(
            qkv=_stack(layer.attention.self.query, layer.attention.self.key, layer.attention.self.value),
            out=_pair(layer.attention.output.dense),
            attention_norm=_pair(layer.attention.output.LayerNorm),
            up=_pair(layer.intermediate.dense),
            down=_pair(layer.output.dense),
            norm=_pair(layer.output.LayerNorm),
        )
        for layer in model.encoder.layer[:layers]
    )
    return blocks, None


def _distilbert(model: Any, layers: int) -> tuple[tuple[Block, ...], None]:
    blocks = tuple(
        Block(
            qkv=_stack(layer.attention.q_lin, layer.attention.k_lin, layer.attention.v_lin),
            out=_pair(layer.attention.out_lin),
            attention_norm=_pair(layer.sa_layer_norm),
            up=_pair(layer.ffn.lin1),
            down=_pair(layer.ffn.lin2),
            norm=_pair(layer.output_layer_norm),
        )
        for layer in model.transformer.layer[:layers]
    )
    return blocks, None


def _albert(model: Any, layers: int) -> tuple[tuple[Block, ...], tuple[Tensor, Tensor]]:
    encoder, config = model.encoder, model.config
    groups = [
        [
            Block(
                qkv=_stack(layer.attention.query, layer.attention.key, layer.attention.value),
                out=_pair(layer.attention.dense),
                attention_norm=_pair(layer.attention.LayerNorm),
                up=_pair(layer.ffn),
                down=_pair(layer.ffn_output),
                norm=_pair(layer.full_layer_layer_norm),
            )
            for layer in group.albert_layers
        ]
        for group in encoder.albert_layer_groups
    ]
    order = [index * config.num_hidden_groups // config.num_hidden_layers for index in range(layers)]
    blocks = tuple(block for index in order for block in groups[index])
    return blocks, _pair(encoder.embedding_hidden_mapping_in)


def _pair(module: Any) -> tuple[Tensor, Tensor]:
    return module.weight.detach(), module.bias.detach()


def _stack(*linears: Any) -> tuple[Tensor, Tensor]:
    weights = torch.cat([linear.weight.detach() for linear in linears])
    return weights, torch.cat([linear.bias.detach() for linear in linears])
