"""The floor of word frequencies: an encoder that knows nothing else gets the same."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from smallbert.models.mlm import SharedLanguageModelling
from smallbert.models.packing import PackedRows
from smallbert.models.shared_encoder import fresh
from smallbert.models.sharing import SharedRecipe
from smallbert.models.tokens import TokenStore
from smallbert.models.unigram import frequencies

BASE = SharedRecipe(
    layers=1,
    hidden=16,
    heads=2,
    intermediate=32,
    vocabulary_size=120,
    sequence_length=16,
    batch_tokens=64,
    tokens=640,
    precision="fp32",
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    rng = np.random.default_rng(5)
    words = [a + b for a in "bdfgklmnprst" for b in "ao"]
    texts = [" ".join(rng.choice(words, rng.integers(5, 40))) for _ in range(200)]
    return TokenStore.build(texts, 120, tmp_path_factory.mktemp("tokens") / "store")


def test_frequencies_are_what_an_encoder_gets_that_knows_nothing_else(store):
    found = frequencies(store, BASE)
    sizes = BASE.sizes(store.vocabulary_size)
    model = fresh(sizes, 0, torch.device("cpu"))
    counts = np.bincount(store.train, minlength=store.vocabulary_size) + 1.0
    counts[:5] = 1e-30
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.vocabulary_head.bias.copy_(torch.from_numpy(np.log(counts)))
    rows = [PackedRows(tokens, 16) for tokens in (store.train, store.held_out)]
    known = SharedLanguageModelling(model, *rows, replace(BASE, vocabulary_size=store.vocabulary_size), torch.float32)
    expected = known.evaluate()
    assert found["held_out_loss"] == pytest.approx(expected["held_out_loss"], rel=1e-5)
    assert found["held_out_accuracy"] == expected["held_out_accuracy"]
    assert 0 < found["held_out_loss"] < np.log(store.vocabulary_size)
