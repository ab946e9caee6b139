"""What is timed, in which order, and what a round's seconds become."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from smallbert import runtime
from smallbert.errors import UsageError
from smallbert.models import throughput
from smallbert.models.sharing import SharedRecipe
from smallbert.models.throughput import inference, training_throughput
from smallbert.models.tokens import TokenStore

RECIPE = SharedRecipe(
    layers=2,
    hidden=32,
    heads=2,
    intermediate=64,
    vocabulary_size=120,
    sequence_length=32,
    batch_tokens=128,
    tokens=128 * 3,
    evaluations=1,
    precision="fp32",
)


class Clock:
    """A clock that only moves when told."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(throughput.time, "perf_counter", lambda: self.now)


class Reader:
    """An encoder that takes a second a call and a tenth a token."""

    def __init__(self, clock, log, name):
        self.clock, self.log, self.name = clock, log, name

    def encode(self, ids):
        self.clock.now += 1 + sum(map(len, ids)) / 10
        self.log.append((self.name, len(ids)))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    rng = np.random.default_rng(5)
    texts = [" ".join(rng.choice(["ba", "ko", "da", "ti"], rng.integers(5, 40))) for _ in range(200)]
    return TokenStore.build(texts, 120, tmp_path_factory.mktemp("tokens") / "store")


def test_training_is_timed_in_alternating_order_on_all_cores(store, monkeypatch):
    clock, order, threads = Clock(monkeypatch), [], []
    original = throughput.update

    def update(objective, optimizer, recipe, step):
        clock.now += recipe.layers
        order.append(recipe.layers)
        threads.append(torch.get_num_threads())
        return original(objective, optimizer, recipe, step)

    monkeypatch.setattr(throughput, "update", update)
    before = torch.get_num_threads()
    recipes = {"two": RECIPE, "one": replace(RECIPE, layers=1, sharing="all")}
    found = training_throughput(recipes, store, rounds=2, steps=4, device="cpu")
    assert found == {"two": [128 / 2] * 2, "one": [128 / 1] * 2}
    assert order == [1] * 4 + [2] * 4 + [2] * 4 + [1] * 4 + [1] * 4 + [2] * 4
    assert set(threads) == {runtime.cores()} and torch.get_num_threads() == before


def test_inference_counts_texts_alone_and_tokens_together(monkeypatch):
    clock, log = Clock(monkeypatch), []
    encoders = {name: Reader(clock, log, name) for name in "ab"}
    ids = {"a": [np.arange(4), np.arange(6), np.arange(10)], "b": [np.arange(10)]}
    found = inference(encoders, ids, rounds=1, singles=2)
    assert found["a"].latency == pytest.approx([(1.4 + 1.6) / 2])
    assert found["a"].throughput == pytest.approx([20 / 3])
    assert found["b"].latency == pytest.approx([2]) and found["b"].throughput == pytest.approx([5])
    timed = log[len(log) // 2 :]
    assert timed == [("a", 1), ("a", 1), ("a", 3), ("b", 1), ("b", 1)]


def test_nothing_to_measure_is_refused(store):
    with pytest.raises(UsageError, match="at least one encoder to measure"):
        training_throughput({}, store)
    with pytest.raises(UsageError, match="rounds of at least 1, got 0"):
        training_throughput({"one": RECIPE}, store, rounds=0)
    with pytest.raises(UsageError, match="singles of at least 1, got 0"):
        inference({"a": None}, {"a": []}, singles=0)
