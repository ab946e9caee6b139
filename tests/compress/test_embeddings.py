"""Extraction: right vectors in the right rows, whatever stops it on the way."""

import errno
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from smallbert import storage
from smallbert.compress import embeddings, shards
from smallbert.compress.store import ROW_SCHEMA, EmbeddingStore, verify
from smallbert.errors import DataError, MachineError, UsageError

ROWS, SHARD_ROWS, WIDTH = 1000, 128, 6


class FakeCorpus:
    """Rows whose text is their number; batches of 90 rows, so that shards cut across them."""

    folder = "corpus"

    def __init__(self, rows=ROWS, key="corpus-1"):
        self.rows, self.key = rows, key

    def batches(self, columns):
        for start in range(0, self.rows, 90):
            numbers = [str(n) for n in range(start, min(start + 90, self.rows))]
            blank = [""] * len(numbers)
            values = dict.fromkeys(("content", "topic", "group"), blank)
            values |= {
                "id": numbers,
                "title": numbers,
                "lang": ["en"] * len(numbers),
                "split": ["train"] * len(numbers),
            }
            yield pa.RecordBatch.from_arrays([pa.array(values[name]) for name in columns], names=list(columns))


class FakeEncoder:
    """The vector of text "7" is (7, 8, 9, ...); counts what it encodes and can be told to die."""

    width = WIDTH

    def __init__(self, precision="fp32", dies_after=None, delay=0.0):
        self.precision, self.dies_after, self.delay, self.encoded = precision, dies_after, delay, 0

    def describe(self):
        return {"name": "fake", "sha256": "0" * 64, "precision": self.precision}

    def tokenize(self, texts):
        return [np.arange(2 + int(text) % 5, dtype=np.int32) + int(text) for text in texts]

    def encode(self, ids, *, advance):
        time.sleep(self.delay)
        if self.dies_after is not None and self.encoded >= self.dies_after:
            raise KeyboardInterrupt
        self.encoded += len(ids)
        advance(len(ids))
        return np.array([text[0] + np.arange(WIDTH) for text in ids], dtype=np.float32)


def extract(out, corpus=None, encoder=None, **options):
    options = {"shard_rows": SHARD_ROWS, "progress": io.StringIO(), **options}
    return embeddings.extract(corpus or FakeCorpus(), encoder or FakeEncoder(), out, **options)


def contents(folder):
    """Every file of a store that is no lock: name -> sha256."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.endswith(".lock")]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A store made in one go; tests that change it work on a copy."""
    folder = tmp_path_factory.mktemp("whole")
    extract(folder)
    return folder


@pytest.fixture
def copy(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "copy")


def test_vectors_and_rows_keep_the_order_of_the_corpus(whole):
    store = EmbeddingStore.open(whole)
    assert (len(store), store.width) == (ROWS, WIDTH)
    expected = np.arange(ROWS)[:, None] + np.arange(WIDTH, dtype=np.float32)
    np.testing.assert_array_equal(store.vectors(), expected)
    assert store.vectors().dtype == np.float32
    some = np.array([999, 0, 127, 128, 5, 5])
    np.testing.assert_array_equal(store.vectors(some), expected[some])
    np.testing.assert_array_equal(store.vectors(slice(120, 140)), expected[120:140])
    with pytest.raises(IndexError):
        store.vectors(np.array([ROWS]))


def test_rows_say_what_was_embedded(whole):
    rows = EmbeddingStore.open(whole).rows
    assert list(rows) == ["id", "lang", "topic", "group", "split", "n_tokens", "text_sha256"]
    assert rows["id"].tolist() == [str(n) for n in range(ROWS)]
    assert rows["n_tokens"].tolist() == [2 + n % 5 for n in range(ROWS)]
    assert rows["text_sha256"][7] == hashlib.sha256(b"7").hexdigest()[:16]


