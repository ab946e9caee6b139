"""What is damaged, changed, taken or locked away is refused with the reason and the next step."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fault_jobs
import pytest
import torch

from smallbert import cli, storage
from smallbert.compress.store import EmbeddingStore
from smallbert.corpus.prepared import Corpus
from smallbert.errors import DataError, MachineError, UsageError
from smallbert.models import training
from smallbert.models.pretrain import CHECKPOINT, pretrain
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.tokens import TokenStore
from smallbert.paths import Edition
from smallbert.report.runner import Runner
from smallbert.report.stages import read_record, record_path

project = fault_jobs.tiny_report().project

RECIPE = PretrainRecipe(**{**vars(fault_jobs.RECIPE), "tokens": 512 * 6, "evaluations": 1})


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("given")
    fault_jobs.write_corpus(folder / "corpus.csv", 60)
    fault_jobs.write_encoder(folder / "encoder")
    return folder


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> TokenStore:
    return TokenStore.build(fault_jobs.texts(120), 150, tmp_path_factory.mktemp("tokens") / "store")


@pytest.fixture
def embed(given, tmp_path, monkeypatch, capsys):
    """``smallbert embed`` into ``tmp_path/store``: exit code and what it said on standard error."""
    monkeypatch.setenv("SMALLBERT_CACHE", str(tmp_path / "cache"))

    def run(corpus: Path = given / "corpus.csv", out: Path = tmp_path / "store") -> tuple[int, str]:
        capsys.readouterr()
        code = cli.main(
            ["embed", str(corpus), "--encoder", str(given / "encoder"), "--out", str(out), "--max-tokens", "64"]
        )
        return code, capsys.readouterr().err

    return run


def test_a_corpus_that_changed_under_a_store_is_refused_with_what_changed(embed, given, tmp_path):
    assert embed()[0] == 0
    changed = tmp_path / "corpus.csv"
    changed.write_text((given / "corpus.csv").read_text() + "60,en,One more,ba be bi\n")
    code, said = embed(changed)
    assert code == 3
    assert "holds other embeddings" in said and "rows: 60 there, 61 now" in said and "corpus: " in said
    assert "next: Choose another folder, or delete this one if it is no longer needed." in said
    assert embed()[0] == 0


@pytest.mark.parametrize("damage", ["flipped byte", "truncated", "emptied"])
def test_a_damaged_shard_is_found_named_and_made_again(embed, damage, tmp_path, capsys):
    assert embed()[0] == 0
    shard = tmp_path / "store" / "shard-00000.npy"
    whole = shard.read_bytes()
    shard.write_bytes(
        {"flipped byte": whole[:-1] + bytes([whole[-1] ^ 1]), "truncated": whole[:-100], "emptied": b""}[damage]
    )
    assert cli.main(["verify", str(tmp_path / "store")]) == 3
    assert f"{shard}: expected sha256" in capsys.readouterr().out
    if damage != "flipped byte":
        with pytest.raises(DataError) as caught:
            EmbeddingStore.open(tmp_path / "store").vectors()
        assert caught.value.hint == "Run the extraction again to redo it."
    code, said = embed()
    assert code == 0 and f"{shard} is missing or damaged: computing it again" in said
    assert shard.read_bytes() == whole


def test_what_a_kill_at_the_very_end_has_left_is_removed(embed, tmp_path):
    assert embed()[0] == 0
    store = tmp_path / "store"
    whole = {path.name for path in store.iterdir()}
    (store / "parts").mkdir()
    (store / "parts" / "00000.parquet").write_bytes(b"rows of a shard, in rows.parquet by now")
    assert embed()[0] == 0
    assert {path.name for path in store.iterdir()} == whole
    (store / "shard-00000.npy").unlink()
    (store / ".rows.parquet.abc.part").write_bytes(b"half")
    assert embed()[0] == 0
    assert {path.name for path in store.iterdir()} == whole


def test_a_damaged_corpus_is_refused(embed, tmp_path):
    assert embed()[0] == 0
    [rows] = (tmp_path / "cache" / "corpora").glob("*/rows.parquet")
    rows.write_bytes(rows.read_bytes()[:-10])
    with pytest.raises(DataError, match=r"rows\.parquet: expected [\d,]+ bytes, found") as caught:
        Corpus.open(rows.parent)
    assert caught.value.hint == "Delete it and prepare it again."
    (rows.parent / "manifest.json").write_text("{}")
    with pytest.raises(DataError, match="is no manifest of ours") as caught:
        Corpus.open(rows.parent)
    assert caught.value.hint == "Delete the folder and prepare it again."


@pytest.fixture
def stopped(tokens, tmp_path, monkeypatch) -> Path:
    """The folder of a pretraining that was stopped after four steps of six, with a checkpoint at the fourth."""
    steps, update = [], training.update

    def stopping(*arguments):
        if len(steps) == 4:
            raise KeyboardInterrupt
        steps.append(1)
        return update(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(training, "update", stopping)
        with pytest.raises(KeyboardInterrupt):
            pretrain(tokens, RECIPE, tmp_path / "bert", device="cpu", checkpoint_every=2)
    return tmp_path / "bert"


@pytest.mark.parametrize("damage", ["flipped weight", "flipped progress", "truncated", "emptied", "another format"])
def test_a_damaged_checkpoint_is_refused_and_the_training_starts_over_without_it(damage, stopped, tokens, tmp_path):
    checkpoint = stopped / CHECKPOINT
    assert training.trained_steps(checkpoint) == 4
    whole = bytearray(checkpoint.read_bytes())
    damaged = bytearray(whole)
    if damage == "flipped weight":
        damaged[-5] ^= 1
    elif damage == "flipped progress":
        place = damaged.index(b'step\\": 4') + 8
        damaged[place : place + 1] = b"2"
    else:
        damaged = {"truncated": whole[: len(whole) // 2], "emptied": b"", "another format": b"PK\3\4" + whole}[damage]
    checkpoint.write_bytes(damaged)
    with pytest.raises(DataError, match=f"Expected a whole checkpoint at {checkpoint}, got a damaged one") as caught:
        pretrain(tokens, RECIPE, stopped, device="cpu")
    assert caught.value.hint == "Delete it and run again: this training starts over, all that is finished is kept."
    checkpoint.unlink()
    assert pretrain(tokens, RECIPE, stopped, device="cpu") == stopped
    whole = pretrain(tokens, RECIPE, tmp_path / "whole", device="cpu")
    assert (stopped / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_another_recipe_is_no_resume(stopped, tokens):
    with pytest.raises(UsageError, match="another recipe, corpus, device or number format") as caught:
        pretrain(tokens, replace(RECIPE, seed=1), stopped, device="cpu")
    assert caught.value.hint == "Choose another folder or delete this one."


HOLDER = """
import sys, time
from pathlib import Path
sys.path.insert(0, {lib!r})
from smallbert import storage
with storage.lock(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder():
    """Holds a lock in another process; ends when asked to, and then the lock is free."""
    started: list[subprocess.Popen[str]] = []

    def hold(folder: Path, name: str) -> subprocess.Popen[str]:
        code = HOLDER.format(lib=str(Path(storage.__file__).parents[1]))
        one = subprocess.Popen(
            [sys.executable, "-c", code, str(folder), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(one)
        assert one.stdout.readline() == "held\n"
        return one

    yield hold
    for one in started:
        if one.poll() is None:
            one.communicate("\n")


def test_a_second_extraction_is_refused_with_the_first_ones_process(embed, holder, tmp_path):
    (tmp_path / "store").mkdir()
    first = holder(tmp_path / "store", "1-of-1")
    code, said = embed()
    assert code == 2
    assert f"Another run (process {first.pid}) is writing to {tmp_path / 'store'}." in said
    assert "next: Wait for it to end, or give each process its own shard i/n." in said


def test_a_second_training_waits_for_the_first_and_says_for_whom(tokens, holder, tmp_path, capsys):
    out = tmp_path / "bert"
    out.mkdir()
    first = holder(out, "training")
    said = []

    def look_and_let_go() -> None:
        end = time.monotonic() + 60
        while "waiting" not in (text := capsys.readouterr().err) and time.monotonic() < end:
            time.sleep(0.02)
        said.append(text)
        first.communicate("\n")

    watcher = threading.Thread(target=look_and_let_go)
    watcher.start()
    pretrain(tokens, RECIPE, out, device="cpu")
    watcher.join()
    assert said == [f"waiting for another run (process {first.pid}) to finish training in {out}\n"]


def writes_nowhere(where: Path, tokens: TokenStore) -> None:
    """Every kind of output under a folder that cannot be made or written: an error that says so, with the next step."""
    for work in (
        lambda: storage.write_json(where / "x.json", {}),
        lambda: pretrain(tokens, RECIPE, where / "bert", device="cpu"),
        lambda: fault_jobs.grid.train(
            fault_jobs.cells(epochs=1)[:1], fault_jobs.grid_data(), where / "grid", device="cpu", progress=False
        ),
    ):
        with pytest.raises(MachineError, match=f"Cannot (write|make the folder).* {where}") as caught:
            work()
        assert "ermissions" in caught.value.hint


def test_an_output_folder_beneath_a_file(tokens, embed, tmp_path):
    (tmp_path / "file").write_text("")
    writes_nowhere(tmp_path / "file", tokens)
    code, said = embed(out=tmp_path / "file" / "store")
    assert code == 4 and "Cannot make the folder" in said and "next: Choose another one" in said


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="a mount needs root; see the test above")
def test_a_read_only_disk(tokens, embed, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this machine does not let root mount a disk")
    try:
        writes_nowhere(disk, tokens)
        code, said = embed(out=disk / "store")
        assert code == 4 and "Read-only file system" in said and "next: " in said
        assert embed(out=disk)[0] == 4
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.parametrize("record", ["{", "[]", '{"finished": true}', "\xff"])
def test_a_record_of_a_stage_that_is_none_is_no_record(record, tmp_path):
    edition = Edition("tiny", tmp_path)
    path = record_path(edition, "01_first")
    path.parent.mkdir(parents=True)
    path.write_bytes(record.encode("latin-1"))
    assert read_record(edition, "01_first") in (None, json.loads(record) if record.startswith('{"') else None)


def test_a_second_run_of_an_edition_is_refused_with_the_first_ones_process(project, holder):
    [first, _] = project.plan()
    first.edition.executed.mkdir(parents=True)
    other = holder(first.edition.executed, "run")
    with pytest.raises(UsageError, match=rf"Another run \(process {other.pid}\) is writing to") as caught:
        Runner("tiny", ["smallbert", "run"]).run(project.plan())
    assert caught.value.hint == "Wait for it to end, or give this run an edition of its own: --edition NAME."
    assert project.reasons() == {"01_first": ("new",), "02_second": ("new",)}
