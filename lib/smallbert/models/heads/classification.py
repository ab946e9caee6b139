"""One class, or one number, for a text or a pair of texts, from the first token (Devlin et al. 2019, section 4.1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from smallbert.errors import DataError
from smallbert.models.heads.network import Head
from smallbert.models.heads.sequences import Reader, Sequences
from smallbert.models.heads.task import classes, index


@dataclass(frozen=True, eq=False)
class Classes:
    """Predicted classes.

    Attributes:
        labels: the most probable class of each example (n).
        probabilities: of all classes, fp32 (n, K).
        names: the classes, in the order of the columns.
    """

    labels: list[str]
    probabilities: np.ndarray
    names: tuple[str, ...]


@dataclass(frozen=True)
class Classification:
    """Entailment, sentiment, topic: ``label`` of examples with ``text``, or with ``first`` and ``second``."""

    head: ClassVar[Head] = "SequenceClassification"
    per_example: ClassVar[int] = 1

    def labels(self, examples: Sequence[Any]) -> tuple[str, ...]:
        """Classes by falling frequency; at least two."""
        return classes((example.label for example in examples), "examples")

    def outputs(self, labels: tuple[str, ...]) -> int:
        """One logit a class."""
        return len(labels)

    def read(self, examples: Sequence[Any], reader: Reader) -> Sequences:
        """One input an example."""
        return read_texts(examples, reader)

    def targets(self, examples: Sequence[Any], inputs: Sequences, labels: tuple[str, ...]) -> np.ndarray:
        """Number of each example's class, int64 (n)."""
        return np.array([index(labels, example.label, example.id) for example in examples], np.int64)

    def loss(self, outputs: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        """Mean cross-entropy in nats."""
        return F.cross_entropy(outputs, targets)

    def predict(self, outputs: np.ndarray, inputs: Sequences, labels: tuple[str, ...]) -> Classes:
        """The most probable class, the first of equals, and all probabilities."""
        return Classes([labels[best] for best in outputs.argmax(1)], softmax(outputs), labels)

    def plain(self, predictions: Classes) -> list[str]:
        """The class of each example."""
        return predictions.labels


@dataclass(frozen=True)
class Similarity:
    """``score`` of examples with ``first`` and ``second``, as in STS; one output, squared error."""

    head: ClassVar[Head] = "SequenceClassification"
    per_example: ClassVar[int] = 1

    def labels(self, examples: Sequence[Any]) -> tuple[str, ...]:
        """None; but scores that are all equal teach nothing."""
        if len({example.score for example in examples}) < 2:
            raise DataError(f"Expected at least two different scores, got {len(examples):,} examples with one.")
        return ()

    def outputs(self, labels: tuple[str, ...]) -> int:
        """The score."""
        return 1

    def read(self, examples: Sequence[Any], reader: Reader) -> Sequences:
        """One input an example."""
        return read_texts(examples, reader)

    def targets(self, examples: Sequence[Any], inputs: Sequences, labels: tuple[str, ...]) -> np.ndarray:
        """The scores, float32 (n)."""
        for example in examples:
            if not math.isfinite(example.score):
                raise DataError(f"Expected a finite score, got {example.score} in example {example.id}.")
        return np.array([example.score for example in examples], np.float32)

    def loss(self, outputs: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        """Mean squared error."""
        return F.mse_loss(outputs[:, 0], targets)

    def predict(self, outputs: np.ndarray, inputs: Sequences, labels: tuple[str, ...]) -> np.ndarray:
        """Scores, fp32 (n)."""
        return outputs[:, 0]

    def plain(self, predictions: np.ndarray) -> list[float]:
        """The score of each example."""
        return predictions.tolist()


def read_texts(examples: Sequence[Any], reader: Reader) -> Sequences:
    """Examples with ``text``, or with ``first`` and ``second``, as inputs."""
    if hasattr(examples[0], "text"):
        return reader.singles(reader.ids([example.text for example in examples]))
    first, second = ([getattr(example, name) for example in examples] for name in ("first", "second"))
    return reader.pairs(reader.ids(first), reader.ids(second))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities along the last axis."""
    exponents = np.exp(logits - logits.max(-1, keepdims=True))
    return exponents / exponents.sum(-1, keepdims=True)
