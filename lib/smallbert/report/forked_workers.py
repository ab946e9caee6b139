"""The server that forks a page's workers, forked itself: it has imported what its kernel has, and starts at once."""

from __future__ import annotations

import os
import traceback
from collections.abc import Sequence
from multiprocessing import forkserver, resource_tracker, util


def fork_server() -> None:
    """Start ``multiprocessing``'s fork server as a copy of this process, which must have one thread and no server yet.

    Started as ever, the server is a new interpreter that imports everything again, six seconds of a core each page.
    """
    resource_tracker.ensure_running()  # which is to be a process of its own, as ever
    start = util.spawnv_passfds
    util.spawnv_passfds = _fork  # type: ignore[assignment]
    try:
        forkserver.ensure_running()
    finally:
        util.spawnv_passfds = start


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
