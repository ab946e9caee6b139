"""Page 6: transfer learning."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from smallbert.report.checks import ASCENDING, divides, multiple_of
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

    encoder: str = Field("pretrain", description="the encoder of page 1: pretrain, minilm, a folder or a hub id")
    peer: str = Field("", description="one more encoder on the shelf: minilm, a folder or a hub id; empty for none")
    tasks: str = Field("world", description="world (generated tasks), or a tasks.toml that names your own")
    task_languages: list[str] = Field(["en"], description="languages of generated tasks; [] takes all")
    examples: int = Field(128, ge=16, description="examples to learn from, at most; long ones take their share")
    asked: int = Field(100, ge=8, description="test examples at most; development has half as many")
    seeds: int = Field(3, ge=2, description="paired repetitions of every cell")
    max_tokens: int = Field(128, ge=16, le=512, description="longer inputs are cut or read in windows, tokens")
    head_rates: Rates = Field([0.01], min_length=1, description="peak rates of heads on frozen encoders")
    head_epochs: Count = Field(8, description="times such a head sees every example")
    tuning_rates: Rates = Field(
        [0.001], min_length=1, description="peak rates of fine-tuning; of several, each encoder takes its best"
    )
    tuning_epochs: Count = Field(2, description="times fine-tuning reads every example")
    largest: Count = Field(5_000_000, description="parameters up to which an encoder is fine-tuned too")
    tune_copies: bool = Field(False, description="fine-tune copies of the encoder too, such as the trimmed one")
    pooling: Literal["first", "mean"] = Field("mean", description="what a head over a whole input reads: first or mean")
    coverage: float = Field(0.99, gt=0, le=1, description="share of tokens the trimmed vocabulary covers, of 1")
    table_rank: Count = Field(48, description="rank of the truncated word table")
    twin_layers: Count = Field(2, description="layers of the BERT and GPT-1 twins")
    twin_hidden: int = Field(64, ge=16, description="their width, numbers")
    twin_heads: Annotated[Count, divides("twin_hidden")] = Field(2, description="their heads; must divide the width")
    twin_vocabulary: int = Field(2000, ge=200, description="their WordPiece vocabulary, tokens")
    twin_sequence: int = Field(64, ge=16, le=512, description="length of their packed sequences, tokens")
    twin_batch: Annotated[Count, multiple_of("twin_sequence")] = Field(
        512, description="tokens of a step; a multiple of the sequence's"
    )
    twin_tokens: Count = Field(49_152, description="tokens every twin reads")
    twin_rate: Rate = Field(0.003, description="their peak rate in pretraining")
    twin_rates: Rates = Field([0.002, 0.005], min_length=1, description="peak rates of their fine-tuning")
    twin_examples: int = Field(96, ge=16, description="examples a twin learns from, a task")
    twin_test: int = Field(200, ge=16, description="test examples of a task")
    twin_epochs: Count = Field(4, description="times a twin reads every example")
    vocabulary: int = Field(2000, ge=200, description="WordPiece vocabulary of encoders that differ in size, tokens")
    sequence: int = Field(64, ge=16, le=512, description="length of their packed sequences, tokens")
    size_layers: Count = Field(2, description="layers of the encoder that the others differ from")
    size_hidden: int = Field(64, ge=16, description="its width, numbers")
    size_heads: Annotated[Count, divides("size_hidden")] = Field(4, description="its heads; must divide the width")
    size_depths: Annotated[list[Count], ASCENDING] = Field([1, 4], min_length=1, description="more depths, layers")
    size_widths: Annotated[list[Annotated[int, Field(ge=8)]], ASCENDING] = Field(
        [16, 32, 128], min_length=1, description="more widths, numbers"
    )
    size_other_heads: Annotated[list[Count], ASCENDING] = Field([1], min_length=1, description="more numbers of heads")
    size_batch: Annotated[Count, multiple_of("sequence")] = Field(
        512, description="tokens of a step; a multiple of the sequence's"
    )
    size_tokens: Count = Field(102_400, description="tokens every size reads")
    size_rates: Rates = Field([0.003], min_length=1, description="peak rates, scaled to each size")
    batch_layers: Count = Field(1, description="layers of the encoder trained in several batch sizes")
    batch_hidden: int = Field(32, ge=16, description="its width, numbers")
    batch_heads: Annotated[Count, divides("batch_hidden")] = Field(2, description="its heads; must divide the width")
    batch_share: Count = Field(4096, description="tokens of text it reads again and again")
    batch_base: Annotated[Count, multiple_of("sequence")] = Field(
        256, description="tokens of a step to which the rate belongs"
    )
    batch_sizes: Annotated[list[Annotated[Count, multiple_of("sequence")]], ASCENDING] = Field(
        [64, 1024], min_length=1, description="more batch sizes, tokens of a step"
    )
    batch_tokens: Count = Field(20_480, description="tokens it reads in equal epochs")
    batch_rates: Rates = Field([0.005], min_length=1, description="peak rates at the base's batch")
    jobs: int = Field(0, ge=0, description="encoders trained at once; 0 is one a core")
