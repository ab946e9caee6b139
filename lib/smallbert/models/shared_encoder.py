"""A trainable BERT whose layers may share weights and whose embeddings may be narrower than its layers."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from smallbert.models.masking import generator
from smallbert.models.sizes import Sizes
from smallbert.models.tokenizer import PAD
from smallbert.models.vocabulary_loss import VocabularyLoss, filler

WEIGHTS_STREAM = 5

INITIAL_DEVIATION = 0.02

Activation = Callable[[Tensor], Tensor]

ACTIVATIONS = {"gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "relu": F.relu}


class SharedEncoder(nn.Module):
    """Post-norm blocks of an attention and a feed-forward layer, either of which layers may share.

    A shared layer is one module called several times: its parameters exist, count and are updated once, and its
    gradient is the sum over the calls. No dropout, as for every encoder here (see ``PretrainRecipe``). Runs in bf16
    under ``torch.autocast``; sums, norms and losses stay fp32.

    Args:
        sizes: of the encoder. Its head is ``mlm`` or, with a head for sentence pairs besides, ``pretraining``.
        activation: ``gelu``, the exact one, as in BERT; ``gelu_tanh``, ALBERT's; or ``relu``. Encoders trained here
            have BERT's in every mode, so that sharing is all they differ in.
        epsilon: of every LayerNorm.

    Made by :func:`fresh` or ``interchange``; on the ``meta`` device it can be counted for nothing.
    """

    def __init__(self, sizes: Sizes, *, activation: str = "gelu", epsilon: float = 1e-12) -> None:
        super().__init__()
        self.sizes, self.activation, self.epsilon = sizes, activation, epsilon
        hidden, width, curve = sizes.hidden, sizes.factor, ACTIVATIONS[activation]
        self.embeddings = Embeddings(sizes, epsilon)
        self.attentions = nn.ModuleList(Attention(hidden, sizes.heads, epsilon) for _ in range(sizes.attention_layers))
        self.feed_forwards = nn.ModuleList(
            FeedForward(hidden, sizes.intermediate, curve, epsilon) for _ in range(sizes.feed_forward_layers)
        )
        self.vocabulary_head = VocabularyHead(hidden, width, sizes.vocabulary, curve, epsilon)
        self.pair_head = PairHead(hidden) if sizes.head == "pretraining" else None

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.vocabulary_head.bias.device

    @property
    def _product_dtype(self) -> torch.dtype:
        """The number format of matrix products just now: autocast's where it is on, else the weights'."""
        kind = self.device.type
        return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else self.vocabulary_head.bias.dtype

    def block(self, layer: int) -> tuple[Attention, FeedForward]:
        """The two modules that make layer ``layer``, from 0; other layers may have the same."""
        attention, feed_forward = (
            parts[layer * len(parts) // self.sizes.layers] for parts in (self.attentions, self.feed_forwards)
        )
        return cast(Attention, attention), cast(FeedForward, feed_forward)

    def encode(self, inputs: Tensor, positions: Tensor, inside: Tensor, types: Tensor | None = None) -> Tensor:
        """The last layer's vectors, (B, L, H).

        Args:
            inputs: token ids, int64, (B, L).
            positions: each token's place in its document, int64, (B, L).
            inside: which tokens a token may attend to, bool, (B, 1, L, L); see ``packing.document_positions``.
            types: token types, int64, (B, L); None is type 0 throughout.
        """
        return self.hidden_states(inputs, positions, inside, types)[-1]

    def hidden_states(
        self, inputs: Tensor, positions: Tensor, inside: Tensor, types: Tensor | None = None
    ) -> list[Tensor]:
        """What the first layer reads (embeddings after norm and map) and what each layer gives: L + 1 of (B, L, H).

        These are transformers' ``hidden_states``. Arguments as for :meth:`encode`.
        """
        mask = attention_mask(inside, self.sizes.heads, self._product_dtype)
        states = [self.embeddings(inputs, positions, types)]
        for layer in range(self.sizes.layers):
            attention, feed_forward = self.block(layer)
            states.append(feed_forward(attention(states[-1], mask)))
        return states

    def vocabulary_logits(self, hidden: Tensor) -> Tensor:
        """Scores of all tokens at some places, (n, H) -> (n, V); to train, :meth:`vocabulary_loss` is faster."""
        rows = self.vocabulary_head(F.pad(hidden, (0, 0, 0, filler(len(hidden)))))
        return F.linear(rows, self.embeddings.words.weight, self.vocabulary_head.bias)[: len(hidden)]

    def vocabulary_loss(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """Sum over some places of the cross-entropy in nats, (n, H) and right tokens (n) -> scalar."""
        rows = self.vocabulary_head(F.pad(hidden, (0, 0, 0, filler(len(hidden)))))
        weights = self.embeddings.words.weight, self.vocabulary_head.bias
        return VocabularyLoss.apply(rows, *weights, targets, self._product_dtype)

    def pair_logits(self, first: Tensor) -> Tensor:
        """Scores of two classes from the vectors at [CLS], (n, H) -> (n, 2); needs the pair head."""
        return cast(PairHead, self.pair_head)(first)


class Embeddings(nn.Module):
    """Word, position and type vectors, added and normed, then mapped from E to H where there is a map.

    The norm comes before the map, as in transformers' AlbertModel.
    """

    def __init__(self, sizes: Sizes, epsilon: float) -> None:
        super().__init__()
        self.words = nn.Embedding(sizes.vocabulary, sizes.factor, padding_idx=PAD)
        self.positions = nn.Embedding(sizes.positions, sizes.factor)
        self.types = nn.Embedding(sizes.types, sizes.factor)
        self.norm = nn.LayerNorm(sizes.factor, eps=epsilon)
        self.map = None if sizes.embedding is None else nn.Linear(sizes.embedding, sizes.hidden)

    def forward(self, inputs: Tensor, positions: Tensor, types: Tensor | None) -> Tensor:
        """Ids, places and types, (B, L) each -> (B, L, H)."""
        if types is None:  # one table instead of two: a gather and a sum over all tokens less
            places = F.embedding(positions, self.positions.weight + self.types.weight[0])
        else:
            places = self.positions(positions) + self.types(types)
        hidden = self.norm(self.words(inputs) + places)
        return hidden if self.map is None else self.map(hidden)


class Attention(nn.Module):
    """Self-attention, residual sum and norm: the first half of a layer (Vaswani et al. 2017, section 3.2)."""

    def __init__(self, hidden: int, heads: int, epsilon: float) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(hidden, 3 * hidden)
        self.out = nn.Linear(hidden, hidden)
        self.norm = nn.LayerNorm(hidden, eps=epsilon)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """(B, L, H) and a mask from :func:`attention_mask` -> (B, L, H)."""
        rows, length, width = hidden.shape
        qkv = self.qkv(hidden).view(rows, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)  # (3, B, heads, L, d)
        if mask.dtype == torch.bool:
            mixed = F.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], attn_mask=mask)
        else:
            query, key, value = qkv.reshape(3, rows * self.heads, length, -1)
            scores = torch.baddbmm(mask, query, key.transpose(1, 2), alpha=query.shape[-1] ** -0.5)
            mixed = torch.bmm(scores.softmax(-1), value).view(rows, self.heads, length, -1)
        return self.norm(self.out(mixed.transpose(1, 2).reshape(rows, length, width)) + hidden)


class FeedForward(nn.Module):
    """Two dense layers, residual sum and norm: the second half of a layer (Vaswani et al. 2017, section 3.3)."""

    def __init__(self, hidden: int, intermediate: int, activation: Activation, epsilon: float) -> None:
        super().__init__()
        self.activation = activation
        self.up = nn.Linear(hidden, intermediate)
        self.down = nn.Linear(intermediate, hidden)
        self.norm = nn.LayerNorm(hidden, eps=epsilon)

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, L, H) -> (B, L, H)."""
        return self.norm(self.down(self.activation(self.up(hidden))) + hidden)


