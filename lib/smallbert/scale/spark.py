"""A recipe: the same jobs over the executors of a Spark cluster. Spark is no dependency; nothing here imports it.

Spark sees numbers of jobs and hands them out, one a task; the jobs read and write folders that all machines see, so no
text and no vector passes through the JVM, and a task that Spark repeats finds what its predecessor finished::

    from functools import partial
    from pathlib import Path

    from pyspark.sql import SparkSession

    from smallbert.corpus.prepared import Corpus
    from smallbert.scale import embedding, spark

    session = SparkSession.builder.config("spark.task.maxFailures", 4).getOrCreate()
    store = embedding.embed(
        Corpus.open("/shared/corpus"),
        {"name": "/shared/encoder", "device": "cpu"},
        Path("/shared/vectors"),
        run=partial(spark.run, session.sparkContext),
        workers=8,  # executors; give each all cores of its machine with spark.task.cpus
    )

:func:`smallbert.scale.grid.train` and the fleets (``pretrain_all``, ``distil_all``, ``finetune_all``) take the same
``run``. Run in local mode with Spark 4.0 on Java 17.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from smallbert.errors import UsageError
from smallbert.models.workers import Job


def run(
    context: Any,
    jobs: Sequence[Job],
    *,
    label: str,
    unit: str,
    finished: int = 0,
    kind: str = "cpu",
    workers: int | None = None,
) -> None:
    """Do all jobs on Spark's executors; Spark shows the progress and limits what runs at a time.

    Args:
        context: the ``SparkContext``.
        jobs: what to do.
        label: name of the stage in Spark's pages.
        unit, finished, workers: Spark has its own.
        kind: cpu.

    Raises:
        UsageError: ``kind`` is another: how Spark hands out GPUs is up to the cluster.
    """
    if kind != "cpu":
        raise UsageError(f"Expected jobs for CPUs, got kind {kind!r}.", "Use a Ray cluster for GPUs.")
    context.setJobDescription(label)
    if jobs:
        context.parallelize(sorted(jobs, key=lambda job: -job.cost), len(jobs)).foreachPartition(_do)


def _do(jobs: Iterator[Job]) -> None:
    """In an executor: the jobs of a task, which is one."""
    import torch

    torch.set_num_threads(1)
    for job in jobs:
        job.work(*job.arguments, report=lambda units: None)
