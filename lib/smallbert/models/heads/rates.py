"""The learning rate chosen on a development set (Devlin et al. 2019, section 4.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from smallbert.errors import UsageError
from smallbert.models.heads.finetune import Fitted, finetune
from smallbert.models.heads.recipe import FineTuneRecipe
from smallbert.models.heads.task import Task


@dataclass(frozen=True, eq=False)
class RateChoice:
    """The best of several runs.

    Attributes:
        fitted: the run with the best score, the lowest rate of equals.
        scores: score of every rate, in rising order.
    """

    fitted: Fitted
    scores: dict[float, float]


def choose_rate(
    encoder: str | Path,
    task: Task,
    examples: Sequence[Any],
    development: Sequence[Any],
    recipe: FineTuneRecipe,
    *,
    rates: Sequence[float],
    score: Callable[[Any], float],
    device: str = "auto",
) -> RateChoice:
    """Fine-tune once for each rate and keep the run that is best on development.

    Args:
        encoder, task, examples, recipe, device: as for :func:`smallbert.models.heads.finetune.finetune`.
        development: examples the score is of.
        rates: the grid; the recipe's own rate is not used.
        score: predictions for ``development`` -> a number that grows with quality.

    Raises:
        UsageError: no rate; and what ``finetune`` raises.
    """
    best: Fitted | None = None
    scores: dict[float, float] = {}
    for rate in sorted(rates):
        fitted = finetune(encoder, task, examples, replace(recipe, learning_rate=rate), device=device)
        scores[rate] = score(fitted.predict(development))
        if best is None or scores[rate] > scores[best.recipe.learning_rate]:
            best = fitted
    if best is None:
        raise UsageError("Expected at least one learning rate to choose from, got none.")
    return RateChoice(best, scores)