def test_a_finished_store_is_not_computed_again(copy):
    before, encoder = contents(copy), FakeEncoder()
    assert len(extract(copy, encoder=encoder)) == ROWS
    assert encoder.encoded == 0 and contents(copy) == before


def test_interrupted_and_resumed_equals_uninterrupted(tmp_path, whole):
    done = 0
    for _ in range(20):
        encoder = FakeEncoder(dies_after=200)
        try:
            extract(tmp_path, encoder=encoder)
        except KeyboardInterrupt:
            with pytest.raises(DataError, match="found an unfinished one"):
                EmbeddingStore.open(tmp_path)
        done += encoder.encoded
        if (tmp_path / shards.MANIFEST).exists():
            break
    assert done == ROWS  # nothing finished was computed twice
    assert contents(tmp_path) == contents(whole)


SCRIPT = """
    import sys
    sys.path.insert(0, {tests!r})
    from pathlib import Path
    import test_embeddings as t
    t.extract(Path(sys.argv[1]), encoder=t.FakeEncoder(delay=0.1), progress=sys.stderr)
"""


def test_killed_and_resumed_equals_uninterrupted(tmp_path, whole):
    script = textwrap.dedent(SCRIPT.format(tests=os.path.dirname(__file__)))
    killed = 0
    for delay in (0.0, 0.05):
        process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        before = len(list(tmp_path.glob("*.npy")))
        while len(list(tmp_path.glob("*.npy"))) <= before and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
    assert killed == 2
    finished, encoder = len(list(tmp_path.glob("parts/*.json"))), FakeEncoder()
    extract(tmp_path, encoder=encoder)
    assert 1 <= finished < 8 and encoder.encoded == ROWS - finished * SHARD_ROWS
    assert contents(tmp_path) == contents(whole)


@pytest.mark.parametrize("unfinished", [True, False])
def test_a_damaged_shard_is_named_and_redone(tmp_path, whole, unfinished):
    if unfinished:
        with pytest.raises(KeyboardInterrupt):
            extract(tmp_path, encoder=FakeEncoder(dies_after=500))
    else:
        extract(tmp_path)
    path = tmp_path / "shard-00001.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    log, encoder = io.StringIO(), FakeEncoder()
    extract(tmp_path, encoder=encoder, progress=log)
    assert f"{path} is missing or damaged: computing it again" in log.getvalue()
    assert encoder.encoded == (ROWS - 3 * SHARD_ROWS if unfinished else SHARD_ROWS)
    assert contents(tmp_path) == contents(whole)


def test_damaged_rows_are_redone_without_the_model(copy, whole):
    (copy / "rows.parquet").write_bytes(b"PAR1")
    encoder = FakeEncoder()
    extract(copy, encoder=encoder)
    assert encoder.encoded == 0 and contents(copy) == contents(whole)


def test_parts_of_several_processes_make_the_whole(tmp_path, whole):
    assert extract(tmp_path, shard=(3, 3)) is None
    assert extract(tmp_path, shard=(1, 3)) is None
    assert len(extract(tmp_path, shard=(2, 3))) == ROWS
    assert contents(tmp_path) == contents(whole)


def test_two_processes_at_once_make_the_whole(tmp_path, whole):
    script = textwrap.dedent(SCRIPT.format(tests=os.path.dirname(__file__)))
    script = script.replace("encoder=", "shard=(int(sys.argv[2]), 2), encoder=")
    runs = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path), i]) for i in "12"]
    assert [run.wait(60) for run in runs] == [0, 0]
    assert contents(tmp_path) == contents(whole)


def test_two_parts_that_find_the_same_damage_mend_it_together(copy, whole, monkeypatch):
    for number in (1, 2):  # of different parts
        path = copy / f"shard-0000{number}.npy"
        path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    holds = storage.holds

    def slowly(path, sha256):  # both are inside the check of the finished store at once, if nothing parts them
        time.sleep(0.02)
        return holds(path, sha256)

    monkeypatch.setattr(storage, "holds", slowly)
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(extract, copy, shard=(i, 2), encoder=FakeEncoder(), progress=io.StringIO()) for i in (1, 2)]
        assert any(run.result(60) is not None for run in runs)
    assert contents(copy) == contents(whole)


