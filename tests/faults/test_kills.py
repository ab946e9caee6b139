"""kill -9 at random moments, and around every file written: what was finished is kept and not done again, nothing
unfinished is left behind, and the end is the same to the byte."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import fault_jobs
import pytest
from fault_nursery import Nursery

pytestmark = pytest.mark.slow

KILLS = 20
SEED = 20261121


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    one = Nursery()
    yield one
    one.close()


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus and an encoder."""
    folder = tmp_path_factory.mktemp("given")
    fault_jobs.write_corpus(folder / "corpus.csv", 900)
    fault_jobs.write_encoder(folder / "encoder")
    return folder


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same encoder and a corpus of three shards."""
    folder = tmp_path_factory.mktemp("few")
    fault_jobs.write_corpus(folder / "corpus.csv", 180)
    fault_jobs.write_encoder(folder / "encoder")
    return folder


def of_no_time(path: Path) -> bytes | object:
    """A file's bytes; of records and curves what does not tell how long things took."""

    def without(value: object) -> object:
        if isinstance(value, dict):
            spared = ("seconds", "tokens_per_second", "sha256")
            return {name: without(one) for name, one in value.items() if name not in spared}
        return [without(one) for one in value] if isinstance(value, list) else value

    if path.suffix == ".json":
        return without(json.loads(path.read_text()))
    return path.read_bytes()


LEFT = (".lock", ".part")
BESIDE = {"said", "kill", "checkpoint.safetensors", "recordings"}


def contents(folder: Path) -> dict[str, bytes | object]:
    """Everything a job made, but locks, what it said, and what a kill has kept from being removed at the very end."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): of_no_time(path)
        for path in found
        if path.suffix not in LEFT and not BESIDE.intersection(path.parts)
    }


def strays(folder: Path) -> list[Path]:
    """Files begun and never finished; a teacher's recordings are removed whole, at the next time they are in use."""
    return [path for path in folder.rglob("*.part") if "recordings" not in path.parts]


def finished(folder: Path, patterns: tuple[str, ...]) -> dict[Path, tuple[int, int]]:
    """Identity of every file that says that something is done: a rename makes another inode."""
    found = [path for pattern in patterns for path in folder.glob(pattern)]
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def look(folder: Path, work: str) -> dict[Path, tuple[int, int]]:
    """What is finished. A shard is with its record, which is written after it."""
    recorded = {path.stem for path in folder.glob("store/parts/*.json")}
    found = finished(folder, WORK[work])
    if (folder / "store" / "manifest.json").exists():
        return found
    return {path: one for path, one in found.items() if work != "embed" or path.stem[-5:] in recorded}


WORK = {
    "embed": ("store/*.npy",),
    "pretraining": ("bert/tokens/manifest.json", "bert/recipe.json"),
    "autoencoders": ("grid/*/*.json",),
    "students": ("students/student-*/recipe.json", "tokens/manifest.json"),
}


@pytest.mark.parametrize("work", WORK)
def test_killed_at_random_moments_it_ends_as_if_it_never_was(work, nursery, given, tmp_path):
    chance = random.Random(f"{SEED} {work}")
    took = []
    for name in ("first", "whole"):  # the first finds cold caches: of moments in its time many come after the end
        began = time.monotonic()
        assert nursery.run(work, tmp_path / name, given) == 0, (tmp_path / name / "said").read_text()
        took.append(time.monotonic() - began)
    whole, seconds = contents(tmp_path / "whole"), min(took)
    assert contents(tmp_path / "first") == whole
    kills, rounds, kept, before = 0, 0, 0, {}
    folder = tmp_path / "round-0"
    while kills < KILLS or before:
        moment = chance.uniform(0, seconds) if kills < KILLS else None
        status = nursery.run(work, folder, given, kill_after=moment)
        assert finished(folder, WORK[work]).items() >= before.items(), "what was finished was made again"
        if status is None:
            kills += 1
            before = look(folder, work)
            kept += len(before)
            continue
        assert status == 0, (folder / "said").read_text()
        assert contents(folder) == whole
        # Cells are written without a lock, so that machines may share them: none can tell a stray from a neighbour's.
        assert work == "autoencoders" or not strays(folder)
        rounds, before = rounds + 1, {}
        folder = tmp_path / f"round-{rounds}"
    assert kept > 0, "every kill came before anything was finished"


@pytest.mark.parametrize("work", [work for work in WORK if work != "autoencoders"])
def test_killed_around_every_file_it_writes_it_leaves_none_unfinished(work, nursery, few, tmp_path):
    """Each time a file is left unfinished and then, by a second kill, finished with nothing done after it.

    What begins anew after a kill, such as preparing a corpus, gets one file farther each time.
    """
    assert nursery.run(work, tmp_path / "whole", few) == 0, (tmp_path / "whole" / "said").read_text()
    folder = tmp_path / "killed"
    order, number, names, before = folder / "kill", 1, set(), {}
    folder.mkdir()

    def killed(when: str) -> bool:
        order.write_text(f"{when} {number}")
        status = nursery.run(work, folder, few)
        assert status in (None, 0), (folder / "said").read_text()
        return status is None

    while killed("before"):
        assert list(folder.rglob("*.part")), "the kill came after the file was put in its place"
        assert killed("after")
        assert finished(folder, WORK[work]).items() >= before.items(), "what was finished was made again"
        before, there = look(folder, work), contents(folder).keys()
        number = 1 if there - names else number + 1
        names |= there
    assert contents(folder) == contents(tmp_path / "whole")
    assert not strays(folder)
