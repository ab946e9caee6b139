"""The sizes of an encoder: everything its parameter count, its FLOPs and its activations follow from."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from smallbert.errors import UsageError

Sharing = Literal["none", "attention", "ffn", "all"]
Head = Literal["none", "mlm", "pretraining", "lm"]

_NULLABLE = ("embedding", "position_width")


@dataclass(frozen=True)
class Sizes:
    """An encoder in numbers: BERT, ALBERT, DistilBERT, RoBERTa or GPT-1.

    Args:
        vocabulary: V, tokens of the vocabulary.
        hidden: H, width of a token's vector; a multiple of ``heads``.
        layers: L, layers a token passes through.
        heads: attention heads; they cost neither parameters nor FLOPs.
        intermediate: F, width of the feed-forward layer.
        embedding: E, width of the embeddings, at most H, followed by a factor map from E to H with a bias (ALBERT,
            which keeps the map where E = H). None: the embeddings have width H and there is no map (BERT).
        positions: rows of the table of learned positions; 0 for none.
        position_width: E or H; None for E. Released ALBERTs have E.
        types: rows of the table of token types; 0 for none.
        embedding_norm: a LayerNorm follows the embeddings.
        share: which half of a layer exists once a group of layers, each with the LayerNorm that follows it.
        groups: groups of layers that share; divides ``layers``.
        pooler: a dense layer from H to H over the first token.
        head: ``mlm`` (dense layer to E, LayerNorm, output bias; matrix tied to the word embeddings), ``pretraining``
            (the same and a classifier of two over the pooler) or ``lm`` (the tied matrix alone: GPT).

    Raises:
        UsageError: a size is no whole number or out of range, or two sizes do not fit each other.
    """

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    intermediate: int
    embedding: int | None = None
    positions: int = 512
    position_width: int | None = None
    types: int = 2
    embedding_norm: bool = True
    share: Sharing = "none"
    groups: int = 1
    pooler: bool = True
    head: Head = "none"

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if "int" not in field.type or (value is None and field.name in _NULLABLE):
                continue
            smallest = 0 if field.name in ("positions", "types") else 1
            if isinstance(value, bool) or not isinstance(value, int) or value < smallest:
                raise UsageError(f"Expected {field.name} as a whole number of at least {smallest}, got {value!r}.")
        for name, known in (("share", get_args(Sharing)), ("head", get_args(Head))):
            if getattr(self, name) not in known:
                raise UsageError(f"Expected {name} out of {', '.join(known)}; got {getattr(self, name)!r}.")
        if self.hidden % self.heads:
            raise UsageError(f"Expected hidden to be a multiple of heads, got {self.hidden} and {self.heads}.")
        if self.factor > self.hidden:
            raise UsageError(
                f"Expected embedding of at most hidden, {self.hidden}; got {self.embedding}.",
                "A factor wider than the hidden layer saves nothing.",
            )
        if self.position_width not in (None, self.factor, self.hidden):
            raise UsageError(
                f"Expected position_width as that of the embeddings, {self.factor}, or hidden, {self.hidden}; "
                f"got {self.position_width}."
            )
        if self.layers % self.groups:
            raise UsageError(f"Expected groups to divide layers, got {self.groups} groups of {self.layers} layers.")
        if self.share == "none" and self.groups > 1:
            raise UsageError(
                f"Expected groups only where layers share; got {self.groups} groups and share none.",
                "Choose share attention, ffn or all.",
            )
        if self.head == "pretraining" and not self.pooler:
            raise UsageError("Expected a pooler under the head pretraining, whose classifier reads it.")

    @property
    def factor(self) -> int:
        """Width of the embeddings: E, or H without a factor map."""
        return self.embedding or self.hidden

    @property
    def attention_layers(self) -> int:
        """Attention halves that exist as separate weights."""
        return self.groups if self.share in ("attention", "all") else self.layers

    @property
    def feed_forward_layers(self) -> int:
        """Feed-forward halves that exist as separate weights."""
        return self.groups if self.share in ("ffn", "all") else self.layers


def from_config(config: Any) -> Sizes:
    """The sizes of the bare encoder that ``transformers`` builds from ``config``, pooler included where it has one.

    Args:
        config: a ``transformers`` configuration of BERT, RoBERTa, XLM-R, DistilBERT, ALBERT or GPT-1.

    Raises:
        UsageError: another family, cross-attention, or sizes that make no encoder.
    """
    family = config.model_type
    if family not in _FAMILIES:
        raise UsageError(f"Expected an encoder of the family {', '.join(_FAMILIES)}; got {family!r}.")
    if getattr(config, "add_cross_attention", False):
        raise UsageError("Expected an encoder by itself, got one with cross-attention to another.")
    common = {
        "vocabulary": config.vocab_size,
        "hidden": config.hidden_size,
        "layers": config.num_hidden_layers,
        "heads": config.num_attention_heads,
        "positions": config.max_position_embeddings,
    }
    return Sizes(**common | _FAMILIES[family](config))


def _bert(config: Any) -> dict[str, Any]:
    return {"intermediate": config.intermediate_size, "types": config.type_vocab_size}


def _distilbert(config: Any) -> dict[str, Any]:
    return {"intermediate": config.hidden_dim, "types": 0, "pooler": False}


def _albert(config: Any) -> dict[str, Any]:
    # A group may hold several layers in turn; what is run and what is stored both grow by that factor.
    inner = config.inner_group_num
    return _bert(config) | {
        "embedding": config.embedding_size,
        "share": "all",
        "groups": config.num_hidden_groups * inner,
        "layers": config.num_hidden_layers * inner,
    }


def _gpt(config: Any) -> dict[str, Any]:
    return {"intermediate": 4 * config.n_embd, "types": 0, "embedding_norm": False, "pooler": False}


_FAMILIES = {
    "bert": _bert,
    "roberta": _bert,
    "xlm-roberta": _bert,
    "distilbert": _distilbert,
    "albert": _albert,
    "openai-gpt": _gpt,
}
