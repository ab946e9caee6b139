"""Runs stages in order, each in its own process, and keeps what is finished whatever happens next."""

from __future__ import annotations

import contextlib
import datetime
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import smallbert
from smallbert import paths, provenance
from smallbert.errors import DataError, SmallbertError
from smallbert.progress import duration
from smallbert.report import failures
from smallbert.report.console import Console
from smallbert.report.forked import Forked, started
from smallbert.report.nursery import nursery
from smallbert.report.parameters import ENVIRONMENT
from smallbert.report.stages import Stage
from smallbert.storage import lock, make_folder, read_json, write_json, write_text

_TWO_RUNS = "Wait for it to end, or give this run an edition of its own: --edition NAME."


class Runner:
    """Executes stages of one run.

    Args:
        profile: name of the profile, for the records.
        command: the command line that repeats the run, for the records.
        jobs: stages that may run at once, each on its share of the cores; one never starts before what it needs has
            finished.
        console: where to report.
        modules: what stages import, to be imported once for all of them where processes can be forked.
        meanwhile: done with finished stages while fewer run than may; what it raises as a :class:`SmallbertError` is
            left to whoever does it again.
    """

    def __init__(
        self,
        profile: str,
        command: list[str],
        *,
        jobs: int = 1,
        console: Console | None = None,
        modules: Sequence[str] = (),
        meanwhile: Callable[[Stage], None] | None = None,
    ) -> None:
        self.profile, self.command, self.jobs, self._modules = profile, command, jobs, modules
        self._meanwhile = meanwhile
        self.console = console or Console()
        self._children: dict[str, Forked | subprocess.Popen[str]] = {}
        self._nursery: dict[str, str] = {}
        self._stopping = threading.Event()
        self._shares: SimpleQueue[list[int]] = SimpleQueue()
        for share in _shares(jobs):
            self._shares.put(share)

    def run(self, stages: list[Stage]) -> None:
        """Execute every stage that has a reason to run.

        Raises:
            UsageError: another run is writing the same edition; its process id is named.
            StageError: a stage failed; stages that were running beside it have finished and are kept.
            KeyboardInterrupt: the user stopped it; kernels are down and finished stages are kept.
        """
        with ExitStack() as held:
            for folder in {stage.edition.executed for stage in stages if stage.reasons}:
                make_folder(folder)
                held.enter_context(lock(folder, "run", hint=_TWO_RUNS))
            due = [stage for stage in stages if stage.reasons]
            if self._modules and len(due) > 1 and sys.platform == "linux":  # elsewhere libraries do not survive a fork
                environment = self._environment(due[0], len(_shares(self.jobs)[0]))
                self._nursery = held.enter_context(nursery(environment, self._modules))
            self._run_all(stages)

    def _run_all(self, stages: list[Stage]) -> None:
        waiting = {stage.stem: stage for stage in self._in_order(stages) if stage.reasons}
        for stage in stages:
            if not stage.reasons:
                self.console.say(f"      {stage.stem}  up to date")
        if not waiting:
            return
        running: dict[Future[None], Stage] = {}
        finished: list[Stage] = []
        failed: BaseException | None = None
        with ThreadPoolExecutor(self.jobs + 1) as pool:
            # Beside the first stage, whose process the nursery is to be asked for before its longest import.
            stamp = pool.submit(provenance.stamp)
            try:
                while running or (waiting and not failed):
                    underway = {stage.stem for stage in running.values()}
                    ready = [] if failed else [one for one in waiting if self._ready(waiting[one], waiting, underway)]
                    # Only what can start at once: what ends next may make ready what more stages wait for.
                    for stem in ready[: self.jobs - len(running)]:
                        stage = waiting.pop(stem)
                        running[pool.submit(self._run, stage, stamp)] = stage
                    timeout = 0 if self._use_the_wait(running, finished) else None
                    for future in wait(running, timeout, FIRST_COMPLETED).done:
                        stage = running.pop(future)
                        if error := future.exception():
                            failed = failed or error
                        else:
                            finished.append(stage)
            except KeyboardInterrupt:
                self._stop()
                raise
        if failed:
            raise failed

    def _use_the_wait(self, running: Mapping[Future[None], Stage], finished: list[Stage]) -> bool:
        """Do something meanwhile, where fewer stages run than may; whether there was anything to do."""
        if not (self._meanwhile and finished and running and len(running) < self.jobs):
            return False
        with contextlib.suppress(SmallbertError):
            self._meanwhile(finished.pop())
        return True

    def _in_order(self, stages: list[Stage]) -> list[Stage]:
        """One at a time as they come; side by side those first that the longest chain of others waits for.

        Of two with as much behind them the one that stands on more: what many pages lead to is dear.
        """
        if self.jobs == 1:
            return stages
        needs = {stage.stem: stage.parameters.needs for stage in stages}
        used = {stem: [other for other in needs if stem in needs[other]] for stem in needs}
        return sorted(stages, key=lambda stage: (-_chain(stage.stem, used), -_chain(stage.stem, needs)))

    @staticmethod
    def _ready(stage: Stage, waiting: Container[str], running: Container[str]) -> bool:
        return not any(need in waiting or need in running for need in stage.parameters.needs)

    def _run(self, stage: Stage, stamp: Future[dict[str, Any]]) -> None:
        self.console.say(f"start {stage.stem}  ({_short(stage.reasons)})")
        write_json(stage.record, {"finished": None, "key": stage.key})
        before = {path: _identity(path) for path in stage.written()}
        began, clock = _now(), time.monotonic()
        with _anew(stage.values) as keep:
            outcome = self._execute(stage)
            seconds = time.monotonic() - clock
            if self._stopping.is_set():
                return
            if outcome["status"] != "done":
                raise failures.explain(stage, outcome)
            missing = [path for path in stage.expected() if _identity(path) in (None, before.get(path))]
            if missing:
                raise failures.incomplete(stage, missing)
            keep()
        for path in stage.written():
            if before.get(path) == _identity(path):
                path.unlink()  # of an earlier run: a table or figure the notebook no longer makes
        write_json(
            stage.record,
            {
                "profile": self.profile,
                "command": self.command,
                "parameters": stage.parameters.model_dump(),
                "started": began,
                "finished": _now(),
                "seconds": round(seconds, 1),
                "peak_memory_bytes": outcome["peak_memory_bytes"],
                **stamp.result(),
                "key": stage.key,
                "outputs": stage.outputs(),
            },
        )
        self.console.end(stage.stem, f"done  {stage.stem}  in {duration(seconds)}")

    def _execute(self, stage: Stage) -> dict[str, Any]:
        """Start the child process, relay what it says, and read how it ended.

        Ctrl-C does not reach the child: we stop it, and it takes its kernel down in order.
        """
        job, end = (stage.record.with_suffix(suffix) for suffix in (".job.json", ".outcome.json"))
        cores = self._shares.get()
        write_json(
            job,
            {
                "notebook": stage.notebook.path,
                "output": stage.executed,
                "parameters": stage.parameters.model_dump(),
                "outcome": end,
                "cores": cores,
            },
        )
        command = [sys.executable, "-m", "smallbert.report.execute", str(job)]
        try:
            with (
                stage.log.open("w", encoding="utf-8") as log,
                started(command, self._environment(stage, len(cores))) as child,
            ):
                self._children[stage.stem] = child
                if self._stopping.is_set():  # meanwhile
                    child.send_signal(signal.SIGINT)
                for line in child.stdout or ():
                    log.write(line)
                    log.flush()
                    self.console.relay(stage.stem, line)
            return read_json(end)
        except DataError:
            return {"status": "crashed"}
        finally:
            self._shares.put(cores)
            self._children.pop(stage.stem, None)
            job.unlink(missing_ok=True)
            end.unlink(missing_ok=True)

    def _environment(self, stage: Stage, cores: int) -> dict[str, str]:
        here = str(Path(smallbert.__file__).parents[1])
        extra = {
            "SMALLBERT_ROOT": str(paths.root()),
            "SMALLBERT_OUT": str(stage.edition.base),
            "SMALLBERT_CACHE": str(paths.cache(stage.edition.base)),
            ENVIRONMENT: sys.prefix,
            # The library whose sources are in the key is the library that runs.
            "PYTHONPATH": os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")])),
            "PYTHONHASHSEED": "0",
        }
        if self.jobs > 1:
            extra["OMP_NUM_THREADS"] = str(cores or max(1, (os.cpu_count() or 1) // self.jobs))
        return {**os.environ, **extra, **self._nursery}

    def _stop(self) -> None:
        self._stopping.set()
        children = list(self._children.values())
        for child in children:
            child.send_signal(signal.SIGINT)
        deadline = time.monotonic() + 15
        for child in children:
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()


@contextlib.contextmanager
def _anew(path: Path) -> Iterator[Callable[[], object]]:
    """Take away a file that notebooks add to, so that nothing of an earlier run stays in the new one.

    It comes back unless the block calls what it is given: a run that fails loses nothing.
    """
    with ExitStack() as back:
        if path.exists():
            back.callback(write_text, path, path.read_text(encoding="utf-8", errors="replace"))
            path.unlink()
        yield back.pop_all


def _chain(stem: str, following: Mapping[str, Sequence[str]]) -> int:
    """Stages on the longest way from ``stem`` onwards."""
    return 1 + max((_chain(one, following) for one in following.get(stem, ())), default=0)


def _shares(jobs: int) -> list[list[int]]:
    """Numbers of the cores of each of ``jobs`` stages; empty, for any core, where there is nothing to share out.

    Two that both use every core are slower than one after the other: threads that wait for each other spin on cores
    that the other stage needs. Shares are of equal size, since sums over threads depend on their number.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    each = max(1, len(cores) // jobs)
    return [cores[i * each : (i + 1) * each] if jobs > 1 else [] for i in range(jobs)]


def _identity(path: Path) -> tuple[int, int] | None:
    """What changes when a file is written again; None for a missing or an empty file."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return (stat.st_ino, stat.st_mtime_ns) if stat.st_size else None


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _short(reasons: tuple[str, ...]) -> str:
    more = len(reasons) - 2
    return "; ".join(reasons[:2]) + (f"; and {more} more" if more > 0 else "")
