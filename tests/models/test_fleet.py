"""Many encoders at once: the same bits alone or together, killed or not, and one line for all."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from smallbert import storage
from smallbert.errors import DataError, UsageError
from smallbert.models import fleet, workers
from smallbert.models.fleet import pretrain_all
from smallbert.models.pretrain import pretrain
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.sharing import SharedRecipe
from smallbert.models.tokens import TokenStore

RECIPE = SharedRecipe(
    layers=2,
    hidden=32,
    heads=2,
    intermediate=64,
    vocabulary_size=120,
    sequence_length=32,
    batch_tokens=256,
    tokens=256 * 8,
    evaluations=2,
    precision="fp32",
    embedding=8,
)
PLAIN = PretrainRecipe(
    **{name: value for name, value in asdict(RECIPE).items() if name in PretrainRecipe.__annotations__}
)
ARMS = {
    "nothing shared": RECIPE,
    "all shared": replace(RECIPE, sharing="all"),
    "longer": replace(RECIPE, tokens=256 * 12, seed=1),
    "plain": PLAIN,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    rng = np.random.default_rng(5)
    words = [a + b for a in "bdfgklmnprst" for b in "ao"]
    texts = [" ".join(rng.choice(words, rng.integers(5, 40))) for _ in range(400)]
    return TokenStore.build(texts, 120, tmp_path_factory.mktemp("tokens") / "store")


@pytest.fixture(scope="module")
def trained(store, tmp_path_factory):
    """All arms, one after the other."""
    return pretrain_all(store, ARMS, tmp_path_factory.mktemp("one"), device="cpu", workers=1)


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def bits(folders):
    return [(folder.name, storage.sha256_file(folder / "model.safetensors")) for folder in folders]


def test_two_workers_train_the_same_bits_as_one(store, trained, tmp_path, capfd):
    folders = pretrain_all(store, list(ARMS.values()), tmp_path, device="cpu", workers=2, label="arms")
    assert bits(folders) == bits(trained)
    assert [folder.name for folder in folders] == [f"bert-{recipe.key(store.key)}" for recipe in ARMS.values()]
    out, err = capfd.readouterr()
    total = 256 * (8 + 8 + 12 + 8)
    assert out == ""
    assert re.fullmatch(rf"(arms: [\d,]+/{total:,} tokens .*\n)*arms: {total:,}/{total:,} tokens \(100%\).*\n", err)


def test_an_arm_is_what_it_is_alone(store, trained, tmp_path, threads):
    threads(1)
    alone = pretrain(store, RECIPE, tmp_path / trained[0].name, device="cpu")
    assert bits([alone]) == bits(trained[:1])


def test_finished_arms_return_at_once(store, trained, monkeypatch, capfd):
    monkeypatch.setattr(fleet, "pretrain", None)
    assert pretrain_all(store, ARMS, trained[0].parent, device="cpu") == trained
    assert capfd.readouterr().err == ""


def test_equal_recipes_are_trained_once_on_one_thread(store, trained, tmp_path, capfd, threads):
    threads(2)
    folders = pretrain_all(store, [RECIPE, replace(RECIPE)], tmp_path, device="cpu")
    assert torch.get_num_threads() == 2
    assert folders[0] == folders[1] and bits(folders[:1]) == bits(trained[:1])
    assert "2,048/2,048 tokens" in capfd.readouterr().err


def test_the_longest_goes_first(store, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(workers, "_here", lambda jobs, *rest: asked.extend(job.name for job in jobs))
    pretrain_all(store, ARMS, tmp_path, device="cpu", workers=1)
    assert asked == ["longer", "plain", "nothing shared", "all shared"]


@pytest.mark.parametrize("workers", [1, 2])
def test_the_first_error_names_its_arm_and_stops_the_rest(store, trained, tmp_path, workers):
    recipes = {
        "fine": ARMS["nothing shared"],
        "endless": replace(RECIPE, tokens=256 * 1_000_000, layers=1),
        "too much text": replace(RECIPE, batch_tokens=32 * 100_000, tokens=10**10),
    }
    if workers == 2:
        pretrain_all(store, [RECIPE], tmp_path, device="cpu")
    began = time.monotonic()
    with pytest.raises(DataError, match=r"^too much text: Expected at least one step of 3200000 tokens") as caught:
        pretrain_all(store, recipes, tmp_path, device="cpu", workers=workers)
    assert caught.value.hint == "Give more text or lower batch_tokens."
    assert time.monotonic() - began < 30
    finished = [path.parent for path in tmp_path.glob("*/recipe.json")]
    assert bits(finished) == (bits(trained[:1]) if workers == 2 else [])


@pytest.mark.parametrize("sharing", ["none", "all"])
def test_a_diverging_arm_is_named_with_its_step_and_keeps_its_checkpoint(store, tmp_path, sharing):
    recipes = {"wild": replace(RECIPE, learning_rate=1e30, sharing=sharing, warmup_fraction=0.0), "fine": RECIPE}
    with pytest.raises(UsageError, match=r"^wild: Expected a finite loss and gradient, got .* at step \d+ of 8"):
        pretrain_all(store, recipes, tmp_path, device="cpu", workers=1, checkpoint_every=1)
    folder = tmp_path / f"bert-{recipes['wild'].key(store.key)}"
    assert [path.name for path in folder.iterdir() if path.suffix != ".lock"] == ["checkpoint.safetensors"]


def test_no_worker_is_refused(store, tmp_path):
    with pytest.raises(UsageError, match="workers of at least 1, got 0"):
        pretrain_all(store, ARMS, tmp_path, workers=0)


@pytest.mark.slow
def test_a_killed_fleet_leaves_no_worker_and_resumes_to_the_same_bits(store, tmp_path):
    recipes = {f"seed {seed}": replace(RECIPE, tokens=256 * 150, seed=seed) for seed in range(3)}
    code = f"""
        from pathlib import Path
        from smallbert.models.fleet import pretrain_all
        from smallbert.models.sharing import SharedRecipe
        from smallbert.models.tokens import TokenStore
        pretrain_all(TokenStore.open(Path({str(store.folder)!r})), {recipes!r}, Path({str(tmp_path)!r}),
                     device="cpu", workers=2, checkpoint_every=5)
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], env=environment, stderr=subprocess.DEVNULL)
    while len(list(tmp_path.glob("*/checkpoint.safetensors"))) < 2:
        assert run.poll() is None
        time.sleep(0.02)
    run.send_signal(signal.SIGKILL)
    run.wait()
    time.sleep(0.5)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/checkpoint.safetensors")}
    time.sleep(1)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/checkpoint.safetensors")}
    assert not all((path.parent / "recipe.json").exists() for path in before)
    resumed = pretrain_all(store, recipes, tmp_path, device="cpu", workers=2)
    whole = pretrain_all(store, recipes, tmp_path / "whole", device="cpu", workers=2)
    assert bits(resumed) == bits(whole)
