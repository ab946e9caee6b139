"""Memory of one training step, in closed form: what the backward pass needs of the forward, weights, their gradients.

Counted as autograd keeps it, each saved tensor once, for a model whose matrix products, LayerNorms, activation and
softmax are one operation each, without dropout (each would add a mask of its size) and without the few integers of
token ids. Sharing does not appear: a layer that is run again saves its activations again.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from smallbert.models.parameters import count
from smallbert.models.sizes import Sizes

_FP32 = 4


@dataclass(frozen=True)
class Activations:
    """Numbers that the forward saves for the backward, by part.

    Args:
        embeddings: around the embedding's LayerNorm and the factor map.
        layers: all layers, and the output of the last.
        scores: attention weights, or one number a row of them where the kernel is fused.
        heads: pooler, head and the probabilities of the loss.
    """

    embeddings: int
    layers: int
    scores: int
    heads: int

    @property
    def total(self) -> int:
        """All of them."""
        return sum(asdict(self).values())


def saved(sizes: Sizes, rows: int, length: int, *, fused: bool = True) -> Activations:
    """What one forward of ``rows`` sequences of ``length`` tokens saves, loss included where there is a head.

    Args:
        sizes: of the encoder; its head decides what is saved above it.
        rows: sequences of the batch.
        length: tokens of a sequence.
        fused: attention in one kernel (FlashAttention, Dao et al. 2022), which never writes the length x length scores
            out; else as the formula says.
    """
    tokens = rows * length
    wide, narrow = sizes.hidden, sizes.factor
    # LayerNorm saves its input, a mean and a deviation a token; its output is the next product's input.
    embeddings = tokens * ((narrow + 2) * sizes.embedding_norm + narrow * (sizes.embedding is not None))
    # Input, q, k, v, context, two LayerNorm inputs, the output between the halves; around the activation twice F.
    layer = tokens * (8 * wide + 2 * sizes.intermediate + 4)
    scores = tokens * sizes.heads * (1 if fused else length)
    return Activations(
        embeddings=embeddings,
        layers=sizes.layers * layer + tokens * wide,
        scores=sizes.layers * scores,
        heads=_heads(sizes, rows, tokens),
    )


def training_bytes(sizes: Sizes, rows: int, length: int) -> dict[str, int]:
    """Bytes that one fp32 training step with AdamW and fused attention holds at its peak, by what they are for.

    Args:
        sizes, rows, length: as in :func:`saved`.

    Returns:
        ``weights``, ``gradients``, ``moments`` (AdamW's two) and ``activations``. Working space of single operations
        and the gradients of activations come on top.
    """
    weights = _FP32 * count(sizes).total
    return {
        "weights": weights,
        "gradients": weights,
        "moments": 2 * weights,
        "activations": _FP32 * saved(sizes, rows, length).total,
    }


def _heads(sizes: Sizes, rows: int, tokens: int) -> int:
    pooler = rows * sizes.hidden * sizes.pooler
    if sizes.head == "none":
        return pooler
    if sizes.head == "lm":
        return pooler + tokens * sizes.vocabulary
    # Around the activation, the LayerNorm's input with mean and deviation, its output, log-probabilities.
    mlm = tokens * (3 * sizes.factor + 2 + sizes.vocabulary)
    return pooler + mlm + rows * 2 * (sizes.head == "pretraining")
