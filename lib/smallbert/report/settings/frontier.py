"""Page 8: the frontier."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from smallbert.report.checks import ASCENDING, among
from smallbert.report.settings.base import Count, Parameters, Rate

Budgets = Annotated[list[Count], ASCENDING]


class Frontier(Parameters):
    """How small, at what cost? Every method of the report on one page."""

    needs = (
        "01_corpus_and_embeddings",
        "02_autoencoder_depth",
        "03_layer_schedules",
        "04_albert",
        "05_distillation",
        "06_transfer",
        "07_knowledge",
    )
    figures = (
        "codes_maps",
        "codes_formats",
        "codes_pareto",
        "codes_languages",
        "codes_preprocessing",
        "weights",
        "elastic_sizes",
        "frontier_megabytes",
        "frontier_time",
    )
    tables = (
        "against_int8",
        "encoding",
        "weights_forms",
        "weight_times",
        "elastic",
        "elastic_contrasts",
        "fronts",
        "needs",
        "claims",
    )
    timed = ("encoding", "weights", "weight_times", "frontier_time", "points", "fronts", "needs", "claims")
    places: ClassVar = {"encoder": ("pretrain", "minilm")}
    speed = ("jobs",)
    workers = True

    encoder: str = Field("pretrain", description="the encoder of page 1: pretrain, minilm, a folder or a hub id")
    budgets: Budgets = Field([8, 32, 128], min_length=2, description="sizes of a stored vector, bytes")
    code_bytes: Annotated[Count, among("budgets")] = Field(32, description="the size shown most; one of budgets")
    autoencoder_bytes: Budgets = Field([16, 64], min_length=1, description="sizes at which autoencoders are trained")
    seeds: int = Field(3, ge=2, description="repetitions of codes that are drawn or trained")
    code_epochs: Count = Field(3, description="epochs of trained codes")
    autoencoder_epochs: Count = Field(5, description="epochs of the autoencoders")
    rates: Annotated[list[Rate], ASCENDING] = Field(
        [0.003, 0.01], min_length=2, description="first grid of their peak rates; widened at its edges"
    )
    train_rows: Count = Field(20000, description="training articles codes are fitted on, rows")
    search_rows: Count = Field(2000, description="test articles searched, rows")
    weight_rows: int = Field(200, ge=50, description="test articles behind quantised weights, rows")
    weight_tokens: int = Field(64, ge=8, le=512, description="where these are cut, tokens")
    elastic_seeds: int = Field(3, ge=2, description="paired repetitions of students that are cut afterwards")
    elastic_sizes: int = Field(2, ge=2, le=6, description="how many layers, and how many widths, these are cut at")
    elastic_tokens: Count = Field(2048, description="tokens each of them reads")
    elastic_sequence: int = Field(32, ge=8, le=512, description="where texts are cut for them, tokens")
    elastic_rows: int = Field(200, ge=50, description="test articles they are measured on, rows")
    timed_texts: Count = Field(32, description="articles that are timed")
    rounds: int = Field(3, ge=2, description="timings of every encoder")
    jobs: int = Field(0, ge=0, description="autoencoders trained at once; 0 is one a core")
