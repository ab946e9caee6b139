"""A Ray cluster of this machine: the jobs of a corpus, a grid and a fleet, and workers killed amid them."""

import gc
import os
import signal
import threading
import time
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from smallbert.compress import grid
from smallbert.compress.autoencoder import Architecture
from smallbert.compress.cells import Cell, GridData
from smallbert.compress.shards import cut
from smallbert.compress.store import verify
from smallbert.compress.training import Training
from smallbert.errors import DataError, MachineError, UsageError
from smallbert.models.fleet import pretrain_all
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.tokens import TokenStore
from smallbert.models.workers import Job
from smallbert.scale import cluster, embedding
from smallbert.scale import grid as cells_over_workers

pytest.importorskip("ray")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:::ray")]

JOBS = """
    import os, signal, time
    from pathlib import Path
    from smallbert.errors import DataError

    def fails(*, report):
        raise DataError("Expected this.", "Do that.")

    def dies(folder, *, report):
        Path(folder, str(os.getpid())).touch()
        os.kill(os.getpid(), signal.SIGKILL)
"""
"""A module the workers can import, which this file is not."""


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jobs")
    (folder / "cluster_jobs.py").write_text("\n".join(line[4:] for line in JOBS.splitlines()))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", str(folder))  # the workers get it from the cluster, which gets it from here
        import cluster_jobs

        yield cluster_jobs


@pytest.fixture(scope="module")
def ray_cluster(jobs, tmp_path_factory):
    """Four CPUs by name, whatever there are; gone without a trace at the end."""
    before = processes()
    options = {"num_cpus": 4, "object_store_memory": 100 << 20, "_temp_dir": str(tmp_path_factory.mktemp("r"))}
    with cluster.Cluster(**options) as found:
        yield found
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        gc.collect()  # Ray lets go of its processes' handles before they have ended
    deadline = time.monotonic() + 30
    while left := processes() - before:
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def processes(marks=("raylet", "gcs_server", "ray::")) -> set[int]:
    """Processes of Ray that run here."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if any(mark in path.read_bytes().decode(errors="replace") for mark in marks):
                found.add(int(path.parent.name))
    return found


def with_a_worker_killed(work, when):
    """Do some work; kill one of the workers that are at it as soon as ``when()`` is true. Returns what was killed."""
    killed = []

    def kill():
        deadline = time.monotonic() + 120
        while not when() and time.monotonic() < deadline:
            time.sleep(0.002)
        for victim in sorted(processes(["ray::_Worker.do"]))[:1]:
            os.kill(victim, signal.SIGKILL)
            killed.append(victim)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        work()
    finally:
        thread.join()
    return killed


def test_a_corpus_embedded_while_a_worker_is_killed(ray_cluster, corpus, settings, whole, scale, tmp_path):
    out, shards = tmp_path / "store", cut(scale.ROWS, scale.SHARD_ROWS)

    def embed(workers=2):
        options = {"run": ray_cluster.run, "workers": workers, "shard_rows": scale.SHARD_ROWS}
        assert len(embedding.embed(corpus, settings, out, **options)) == scale.ROWS

    assert with_a_worker_killed(embed, lambda: sum(shard.record(out).exists() for shard in shards) >= 3)
    assert scale.contents(out) == scale.contents(whole) and verify(out) == []
    # Again: found, but for a shard that was damaged since.
    (out / shards[5].name).write_bytes(b"damaged")
    made = {path: path.stat().st_mtime_ns for path in out.glob("*.npy") if path.name != shards[5].name}
    embed(workers=1)
    assert scale.contents(out) == scale.contents(whole)
    assert made == {path: path.stat().st_mtime_ns for path in made}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    mix = rng.normal(size=(8, 24))
    return GridData(*((rng.normal(size=(rows, 8)) @ mix).astype(np.float32) for rows in (1500, 100, 100)))


@pytest.fixture(scope="module")
def cells():
    architectures = [Architecture(24, 4, hidden) for hidden in [(), (12,), (16, 8)]]
    return [Cell(one, Training(1e-3, 20, batch_size=64), seed) for one in architectures for seed in (0, 1)]


def test_a_grid_trained_while_a_worker_is_killed(ray_cluster, data, cells, tmp_path):
    expected = grid.train(cells, data, tmp_path / "one", device="cpu", keep_weights=lambda _: True, progress=False)
    records = tmp_path / "many" / f"{data.key}-fp32"

    def train():
        options = {"run": ray_cluster.run, "workers": 2, "keep_weights": True}
        tables.append(cells_over_workers.train(cells, data, tmp_path / "many", **options))

    tables = []
    assert with_a_worker_killed(train, lambda: len(list(records.glob("*.json"))) >= 1)
    train()  # all are found
    for table in tables:
        pd.testing.assert_frame_equal(table.drop(columns="seconds"), expected.drop(columns="seconds"))
    for path in (tmp_path / "one").rglob("*.safetensors"):
        assert (records / path.name).read_bytes() == path.read_bytes()


def test_the_same_grid_over_the_cores_of_this_machine(data, cells, tmp_path):
    expected = grid.train(cells, data, device="cpu", progress=False)
    found = cells_over_workers.train(cells, data, tmp_path, workers=2)
    pd.testing.assert_frame_equal(found.drop(columns="seconds"), expected.drop(columns="seconds"))


def test_a_fleet_pretrained_while_a_worker_is_killed(ray_cluster, tmp_path):
    texts = [" ".join(["ba", "bo", "da", "do", "fa", "fo"][: 2 + number % 5]) for number in range(400)]
    store = TokenStore.build(texts, 64, tmp_path / "tokens")
    sizes = {"layers": 1, "hidden": 16, "heads": 2, "intermediate": 32, "vocabulary_size": 64, "sequence_length": 16}
    recipes = [PretrainRecipe(**sizes, batch_tokens=64, tokens=64 * 300, precision="fp32", seed=s) for s in range(3)]
    expected = pretrain_all(store, recipes, tmp_path / "one", device="cpu", workers=1)
    many = tmp_path / "many"

    def train():
        found.extend(
            pretrain_all(store, recipes, many, device="cpu", workers=2, checkpoint_every=20, run=ray_cluster.run)
        )

    found = []
    assert with_a_worker_killed(train, lambda: list(many.glob("*/checkpoint.safetensors")))
    for ours, theirs in zip(found, expected, strict=True):
        for name in ("model.safetensors", "curve.csv"):
            assert (ours / name).read_bytes() == (theirs / name).read_bytes()


def test_errors_come_back_as_they_were(ray_cluster, jobs, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "ATTEMPTS", 1)  # every start of a worker costs seconds
    with pytest.raises(DataError, match=r"^third: Expected this\. Do that\.$"):
        ray_cluster.run([Job("third", jobs.fails, (), 1)], label="jobs", unit="jobs")
    with pytest.raises(MachineError, match="one died 2 times at the same job"):
        ray_cluster.run([Job("heavy", jobs.dies, (str(tmp_path),), 1)], label="jobs", unit="jobs")
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(UsageError, match="Expected 1 to 4 workers, the CPUs of the cluster, got 5"):
        ray_cluster.run([], label="jobs", unit="jobs", workers=5)
    assert ray_cluster.machines() == 1 and ray_cluster.machines("cuda") == 0
    ray_cluster.run([], label="jobs", unit="jobs")


def test_no_cluster_at_the_address():
    with pytest.raises(MachineError, match="No Ray cluster answers at auto"):
        cluster.Cluster("auto")
