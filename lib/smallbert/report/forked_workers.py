"""The server that forks a page's workers, forked itself: it has imported what its kernel has, and starts at once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import traceback
from collections.abc import Sequence
from multiprocessing import forkserver, resource_tracker, util
from types import FrameType
from typing import Any


def fork_server() -> None:
    """Start ``multiprocessing``'s fork server as a copy of this process, which must have one thread and no server yet.

    Started as ever, the server is a new interpreter that imports everything again, six seconds of a core each page.
    A kernel that is asked to end ends the children of its group and looks for two and a half seconds whether they are
    gone: the server is waited for, and the resource tracker is of another group.
    """
    start = util.spawnv_passfds
    try:
        util.spawnv_passfds = _spawn_apart  # type: ignore[assignment]
        resource_tracker.ensure_running()
        util.spawnv_passfds = _fork  # type: ignore[assignment]
        forkserver.ensure_running()
    finally:
        util.spawnv_passfds = start
    _reap(forkserver._forkserver)


def _spawn_apart(path: str, arguments: Sequence[str], kept: Sequence[int]) -> int:
    """What ``spawnv_passfds(path, arguments, kept)`` does, in a process group of its own.

    The resource tracker takes no notice of a signal to end, by design: it ends when nobody is left who could need it.
    """
    pid = os.fork()
    if not pid:
        try:
            os.setpgid(0, 0)
            for file in kept:
                os.set_inheritable(file, True)
            os.execv(path, list(arguments))
        finally:
            os._exit(1)
    return pid


def _reap(server: Any) -> None:
    """Wait for the end of the server whenever it comes; one that nobody waits for stays until its parent is gone.

    ``multiprocessing`` then finds that there is none, as where none has been, and starts another for who needs it.
    """
    pid, alive = server._forkserver_pid, server._forkserver_alive_fd

    def look(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(ChildProcessError):  # multiprocessing has looked before
            if os.waitpid(pid, os.WNOHANG)[0]:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os.close(alive)
                server._forkserver_pid = server._forkserver_alive_fd = server._forkserver_address = None

    signal.signal(signal.SIGCHLD, look)


def _fork(path: str, arguments: Sequence[str], kept: Sequence[int]) -> int:
    """What ``spawnv_passfds(path, arguments, kept)`` does for ``python -c CODE``, without a new interpreter."""
    pid = os.fork()
    if not pid:
        try:
            # An open end of the kernel's pipe would keep the server alive when the kernel is gone.
            for file in map(int, os.listdir("/proc/self/fd")):
                if file > 2 and file not in kept:
                    with contextlib.suppress(OSError):  # the listing's own
                        os.close(file)
            forkserver._forkserver._lock = threading.Lock()  # type: ignore[attr-defined] # held around this fork
            exec(arguments[-1], {})  # noqa: S102 - multiprocessing's own code
        except SystemExit:  # its kernel is gone
            pass
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        finally:
            os._exit(0)
    return pid
