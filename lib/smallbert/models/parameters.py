"""Where an encoder's parameters are: closed-form counts by group, their bytes, and what factorising saves.

A weight that several layers share, or that the head takes from the word embeddings, counts once. ``transformers``
and ALBERT's tables count the same way (Lan et al. 2020, section 3.2).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from smallbert.models.sizes import Sizes

BYTES = {"fp32": 4, "bf16": 2, "int8": 1}
"""Bytes of a parameter by number format; int8 without its scales, of which there is one a row or fewer."""

_IN_WORDS = {"words": "word embeddings", "positions": "position embeddings", "types": "type embeddings"}
_IN_WORDS |= {"embedding_norm": "embedding norm", "factor_map": "factor map", "feed_forward": "feed-forward"}


@dataclass(frozen=True)
class Parameters:
    """Parameters by group.

    Args:
        words: word embeddings, V x E.
        positions: learned positions, P x E.
        types: token types, T x E.
        embedding_norm: LayerNorm over the embeddings.
        factor_map: from E to H, with a bias.
        attention: queries, keys, values and output of every separate layer, without the LayerNorm.
        feed_forward: both matrices of every separate layer, without the LayerNorm.
        norms: the two LayerNorms of the layers, each stored with the half that it follows.
        pooler: dense layer over the first token.
        heads: everything above the encoder that is not tied to it.
    """

    words: int
    positions: int
    types: int
    embedding_norm: int
    factor_map: int
    attention: int
    feed_forward: int
    norms: int
    pooler: int
    heads: int

    @property
    def total(self) -> int:
        """All of them: what ``sum(p.numel() for p in model.parameters())`` gives."""
        return sum(asdict(self).values())

    @property
    def embeddings(self) -> int:
        """Everything below the first layer, the factor map included."""
        return self.words + self.positions + self.types + self.embedding_norm + self.factor_map

    @property
    def layers(self) -> int:
        """The stack of layers: attention, feed-forward and their LayerNorms."""
        return self.attention + self.feed_forward + self.norms

    def by_group(self) -> dict[str, int]:
        """Parameters by the group's name in words, from input to output."""
        return {_IN_WORDS.get(name, name): count for name, count in asdict(self).items()}

    def nbytes(self) -> dict[str, int]:
        """Bytes of all parameters in each format of :data:`BYTES`."""
        return {name: self.total * size for name, size in BYTES.items()}


def count(sizes: Sizes) -> Parameters:
    """The parameters of an encoder, exactly as the live model has them."""
    wide, narrow = sizes.hidden, sizes.factor
    attention, feed_forward = sizes.attention_layers, sizes.feed_forward_layers
    return Parameters(
        words=sizes.vocabulary * narrow,
        positions=sizes.positions * (sizes.position_width or narrow),
        types=sizes.types * narrow,
        embedding_norm=_norm(narrow) * sizes.embedding_norm,
        factor_map=0 if sizes.embedding is None else _dense(narrow, wide),
        attention=attention * 4 * _dense(wide, wide),
        feed_forward=feed_forward * (_dense(wide, sizes.intermediate) + _dense(sizes.intermediate, wide)),
        norms=(attention + feed_forward) * _norm(wide),
        pooler=_dense(wide, wide) * sizes.pooler,
        heads=_head(sizes),
    )


def factorised(vocabulary: int, hidden: int, embedding: int, *, bias: bool = False) -> int:
    """Parameters of a factorised embedding, ``V E + E H`` (Lan et al. 2020, section 3.1).

    Args:
        vocabulary: V.
        hidden: H; unfactorised, the embedding has ``V H``.
        embedding: E.
        bias: count the map's bias too, as live models have it: ``+ H``.
    """
    return vocabulary * embedding + embedding * hidden + hidden * bias


def break_even(vocabulary: int, hidden: int) -> float:
    """The E at which factorising costs as much as it saves, ``V H / (V + H)``: smaller ones save. Without the bias."""
    return vocabulary * hidden / (vocabulary + hidden)


def _dense(fan_in: int, fan_out: int) -> int:
    return (fan_in + 1) * fan_out


def _norm(width: int) -> int:
    return 2 * width


def _head(sizes: Sizes) -> int:
    if sizes.head in ("none", "lm"):
        return 0
    mlm = _dense(sizes.hidden, sizes.factor) + _norm(sizes.factor) + sizes.vocabulary
    return mlm + _dense(sizes.hidden, 2) * (sizes.head == "pretraining")
