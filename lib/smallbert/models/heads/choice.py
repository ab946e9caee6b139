"""Which ending follows: one score a candidate, softmax over them.

Devlin et al. (2019), section 4.4; the task is that of SWAG (Zellers et al. 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from smallbert.errors import DataError
from smallbert.models.heads.classification import softmax
from smallbert.models.heads.network import Head
from smallbert.models.heads.sequences import Reader, Sequences


@dataclass(frozen=True, eq=False)
class Choices:
    """Predicted endings.

    Attributes:
        best: number of the most probable ending of each example (n).
        probabilities: of all endings, fp32 (n, candidates).
    """

    best: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True)
class MultipleChoice:
    """``label`` among ``endings`` after ``context`` and ``start``.

    Args:
        candidates: endings of every example.
    """

    candidates: int = 4
    head: ClassVar[Head] = "MultipleChoice"

    @property
    def per_example(self) -> int:
        """Every ending is an input."""
        return self.candidates

    def labels(self, examples: Sequence[Any]) -> tuple[str, ...]:
        """None: a candidate's place means nothing."""
        return ()

    def outputs(self, labels: tuple[str, ...]) -> int:
        """The score of a candidate."""
        return 1

    def read(self, examples: Sequence[Any], reader: Reader) -> Sequences:
        """The pairs (context, start and ending) of all examples, example by example."""
        for example in examples:
            if len(example.endings) != self.candidates:
                raise DataError(
                    f"Expected {self.candidates} endings, got {len(example.endings)} in example {example.id}."
                )
        contexts = [example.context for example in examples for _ in range(self.candidates)]
        endings = [f"{example.start} {ending}".strip() for example in examples for ending in example.endings]
        return reader.pairs(reader.ids(contexts), reader.ids(endings))

    def targets(self, examples: Sequence[Any], inputs: Sequences, labels: tuple[str, ...]) -> np.ndarray:
        """Whether an input is the right one, float32 (n)."""
        for example in examples:
            if not 0 <= example.label < self.candidates:
                raise DataError(
                    f"Expected a label from 0 to {self.candidates - 1}, got {example.label} in example {example.id}."
                )
        right = np.array([example.label for example in examples])
        return (np.arange(self.candidates) == right[:, None]).astype(np.float32).ravel()

    def loss(self, outputs: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        """Mean cross-entropy of the right candidate, in nats."""
        return F.cross_entropy(outputs.view(-1, self.candidates), targets.view(-1, self.candidates))

    def predict(self, outputs: np.ndarray, inputs: Sequences, labels: tuple[str, ...]) -> Choices:
        """The best candidate, the first of equals, and all probabilities."""
        scores = outputs.reshape(-1, self.candidates)
        return Choices(scores.argmax(1), softmax(scores))

    def plain(self, predictions: Choices) -> list[int]:
        """The ending of each example."""
        return predictions.best.tolist()
