"""The twins as a page asks for them: text, tasks, recipes and place, from the page's parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smallbert import paths, storage
from smallbert.models.causal import TwinRecipe
from smallbert.models.heads.recipe import FineTuneRecipe
from smallbert.models.tokens import TokenStore
from smallbert.studies import model_size
from smallbert.studies.twins_tasks import TwinTask, articles, from_world

BATCH = 16
"""Examples of a step: with few examples more steps teach more than larger ones."""

EPOCHS = 3
"""Times a twin reads every example, as BERT does at least."""

HALF = 2
"""A twin reads half the tokens that page 6's sizes read, and is asked twice as many examples as its shelf."""


def place() -> Path:
    """Folder of text, encoders and scores."""
    return paths.cache() / "twins"


def text(params: Any) -> TokenStore:
    """English articles of the world as tokens, enough to be read once; made once."""
    told = articles(params.seed, params.tokens // HALF)
    name = storage.digest([told, params.vocabulary])
    return TokenStore.build(told, params.vocabulary, place() / f"tokens-{name}")


def tasks(params: Any) -> list[TwinTask]:
    """The twins' tasks."""
    return from_world(params.seed, examples=params.examples, test=HALF * params.asked)


def recipe(params: Any, store: TokenStore) -> TwinRecipe:
    """Pretraining BERT's way, at the page's size: all of the text once, or as often as the tokens ask for.

    Args:
        params: the page's parameters.
        store: the text.
    """
    return TwinRecipe(
        layers=params.layers,
        hidden=params.hidden,
        heads=model_size.heads(params.hidden),
        intermediate=4 * params.hidden,
        vocabulary_size=store.vocabulary_size,
        sequence_length=params.sequence,
        batch_tokens=params.batch,
        tokens=params.tokens // HALF,
        learning_rate=params.peak_rates[len(params.peak_rates) // 2],
        evaluations=1,
        precision="fp32",
        corpus_tokens=min(params.tokens // HALF, len(store.train)),
    )


def tuning(params: Any) -> FineTuneRecipe:
    """The fine-tuning, rate and seed aside."""
    return FineTuneRecipe(epochs=EPOCHS, batch_size=BATCH, max_tokens=params.sequence, precision="fp32")
