"""Page 7: knowledge."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from smallbert.report.checks import ASCENDING, UNIQUE
from smallbert.report.settings.base import Count, Parameters, Rate

Injection = Literal["appended", "tree", "open tree", "embedded"]


class Knowledge(Parameters):
    """What can no encoder know, and what does an injected graph add?"""

    needs = ("01_corpus_and_embeddings",)
    figures = ("answers", "distractors", "ranking", "by_text")
    tables = ("examples", "contrasts", "graph")
    places: ClassVar = {"reader": ("pretrain", "minilm"), "graph": ("world",)}
    speed = ("jobs",)
    workers = True

    reader: str = Field("minilm", description="who answers: minilm, pretrain (page 1's), a folder or hub id")
    reader_layers: int = Field(3, ge=-1, description="its first layers that are used; -1 takes all")
    graph: str = Field("world", description="the graph of the last sections: world, or a folder of triples and glosses")
    methods: Annotated[list[Injection], UNIQUE] = Field(
        ["appended", "tree", "open tree", "embedded"], min_length=1, description="ways to inject triples"
    )
    seeds: int = Field(3, ge=2, description="repetitions: other questions, entities, weights and orders")
    tools: int = Field(64, ge=16, description="training questions about the tool an action needs")
    birthplaces: int = Field(160, ge=16, description="training questions about the place a person was born in")
    people: int = Field(160, ge=16, description="people that training asks about")
    asked: int = Field(32, ge=8, description="test questions of each kind and condition")
    others: Annotated[list[Count], ASCENDING] = Field(
        [1, 3], min_length=1, description="wrong triples given beside the right one, numbers of them"
    )
    rate: Rate = Field(0.0003, description="peak rate of fine-tuning")
    batch: Count = Field(16, description="questions of a step")
    vector_epochs: Count = Field(30, description="epochs of the vectors that are injected")
    graph_width: int = Field(64, ge=8, description="width of a graph's embedding, numbers")
    graph_epochs: Count = Field(15, description="epochs of the embeddings of the last sections' graph")
    ranked: int = Field(500, ge=50, description="held-out triples that are ranked")
    text_triples: int = Field(2000, ge=200, description="triples told true from false by their words")
    jobs: int = Field(0, ge=0, description="readers trained at once; 0 is one a core")
