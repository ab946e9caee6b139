"""Atomic writes leave the old file or the new one; digests are stable."""

import errno
import hashlib
import io
import json
import os

import numpy as np
import pytest

from smallbert import storage
from smallbert.errors import DataError, MachineError, UsageError


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "value.json"
    storage.write_json(path, {"a": 1})
    with pytest.raises(RuntimeError, match="half way"), storage.atomic_write(path) as file:
        file.write(b'{"a": ')
        raise RuntimeError("half way")
    assert json.loads(path.read_text()) == {"a": 1}
    assert [one.name for one in tmp_path.iterdir()] == ["value.json"]


def test_a_full_disk_is_named_and_finished_files_are_kept(tmp_path, monkeypatch):
    storage.write_text(tmp_path / "finished", "kept")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MachineError, match=r"disk is full: .*next could not be written.*finished before it is kept"):
        storage.write_text(tmp_path / "next", "lost")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["finished"]


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises((MachineError, FileExistsError, NotADirectoryError)):
        storage.write_text(tmp_path / "file" / "below", "text")


def test_lock_is_refused_to_a_second_and_free_after_the_first(tmp_path):
    with storage.lock(tmp_path, "part"):
        with storage.lock(tmp_path, "other"):
            pass
        with pytest.raises(UsageError, match=f"process {os.getpid()}") as caught, storage.lock(tmp_path, "part"):
            pass
    assert caught.value.hint == "Wait for it to end."
    with storage.lock(tmp_path, "part"):
        pass
    with pytest.raises(MachineError, match="Cannot write in"), storage.lock(tmp_path / "none", "part"):
        pass


def test_arrays_hold_no_pickles(tmp_path):
    with pytest.raises(ValueError, match="allow_pickle=False"):
        storage.write_array(tmp_path / "objects.npy", np.array([{}], dtype=object))
    storage.write_array(tmp_path / "numbers.npy", np.arange(3))
    assert np.load(tmp_path / "numbers.npy", allow_pickle=False).tolist() == [0, 1, 2]


def test_json_takes_numpy_values_and_refuses_the_rest(tmp_path):
    value = {"count": np.int64(3), "mean": np.float64(0.5), "list": np.arange(2), "where": tmp_path}
    storage.write_json(tmp_path / "v.json", value)
    assert storage.read_json(tmp_path / "v.json") == {"count": 3, "mean": 0.5, "list": [0, 1], "where": str(tmp_path)}
    with pytest.raises(TypeError, match="Cannot store a BytesIO"):
        storage.write_json(tmp_path / "w.json", {"file": io.BytesIO()})


def test_reading_says_what_is_wrong(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        storage.read_json(tmp_path / "none.json")
    (tmp_path / "torn.json").write_text('{"a": ')
    with pytest.raises(DataError, match="no readable JSON"):
        storage.read_json(tmp_path / "torn.json")


def test_checksum_equals_hashlib(tmp_path):
    content = os.urandom((1 << 20) + 17)  # more than one block
    (tmp_path / "bytes").write_bytes(content)
    assert storage.sha256_file(tmp_path / "bytes") == hashlib.sha256(content).hexdigest()


def test_digest_ignores_the_order_of_keys_but_not_values():
    assert storage.digest({"a": 1, "b": [1, 2]}) == storage.digest({"b": [1, 2], "a": 1})
    assert storage.digest({"a": 1}) != storage.digest({"a": 2})
    assert storage.digest([1, 2]) != storage.digest([2, 1])
    assert len(storage.digest("x", length=64)) == 64


def test_a_file_whose_name_is_no_utf8_has_a_digest_too():
    assert storage.digest("\udceb") != storage.digest("\udcec")


def test_a_version_beyond_the_first_makes_another_digest():
    assert storage.digest("x") == storage.digest("x", version=1) != storage.digest("x", version=2)


def test_strays_of_killed_writers_are_removed(tmp_path):
    for name in (".a.x1.part", "a", ".training.lock"):
        (tmp_path / name).touch()
    storage.remove_strays(tmp_path)
    assert {one.name for one in tmp_path.iterdir()} == {"a", ".training.lock"}