class VocabularyHead(nn.Module):
    """What stands before the decoder of masked tokens, and the decoder's bias; its matrix is the word embedding."""

    def __init__(self, hidden: int, width: int, vocabulary: int, activation: Activation, epsilon: float) -> None:
        super().__init__()
        self.activation = activation
        self.dense = nn.Linear(hidden, width)
        self.norm = nn.LayerNorm(width, eps=epsilon)
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, hidden: Tensor) -> Tensor:
        """(n, H) -> (n, E)."""
        return self.norm(self.activation(self.dense(hidden)))


class PairHead(nn.Module):
    """BERT's pooler, a dense layer and tanh, and a classifier of two classes."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.pooler = nn.Linear(hidden, hidden)
        self.classifier = nn.Linear(hidden, 2)

    def forward(self, first: Tensor) -> Tensor:
        """(n, H) -> (n, 2)."""
        return self.classifier(self.pooler(first).tanh())


def fresh(
    sizes: Sizes, seed: int, device: torch.device, *, activation: str = "gelu", epsilon: float = 1e-12
) -> SharedEncoder:
    """An encoder with first weights as transformers draws them: N(0, 0.02^2), biases and [PAD] 0, norms 1 and 0.

    A tensor's draws depend on the seed and the tensor's name alone, not on torch's global generator. So encoders of one
    seed start from the same values in all tensors that they have in common, whatever their sharing, depth or heads.
    """
    with torch.device("meta"):
        model = SharedEncoder(sizes, activation=activation, epsilon=epsilon)
    model.to_empty(device="cpu")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                random = generator(seed, WEIGHTS_STREAM, zlib.crc32(name.encode()))
                draws = random.standard_normal(tuple(parameter.shape), dtype=np.float32)
                parameter.copy_(torch.from_numpy(draws)).mul_(INITIAL_DEVIATION)
            else:
                parameter.fill_(name.endswith("norm.weight"))
        model.embeddings.words.weight[PAD] = 0
    return model.to(device)


def attention_mask(inside: Tensor, heads: int, dtype: torch.dtype) -> Tensor:
    """Which tokens see each other, in the form that is fastest where it is.

    Args:
        inside: bool, (B, 1, L, L).
        heads: attention heads.
        dtype: of the scores.

    Returns:
        On a GPU ``inside`` itself, for the fused kernel. On a CPU what is to be added to the scores, (B heads, L, L):
        one product that scales and adds, a softmax and a product are faster there, forward and backward, than
        torch's fused kernel.
    """
    if inside.device.type != "cpu":
        return inside
    rows, _, length, _ = inside.shape
    added = torch.zeros(inside.shape, dtype=dtype).masked_fill_(~inside, torch.finfo(dtype).min)
    return added.expand(rows, heads, length, length).reshape(-1, length, length)
