"""The recipe end to end on a planted language, and each of its parts against transformers."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer

from smallbert import storage
from smallbert.errors import DataError, UsageError
from smallbert.models import interchange, mlm, training
from smallbert.models.masking import generator, mask_tokens
from smallbert.models.pair_modelling import PairRecipe
from smallbert.models.pretrain import objective_of, pretrain
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.sharing import SharedRecipe
from smallbert.models.tokens import TokenStore

RECIPE = PretrainRecipe(
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
SHARED = SharedRecipe(**asdict(RECIPE), embedding=16, sharing="all")
PAIRS = PairRecipe(**asdict(SHARED), objective="sop")
CPU = torch.device("cpu")
masked_tokens_alone = pytest.mark.parametrize("recipe", [RECIPE, SHARED], ids=["plain", "shared"], indirect=True)
WORDS = [a + b for a in "bdfgklmnprst" for b in ("a", "o")]


def planted(documents=400, seed=5):
    """Texts that draw from one pair of words each: the neighbours tell the pair, unigrams know nothing of it."""
    rng = np.random.default_rng(seed)
    pairs = rng.integers(len(WORDS) // 2, size=documents)
    return [" ".join(WORDS[2 * pair + i] for i in rng.integers(2, size=rng.integers(5, 40))) for pair in pairs]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Matrices this small gain nothing from a second thread, and threads that wait for each other lose much."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return TokenStore.build(planted(), 120, tmp_path_factory.mktemp("tokens") / "store")


@pytest.fixture(scope="module", params=[RECIPE, SHARED, PAIRS], ids=["plain", "shared", "pairs"])
def recipe(request):
    return request.param


@pytest.fixture(scope="module")
def encoder(recipe, store, tmp_path_factory):
    return pretrain(store, recipe, tmp_path_factory.mktemp("encoder"), device="cpu")


def one_document_rows(rng):
    ids = rng.integers(5, 120, (4, 32))
    ids[:, 0], ids[:, -1] = 2, 3
    return ids


def test_loss_and_gradients_equal_transformers(rng):
    """One document a row, so that BertForMaskedLM without a mask computes the same."""
    model = mlm.build_model(RECIPE, 120, CPU)
    ids = one_document_rows(rng)
    masked = mask_tokens(ids, 0.15, 120, generator(1))
    labels = np.full(ids.size, -100)
    labels[masked.positions] = masked.targets

    logits = mlm.masked_logits(model, torch.from_numpy(ids), masked)
    ours = torch.nn.functional.cross_entropy(logits, torch.from_numpy(masked.targets))
    gradients = torch.autograd.grad(ours, list(model.parameters()), allow_unused=True)
    theirs = model(torch.from_numpy(masked.inputs), labels=torch.from_numpy(labels.reshape(ids.shape))).loss
    expected = torch.autograd.grad(theirs, list(model.parameters()), allow_unused=True)

    assert ours.item() == pytest.approx(theirs.item(), abs=1e-6)
    assert sum(g is not None for g in gradients) > 30
    for ours, theirs in zip(gradients, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-4)


def test_both_models_make_the_same_loss_of_the_same_weights(store, tmp_path):
    """An encoder of ours without sharing or map is a BERT: equal losses, gradient norms and held-out measures."""
    recipe = SharedRecipe(**asdict(RECIPE))
    plain, shared = (objective_of(r, store, CPU, torch.float32) for r in (RECIPE, recipe))
    plain.model.save_pretrained(tmp_path)
    shared.model = interchange.load(tmp_path, device="cpu")
    for step in range(3):
        losses = [objective.loss(step) for objective in (plain, shared)]
        assert losses[0].item() == pytest.approx(losses[1].item(), abs=1e-5)
        norms = []
        for objective, loss in zip((plain, shared), losses, strict=True):
            objective.model.zero_grad()
            loss.backward()
            norms.append(torch.nn.utils.get_total_norm(p.grad for p in objective.model.parameters()).item())
        assert norms[0] == pytest.approx(norms[1], rel=1e-4)
    assert plain.evaluate() == pytest.approx(shared.evaluate(), abs=1e-5)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_packed_documents_do_not_see_each_other(rng, attention):
    model = mlm.build_model(RECIPE, 120, CPU)
    model.set_attn_implementation(attention)
    documents = [np.array([2, *rng.integers(5, 120, n), 3]) for n in (9, 19)]
    row = np.concatenate(documents)[None]
    masked = mask_tokens(row, 0.5, 120, generator(1))
    packed = mlm.masked_logits(model, torch.from_numpy(row), masked)
    first, second = np.split(masked.inputs[0], [len(documents[0])])
    alone = torch.cat([model(torch.from_numpy(part[None])).logits[0] for part in (first, second)])
    torch.testing.assert_close(packed, alone[masked.positions], atol=1e-5, rtol=1e-4)


def test_first_weights_come_from_the_seed_and_leave_the_global_generator_alone():
    before = torch.random.get_rng_state()
    same, again, other = (mlm.build_model(replace(RECIPE, seed=s), 120, CPU) for s in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    weights = [m.bert.embeddings.word_embeddings.weight for m in (same, again, other)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_decay_spares_biases_and_norms():
    model = mlm.build_model(RECIPE, 120, CPU)
    decayed, spared = (group["params"] for group in training.make_optimizer(model, 0.1).param_groups)
    names = {id(p): name for name, p in model.named_parameters()}
    assert {names[id(p)].rsplit(".", 1)[1] for p in decayed} == {"weight"}
    assert all("bias" in names[id(p)] or "LayerNorm" in names[id(p)] for p in spared)
    assert len(decayed) + len(spared) == len(names)


def test_rate_warms_up_to_the_peak_and_falls_to_zero():
    recipe = replace(RECIPE, tokens=256 * 100, warmup_fraction=0.1)
    rates = [recipe.rate(step) for step in range(100)]
    assert max(rates) == rates[10] == recipe.learning_rate
    assert rates[:10] == sorted(rates[:10]) and rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[55] == pytest.approx(recipe.learning_rate / 2)
    assert 0 < rates[0] < 1e-3 and 0 < rates[99] < 1e-5


@masked_tokens_alone
def test_it_learns_what_unigrams_cannot_know(recipe, store, tmp_path):
    folder = pretrain(store, replace(recipe, tokens=256 * 240, learning_rate=1e-2), tmp_path, device="cpu")
    curve = pd.read_csv(folder / "curve.csv")
    ids, counts = np.unique(store.train[store.train >= 5], return_counts=True)
    share = counts / counts.sum()
    entropy = -(share * np.log(share)).sum()
    assert len(ids) > 10 and entropy > 2
    assert curve.held_out_loss.iloc[-1] < 0.5 * entropy
    assert curve.held_out_accuracy.iloc[-1] > 0.4


@masked_tokens_alone
def test_transformers_loads_the_encoder(encoder, store):
    model, report = AutoModelForMaskedLM.from_pretrained(encoder, output_loading_info=True)
    assert not any(report.values())
    base, report = AutoModel.from_pretrained(encoder, add_pooling_layer=False, output_loading_info=True)
    assert not report["missing_keys"]
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    assert tokenizer.model_max_length == RECIPE.sequence_length == model.config.max_position_embeddings
    assert len(tokenizer) == store.vocabulary_size == model.config.vocab_size
    with torch.no_grad():
        batch = tokenizer(["ba ko", "da"], padding=True, return_tensors="pt")
        torch.testing.assert_close(
            base(**batch).last_hidden_state, model.base_model(**batch).last_hidden_state, atol=1e-6, rtol=1e-5
        )


@masked_tokens_alone
def test_the_folder_tells_what_it_is(recipe, encoder, store):
    stamp = json.loads((encoder / "recipe.json").read_text())
    assert stamp["key"] == recipe.key(store.key) and stamp["recipe"] == asdict(recipe)
    assert stamp["model_sha256"] == storage.sha256_file(encoder / "model.safetensors")
    curve = pd.read_csv(encoder / "curve.csv")
    assert curve.step.tolist() == [4, 8, 12] and (curve.tokens == 256 * curve.step).all()
    assert curve.train_loss.iloc[0] == pytest.approx(math.log(store.vocabulary_size), abs=0.5)
    assert not list(encoder.glob("checkpoint*")) and not list(encoder.glob(".*.part"))


def test_a_finished_encoder_is_returned_and_another_refused(recipe, encoder, store):
    before = (encoder / "recipe.json").stat().st_mtime_ns
    assert pretrain(store, recipe, encoder, device="cpu") == encoder
    assert (encoder / "recipe.json").stat().st_mtime_ns == before
    with pytest.raises(UsageError, match="made with another recipe or corpus"):
        pretrain(store, replace(recipe, seed=1), encoder, device="cpu")


@pytest.mark.parametrize(("every", "saved"), [(5, [5, 10, 12]), (6, [6, 12]), (12, [12]), (13, [])])
def test_only_a_run_longer_than_the_interval_is_written_down(recipe, store, tmp_path, monkeypatch, every, saved):
    steps = []
    monkeypatch.setattr(training, "_save", lambda *given: steps.append(given[-1]["step"]))
    pretrain(store, recipe, tmp_path, device="cpu", checkpoint_every=every)
    assert recipe.steps == 12 and steps == saved


def test_an_interrupted_run_ends_with_the_same_bits(recipe, encoder, store, tmp_path, monkeypatch):
    class Interrupted(Exception):
        pass

    original, calls = training.update, []

    def step(*arguments):
        calls.append(arguments[-1])
        if len(calls) == 8:
            raise Interrupted
        return original(*arguments)

    monkeypatch.setattr(training, "update", step)
    with pytest.raises(Interrupted):
        pretrain(store, recipe, tmp_path, device="cpu", checkpoint_every=3)
    assert training.trained_steps(tmp_path / "checkpoint.safetensors") == 6
    with pytest.raises(UsageError, match="Expected a checkpoint of run"):
        pretrain(store, replace(recipe, seed=1), tmp_path, device="cpu")
    reported = []
    pretrain(store, recipe, tmp_path, device="cpu", checkpoint_every=3, report=reported.append)
    assert reported == [256 * step for step in range(7, 13)]
    assert calls == [0, 1, 2, 3, 4, 5, 6, 7, 6, 7, 8, 9, 10, 11]
    assert_same_encoder(tmp_path, encoder)


@pytest.mark.slow
def test_a_killed_process_resumes_to_the_same_bits(recipe, store, encoder, tmp_path):
    """SIGKILL at the worst moment: while the second checkpoint replaces the first."""
    code = f"""
        import os, signal
        from pathlib import Path
        import torch
        torch.set_num_threads({torch.get_num_threads()})
        from smallbert.models.pretrain import pretrain
        from smallbert.models.pair_modelling import PairRecipe
        from smallbert.models.recipe import PretrainRecipe
        from smallbert.models.sharing import SharedRecipe
        from smallbert.models.tokens import TokenStore
        replace, count = os.replace, [0]
        def killing(source, target):
            count[0] += 1
            if count[0] == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            replace(source, target)
        os.replace = killing
        pretrain(TokenStore.open(Path({str(store.folder)!r})), {recipe!r}, Path({str(tmp_path)!r}),
                 device="cpu", checkpoint_every=3)
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], env=environment, capture_output=True)
    assert run.returncode == -signal.SIGKILL, run.stderr.decode()
    assert list(tmp_path.glob(".checkpoint*.part")) and not (tmp_path / "model.safetensors").exists()
    pretrain(store, recipe, tmp_path, device="cpu", checkpoint_every=3)
    assert_same_encoder(tmp_path, encoder)
    assert not list(tmp_path.glob(".*.part"))


