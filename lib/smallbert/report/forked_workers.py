"""The server that forks a page's workers, forked itself: it has imported what its kernel has, and starts at once."""

from __future__ import annotations

import contextlib
import os
import signal
import traceback
from collections.abc import Sequence
from multiprocessing import forkserver, resource_tracker, util
from types import FrameType


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
    _reap(forkserver._forkserver._forkserver_pid)  # type: ignore[attr-defined]


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


def _reap(pid: int) -> None:
    """Wait for the end of a child whenever it comes; one that nobody waits for stays until its parent is gone."""

    def look(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)

    signal.signal(signal.SIGCHLD, look)


def _fork(path: str, arguments: Sequence[str], kept: Sequence[int]) -> int:
    """What ``spawnv_passfds(path, arguments, kept)`` does for ``python -c CODE``, without a new interpreter."""
    pid = os.fork()
    if not pid:
        try:
            # An open end of the kernel's pipe would keep the server alive when the kernel is gone.
            first = 3
            for file in sorted(kept):
                os.closerange(first, file)
                first = file + 1
            os.closerange(first, os.sysconf("SC_OPEN_MAX"))
            exec(arguments[-1], {})  # noqa: S102 - multiprocessing's own code
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        finally:
            os._exit(0)
    return pid
