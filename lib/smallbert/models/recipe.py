"""The recipe of a pretraining run: sizes, data budget, optimisation. Its key names the result."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields

from smallbert import runtime, storage
from smallbert.errors import UsageError

VERSION = 2
"""Part of every key: raise it when the same recipe and data would give another encoder."""


@dataclass(frozen=True)
class PretrainRecipe:
    """Everything that decides the weights of a pretrained encoder, the data aside.

    Args:
        layers: transformer layers.
        hidden: width of a token's vector.
        heads: attention heads; divides ``hidden``.
        intermediate: width of the feed-forward layer.
        vocabulary_size: tokens of the vocabulary, special tokens included.
        sequence_length: tokens of a packed row; also the longest input the encoder can read later.
        batch_tokens: tokens of a step, a multiple of ``sequence_length``.
        tokens: tokens to train on in all, repeats included; rounded up to whole steps.
        learning_rate: peak rate of AdamW.
        warmup_fraction: share of the steps in which the rate rises linearly; it then falls to zero as a cosine.
        weight_decay: of weight matrices and embeddings; biases and LayerNorm have none.
        masking_probability: share of the tokens to predict (BERT: 0.15).
        evaluations: rows of the loss curve.
        precision: number format of matrix products: auto, fp32 or bf16.
        seed: of the first weights, the order of the rows and the masks.

    No dropout: a run reads its corpus once or a few times, so there is nothing to memorise, and without dropout a step
    is a pure function of weights and step number, which is what makes resuming exact. ALBERT (section 4.8) also gains
    from removing it.

    Raises:
        UsageError: a field is out of range, or two fields do not fit each other.
    """

    layers: int = 3
    hidden: int = 256
    heads: int = 4
    intermediate: int = 1024
    vocabulary_size: int = 8192
    sequence_length: int = 128
    batch_tokens: int = 1024
    tokens: int = 1_000_000
    learning_rate: float = 1e-3
    warmup_fraction: float = 0.1
    weight_decay: float = 0.01
    masking_probability: float = 0.15
    evaluations: int = 10
    precision: runtime.Precision = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type == "int" and (isinstance(value, bool) or not isinstance(value, int)):
                raise UsageError(f"Expected {field.name} as a whole number, got {value!r}.")
            smallest = 0 if field.name == "seed" else 1
            if field.type == "int" and value < smallest:
                raise UsageError(f"Expected {field.name} of at least {smallest}, got {value}.")
        for name, low, high in (
            ("learning_rate", 0.0, math.inf),
            ("weight_decay", -1e-300, math.inf),
            ("warmup_fraction", -1e-300, 1.0),
            ("masking_probability", 0.0, 1.0),
        ):
            if not low < getattr(self, name) < high:
                raise UsageError(f"Expected {name} between {max(low, 0):g} and {high:g}, got {getattr(self, name)}.")
        if self.hidden % self.heads:
            raise UsageError(f"Expected hidden to be a multiple of heads, got {self.hidden} and {self.heads}.")
        if self.batch_tokens % self.sequence_length:
            raise UsageError(
                f"Expected batch_tokens to be a multiple of sequence_length, "
                f"got {self.batch_tokens} and {self.sequence_length}."
            )
        if self.precision not in ("auto", "fp32", "bf16"):
            raise UsageError(f"Expected precision auto, fp32 or bf16, got {self.precision!r}.")

    @property
    def rows(self) -> int:
        """Packed rows of a step."""
        return self.batch_tokens // self.sequence_length

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return math.ceil(self.tokens / self.batch_tokens)

    def rate(self, step: int) -> float:
        """Learning rate of a step (counted from 0): linear warm-up, then half a cosine down to zero."""
        warmup = round(self.warmup_fraction * self.steps)
        if step < warmup:
            return self.learning_rate * (step + 1) / (warmup + 1)
        done = (step - warmup) / (self.steps - warmup)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * done))

    def evaluation_steps(self) -> set[int]:
        """Numbers of finished steps after which the held-out loss is taken; the last is ``steps``."""
        return {math.ceil(self.steps * i / self.evaluations) for i in range(1, self.evaluations + 1)}

    def key(self, data_key: str) -> str:
        """Digest of the recipe and its data: two runs with the same key mean the same encoder."""
        return storage.digest({"recipe": asdict(self), "data": data_key}, version=VERSION)
