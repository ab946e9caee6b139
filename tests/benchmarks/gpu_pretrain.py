"""Pretraining on a GPU: tokens a second and the share of the matrix rate, with and without a compiled encoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from compare import Variant
from gpu_tools import Check
from texts import training

from smallbert import runtime
from smallbert.models import tokenizer as wordpiece
from smallbert.models.pretrain import objective_of
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.sizes import Sizes
from smallbert.models.tokens import TokenStore
from smallbert.models.training import make_optimizer, update

NAME = "Pretraining, {layers} x {hidden}, {batch} tokens a step, on a GPU"
OURS = "smallbert bf16"


def measure(check: Check, store: TokenStore) -> None:
    """A small and a larger encoder at batches that fill a GPU; then the larger one with compiled layers beside."""
    shapes = [(1, 32, 2)] if check.quick else [(3, 256, 4), (12, 512, 8)]
    recipes = [_recipe(check, store, *shape) for shape in shapes]
    for recipe in recipes:
        name = NAME.format(layers=recipe.layers, hidden=recipe.hidden, batch=f"{recipe.batch_tokens:,}")
        check.attempt(name, lambda name=name, recipe=recipe: _side_by_side(check, name, recipe, store, [False]))
    if check.device.type == "cuda":  # last: compiling may take all the time there is
        name = f"{name}, layers compiled"
        check.attempt(name, lambda: _side_by_side(check, name, recipes[-1], store, [False, True]))


def _recipe(check: Check, store: TokenStore, layers: int, hidden: int, heads: int) -> PretrainRecipe:
    batch = check.size(65_536, 256)
    return PretrainRecipe(
        layers=layers,
        hidden=hidden,
        heads=heads,
        intermediate=4 * hidden,
        vocabulary_size=store.vocabulary_size,
        sequence_length=check.size(128, 32),
        batch_tokens=batch,
        tokens=1000 * batch,
        learning_rate=1e-4,
        precision="bf16",
    )


def _side_by_side(check: Check, name: str, recipe: PretrainRecipe, store: TokenStore, compiled: list[bool]) -> None:
    steps = check.size(12, 2)
    variants = {
        f"{OURS}, torch.compile" if one else OURS: Variant(_steps(check, recipe, store, steps, one), "bf16")
        for one in compiled
    }
    tokens = float(steps * recipe.batch_tokens)
    gflop = tokens * _gflop_a_token(recipe, store)
    check.compare(name, variants, amount=tokens, unit="tokens", gflop=gflop, vocabulary=store.vocabulary_size)


def _steps(check: Check, recipe: PretrainRecipe, store: TokenStore, steps: int, compiled: bool) -> Callable[[], None]:
    """Some more steps of one run at every call.

    The library does not compile; whether it should is what the compiled variant answers. One layer's code serves all.
    """
    dtype = runtime.dtype(recipe.precision, check.device)
    objective: Any = objective_of(recipe, store, check.device, dtype)
    optimizer = make_optimizer(objective.model, recipe.weight_decay)
    done = 0

    def run() -> None:
        nonlocal done
        for _ in range(steps):
            update(objective, optimizer, recipe, done % recipe.steps)
            done += 1

    if compiled:
        for layer in objective.model.bert.encoder.layer:
            layer.compile()
    return run


def _gflop_a_token(recipe: PretrainRecipe, store: TokenStore) -> float:
    """Useful operations a real token: the encoder forward and backward over whole documents, the head where asked."""
    ids = np.asarray(store.train[: 1 << 20])
    begins = np.flatnonzero((ids == wordpiece.CLS) | (np.arange(len(ids)) % recipe.sequence_length == 0))
    lengths = np.diff(begins, append=len(ids))
    sizes = Sizes(store.vocabulary_size, recipe.hidden, recipe.layers, recipe.heads, recipe.intermediate)
    predicted = recipe.masking_probability * len(ids)
    head = 3 * 2e-9 * predicted * recipe.hidden * (recipe.hidden + store.vocabulary_size)
    return (training(sizes, lengths) + head) / len(ids)
