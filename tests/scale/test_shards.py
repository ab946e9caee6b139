"""`embed --shard i/n`: several processes make the store of one, in any order, whatever is killed on the way."""

import multiprocessing
import os
import signal
import time

import numpy as np
import pytest

from smallbert.compress.embeddings import extract
from smallbert.compress.shards import cut, mine
from smallbert.compress.store import EmbeddingStore, verify
from smallbert.errors import DataError
from smallbert.models import encoder as encoders
from smallbert.scale import embedding

COUNTS = [2, *(pytest.param(count, marks=pytest.mark.slow) for count in (3, 5, 8))]
MODELS = ["transformers.models.bert.modeling_bert", "transformers.models.auto.tokenization_auto"]
"""What a process would spend most of its time on importing."""


@pytest.fixture
def start(corpus, settings, scale, tmp_path):
    """Start the process of a part; a server that has imported the library once forks them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["smallbert.scale.embedding", *MODELS])

    def start(part, out=tmp_path / "store"):
        arguments = corpus.folder, tuple(sorted(settings.items())), out, part, scale.SHARD_ROWS
        process = context.Process(target=embedding._embed, args=arguments, kwargs={"report": None})
        process.start()
        return process

    return start


def end(*processes):
    for process in processes:
        process.join(60)
    return [process.exitcode for process in processes]


def killed_at(process, out, shard):
    """SIGKILL a process as soon as a shard of its part is finished."""
    deadline = time.monotonic() + 60
    while not shard.record(out).exists():
        assert process.is_alive() and time.monotonic() < deadline
        time.sleep(0.0005)
    os.kill(process.pid, signal.SIGKILL)
    assert end(process) == [-signal.SIGKILL]


@pytest.mark.parametrize("count", [2, 3, 5, 8, 24, 100])
def test_parts_are_disjoint_and_complete(scale, count):
    shards = cut(scale.ROWS, scale.SHARD_ROWS)
    parts = [mine(shards, (number, count)) for number in range(1, count + 1)]
    assert sorted((shard for part in parts for shard in part), key=lambda shard: shard.index) == shards
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("count", COUNTS)
def test_processes_side_by_side_make_the_store_of_one(start, whole, scale, tmp_path, count):
    order = np.random.default_rng(count).permutation(count) + 1
    assert end(*[start((int(number), count)) for number in order]) == [0] * count
    assert scale.contents(tmp_path / "store") == scale.contents(whole)
    assert verify(tmp_path / "store") == []


@pytest.mark.parametrize("count", COUNTS)
def test_a_killed_process_costs_no_more_than_a_shard(start, whole, scale, tmp_path, count):
    """One of them is killed amid its part. The others finish; it is started again."""
    out, shards = tmp_path / "store", cut(scale.ROWS, scale.SHARD_ROWS)
    victim = mine(shards, (2, count))
    killed_at(start((2, count)), out, victim[0])
    assert not victim[-1].record(out).exists()
    kept = {shard.index: (out / shard.name).stat().st_mtime_ns for shard in victim if shard.record(out).exists()}
    assert end(*[start((number, count)) for number in range(count, 0, -1) if number != 2]) == [0] * (count - 1)
    with pytest.raises(DataError, match="found an unfinished one"):
        EmbeddingStore.open(out)
    assert end(start((2, count))) == [0]
    assert scale.contents(out) == scale.contents(whole) and verify(out) == []
    assert kept == {index: (out / shards[index].name).stat().st_mtime_ns for index in kept}  # none was made again


def test_the_number_of_processes_may_change_after_a_crash(start, whole, scale, tmp_path):
    out, shards = tmp_path / "store", cut(scale.ROWS, scale.SHARD_ROWS)
    killed_at(start((1, 2)), out, shards[2])
    assert end(*[start((number, 3)) for number in (1, 2, 3)]) == [0] * 3
    assert scale.contents(out) == scale.contents(whole)


def test_all_are_killed_at_the_end_and_a_single_run_finishes(start, corpus, settings, whole, scale, tmp_path):
    """Between the last shard and the manifest: every shard is there, the store is not."""
    out = tmp_path / "store"
    assert end(start((2, 2))) == [0]
    process = start((1, 2))
    killed_at(process, out, mine(cut(scale.ROWS, scale.SHARD_ROWS), (1, 2))[-1])
    store = extract(corpus, encoders.load(**settings), out, shard_rows=scale.SHARD_ROWS)
    assert len(store) == scale.ROWS and scale.contents(out) == scale.contents(whole)


def test_a_store_of_parts_reads_as_the_store_of_one(start, whole, tmp_path, corpus):
    end(*[start((number, 5)) for number in (5, 1, 4, 2, 3)])
    ours, theirs = EmbeddingStore.open(tmp_path / "store"), EmbeddingStore.open(whole)
    assert (ours.key, len(ours), ours.width) == (theirs.key, len(theirs), theirs.width)
    rows = np.random.default_rng(0).permutation(len(ours))[:300]
    np.testing.assert_array_equal(ours.vectors(rows), theirs.vectors(rows))
    assert ours.rows["id"].tolist() == corpus.frame()["id"].tolist()
