"""Many trainings at once: one core each, one line of progress for all; results go to folders, never through a pipe."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, MutableSequence, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import forkserver
from typing import Any, Protocol

import torch
from transformers.utils import logging as reports

from smallbert import runtime
from smallbert.errors import MachineError, SmallbertError, UsageError
from smallbert.progress import Progress

POLL = 0.1
"""Seconds between two looks at what the workers have done."""


@dataclass(frozen=True)
class Job:
    """One training.

    Args:
        name: how errors call it.
        work: a module's function, called as ``work(*arguments, report=report)``. It calls ``report`` after every step
            with the units done so far, earlier attempts included; what ``report`` raises must end it.
        arguments: what it is called with; must be picklable.
        units: of the whole job, such as tokens or steps.
        done: units that an earlier attempt finished.
        cost: what the job will take, in any unit; the dearest start first, so that no core idles at the end.
    """

    name: str
    work: Callable[..., Any]
    arguments: tuple[Any, ...]
    units: int
    done: int = 0
    cost: float = 0.0


class Run(Protocol):
    """Where jobs are done: :func:`run` does them on this machine, others elsewhere."""

    def __call__(
        self,
        jobs: Sequence[Job],
        *,
        label: str,
        unit: str,
        finished: int = 0,
        kind: str = "cpu",
        workers: int | None = None,
    ) -> None:
        """Do all jobs, each at least once, and come back when all are done; see :func:`run`."""


def run(
    jobs: Sequence[Job], *, label: str, unit: str, finished: int = 0, kind: str = "cpu", workers: int | None = None
) -> None:
    """Do all jobs. The first error ends the others at their next step.

    Workers are processes: a step of a model this small is some thousand short calls from Python, which threads could
    only make in turn. Each has one thread, so that a result is the same to the bit whatever runs beside it. A GPU takes
    one job at a time, in this process. A script that calls this must do so under ``if __name__ == "__main__":``.

    Args:
        jobs: what to do; with none nothing is shown.
        label: name shown with the progress.
        unit: of the jobs' units.
        finished: units of jobs that earlier calls finished, for the line of progress.
        kind: cpu or cuda.
        workers: processes on a CPU; all cores by default.

    Raises:
        UsageError: no worker; or a job's own, with its name.
        DataError: a job's own, with its name.
        MachineError: a job's own, with its name; or a worker was killed.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"Expected workers of at least 1, got {workers}.")
    if not jobs:
        return
    jobs = sorted(jobs, key=lambda job: -job.cost)
    earlier = [job.done for job in jobs]
    total = finished + sum(job.units for job in jobs)
    count = min(workers or runtime.cores(), len(jobs))
    with Progress(label, total, unit, done=finished + sum(earlier)) as line:

        def show(done: Sequence[int]) -> None:
            line.advance(finished + sum(done) - line.done)

        if kind == "cuda" or count == 1:
            _here(jobs, earlier, show, kind)
        else:
            _in_processes(jobs, earlier, show, count)


def warm(modules: Iterable[str]) -> None:
    """Start the server that forks the workers and go on while it imports; else the first :func:`run` waits for it.

    On one core :func:`run` needs no workers, and the server would only take time from the caller: nothing is started.

    Args:
        modules: what it imports, such as the modules of the jobs to come.
    """
    if runtime.cores() == 1:
        return
    multiprocessing.get_context("forkserver").set_forkserver_preload(sorted({*modules, __name__}))
    forkserver.ensure_running()


def _here(jobs: Sequence[Job], done: list[int], show: Callable[[Sequence[int]], None], kind: str) -> None:
    """One after the other in this process."""
    threads = torch.get_num_threads()
    try:
        if kind == "cpu":
            torch.set_num_threads(1)
        for place, job in enumerate(jobs):
            _do(place, job, done=done, then=lambda: show(done))
    finally:
        torch.set_num_threads(threads)


def _in_processes(jobs: Sequence[Job], earlier: list[int], show: Callable[[Sequence[int]], None], workers: int) -> None:
    """Side by side; the first error, Ctrl-C included, ends the others at their next step."""
    # A server that has imported everything once forks the workers, now and in later calls; they start in milliseconds.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(sorted({job.work.__module__ for job in jobs} | {__name__}))
    done, stop = context.RawArray("q", earlier), context.RawValue("b", 0)
    pool = ProcessPoolExecutor(workers, context, _start_worker, (done, stop))
    try:
        pending = {pool.submit(_work, place, job) for place, job in enumerate(jobs)}
        while pending:
            finished, pending = wait(pending, POLL, FIRST_EXCEPTION)
            show(done)
            for future in finished:
                future.result()
    except BrokenProcessPool as error:
        raise MachineError(
            "Expected the workers to live, but one was killed from outside, for instance because memory ran out.",
            "What is finished and checkpoints are kept: run again, with fewer workers if memory is short.",
        ) from error
    finally:
        stop.value = 1
        pool.shutdown(wait=True, cancel_futures=True)


def _do(place: int, job: Job, *, done: MutableSequence[int], then: Callable[[], None]) -> None:
    """Do a job, telling ``done[place]`` how far it is and calling ``then`` after every step."""

    def report(units: int) -> None:
        done[place] = units
        then()

    try:
        job.work(*job.arguments, report=report)
    except SmallbertError as error:
        raise type(error)(f"{job.name}: {error.message}", error.hint) from error
    report(job.units)


_shared: tuple[MutableSequence[int], Any]
"""In a worker: units done, one entry a job, and whether to stop, both in memory shared with the caller."""


def _start_worker(done: MutableSequence[int], stop: Any) -> None:
    global _shared
    _shared = done, stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the caller tells the workers to stop
    threading.Thread(target=_die_with_the_caller, daemon=True).start()
    torch.set_num_threads(1)
    reports.disable_progress_bar()
    _keep_freed_memory()


def _work(place: int, job: Job) -> None:
    done, stop = _shared

    def check() -> None:
        if stop.value:
            raise InterruptedError

    _do(place, job, done=done, then=check)


def _die_with_the_caller() -> None:
    """A caller that is killed cannot tell its workers, which would train on beside the next run's."""
    if caller := multiprocessing.parent_process():
        caller.join()
    os._exit(1)


def _keep_freed_memory() -> None:
    """Let malloc keep freed memory, since every step asks for the same again.

    By default glibc gives a few megabytes back to the system after every step and takes 2,000 page faults a step to get
    them again; in a virtual machine that cost up to 40 % of a step. Other systems' malloc is left as it is.
    """
    trim_threshold, mmap_threshold = -1, -3  # malloc.h
    with suppress(AttributeError, OSError, TypeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(mmap_threshold, 32 << 20)
        libc.mallopt(trim_threshold, 1 << 30)
