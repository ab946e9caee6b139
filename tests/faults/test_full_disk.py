"""A disk that fills at any byte: an error that says so, what was finished kept, the same end once there is space."""

from __future__ import annotations

import errno
import io
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import fault_jobs
import pytest
import torch

from smallbert import storage
from smallbert.compress import grid
from smallbert.corpus import news
from smallbert.corpus.prepare import prepare
from smallbert.errors import MachineError
from smallbert.models.pretrain import pretrain
from smallbert.models.recipe import PretrainRecipe


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Disk:
    """A disk with so many bytes left, as all that is written through :mod:`smallbert.storage` sees it."""

    def __init__(self, left: int) -> None:
        self.left, self.written = left, 0
        self._open = os.fdopen

    def fdopen(self, descriptor: int, mode: str = "r", *rest: object, **options: object) -> io.IOBase:
        file = self._open(descriptor, mode, *rest, **options)
        return _Full(file, self) if "w" in mode else file


class _Full:
    """A file on it. Like a real one it takes nothing of a block that does not fit."""

    def __init__(self, file: io.IOBase, disk: Disk) -> None:
        self._file, self._disk = file, disk

    def write(self, block: bytes) -> int:
        size = memoryview(block).nbytes
        self._disk.written += size
        if self._disk.written > self._disk.left:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self._file.write(block)

    def __enter__(self) -> _Full:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)


RECIPE = PretrainRecipe(**{**vars(fault_jobs.RECIPE), "tokens": 512 * 6, "evaluations": 1})
TEXTS = fault_jobs.texts(120)


def corpus(folder: Path) -> None:
    source = folder.parent / "articles.csv"
    fault_jobs.write_corpus(source, 150)
    prepare(news.read(source), folder / "corpus", seed=0)


def autoencoders(folder: Path) -> None:
    options = {"keep_weights": lambda cell: True, "device": "cpu", "jobs": 1, "progress": False}
    grid.train(fault_jobs.cells(epochs=2)[:4], fault_jobs.grid_data(), folder / "grid", **options)


def encoder(folder: Path) -> None:
    pretrain(TEXTS, RECIPE, folder / "bert", device="cpu", checkpoint_every=2)


WORK = {"corpus": corpus, "grid": autoencoders, "encoder": encoder}


def contents(folder: Path) -> dict[str, bytes]:
    """Every file whose bytes do not tell the time."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".json", ".lock")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("name", WORK)
def test_a_disk_that_fills_at_any_byte(name, tmp_path, monkeypatch):
    work: Callable[[Path], None] = WORK[name]
    disk = Disk(1 << 40)
    with monkeypatch.context() as patch:
        patch.setattr(storage.os, "fdopen", disk.fdopen)
        work(tmp_path / "whole")
    for number, share in enumerate((0.0, 0.3, 0.6, 0.95)):
        folder, full = tmp_path / f"full-{number}", Disk(int(share * disk.written))
        with monkeypatch.context() as patch:
            patch.setattr(storage.os, "fdopen", full.fdopen)
            with pytest.raises(MachineError, match=r"The disk is full: .* could not be written\.") as caught:
                work(folder)
        assert "Free space and run the same command again" in caught.value.hint
        assert not list(folder.rglob("*.part")), "a full disk is not filled with halves"
        before = {path: path.stat().st_ino for path in folder.glob("grid/*/*.json")}
        work(folder)
        assert contents(folder) == contents(tmp_path / "whole")
        assert {path: path.stat().st_ino for path in before} == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_really_full_disk_under_a_training(tmp_path):
    def mount(*arguments: str) -> bool:
        return subprocess.run(["mount", *arguments, str(tmp_path)], capture_output=True).returncode == 0

    if not mount("-t", "tmpfs", "-o", "size=300k", "tmpfs"):
        pytest.skip("this machine does not let root mount a small disk")
    try:
        with pytest.raises(MachineError, match="The disk is full") as caught:
            encoder(tmp_path)
        assert "run the same command again" in caught.value.hint
        assert mount("-o", "remount,size=16m")
        encoder(tmp_path)
        assert (tmp_path / "bert" / "recipe.json").exists()
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)  # token files may still be mapped
