"""Floating-point operations of an encoder's forward, in closed form: two for each multiply-and-add of a matrix product.

As ``torch.utils.flop_counter`` counts: LayerNorms, softmax, activations, biases and look-ups are left out (below 1 % of
BERT-base). Sharing does not appear here: a shared layer is run as often as separate ones.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from smallbert.models.sizes import Sizes


@dataclass(frozen=True)
class Flops:
    """Operations of one forward, by group.

    Args:
        factor_map: from E to H.
        attention: products with the four weight matrices of attention.
        scores: queries with keys, and weights with values; the one part that grows with the square of the length.
        feed_forward: both matrices.
        pooler: over the first token.
        heads: over every token; the classifier over the first.
    """

    factor_map: int
    attention: int
    scores: int
    feed_forward: int
    pooler: int
    heads: int

    @property
    def total(self) -> int:
        """All of them."""
        return sum(asdict(self).values())


def forward(sizes: Sizes, length: int) -> Flops:
    """Operations of the forward of one sequence of ``length`` tokens."""
    wide, narrow, layers = sizes.hidden, sizes.factor, sizes.layers
    return Flops(
        factor_map=0 if sizes.embedding is None else 2 * length * narrow * wide,
        attention=layers * 4 * 2 * length * wide * wide,
        scores=layers * 2 * 2 * length * length * wide,
        feed_forward=layers * 2 * 2 * length * wide * sizes.intermediate,
        pooler=2 * wide * wide * sizes.pooler,
        heads=_heads(sizes, length),
    )


def per_token(sizes: Sizes) -> int:
    """Operations that each further token adds, attention scores and pooler apart: the part linear in the length."""
    one = forward(sizes, 1)
    return one.factor_map + one.attention + one.feed_forward


def _heads(sizes: Sizes, length: int) -> int:
    if sizes.head == "none":
        return 0
    decode = 2 * length * sizes.factor * sizes.vocabulary
    if sizes.head == "lm":
        return decode
    transform = 2 * length * sizes.hidden * sizes.factor
    return transform + decode + 2 * sizes.hidden * 2 * (sizes.head == "pretraining")
