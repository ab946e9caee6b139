"""Processes to kill: forked from one that has imported everything, so that none spends its short life on imports.

Run as a script it is the nursery: for every line on its standard input, a job of :mod:`fault_jobs` with its arguments,
it forks a child that leads a process group of its own and does the job; when the child has ended, it answers with its
exit status. The nursery itself computes nothing, since threads do not survive a fork.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).parent
PATIENCE = 120.0
"""Seconds that a job of a few may take on a machine that does ten other things."""


class Nursery:
    """The tests' end of it."""

    def __init__(self) -> None:
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, sys.path)]),
            **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
        }
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self._said() == "ready"

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        assert self._process.stdout
        self._process.stdout.close()

    def run(self, work: str, folder: Path, given: Path, *, kill_after: float | None = None) -> int | None:
        """Do a job; its exit status, or None where it was killed, with all its children, after so many seconds."""
        folder.mkdir(parents=True, exist_ok=True)
        assert self._process.stdin
        self._process.stdin.write(json.dumps([work, str(folder), str(given), kill_after]) + "\n")
        self._process.stdin.flush()
        status = int(self._said())
        return None if status == -signal.SIGKILL else status

    def _said(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


def _bring_up(work: str, folder: str, given: str, kill_after: float | None) -> int:
    child = os.fork()
    if not child:
        status = 1
        try:
            os.setpgid(0, 0)
            import fault_jobs

            fault_jobs.quietly(work, folder, given)
            status = 0
        except SystemExit as error:
            status = int(error.code or 0)
        finally:
            os._exit(status)
    with suppress(ProcessLookupError, PermissionError):
        os.setpgid(child, child)
    end = time.monotonic() + (PATIENCE if kill_after is None else kill_after)
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() >= end:
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            break
        time.sleep(0.002)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what it may have left
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    # Everything the children need, what commands import when they are given too.
    import fault_jobs  # noqa: F401

    import smallbert.cli.corpora
    import smallbert.report.render
    import smallbert.report.runner  # noqa: F401

    print("ready", flush=True)  # noqa: T201
    for line in sys.stdin:
        print(_bring_up(*json.loads(line)), flush=True)  # noqa: T201
