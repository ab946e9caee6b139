"""The recipe of a fine-tuning run, and what it becomes with a given number of examples."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Literal

import numpy as np

from smallbert import runtime
from smallbert.errors import UsageError
from smallbert.models.masking import generator

ORDER_STREAM = 1


@dataclass(frozen=True)
class FineTuneRecipe:
    """Everything that decides a fine-tuned model, the encoder and the data aside.

    Args:
        learning_rate: peak rate of AdamW.
        epochs: times every example is read.
        batch_size: examples a step (windows, where a passage needs several).
        warmup_fraction: share of the steps in which the rate rises linearly; it then falls linearly to zero.
        weight_decay: of weight matrices and embeddings; biases and LayerNorm have none.
        max_tokens: tokens of an input at most, special ones included.
        frozen: train the head alone, on what the encoder gives.
        pooling: what a head over whole inputs reads: ``first``, the first token as in BERT; ``last``, as in GPT-1; or
            ``mean``, over all tokens, since masked words alone teach an encoder nothing for its first token to hold.
        precision: number format of the encoder's matrix products: auto, fp32 or bf16.
        seed: of the head's first weights and the order of the examples.

    Raises:
        UsageError: a field is out of range.
    """

    learning_rate: float = 5e-5
    epochs: int = 3
    batch_size: int = 32
    warmup_fraction: float = 0.1
    weight_decay: float = 0.01
    max_tokens: int = 128
    frozen: bool = False
    pooling: Literal["first", "last", "mean"] = "first"
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
        ):
            if not low < getattr(self, name) < high:
                raise UsageError(f"Expected {name} between {max(low, 0):g} and {high:g}, got {getattr(self, name)}.")
        if self.pooling not in ("first", "last", "mean"):
            raise UsageError(f"Expected pooling first, last or mean, got {self.pooling!r}.")
        if self.precision not in ("auto", "fp32", "bf16"):
            raise UsageError(f"Expected precision auto, fp32 or bf16, got {self.precision!r}.")


class Run:
    """A recipe over a number of examples: what :func:`smallbert.models.training.fit` follows.

    Args:
        recipe: the recipe.
        examples: examples to train on.
        tokens: tokens in all of them.
    """

    def __init__(self, recipe: FineTuneRecipe, examples: int, tokens: int) -> None:
        self.recipe, self.examples = recipe, examples
        self.weight_decay = recipe.weight_decay
        self.steps = math.ceil(examples * recipe.epochs / recipe.batch_size)
        self.batch_tokens = max(round(tokens * recipe.epochs / self.steps), 1)
        """Mean tokens of a step."""
        self._order = lru_cache(maxsize=2)(self._draw_order)

    def rate(self, step: int) -> float:
        """Learning rate of a step (counted from 0): linear warm-up, then linear decay to zero, as BERT's."""
        warmup = round(self.recipe.warmup_fraction * self.steps)
        if step < warmup:
            return self.recipe.learning_rate * (step + 1) / (warmup + 1)
        return self.recipe.learning_rate * (self.steps - step) / (self.steps - warmup)

    def evaluation_steps(self) -> set[int]:
        """Numbers of finished steps after which a row of the curve is due: at the end of each epoch."""
        epochs = self.recipe.epochs
        return {math.ceil(self.steps * epoch / epochs) for epoch in range(1, epochs + 1)}

    def batch(self, step: int) -> np.ndarray:
        """Numbers of the examples of a step, a pure function of its number; epochs follow without a gap."""
        size, end = self.recipe.batch_size, self.examples * self.recipe.epochs
        places = (divmod(place, self.examples) for place in range(step * size, min((step + 1) * size, end)))
        return np.array([self._order(epoch)[place] for epoch, place in places])

    def _draw_order(self, epoch: int) -> np.ndarray:
        return generator(self.recipe.seed, ORDER_STREAM, epoch).permutation(self.examples)
