"""What fine-tuning needs to know of a task, and the checks all tasks share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from smallbert.errors import DataError
from smallbert.models.heads.network import Head
from smallbert.models.heads.sequences import Reader, Sequences


class Task(Protocol):
    """One task, without weights; examples are those of ``smallbert.corpus.tasks.examples`` or look like them.

    Attributes:
        head: the task model of ``transformers``.
        per_example: inputs that are judged together.
    """

    @property
    def head(self) -> Head:
        """The task model."""

    @property
    def per_example(self) -> int:
        """Inputs that are judged together."""

    def labels(self, examples: Sequence[Any]) -> tuple[str, ...]:
        """Classes found in training, the most frequent first; none for tasks without classes.

        Raises:
            DataError: there is nothing to learn from them.
        """

    def outputs(self, labels: tuple[str, ...]) -> int:
        """Numbers the head gives (K)."""

    def read(self, examples: Sequence[Any], reader: Reader) -> Sequences:
        """The examples as inputs, with what :meth:`predict` needs to map outputs back.

        Raises:
            DataError: an example holds nothing to read.
        """

    def targets(self, examples: Sequence[Any], inputs: Any, labels: tuple[str, ...]) -> np.ndarray:
        """What the head should give: a row an input where it reads first tokens alone, else a row a token.

        Raises:
            DataError: an example's answer is none that can be learnt.
        """

    def loss(self, outputs: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        """Loss of a batch, the one of ``transformers``.

        Args:
            outputs: fp32 (n, K) or (T, K).
            targets: as from :meth:`targets`, (n, ...) or (T, ...).
            lengths: tokens of each input (n).
        """

    def predict(self, outputs: np.ndarray, inputs: Any, labels: tuple[str, ...]) -> Any:
        """Predictions, one an example, from the outputs of all inputs."""

    def plain(self, predictions: Any) -> list[Any]:
        """Predictions as a file keeps them: what is scored of each example, as JSON has it."""


def classes(found: Iterable[str], what: str) -> tuple[str, ...]:
    """Labels by falling frequency, ties by name.

    Raises:
        DataError: fewer than two.
    """
    counts = Counter(found)
    if len(counts) < 2:
        only = f"only {next(iter(counts))!r} in {counts.total():,} {what}" if counts else "none"
        raise DataError(f"Expected at least two labels to tell apart, got {only}.", "Is the training part sorted?")
    return tuple(sorted(counts, key=lambda label: (-counts[label], label)))


def index(labels: tuple[str, ...], label: str, example: str) -> int:
    """Number of a label.

    Raises:
        DataError: it is none of those seen in training.
    """
    try:
        return labels.index(label)
    except ValueError:
        raise DataError(
            f"Expected one of the {len(labels)} labels seen in training ({', '.join(labels[:8])}), got {label!r} in "
            f"example {example}.",
            "Leave such examples out, or put some into the training part.",
        ) from None
