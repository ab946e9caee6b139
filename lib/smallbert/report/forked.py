"""Kernels of a nursery, for whoever starts them: as a process, and as Jupyter's way to start a kernel."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import LocalProvisioner

ADDRESS = "SMALLBERT_NURSERY"
"""Environment variable with the nursery's socket."""

PROVISIONER = "smallbert-nursery"
"""As pyproject.toml enters it among Jupyter's provisioners."""


class Forked:
    """A kernel of a nursery, as Jupyter's local provisioner wants a process (:class:`subprocess.Popen`).

    Args:
        connection: to the nursery, which has been asked.

    Raises:
        OSError: the nursery is gone.
    """

    largest = 0
    """Most memory that one of them used, in bytes."""

    stdin = stdout = stderr = None

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lines = connection.makefile("rb")
        self.pid: int = self._read()["pid"]
        self.returncode: int | None = None
        connection.setblocking(False)

    @classmethod
    def ask(cls, address: str, command: Sequence[str], environment: Mapping[str, str], folder: str) -> Forked:
        """Ask the nursery at an address for a kernel.

        Raises:
            OSError: none answers there.
        """
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(address)
            cores = sorted(os.sched_getaffinity(0))
            asked = {"command": command, "environment": dict(environment), "folder": folder, "cores": cores}
            message = json.dumps(asked).encode() + b"\n"
            sys.stdout.flush()
            sent = socket.send_fds(connection, [message], [1, 2])
            connection.sendall(message[sent:])
            return cls(connection)
        except OSError:
            connection.close()
            raise

    def _read(self) -> dict[str, Any]:
        line = self._lines.readline()
        if not line:
            raise ConnectionResetError("the nursery has ended")
        return dict(json.loads(line))

    def poll(self) -> int | None:
        """Its exit status, negative a signal's number, or None while it runs."""
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

    def wait(self) -> int:
        """Wait until it has ended."""
        while (status := self.poll()) is None:
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
