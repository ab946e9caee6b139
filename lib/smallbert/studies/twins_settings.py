"""The twins as a page asks for them: text, tasks, recipes and place, from the page's parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smallbert import paths, storage
from smallbert.models.causal import TwinRecipe
from smallbert.models.heads.recipe import FineTuneRecipe
from smallbert.models.tokens import TokenStore
from smallbert.studies.twins_tasks import TwinTask, articles, from_world

BATCH = 16
"""Examples of a step: with few examples more steps teach more than larger ones."""


def place() -> Path:
    """Folder of text, encoders and scores."""
    return paths.cache() / "twins"


def text(params: Any) -> TokenStore:
    """English articles of the world as tokens, enough to be read once; made once."""
    told = articles(params.seed, params.twin_tokens)
    name = storage.digest([told, params.twin_vocabulary])
    return TokenStore.build(told, params.twin_vocabulary, place() / f"tokens-{name}")


def tasks(params: Any) -> list[TwinTask]:
    """The twins' tasks."""
    return from_world(params.seed, examples=params.twin_examples, test=params.twin_test)


def recipe(params: Any, store: TokenStore) -> TwinRecipe:
    """Pretraining BERT's way, at the page's size: all of the text once, or as often as the tokens ask for.

    Args:
        params: the page's parameters.
        store: the text.
    """
    return TwinRecipe(
        layers=params.twin_layers,
        hidden=params.twin_hidden,
        heads=params.twin_heads,
        intermediate=4 * params.twin_hidden,
        vocabulary_size=store.vocabulary_size,
        sequence_length=params.twin_sequence,
        batch_tokens=params.twin_batch,
        tokens=params.twin_tokens,
        learning_rate=params.twin_rate,
        evaluations=1,
        precision="fp32",
        corpus_tokens=min(params.twin_tokens, len(store.train)),
    )


def tuning(params: Any) -> FineTuneRecipe:
    """The fine-tuning, rate and seed aside."""
    return FineTuneRecipe(
        epochs=params.twin_epochs, batch_size=BATCH, max_tokens=params.twin_sequence, precision="fp32"
    )


def machine(params: Any) -> dict[str, Any]:
    """Where twins are trained, as :func:`smallbert.studies.twins.run` is told."""
    return {"device": params.device, "workers": params.jobs or None}
