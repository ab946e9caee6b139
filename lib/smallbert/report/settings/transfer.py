"""Page 6: transfer learning."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from smallbert.report.checks import ASCENDING, multiple_of
from smallbert.report.settings.base import Count, Parameters, Rate

Rates = Annotated[list[Rate], ASCENDING]


class Transfer(Parameters):
    """What does compression cost in the tasks that people use BERT for?"""

    needs = ("01_corpus_and_embeddings", "04_albert", "05_distillation")
    figures = (
        "scores",
        "retained",
        "null_threshold",
        "twin_scores",
        "twin_differences",
        "ablation",
        "against_size",
        "reported_sizes",
        "batch_size",
        "at_training_loss",
    )
    tables = (
        "shelf",
        "tasks",
        "task_rates",
        "task_contrasts",
        "answering",
        "twin_facts",
        "twin_slips",
        "twin_rates",
        "twin_contrasts",
        "twin_reported",
        "size_rates",
        "sizes",
        "size_steps",
        "size_laws",
        "batches",
        "batch_relations",
    )
    places: ClassVar = {"encoder": ("pretrain", "minilm"), "peer": ("", "minilm"), "tasks": ("world",)}
    speed = ("jobs",)
    workers = True

    encoder: str = Field("pretrain", description="the encoder of page 1: pretrain, minilm, a folder or a hub id")
    peer: str = Field("", description="one more encoder on the shelf: minilm, a folder or a hub id; empty for none")
    tasks: str = Field("world", description="world (generated tasks), or a tasks.toml that names your own")
    task_languages: list[str] = Field(["en"], description="languages of generated tasks; [] takes all")
    examples: int = Field(256, ge=16, description="examples to learn from, at most; long ones take their share")
    asked: int = Field(144, ge=8, description="test examples at most; development has half as many")
    seeds: int = Field(3, ge=2, description="paired repetitions of every cell")
    max_tokens: int = Field(128, ge=16, le=512, description="longer inputs are cut or read in windows, tokens")
    head_rates: Rates = Field([0.01], min_length=1, description="peak rates of heads on frozen encoders")
    head_epochs: Count = Field(8, description="times such a head sees every example")
    tuning_rates: Rates = Field(
        [0.001], min_length=1, description="peak rates of fine-tuning; of several, each encoder takes its best"
    )
    tuning_epochs: Count = Field(1, description="times fine-tuning reads every example")
    largest: Count = Field(5_000_000, description="parameters up to which an encoder is fine-tuned too")
    tune_copies: bool = Field(False, description="fine-tune the trimmed encoder and that of fresh weights too")
    coverage: float = Field(0.99, gt=0, le=1, description="share of tokens the trimmed vocabulary covers, of 1")
    layers: Count = Field(2, description="layers of encoders pretrained here: twins, and the middle one of the sizes")
    hidden: int = Field(64, ge=16, multiple_of=4, description="their width, numbers")
    vocabulary: int = Field(2000, ge=200, description="their WordPiece vocabulary, tokens")
    sequence: int = Field(64, ge=16, le=512, description="length of their packed sequences, tokens")
    batch: Annotated[Count, multiple_of("sequence")] = Field(
        512, description="tokens of a step; a multiple of the sequence's"
    )
    tokens: int = Field(
        21_504, ge=2048, description="tokens every size reads; a twin reads half as many, a batch size a fifth"
    )
    peak_rates: Rates = Field([0.003], min_length=1, description="peak rates of pretraining, scaled to each size")
    twin_rates: Rates = Field([0.002, 0.005], min_length=1, description="peak rates of fine-tuning the twins")
    size_depths: Annotated[list[Count], ASCENDING] = Field([1, 4], min_length=1, description="more depths, layers")
    size_widths: Annotated[list[Annotated[int, Field(ge=8)]], ASCENDING] = Field(
        [32, 128], min_length=1, description="more widths, numbers"
    )
    batch_ratios: Annotated[list[Annotated[float, Field(gt=0)]], ASCENDING] = Field(
        [0.25, 4.0], min_length=1, description="more batch sizes, as shares of half a batch"
    )
    jobs: int = Field(0, ge=0, description="encoders trained at once; 0 is one a core")
