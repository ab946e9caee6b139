"""Writing files so that a crash leaves either the old file or the new one, one writer at a time, and checking them."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from smallbert.errors import DataError, MachineError, UsageError


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary binary file that becomes ``path`` when the block ends without an error.

    The data reach the disk (fsync) before the rename, and the rename reaches the folder before
    the call returns, so a reader never sees half a file, even after a power cut.

    Raises:
        MachineError: the disk is full or the file cannot be written; finished files are untouched.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise _cannot_write(path, error) from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def remove_strays(folder: Path) -> None:
    """Remove what killed writers left unfinished in a folder, which the caller alone writes."""
    for stray in folder.glob(".*.part"):
        stray.unlink(missing_ok=True)


def _cannot_write(path: Path, error: OSError) -> MachineError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return MachineError(
            f"The disk is full: {path} could not be written.",
            "Everything finished before it is kept. Free space and run the same command again.",
        )
    return MachineError(f"Cannot write {path}: {error.strerror}.", "Check the folder's permissions.")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, if they are not there.

    Raises:
        MachineError: that cannot be done.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(
            f"Cannot make the folder {folder}: {error.strerror}.",
            "Choose another one, or check the permissions of the folder above it.",
        ) from error


@contextmanager
def lock(folder: Path, name: str, *, wait: bool = False, hint: str = "Wait for it to end.") -> Iterator[None]:
    """Hold ``folder/.NAME.lock`` for this process; the system lets go of it when the process dies.

    Args:
        folder: an existing folder.
        name: what is locked.
        wait: wait for another holder, saying so on standard error, instead of refusing.
        hint: what a refused user can do.

    Raises:
        UsageError: another live process holds it; its process id is named.
        MachineError: the folder cannot be written.
    """
    try:
        descriptor = os.open(folder / f".{name}.lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise MachineError(f"Cannot write in {folder}: {error.strerror}.", "Check its permissions.") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(descriptor, 20, 0).decode() or "unknown"
            if not wait:
                raise UsageError(f"Another run (process {owner}) is writing to {folder}.", hint) from None
            sys.stderr.write(f"waiting for another run (process {owner}) to finish {name} in {folder}\n")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        with suppress(OSError):  # the process id is a courtesy: a full disk is reported by whoever writes data
            os.truncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, atomically."""
    with atomic_write(path) as file:
        file.write(text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON with a final newline, atomically. Keys keep their order."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1, default=_plain) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        DataError: the file is missing, cannot be read or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"Expected the file {path}, which does not exist.") from error
    except OSError as error:
        raise DataError(f"Expected a readable file {path}: {error.strerror}.", "Check its permissions.") from error
    except (ValueError, RecursionError) as error:  # also no UTF-8, numbers without end, brackets without end
        raise DataError(f"{path} is no readable JSON: {error}.", "Delete it and run again.") from error


def write_array(path: Path, array: np.ndarray) -> None:
    """Write one ``.npy`` file, atomically; object arrays (pickles) are refused."""
    # numpy writes to a real file past Python, and its error then names no full disk.
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    with atomic_write(path) as file:
        file.write(buffer.getbuffer())


def holds(path: Path, sha256: str) -> bool:
    """Whether a file is there with this content."""
    return path.is_file() and sha256_file(path) == sha256


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of a file's bytes, read in blocks of 1 MiB."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def digest(value: Any, length: int = 16, *, version: int = 1) -> str:
    """Stable hex digest of plain data (dicts in any key order), for cache keys.

    Args:
        value: the data.
        length: digits.
        version: of what is made of them: raised when the same data would give another result.
    """
    value = value if version == 1 else [value, version]
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_plain)
    # Names of files may hold bytes that are no UTF-8, which Python keeps as lone surrogates.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]


def _plain(value: Any) -> Any:
    """JSON form of what our records hold beside plain data: numpy scalars, paths, tuples."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"Cannot store a {type(value).__name__} as JSON: {value!r}")