def assert_same_encoder(one, other):
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (one, other))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert (one / "curve.csv").read_bytes() == (other / "curve.csv").read_bytes()


def test_a_diverging_run_stops_and_keeps_its_checkpoint(recipe, store, tmp_path):
    objective = objective_of(recipe, store, CPU, torch.float32)
    original = objective.loss
    objective.loss = lambda step: original(step) * (float("nan") if step == 4 else 1.0)
    with pytest.raises(UsageError, match=r"finite loss and gradient, got nan .* at step 5 of 12"):
        training.fit(objective, recipe, tmp_path / "checkpoint.safetensors", "key", checkpoint_every=2)
    assert (tmp_path / "checkpoint.safetensors").exists()
    assert all(torch.isfinite(p).all() for p in objective.model.parameters())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": 30, "heads": 4}, "hidden to be a multiple of heads, got 30 and 4"),
        ({"batch_tokens": 100}, "batch_tokens to be a multiple of sequence_length, got 100 and 32"),
        ({"layers": 0}, "layers of at least 1, got 0"),
        ({"tokens": 1e6}, "tokens as a whole number, got 1000000.0"),
        ({"masking_probability": 1.5}, "masking_probability between 0 and 1, got 1.5"),
        ({"learning_rate": float("nan")}, "learning_rate between 0 and inf, got nan"),
        ({"precision": "fp16"}, "precision auto, fp32 or bf16, got 'fp16'"),
    ],
)
def test_impossible_recipes_are_refused(change, message):
    with pytest.raises(UsageError, match=message):
        replace(RECIPE, **change)


@pytest.mark.parametrize(
    ("gone", "message"),
    [("tokenizer.json", "a tokenizer at"), ("tokenizer_config.json", "a tokenizer's settings at .* does not exist")],
)
def test_a_store_without_a_tokenizer_of_ours_is_refused_before_training(
    store, tmp_path, monkeypatch, gone, message, recipe
):
    """A store of a teacher's tokenizer, which is for distilling, has no settings of one."""
    folder = shutil.copytree(store.folder, tmp_path / "store")
    (folder / gone).unlink()
    monkeypatch.setattr(training, "update", None)
    with pytest.raises(DataError, match=f"Expected {message}"):
        pretrain(replace(store, folder=folder), recipe, tmp_path / "out", device="cpu")
    assert not (tmp_path / "out").exists()


def test_too_little_data_is_refused(store, tmp_path):
    with pytest.raises(DataError, match="at least one step of 3200000 tokens"):
        pretrain(store, replace(RECIPE, batch_tokens=3_200_000), tmp_path, device="cpu")
    with pytest.raises(UsageError, match="at most 20 tokens of vocabulary"):
        pretrain(store, replace(RECIPE, vocabulary_size=20), tmp_path, device="cpu")
