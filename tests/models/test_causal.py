"""Left-to-right pretraining against transformers' own loss, and that the twin differs from BERT in what it says."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from smallbert.errors import UsageError
from smallbert.models import causal, training
from smallbert.models.causal import CausalLanguageModelling, TwinRecipe, twin_modelling
from smallbert.models.fleet import pretrain_all
from smallbert.models.mlm import build_model
from smallbert.models.packing import PackedRows
from smallbert.models.pretrain import objective_of, pretrain
from smallbert.models.tokenizer import SEP
from smallbert.models.tokens import TokenStore

BERT = TwinRecipe(
    layers=2,
    hidden=32,
    heads=2,
    intermediate=64,
    vocabulary_size=120,
    sequence_length=32,
    batch_tokens=256,
    tokens=256 * 12,
    learning_rate=3e-3,
    evaluations=3,
    precision="fp32",
)
GPT = replace(BERT, causal=True)
CPU = torch.device("cpu")
WORDS = [a + b for a in "bdfgklmnprst" for b in ("a", "o")]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Texts that start anywhere in a circle of words and follow it: each word says which is next."""
    rng = np.random.default_rng(5)
    texts = [
        " ".join(WORDS[(start + k) % len(WORDS)] for k in range(rng.integers(5, 20)))
        for start in rng.integers(len(WORDS), size=400)
    ]
    return TokenStore.build(texts, 120, tmp_path_factory.mktemp("tokens") / "store")


def documents(rng, *lengths):
    """One row of documents ``[CLS] ids [SEP]``."""
    return np.concatenate([[2, *rng.integers(5, 120, n - 2), 3] for n in lengths])[None]


def objective(rows, recipe=GPT):
    """The objective on given rows, and its model with weights far from their first ones."""
    model = causal.causal_twin(build_model(recipe, 120, CPU))
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    packed = PackedRows(rows.ravel(), rows.shape[1])
    own = replace(recipe, sequence_length=rows.shape[1], batch_tokens=rows.size)
    return CausalLanguageModelling(model, packed, packed, own, torch.float32)


def test_loss_and_gradients_equal_transformers_on_one_document(rng):
    rows = documents(rng, 32)
    ours = objective(rows)
    loss = ours.loss(0)
    parameters = list(ours.model.parameters())
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    ids = torch.from_numpy(rows)
    theirs = ours.model(ids, labels=ids).loss
    expected = torch.autograd.grad(theirs, parameters, allow_unused=True)
    assert loss.item() == pytest.approx(theirs.item(), abs=1e-5)
    assert sum(g is not None for g in expected) > 30
    for own, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(own, other, atol=1e-5, rtol=1e-4)
    assert ours.evaluate()["held_out_loss"] == pytest.approx(theirs.item(), abs=1e-5)


def test_the_loss_of_packed_documents_is_the_mean_over_their_predictions(rng):
    lengths = (9, 17, 6)
    rows = documents(rng, *lengths)
    ours = objective(rows)
    parts = np.split(rows[0], np.cumsum(lengths)[:-1])
    alone = [ours.model(torch.from_numpy(part[None]), labels=torch.from_numpy(part[None])).loss for part in parts]
    expected = sum((n - 1) * loss.item() for n, loss in zip(lengths, alone, strict=True)) / (sum(lengths) - 3)
    assert ours.loss(0).item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_no_token_sees_a_later_one_nor_another_document(rng, attention):
    rows = documents(rng, 12, 20)
    ours = objective(rows)
    ours.model.set_attn_implementation(attention)
    before = ours._predict(rows, None)[0].detach()
    places = causal.next_places(rows)
    assert places.tolist() == [*range(11), *range(12, 31)]
    for changed in (4, 11, 18, 30):
        other = rows.copy()
        other[0, changed] = 99 if rows[0, changed] != 99 else 98
        after = ours._predict(other, None)[0].detach()
        moved = places[((after - before).abs() > 1e-6).any(1).numpy()]
        end = 11 if changed < 12 else 31
        assert moved.tolist() == list(range(changed, end)), changed


def test_padding_is_neither_read_nor_predicted(rng):
    rows = documents(rng, 20)
    padded = np.pad(rows, ((0, 0), (0, 12)))
    ours = objective(padded)
    assert causal.next_places(padded).tolist() == list(range(19))
    assert ours.loss(0).item() == pytest.approx(objective(rows).loss(0).item(), abs=1e-5)