def test_a_second_run_of_the_same_part_is_refused_with_the_firsts_pid(copy):
    with storage.lock(copy, "1-of-1"), pytest.raises(UsageError, match=f"process {os.getpid()}"):
        extract(copy)
    extract(copy)


def test_a_run_that_waits_takes_what_the_first_has_finished(copy, capsys):
    encoder = FakeEncoder()
    with ThreadPoolExecutor(1) as pool:
        with storage.lock(copy, "1-of-1"):
            waiting = pool.submit(extract, copy, encoder=encoder, wait=True)
            time.sleep(0.3)
            assert not waiting.done()
        assert len(waiting.result(timeout=30)) == ROWS
    assert encoder.encoded == 0
    assert f"waiting for another run (process {os.getpid()})" in capsys.readouterr().err


def test_errors_about_the_folder_say_what_to_do(tmp_path):
    with pytest.raises(DataError, match="found none") as caught:
        EmbeddingStore.open(tmp_path)
    assert "Run the extraction into this folder again" in caught.value.hint
    assert "`smallbert run --only 01`" in caught.value.hint
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MachineError, match="Cannot make the folder") as caught:
        extract(tmp_path / "file" / "store")
    assert caught.value.hint.startswith("Choose another one")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"corpus": FakeCorpus(key="corpus-2")}, "corpus: corpus-1 there, corpus-2 now"),
        ({"encoder": FakeEncoder(precision="bf16")}, "encoder: .*'bf16'.* now"),
        ({"shard_rows": 64}, "shard_rows: 128 there, 64 now"),
        ({"dtype": "float16"}, "dtype: float32 there, float16 now"),
    ],
)
def test_another_key_in_the_folder_is_refused(copy, change, message):
    with pytest.raises(DataError, match=message):
        extract(copy, **change)


def test_half_precision_store(tmp_path):
    store = extract(tmp_path, dtype="float16")
    assert np.load(tmp_path / "shard-00000.npy").dtype == np.float16
    assert store.vectors().dtype == np.float32
    np.testing.assert_array_equal(store.vectors(slice(0, 3))[:, 0], [0, 1, 2])
    assert verify(tmp_path) == []


def test_full_disk_keeps_what_is_finished(tmp_path, whole, monkeypatch):
    real = os.fsync

    def full(descriptor):
        if "shard-00003" in os.readlink(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(MachineError, match=r"disk is full: .*shard-00003\.npy") as error:
            extract(tmp_path)
    assert "finished before it is kept" in error.value.hint
    assert sorted(path.name for path in tmp_path.glob("*.npy")) == [f"shard-0000{i}.npy" for i in range(3)]
    encoder = FakeEncoder()
    extract(tmp_path, encoder=encoder)
    assert encoder.encoded == ROWS - 3 * SHARD_ROWS and contents(tmp_path) == contents(whole)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_really_full_disk(tmp_path, whole):
    def mount(*arguments):
        return subprocess.run(["mount", *arguments, str(tmp_path)], capture_output=True).returncode == 0

    if not mount("-t", "tmpfs", "-o", "size=64k", "tmpfs"):
        pytest.skip("this machine does not let root mount a small disk")
    try:
        with pytest.raises(MachineError, match="disk is full"):
            extract(tmp_path / "store")
        finished, encoder = len(list(tmp_path.glob("store/parts/*.json"))), FakeEncoder()
        assert 0 < finished < 8 and mount("-o", "remount,size=8m")
        extract(tmp_path / "store", encoder=encoder)
        assert encoder.encoded == ROWS - finished * SHARD_ROWS
        assert contents(tmp_path / "store") == contents(whole)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_leftovers_of_a_killed_run_are_removed(tmp_path, whole):
    (tmp_path / ".shard-00002.npy.abc.part").write_bytes(b"half")
    extract(tmp_path)
    assert contents(tmp_path) == contents(whole)


def test_a_corpus_shorter_than_it_says_is_refused(tmp_path):
    corpus = FakeCorpus(rows=1200)
    corpus.batches = FakeCorpus(rows=1000).batches
    with pytest.raises(DataError, match="Expected 1200 rows in corpus, and they ended at row 1000"):
        extract(tmp_path, corpus=corpus)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shard": (0, 2)}, "shard i/n with 1 <= i <= n, got 0/2"),
        ({"shard": (3, 2)}, "got 3/2"),
        ({"dtype": "int8"}, "Expected dtype float32 or float16, got 'int8'"),
        ({"shard_rows": 0}, "Expected at least one row"),
    ],
)
def test_options_out_of_range(tmp_path, options, message):
    with pytest.raises(UsageError, match=message):
        extract(tmp_path / "new", **options)
    assert not (tmp_path / "new").exists()


