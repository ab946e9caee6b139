"""Page 5: distillation."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from smallbert.report.checks import ASCENDING, multiple_of
from smallbert.report.settings.base import Count, Parameters, Rate, Share


class Distillation(Parameters):
    """What does a teacher give a small student?"""

    needs = ("01_corpus_and_embeddings",)
    figures = (
        "soft_gradient",
        "stored_logits",
        "methods",
        "removed",
        "starts",
        "temperatures",
        "shares",
        "sizes",
        "waterfall",
        "reductions",
        "student_costs",
    )
    tables = (
        "soft_gradients",
        "tinybert_forms",
        "projections",
        "soft_places",
        "copied_layers",
        "distilmbert",
        "students",
        "method_contrasts",
        "geotrend",
        "steps",
        "student_times",
    )
    timed = ("student_costs", "student_times")
    places: ClassVar = {"teacher": ("pretrain", "minilm")}
    speed = ("jobs",)
    workers = True

    teacher: str = Field("pretrain", description="pretrain (the encoder of page 1), minilm, a folder or a hub id")
    seeds: int = Field(5, ge=2, description="paired repetitions of every student")
    layers: Count = Field(2, description="layers of the students")
    hidden: int = Field(48, ge=8, description="their width, numbers; rounded up to the teacher's heads")
    widths: Annotated[list[Annotated[int, Field(ge=8)]], ASCENDING] = Field(
        [20], min_length=1, description="more widths, numbers"
    )
    sequence: int = Field(64, ge=16, le=512, description="length of packed sequences, tokens")
    batch: Annotated[Count, multiple_of("sequence")] = Field(
        256, description="tokens of a step; a multiple of the sequence's"
    )
    tokens: Count = Field(4096, description="tokens every student reads")
    copied_tokens: Count = Field(2048, description="tokens every student of the teacher's width reads")
    rate: Rate = Field(0.003, description="peak rate of the students")
    copied_rate: Rate = Field(0.0002, description="peak rate of students of the teacher's width")
    temperatures: Annotated[list[Annotated[float, Field(gt=0)]], ASCENDING] = Field(
        [4.0], min_length=1, description="temperatures of soft targets, beside 2"
    )
    shares: Annotated[list[Share], ASCENDING] = Field(
        [0.1], min_length=1, description="parts of what is read that are new text, shares of 1; the rest repeats"
    )
    probe_rows: int = Field(
        200, ge=20, description="test articles behind probes, rows; train articles are twice as many"
    )
    loss_texts: int = Field(32, ge=2, description="test articles on which losses are compared, rows")
    rounds: int = Field(3, ge=2, description="timings of every student")
    jobs: int = Field(0, ge=0, description="students trained at once; 0 is one a core")
