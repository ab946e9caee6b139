"""A process that has imported what notebooks import, and forks their kernels and what executes them.

Every page's kernel needs torch, transformers, scikit-learn and matplotlib, some seven seconds of a core to import, and
the process that executes the page needs papermill; forked from a process that has them they start in milliseconds. The
runner starts one nursery a run as ``python -m smallbert.report.nursery LISTENER MODULE...``; the runner and
:class:`smallbert.report.forked.NurseryProvisioner` ask it, and start processes as ever where none answers. A request is
a message with the command, environment and folder, and with two open files, output and errors. The answer is the
process id, and when it has ended how; whoever asks and closes the connection before that ends it. Closing standard
input ends the nursery and all it forked, as the end of the runner does, however it comes.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import resource
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import smallbert
from smallbert.report.forked import ADDRESS, PARENT
from smallbert.report.forked_workers import fork_server

_LONGEST = 1 << 20
"""Bytes of a message at most."""

_KERNEL = "ipykernel_launcher"

_PATIENCE = 1.0
"""Seconds that a nursery has to end."""

_BACKEND = "module://matplotlib_inline.backend_inline"
"""What ipykernel sets before a notebook imports matplotlib, which here is imported earlier."""


def modules() -> list[str]:
    """What executes the report's notebooks, and what they import, the first one's first."""
    found = ["ipykernel.kernelapp", "smallbert.report.execute", "smallbert.studies.embed", "smallbert.figures.corpus"]
    for room in ("figures", "studies"):
        folder = str(Path(smallbert.__file__).parent / room)
        found += [f"smallbert.{room}.{module.name}" for module in pkgutil.iter_modules([folder])]
    return found


@contextmanager
def nursery(environment: Mapping[str, str], imported: Sequence[str]) -> Iterator[dict[str, str]]:
    """Run a nursery; what it yields is to be added to the environment of processes that start kernels.

    Args:
        environment: of the nursery and its kernels.
        imported: modules, in this order; what is asked for meanwhile has those it has got to. One that cannot be
            imported is told on standard error, and those after it are left to whoever needs them.
    """
    with tempfile.TemporaryDirectory(prefix="smallbert-") as folder, ExitStack() as held:
        address = str(Path(folder) / "nursery")
        listener = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        try:
            listener.bind(address)
        except OSError:  # temporary files lie too deep for a socket's name: kernels start as ever
            yield {}
            return
        listener.listen()  # from now on who asks waits for the answer
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(listener.fileno()), *imported],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env={**environment, "MPLBACKEND": environment.get("MPLBACKEND", _BACKEND)},
            pass_fds=[listener.fileno()],
            start_new_session=True,  # Ctrl-C goes to the runner alone
        )
        listener.close()
        held.enter_context(process)
        try:
            yield {ADDRESS: address}
        finally:
            assert process.stdin
            process.stdin.close()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:  # in the midst of an import; no kernel is left to end
                process.kill()


class _Nursery:
    """The server: one thread, which imports, forks and reaps."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._pid = os.getpid()
        self._kernels: dict[int, socket.socket | None] = {}  # None: whoever asked for it is gone
        self._woken, wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        self._selector = selectors.DefaultSelector()
        for one in (self._listener, self._woken, sys.stdin.fileno()):
            self._selector.register(one, selectors.EVENT_READ)

    def serve(self, modules: Sequence[str]) -> None:
        """Import, and between two modules and ever after do what is asked, until standard input closes."""
        for module in modules:
            try:
                importlib.import_module(module)
            except Exception:  # the page that imports it will tell whoever reads it
                traceback.print_exc()
                break
            if not self._answer(timeout=0):
                return
        gc.collect()
        gc.freeze()  # what is shared with the kernels stays shared
        while self._answer(timeout=None):
            pass

    def _answer(self, timeout: float | None) -> bool:
        """Do what is asked now, or wait for it; False when there is no more to come."""
        for key, _ in self._selector.select(timeout):
            if key.fileobj == sys.stdin.fileno():
                for pid in self._kernels:
                    _kill_group(pid)
                return False
            if key.fileobj is self._listener:
                self._fork(self._listener.accept()[0])
            elif key.fileobj == self._woken:
                os.read(self._woken, _LONGEST)
                self._reap()
            else:
                self._abandoned(key.data)
        return True

    def _fork(self, connection: socket.socket) -> None:
        """Fork what is asked for; where that cannot be, who asks sees the connection close."""
        files: list[int] = []
        with contextlib.suppress(OSError, ValueError):
            try:
                message, files, _, _ = socket.recv_fds(connection, _LONGEST, 2)
                while not message.endswith(b"\n"):
                    if not (more := connection.recv(_LONGEST)):
                        return
                    message += more
                asked = json.loads(message)
                pid = os.fork()
                if not pid:
                    self._become(asked, files)
            finally:  # an end kept open here would keep its reader waiting
                for file in files:
                    os.close(file)
            self._kernels[pid] = connection
            self._selector.register(connection, selectors.EVENT_READ, pid)
            _tell(connection, pid=pid)

    def _become(self, asked: dict[str, Any], files: list[int]) -> None:
        """In the child: what a new interpreter would be, but for what it has imported. Never returns."""
        status = 1
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL if number == signal.SIGCHLD else signal.default_int_handler)
            self._selector.close()
            for one in (self._listener, *filter(None, self._kernels.values())):
                one.close()
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            for target, file in enumerate(files, start=1):
                os.dup2(file, target)
                os.close(file)
            os.environ.clear()
            os.environ.update(asked["environment"], **{PARENT: str(self._pid)})
            os.sched_setaffinity(0, asked["cores"])
            os.chdir(asked["folder"])
            _, _, module, *arguments = asked["command"]
            if module == _KERNEL:
                if len(asked["cores"]) > 1:  # on one, workers take turns in the kernel itself
                    fork_server()
                sys.argv = [module, *arguments]
                from ipykernel.kernelapp import launch_new_instance

                launch_new_instance(parent_handle=self._pid)
            else:
                importlib.import_module(module).main(arguments)
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(bool(end.code))
        except BaseException:
            traceback.print_exc()
        finally:  # whatever happens on the way, the child must not go on as a second server
            with contextlib.suppress(BaseException):
                atexit._run_exitfuncs()
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
            os._exit(status)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):  # no child is left
            while (ended := os.wait4(-1, os.WNOHANG))[0]:
                pid, status, used = ended
                if connection := self._kernels.pop(pid, None):
                    self._selector.unregister(connection)
                    _tell(connection, status=os.waitstatus_to_exitcode(status), peak=_memory(used))
                    connection.close()

    def _abandoned(self, pid: int) -> None:
        """Whoever asked for a kernel is gone; the kernel may have been reaped in the same round."""
        if connection := self._kernels.get(pid):
            self._selector.unregister(connection)
            connection.close()
            self._kernels[pid] = None
            _kill_group(pid)


def _tell(connection: socket.socket, **said: int) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(json.dumps(said).encode() + b"\n")


def _memory(used: resource.struct_rusage) -> int:
    return used.ru_maxrss * 1024


def _kill_group(pid: int) -> None:
    """Kill a child that has not been reaped and all of its group; one just forked has no group of its own yet."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    # Python warns of a fork beside threads; those here are BLAS's own, which it ends before a fork and starts again.
    warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork", category=DeprecationWarning)
    _Nursery(socket.socket(fileno=int(sys.argv[1]))).serve(sys.argv[2:])
