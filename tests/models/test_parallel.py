"""Several processes share every step, and train the encoder that one process trains."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from smallbert.errors import UsageError
from smallbert.models import parallel
from smallbert.models.causal import TwinRecipe
from smallbert.models.masking import generator, mask_tokens
from smallbert.models.pair_modelling import PairRecipe
from smallbert.models.parallel import WHOLE, Part
from smallbert.models.pretrain import objective_of, pretrain
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.sharing import SharedRecipe
from smallbert.models.tokens import TokenStore

SIZES = {"layers": 2, "hidden": 32, "heads": 2, "intermediate": 64, "vocabulary_size": 120, "sequence_length": 32}
RUN = {"batch_tokens": 256, "tokens": 256 * 12, "learning_rate": 3e-3, "evaluations": 4, "precision": "fp32"}
RECIPES = {
    "masked": PretrainRecipe(**SIZES, **RUN),
    "shared": SharedRecipe(**SIZES, **RUN, embedding=16, sharing="all"),
    "causal": TwinRecipe(**SIZES, **RUN, causal=True, predicted=0.4),
    "pairs": PairRecipe(**SIZES, **RUN, embedding=16, sharing="none", objective="sop"),
}
WORDS = [a + b for a in "bdfgklmnprst" for b in ("a", "o")]
CPU = torch.device("cpu")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """As torchrun's processes have, and so that a sum's order is the same everywhere."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    rng = np.random.default_rng(5)
    pairs = rng.integers(len(WORDS) // 2, size=400)
    texts = [" ".join(WORDS[2 * pair + i] for i in rng.integers(2, size=rng.integers(5, 40))) for pair in pairs]
    return TokenStore.build(texts, 120, tmp_path_factory.mktemp("tokens") / "store")


def gradients(objective, loss):
    objective.model.zero_grad(set_to_none=True)
    loss.backward()
    return {name: parameter.grad.clone() for name, parameter in objective.model.named_parameters()}


@pytest.mark.parametrize("total", [8, 9, 10])
def test_parts_are_disjoint_complete_and_even(total):
    for of in range(1, 9):
        parts = [range(total)[Part(index, of).rows(total)] for index in range(of)]
        assert [row for part in parts for row in part] == list(range(total))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
    with pytest.raises(UsageError, match="at least one row of a batch for each of 3 processes, got 2"):
        Part(0, 3).rows(2)


def test_masks_of_some_rows_are_the_masks_of_all_rows_cut():
    ids = np.random.default_rng(0).integers(0, 100, (7, 16))
    masked = mask_tokens(ids, 0.3, 100, generator(1))
    own = masked.rows(slice(2, 5))
    np.testing.assert_array_equal(own.inputs, masked.inputs[2:5])
    np.testing.assert_array_equal(ids[2:5].ravel()[own.positions], own.targets)
    chosen = np.isin(np.arange(ids.size), masked.positions).reshape(ids.shape)[2:5]
    np.testing.assert_array_equal(np.flatnonzero(chosen), own.positions)


@pytest.mark.parametrize("of", [2, 3])
@pytest.mark.parametrize("name", RECIPES)
def test_losses_and_gradients_of_the_parts_add_up(store, name, of):
    """Up to the order of fp32 sums; a mean of means is off by a hundred times as much, see below."""
    objective = objective_of(RECIPES[name], store, CPU, torch.float32)
    whole = objective.loss(5)
    expected = gradients(objective, whole)
    parts = [objective.loss(5, Part(index, of)) for index in range(of)]
    torch.testing.assert_close(sum(parts), whole, rtol=2e-6, atol=0)
    found = gradients(objective, sum(parts))
    for key, gradient in expected.items():
        torch.testing.assert_close(found[key], gradient, rtol=0, atol=2e-6 * float(gradient.abs().max()) + 1e-7)


def test_a_mean_of_means_would_be_another_loss(store):
    """Parts hold unequal numbers of predictions, which is why each divides by the count of the whole batch."""
    objective = objective_of(RECIPES["masked"], store, CPU, torch.float32)
    rows = objective.train.batch(5, 8)
    masked = objective._mask(rows, generator(0, 2, 5))
    means = []
    for own in (slice(0, 4), slice(4, 8)):
        logits, targets = objective._predict(rows[own], masked.rows(own))
        means.append(F.cross_entropy(logits, targets))
    assert abs(sum(means) / 2 - objective.loss(5)) > 1e-4


def test_alone_nothing_changes(store):
    objective = objective_of(RECIPES["masked"], store, CPU, torch.float32)
    assert parallel.here() == WHOLE and parallel.shared(objective) is objective
    with parallel.processes(), parallel.in_turn():
        parallel.wait()


def test_an_objective_that_cannot_be_shared_is_refused(monkeypatch):
    class Indivisible:
        def loss(self, step):
            raise NotImplementedError

    monkeypatch.setattr(parallel, "here", lambda: Part(0, 2))
    with pytest.raises(UsageError, match="can be shared between processes, got Indivisible"):
        parallel.shared(Indivisible())


SCRIPT = """
    import json, os, sys
    from pathlib import Path
    from smallbert.models import parallel
    from smallbert.models.pretrain import pretrain
    from smallbert.models.recipe import PretrainRecipe
    from smallbert.models.tokens import TokenStore

    if __name__ == "__main__":
        store, out, settings, pid = sys.argv[1:]
        with parallel.processes("cpu"):
            Path(pid, f"{parallel.here().index}-of-{parallel.here().of}").write_text(str(os.getpid()))
            recipe = PretrainRecipe(**json.loads(settings))
            pretrain(TokenStore.open(Path(store)), recipe, Path(out), device="cpu", checkpoint_every=2)
"""


@pytest.fixture
def start(store, tmp_path):
    """Start a pretraining under torchrun with so many processes."""
    script = tmp_path / "train.py"
    script.write_text(textwrap.dedent(SCRIPT))
    pids = tmp_path / "pids"
    pids.mkdir()

    def start(out, count, **changes):
        settings = json.dumps(asdict(RECIPES["masked"]) | changes)
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
        return subprocess.Popen(
            [*torchrun, str(script), str(store.folder), str(out), settings, str(pids)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )

    return start


def assert_same_up_to_the_order_of_sums(one, other):
    """fp32 sums in another order, 12 steps of Adam on: relative 1e-5 in losses, 1e-4 absolute in weights below 2."""
    ours, theirs = (pd.read_csv(folder / "curve.csv") for folder in (one, other))
    np.testing.assert_allclose(ours.train_loss, theirs.train_loss, rtol=1e-5)
    np.testing.assert_allclose(ours.held_out_loss, theirs.held_out_loss, rtol=1e-5)
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (one, other))
    for name, weights in ours.items():
        torch.testing.assert_close(weights, theirs[name], rtol=0, atol=1e-4)


@pytest.mark.slow
def test_two_processes_train_what_one_trains_and_a_killed_run_goes_on(store, start, tmp_path):
    alone = pretrain(store, RECIPES["masked"], tmp_path / "alone", device="cpu")
    run = start(tmp_path / "two", 2)
    output, _ = run.communicate(timeout=120)
    assert run.returncode == 0, output
    assert output.count("pretrain:") == 1  # one process speaks
    assert_same_up_to_the_order_of_sums(alone, tmp_path / "two")
    assert json.loads((tmp_path / "two" / "recipe.json").read_text())["processes"] == 2
    assert {path.name for path in (tmp_path / "pids").iterdir()} == {"0-of-2", "1-of-2"}
    names = {path.name for path in alone.iterdir()}
    assert {path.name for path in (tmp_path / "two").iterdir()} == names  # nothing but the encoder is left

    # Killed when a checkpoint is there, and taken up by one process: the number of processes is no part of the run.
    run = start(tmp_path / "killed", 2, evaluations=4)
    deadline = time.monotonic() + 60
    while not (tmp_path / "killed" / "checkpoint.safetensors").exists():
        assert run.poll() is None and time.monotonic() < deadline
        time.sleep(0.002)
    for path in (tmp_path / "pids").iterdir():
        os.kill(int(path.read_text()), signal.SIGKILL)
    run.communicate(timeout=60)
    assert run.returncode != 0 and not (tmp_path / "killed" / "recipe.json").exists()
    pretrain(store, RECIPES["masked"], tmp_path / "killed", device="cpu")
    assert_same_up_to_the_order_of_sums(alone, tmp_path / "killed")
