"""The Spark recipe, with a stand-in for the executors: one job a task, the dearest first."""

from functools import partial

import pytest

from smallbert.errors import UsageError
from smallbert.models.workers import Job
from smallbert.scale import embedding, spark


class Context:
    """What the recipe asks of a ``SparkContext``."""

    def setJobDescription(self, text):  # Spark's name
        self.description = text

    def parallelize(self, items, slices):
        self.items, self.slices = items, slices
        return self

    def foreachPartition(self, function):  # Spark's name
        for item in self.items:
            function(iter([item]))


def test_a_corpus_embedded_by_executors(corpus, settings, whole, scale, tmp_path):
    context = Context()
    options = {"run": partial(spark.run, context), "workers": 2, "shard_rows": scale.SHARD_ROWS}
    assert len(embedding.embed(corpus, settings, tmp_path / "store", **options)) == scale.ROWS
    assert scale.contents(tmp_path / "store") == scale.contents(whole)
    assert (context.description, context.slices) == ("embed", 8)


def test_the_dearest_first_and_cpus_only():
    context = Context()
    context.foreachPartition = lambda function: None
    spark.run(context, [Job("a", print, (), 1, cost=1.0), Job("b", print, (), 1, cost=2.0)], label="", unit="")
    assert [job.name for job in context.items] == ["b", "a"]
    with pytest.raises(UsageError, match="jobs for CPUs, got kind 'cuda'"):
        spark.run(context, [], label="", unit="", kind="cuda")