def test_twins_start_alike_and_read_the_same_rows(store):
    masked, left = (twin_modelling(recipe, store, CPU, torch.float32) for recipe in (BERT, GPT))
    ours, theirs = (one.model.state_dict() for one in (left, masked))
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert left.model.config.is_decoder and not masked.model.config.is_decoder
    for step in (0, 5, 11):
        assert (masked.train.batch(step, BERT.rows) == left.train.batch(step, GPT.rows)).all()


def test_the_global_generator_is_left_alone(store):
    before = torch.random.get_rng_state()
    twin_modelling(GPT, store, CPU, torch.float32)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_as_few_predictions_as_the_masked_twin_makes(store):
    few = twin_modelling(replace(GPT, predicted=0.15), store, CPU, torch.float32)
    made, possible, original = [], [], few._at

    def at(rows, places):
        made.append(len(places))
        possible.append(len(causal.next_places(rows)))
        return original(rows, places)

    few._at = at
    losses = [few.loss(step).item() for step in range(12)]
    assert sum(made) / sum(possible) == pytest.approx(0.15, abs=0.03)
    assert losses[0] == few.loss(0).item() != losses[1]
    whole = twin_modelling(GPT, store, CPU, torch.float32)
    assert few.evaluate() == pytest.approx(whole.evaluate())  # measured on every place, whatever is trained on


def test_a_limited_corpus_is_read_more_often(store):
    limited = twin_modelling(replace(GPT, corpus_tokens=512), store, CPU, torch.float32)
    seen = {tuple(row) for step in range(6) for row in limited.train.batch(step, GPT.rows)}
    assert seen == {tuple(row) for row in store.train[:512].reshape(16, 32).tolist()}
    with pytest.raises(UsageError, match=f"at most the corpus's {len(store.train)}"):
        twin_modelling(replace(GPT, corpus_tokens=10**9), store, CPU, torch.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"predicted": 0.0}, "Expected predicted above 0 and at most 1, got 0.0"),
        ({"predicted": 1.5}, "Expected predicted above 0 and at most 1, got 1.5"),
        ({"corpus_tokens": 31}, "Expected corpus_tokens of at least a row of 32, got 31"),
        ({"layers": 0}, "layers of at least 1, got 0"),
    ],
)
def test_impossible_recipes_are_refused(change, message):
    with pytest.raises(UsageError, match=message):
        replace(GPT, **change)


def test_every_field_enters_the_key():
    changed = [BERT, GPT, replace(GPT, predicted=0.5), replace(GPT, corpus_tokens=64), replace(BERT, corpus_tokens=64)]
    assert len({recipe.key("data") for recipe in changed}) == 5


def test_an_interrupted_run_ends_with_the_same_bits(store, tmp_path, monkeypatch):
    whole = pretrain(store, GPT, tmp_path / "whole", device="cpu", report=lambda tokens: None)
    update, calls = training.update, []

    def step(*arguments):
        calls.append(arguments[-1])
        if len(calls) == 8:
            raise KeyboardInterrupt
        return update(*arguments)

    monkeypatch.setattr(training, "update", step)
    options = {"device": "cpu", "checkpoint_every": 3, "report": lambda tokens: None}
    with pytest.raises(KeyboardInterrupt):
        pretrain(store, GPT, tmp_path / "killed", **options)
    pretrain(store, GPT, tmp_path / "killed", **options)
    assert calls == [0, 1, 2, 3, 4, 5, 6, 7, 6, 7, 8, 9, 10, 11]
    ours, theirs = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "killed"))
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert (whole / "curve.csv").read_bytes() == (tmp_path / "killed" / "curve.csv").read_bytes()


def test_it_learns_what_follows_and_transformers_loads_it(store, tmp_path):
    recipe = replace(GPT, tokens=256 * 80, learning_rate=1e-2)
    [folder] = pretrain_all(store, [recipe], tmp_path, device="cpu", workers=1)
    assert isinstance(objective_of(recipe, store, CPU, torch.float32), CausalLanguageModelling)
    model, report = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not any(report.values()) and model.config.is_decoder
    end = np.flatnonzero(store.held_out == SEP)[0]
    ids = torch.from_numpy(np.array(store.held_out[: end + 1], np.int64))[None]
    with torch.no_grad():
        right = model(ids).logits[0, 1:-2].argmax(1) == ids[0, 2:-1]  # neither the first word nor the end
    assert right.float().mean() > 0.8
