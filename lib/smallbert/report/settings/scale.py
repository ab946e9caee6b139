"""Page 9: scale."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from smallbert.report.checks import ASCENDING
from smallbert.report.settings.base import Count, Parameters, Share

Price = Annotated[float, Field(ge=0)]


class Scale(Parameters):
    """How fast is it, and what do many articles cost?"""

    needs = ("01_corpus_and_embeddings",)
    figures = ("side_by_side", "parts", "growth", "plans")
    tables = ("benchmark_machines", "benchmarks", "targets", "exponents", "article", "formulas", "costs")
    timed = ("plans", "costs")
    places: ClassVar = {"encoder": ("pretrain", "minilm")}

    encoder: str = Field("pretrain", description="the encoder of page 1: pretrain, minilm, a folder or a hub id")
    timed_texts: Count = Field(128, description="articles on which its rate is measured")
    rounds: Count = Field(3, description="timings of them")
    articles: Annotated[list[Count], ASCENDING] = Field(
        [1_000_000, 100_000_000, 1_000_000_000], min_length=2, description="numbers of articles planned for"
    )
    cluster: int = Field(16, ge=2, description="machines that share the work")
    efficiency: Share = Field(0.9, description="what a cluster keeps of its machines' rates: an assumption, share of 1")
    cpu_price: Price = Field(0.1, description="a CPU machine for an hour: an assumption, enter your own, any currency")
    gpu_price: Price = Field(3.0, description="a GPU machine for an hour: an assumption, enter your own")
    gpu_rate: float = Field(
        0.0, ge=0, description="tokens a second of a GPU; 0 takes the measured rate, if there is one"
    )
