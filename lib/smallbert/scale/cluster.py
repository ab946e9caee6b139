"""The workers of a Ray cluster, for anything that is a list of :class:`smallbert.models.workers.Job`.

Ray places and restarts; nothing else is asked of it. A job finds its inputs in a folder and leaves its result in one,
whole or not at all, as it does on one machine. So neither texts nor vectors go through Ray's object store, what is
finished is found again without a second record of it, and a result cannot depend on who computed it. Datasets of
``ray.data`` were tried for this and left: their own checkpoints count rows where ours are shards, an actor that dies at
every attempt is restarted without end, and the same eight jobs began 25 seconds later on a busy machine with two cores.

Every machine of the cluster needs smallbert installed, and the folders of corpus, encoder and results under one path.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from smallbert.errors import MachineError, UsageError
from smallbert.models.workers import Job
from smallbert.progress import Progress

LOCAL = "local"
"""Address of a cluster of this machine alone, which begins and ends with the run."""

ATTEMPTS = 3
"""Times a job is begun again after its worker died. A job that needs more memory than there is would go on for ever."""


class Cluster:
    """A connection to a Ray cluster, closed at the end of a ``with`` block.

    Args:
        address: ``HOST:PORT`` or ``auto`` of a running cluster, or :data:`LOCAL`.
        options: of ``ray.init``.

    Raises:
        MachineError: Ray is not installed, or nothing answers at the address.
    """

    def __init__(self, address: str = LOCAL, **options: Any) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anyone
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # Ray's next default
        try:
            import ray
        except ImportError as error:
            raise MachineError("Ray is not installed.", "pip install 'smallbert[scale]'") from error
        if address == LOCAL:
            options = {"include_dashboard": False, **options}
        try:
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **options)
        except Exception as error:  # Ray raises no narrower one where it has not started within its 30 seconds
            ray.shutdown()
            hint = "Start one: `ray start --head`, or give its HOST:PORT."
            if address == LOCAL:
                hint = "Run it again when the machine is less busy."
            raise MachineError(f"No Ray cluster answers at {address}: {error}", hint) from error
        self._ray = ray

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ray.shutdown()

    def machines(self, kind: str = "cpu") -> int:
        """Workers that have a machine of the cluster, or a GPU where ``kind`` is cuda, to themselves."""
        if kind == "cuda":
            return int(self._ray.cluster_resources().get("GPU", 0))
        return sum(node["Alive"] for node in self._ray.nodes())

    def run(
        self,
        jobs: Sequence[Job],
        *,
        label: str,
        unit: str,
        finished: int = 0,
        kind: str = "cpu",
        workers: int | None = None,
    ) -> None:
        """Do all jobs, as :func:`smallbert.models.workers.run` does on one machine. The first error ends the others.

        A worker is a process with one thread, or with one GPU. One that dies is started again with the job it had, on
        another machine if need be; the job goes on from what it had finished.

        Args:
            jobs: what to do; with none nothing is shown.
            label: name shown with the progress.
            unit: of the jobs' units.
            finished: units of jobs that earlier calls finished, for the line of progress.
            kind: cpu or cuda.
            workers: how many; one a CPU, or a GPU, by default.

        Raises:
            UsageError: no worker, or more than the cluster has place for; or a job's own, with its name.
            DataError: a job's own, with its name.
            MachineError: a job's own, with its name; or its workers died again and again.
        """
        resource = "GPU" if kind == "cuda" else "CPU"
        places = int(self._ray.cluster_resources().get(resource, 0))
        count = places if workers is None else workers
        if not 1 <= count <= places:
            raise UsageError(f"Expected 1 to {places} workers, the {resource}s of the cluster, got {count}.")
        if not jobs:
            return
        from ray.util import ActorPool

        claim: dict[str, Any] = {"num_gpus" if kind == "cuda" else "num_cpus": 1, "scheduling_strategy": "SPREAD"}
        worker = self._ray.remote(**claim, max_restarts=-1, max_task_retries=ATTEMPTS)(_Worker)
        actors: list[Any] = [worker.remote() for _ in range(min(count, len(jobs)))]
        total, done = finished + sum(job.units for job in jobs), finished + sum(job.done for job in jobs)
        try:
            with Progress(label, total, unit, done=done) as line:
                pool = ActorPool(actors)
                for job in sorted(jobs, key=lambda job: -job.cost):
                    pool.submit(lambda actor, job: actor.do.remote(job), job)
                while pool.has_next():
                    line.advance(pool.get_next_unordered())
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from error
        except self._ray.exceptions.RayActorError as error:
            raise MachineError(
                f"Expected the workers to live, but one died {ATTEMPTS + 1} times at the same job, for instance "
                "because memory ran out.",
                "What is finished is kept: run again, with fewer workers on a machine if memory is short.",
            ) from error
        finally:
            for actor in actors:
                self._ray.kill(actor)


class _Worker:
    """A process of the cluster that does one job after the other."""

    def __init__(self) -> None:
        import torch
        from transformers.utils import logging as reports

        torch.set_num_threads(1)
        reports.disable_progress_bar()

    def do(self, job: Job) -> int:
        """Do a job and return the units that were left of it."""
        from smallbert.models.workers import _do as do

        do(0, job, done=[job.done], then=lambda: None)
        return job.units - job.done
