"""Processes of a nursery, for whoever starts them: as a process, with its output, and as Jupyter starts a kernel."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import LocalProvisioner

ADDRESS = "SMALLBERT_NURSERY"
"""Environment variable with the nursery's socket."""

PARENT = "SMALLBERT_PARENT"
"""Environment variable with the process that a started process is to end with."""

PROVISIONER = "smallbert-nursery"
"""As pyproject.toml enters it among Jupyter's provisioners."""


class Forked:
    """A process of a nursery, as Jupyter's local provisioner wants one (:class:`subprocess.Popen`).

    Args:
        connection: to the nursery, which has been asked.
        stdout: where its output comes out, where that is a pipe.

    Raises:
        OSError: the nursery is gone.
    """

    largest = 0
    """Most memory that one of them used, in bytes."""

    stdin = stderr = None

    def __init__(self, connection: socket.socket, stdout: TextIO | None = None) -> None:
        self.stdout = stdout
        self._connection = connection
        self._lines = connection.makefile("rb")
        self.pid: int = self._read()["pid"]
        self.returncode: int | None = None
        self._lock = threading.Lock()  # who stops a run looks while who waits for the process does
        connection.setblocking(False)

    @classmethod
    def ask(
        cls, address: str, command: Sequence[str], environment: Mapping[str, str], folder: str, *, piped: bool = False
    ) -> Forked:
        """Ask the nursery at an address for a process.

        Args:
            address: of its socket.
            command: ``PYTHON -m MODULE ARGUMENT...``; the nursery knows which modules it can become.
            environment: of the process.
            folder: where it works.
            piped: its output and errors are :attr:`stdout`, else go where ours do.

        Raises:
            OSError: none answers there.
        """
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with contextlib.ExitStack() as undo, contextlib.ExitStack() as given:
            undo.callback(connection.close)
            connection.connect(address)
            cores = sorted(os.sched_getaffinity(0))
            asked = {"command": command, "environment": dict(environment), "folder": folder, "cores": cores}
            message = json.dumps(asked).encode() + b"\n"
            sys.stdout.flush()
            files, lines = [1, 2], None
            if piped:
                reading, writing = os.pipe()
                lines = undo.enter_context(os.fdopen(reading, encoding="utf-8", errors="replace"))
                given.callback(os.close, writing)
                files = [writing, writing]
            sent = socket.send_fds(connection, [message], files)
            connection.sendall(message[sent:])
            process = cls(connection, lines)
            undo.pop_all()
        return process

    def _read(self) -> dict[str, Any]:
        line = self._lines.readline()
        if not line:
            raise ConnectionResetError("the nursery has ended")
        return dict(json.loads(line))

    def poll(self) -> int | None:
        """Its exit status, negative a signal's number, or None while it runs."""
        with self._lock:
            if self.returncode is None:
                try:
                    with contextlib.suppress(BlockingIOError):
                        if self._connection.recv(1, socket.MSG_PEEK):
                            self._connection.setblocking(True)
                            end = self._read()
                            self.returncode = end["status"]
                            Forked.largest = max(Forked.largest, end["peak"])
                        else:
                            self.returncode = -signal.SIGKILL  # the nursery has ended, and its kernels with it
                except ConnectionError:
                    self.returncode = -signal.SIGKILL
            return self.returncode

    def wait(self, timeout: float = math.inf) -> int:
        """Wait until it has ended.

        Raises:
            subprocess.TimeoutExpired: it has not in so many seconds.
        """
        deadline = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("a process of the nursery", timeout)
            time.sleep(0.01)
        self._lines.close()
        self._connection.close()
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


@contextlib.contextmanager
def started(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Forked | subprocess.Popen[str]]:
    """A process whose output and errors are its ``stdout``; waited for when the block ends.

    Args:
        command: what to run; forked by the nursery that the environment names, or started as processes are.
        environment: of the process.
    """
    process: Forked | subprocess.Popen[str]
    try:
        process = Forked.ask(environment[ADDRESS], command, environment, str(Path.cwd()), piped=True)
    except (KeyError, OSError):
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**environment, PARENT: str(os.getpid())},
            start_new_session=True,  # Ctrl-C goes to us alone
        )
    try:
        yield process
    finally:
        if process.stdout:
            process.stdout.close()
        process.wait()


class NurseryProvisioner(LocalProvisioner):
    """Kernels of the nursery that the environment names; where none answers, kernels as Jupyter starts them."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """See :class:`jupyter_client.provisioning.LocalProvisioner`."""
        folder = str(kwargs.get("cwd") or Path.cwd())
        try:
            process = Forked.ask(os.environ[ADDRESS], cmd, kwargs.get("env", os.environ), folder)
        except (KeyError, OSError):
            return await super().launch_kernel(cmd, **kwargs)
        self.process = process  # type: ignore[assignment]
        self.pid = self.pgid = process.pid
        self.cwd = Path(folder)
        return self.connection_info
