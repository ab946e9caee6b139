"""BERT against GPT-1, one difference at a time: small twins that differ in one thing each, and what follows on tasks.

Every difference is GPT-1's way less BERT's way between two twins that share all else: first weights, text, order of its
rows, optimizer, examples and their order. Most are taken between encoders that look to the left, since at small
budgets these learn more; so the first token, which sees nothing there, is compared in those that look both ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from smallbert.measure.stats import mean_interval
from smallbert.models.causal import TwinRecipe
from smallbert.models.fleet import pretrain_all
from smallbert.models.heads.recipe import FineTuneRecipe
from smallbert.models.tokens import TokenStore
from smallbert.published import published
from smallbert.studies.twins_tasks import TwinTask
from smallbert.studies.twins_tuning import Tuning, tune_all


@dataclass(frozen=True)
class Twin:
    """One way to pretrain and fine-tune.

    Args:
        recipe: of the pretraining, the seed aside.
        last: classes are read from the last token, [SEP], instead of [CLS].
        segments: the texts of a pair have segment embeddings.
        one_rate: every task is fine-tuned at one rate, the best on average, instead of the best on its development set.
    """

    recipe: TwinRecipe
    last: bool = True
    segments: bool = True
    one_rate: bool = False


BERT, GPT = "BERT's way", "GPT-1's way"
BOTH, LEFT = "both sides, last token", "left only"
FEWER, PLAIN, LESS, SMALL, FIXED = (
    "left only, as few predictions",
    "left only, no segments",
    "left only, less text",
    "left only, small batches",
    "left only, one rate",
)

ALL = "all of these"

DIFFERENCES: dict[str, tuple[str, str]] = {
    "next token from the left, not masked ones from both sides": (LEFT, BOTH),
    "the same with as few predictions": (FEWER, BOTH),
    "last token read, not [CLS]": (BOTH, BERT),
    "no segment embeddings": (PLAIN, LEFT),
    "less text, read more often": (LESS, LEFT),
    "smaller batches, as many tokens": (SMALL, LEFT),
    "one fine-tuning rate, not the best on development": (FIXED, LEFT),
    ALL: (GPT, BERT),
}
"""Each difference, and the twins that differ in it: GPT-1's way, BERT's way."""


def text_share() -> float:
    """GPT-1's text as a share of BERT's, in words."""
    books, encyclopedia = published("bert.corpus_words").value
    return books / (books + encyclopedia)


def batch_share() -> float:
    """GPT-1's batch as a share of BERT's, in tokens."""
    return published("gpt.batch_tokens_computed").value / published("bert.batch_tokens_computed").value


def twins(base: TwinRecipe) -> dict[str, Twin]:
    """All twins by name.

    Args:
        base: pretraining BERT's way, ``corpus_tokens`` set.
    """
    assert base.corpus_tokens is not None  # see Args
    row = base.sequence_length
    batch = max(1, round(batch_share() * base.batch_tokens / row)) * row
    text = max(1, round(text_share() * base.corpus_tokens / row)) * row
    left = Twin(replace(base, causal=True))
    return {
        BERT: Twin(base, last=False),
        BOTH: Twin(base),
        LEFT: left,
        FEWER: replace(left, recipe=replace(left.recipe, predicted=base.masking_probability)),
        PLAIN: replace(left, segments=False),
        LESS: replace(left, recipe=replace(left.recipe, corpus_tokens=text)),
        SMALL: replace(left, recipe=replace(left.recipe, batch_tokens=batch)),
        FIXED: replace(left, one_rate=True),
        GPT: Twin(
            replace(left.recipe, corpus_tokens=text, batch_tokens=batch), last=True, segments=False, one_rate=True
        ),
    }


@dataclass(frozen=True)
class Found:
    """What became of all twins.

    Args:
        cells: one row a twin, task and seed: ``twin``, ``task``, ``measure``, ``seed``, ``rate``, ``development``,
            ``score`` (test).
        rates: ``twin``, ``task``, ``rate``, ``development`` (of the first seed), ``chosen``.
        pretraining: one row a twin and seed: ``twin``, ``seed``, ``left`` (whether it looks there only), ``loss`` (held
            out, nats a predicted token), ``accuracy`` (of these predictions).
    """

    cells: pd.DataFrame
    rates: pd.DataFrame
    pretraining: pd.DataFrame


def run(
    store: TokenStore,
    asked: Sequence[TwinTask],
    chosen: dict[str, Twin],
    tuning: FineTuneRecipe,
    *,
    rates: Sequence[float],
    seeds: int,
    where: Path,
    **options: Any,
) -> Found:
    """Pretrain and fine-tune every twin for seeds 0 .. ``seeds`` - 1, or find it done.

    Rates are chosen on the development sets, with the first seed, and used for every seed: for each twin and task the
    best one; for a twin with one rate, the one with the best mean over all tasks. The lowest of equals is taken.

    Args:
        store: the text.
        asked: the tasks.
        chosen: from :func:`twins`.
        tuning: the fine-tuning; its own rate and seed are not used.
        rates: those to choose from.
        seeds: how many.
        where: folder of encoders and scores.
        options: ``device`` and ``workers``, of :func:`smallbert.models.fleet.pretrain_all`.
    """
    pretrained = [(name, seed) for seed in range(seeds) for name in chosen]
    recipes = [replace(chosen[name].recipe, seed=seed) for name, seed in pretrained]
    made = pretrain_all(store, recipes, where, label="twins", **options)
    folders = dict(zip(pretrained, made, strict=True))

    def tune(todo: Sequence[tuple[str, TwinTask, int, float]]) -> pd.DataFrame:
        """Scores of twins on tasks with a seed at a rate."""
        tunings = []
        for name, one, seed, rate in todo:
            how = replace(tuning, learning_rate=rate, seed=seed)
            tunings.append(Tuning(folders[name, seed], one, how, chosen[name].last, chosen[name].segments))
        scores = tune_all(tunings, where / "tuned", **options)
        known = [(name, one.name, one.measure, seed, rate) for name, one, seed, rate in todo]
        rows = [(*own, score["development"], score["test"]) for own, score in zip(known, scores, strict=True)]
        return pd.DataFrame(rows, columns=["twin", "task", "measure", "seed", "rate", "development", "score"])

    first = tune([(name, one, 0, rate) for name in chosen for one in asked for rate in sorted(rates)])
    best = _best(first, chosen)
    rate = first.loc[best].set_index(["twin", "task"]).rate
    others = [(name, one, seed, rate[name, one.name]) for seed in range(1, seeds) for name in chosen for one in asked]
    cells = pd.concat([first.loc[best], tune(others)], ignore_index=True)
    tried = first[["twin", "task", "rate", "development"]].assign(chosen=first.index.isin(best))
    return Found(cells, tried, _pretraining(folders, chosen))


def _best(tried: pd.DataFrame, chosen: dict[str, Twin]) -> list[int]:
    """Rows of the rates that are used, one a twin and task."""
    rows = []
    for name, own in tried.groupby("twin", sort=False):
        if chosen[name].one_rate:
            means = own.groupby("rate").development.mean()
            rows += own.index[own.rate == means.idxmax()].tolist()
        else:
            rows += own.groupby("task", sort=False).development.idxmax().tolist()
    return rows


def _pretraining(folders: dict[tuple[str, int], Path], chosen: dict[str, Twin]) -> pd.DataFrame:
    rows = []
    for (name, seed), folder in folders.items():
        last = pd.read_csv(folder / "curve.csv").iloc[-1]
        rows.append((name, seed, chosen[name].recipe.causal, last.held_out_loss, last.held_out_accuracy))
    return pd.DataFrame(rows, columns=["twin", "seed", "left", "loss", "accuracy"])


def summary(cells: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds of each twin's score with its 95% t interval: ``twin``, ``task``, ``measure``, ``mean``, ``low``,
    ``high``, ``seeds``."""
    rows = []
    for (twin, task, measure), part in cells.groupby(["twin", "task", "measure"], sort=False):
        over = mean_interval(part.score)
        rows.append((twin, task, measure, over.estimate, over.low, over.high, over.n))
    return pd.DataFrame(rows, columns=["twin", "task", "measure", "mean", "low", "high", "seeds"])
