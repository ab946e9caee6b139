"""Page 4: ALBERT."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from smallbert.report.checks import ASCENDING, at_most, divides, multiple_of
from smallbert.report.settings.base import Count, Parameters, Rate


class Albert(Parameters):
    """Where are the parameters, and what do factorising and sharing save and cost?"""

    needs = ("01_corpus_and_embeddings",)
    figures = (
        "parameters_by_group",
        "printed_against_built",
        "factorisation_savings",
        "truncation",
        "truncation_peer",
        "parameters_and_flops",
        "sharing",
        "embedding_sweep",
        "depth_sweep",
        "speed",
        "transitions",
        "second_task_accuracy",
    )
    tables = (
        "ledger",
        "contradictions",
        "worked_example",
        "trained_factors",
        "table4",
        "rates",
        "contrasts",
        "arms",
        "timings",
        "equal_time",
        "courses",
        "second_task",
    )
    timed = ("speed", "timings", "equal_time")
    places: ClassVar = {"encoder": ("pretrain", "minilm"), "peer": ("minilm",)}
    speed = ("jobs",)
    workers = True

    encoder: str = Field("pretrain", description="the encoder of page 1: pretrain, minilm, a folder or a hub id")
    peer: str = Field("minilm", description="a second encoder to look into: minilm, a folder or a hub id")
    seeds: int = Field(3, ge=2, description="paired repetitions of every trained arm")
    layers: Count = Field(4, description="layers of the trained arms")
    hidden: int = Field(64, ge=16, multiple_of=4, description="their hidden width, numbers")
    heads: Annotated[Count, divides("hidden")] = Field(2, description="their attention heads; must divide the width")
    vocabulary: int = Field(2000, ge=200, description="their WordPiece vocabulary, tokens")
    embedding: Annotated[Count, at_most("hidden")] = Field(16, description="width of the factorised embedding, numbers")
    embeddings: Annotated[list[Count], ASCENDING, at_most("hidden")] = Field(
        [32], min_length=1, description="more embedding widths, beside that and the hidden width"
    )
    depths: Annotated[list[Count], ASCENDING] = Field(
        [1, 6], min_length=1, description="more depths of the all-shared encoder; the deepest is looked into"
    )
    truncations: Annotated[list[Count], ASCENDING] = Field(
        [32, 96], min_length=1, description="widths that word tables are truncated to, below their own"
    )
    sequence: int = Field(64, ge=16, le=512, description="length of packed sequences, tokens")
    batch: Annotated[Count, multiple_of("sequence")] = Field(
        256, description="tokens of a step; a multiple of the sequence's"
    )
    tokens: Count = Field(4096, description="tokens every arm sees")
    pair_tokens: Count = Field(4096, description="tokens every sentence-pair arm sees")
    peak_rates: Annotated[list[Rate], ASCENDING] = Field(
        [0.002], min_length=1, description="peak rates; of several, each arm takes the one that suits it best"
    )
    probe_rows: int = Field(
        40, ge=20, description="test articles behind probes, rows; train articles are twice as many"
    )
    rounds: int = Field(3, ge=2, description="timings of every arm")
    layer_texts: Count = Field(16, description="test articles behind the layer figure, rows")
    jobs: int = Field(0, ge=0, description="arms trained at once; 0 is one a core")