def test_progress_counts_rows_and_resumed_rows(copy):
    (copy / "shard-00000.npy").unlink()
    log = io.StringIO()
    extract(copy, progress=log)
    assert "embed: 1,000/1,000 rows (100%)" in log.getvalue()


def test_verify_finds_nothing_in_a_sound_store(whole):
    assert verify(whole) == []


def replaced(folder, index, array):
    """Put another array into a shard and its checksum into the manifest, so that only its content is wrong."""
    path = folder / f"shard-{index:05d}.npy"
    np.save(path, array)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][path.name] = storage.sha256_file(path)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return path


def test_verify_names_missing_and_changed_files(copy):
    (copy / "shard-00002.npy").unlink()
    path = copy / "shard-00005.npy"
    path.write_bytes(path.read_bytes()[:-4] + bytes(4))
    first, second = verify(copy)
    assert first == f"{copy / 'shard-00002.npy'}: missing"
    assert second.startswith(f"{path}: expected sha256 ")


def test_verify_names_wrong_shape_and_format(copy):
    one = replaced(copy, 0, np.zeros((SHARD_ROWS, WIDTH + 1), np.float32))
    two = replaced(copy, 1, np.zeros((SHARD_ROWS, WIDTH), np.float64))
    assert verify(copy) == [
        f"{one}: expected shape (128, 6) of float32, got (128, 7) of float32.",
        f"{two}: expected shape (128, 6) of float32, got (128, 6) of float64.",
    ]


def test_verify_names_nan_and_infinity(copy):
    array = np.zeros((SHARD_ROWS, WIDTH), np.float32)
    array[3, 1], array[3, 2], array[9, 0] = np.nan, np.inf, -np.inf
    path = replaced(copy, 4, array)
    assert verify(copy) == [f"{path}: 2 rows hold NaN or infinity"]


def test_verify_names_rows_out_of_step(copy):
    path = copy / "rows.parquet"
    pq.write_table(pq.read_table(path, schema=ROW_SCHEMA).slice(1), path)
    assert f"{path}: expected 1000 rows, got 999" in verify(copy)
    path.write_bytes(b"no parquet")
    assert any(finding.startswith(f"{path}: cannot be read") for finding in verify(copy))


def test_pickles_are_refused(copy):
    path = replaced(copy, 0, np.array([{"code": 1}], dtype=object))
    with pytest.raises(DataError, match=r"shard-00000\.npy cannot be read"):
        EmbeddingStore.open(copy).vectors()
    assert any(finding.startswith(f"{path} cannot be read") for finding in verify(copy))


def test_open_refuses_what_is_no_store(tmp_path):
    with pytest.raises(DataError, match="found none"):
        EmbeddingStore.open(tmp_path)
    (tmp_path / "manifest.json").write_text('{"key": "x"}')
    with pytest.raises(DataError, match="lacks dtype, files, rows"):
        EmbeddingStore.open(tmp_path)
