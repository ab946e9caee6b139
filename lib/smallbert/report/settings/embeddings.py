"""Page 1: corpus, encoder and embeddings."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from smallbert.report.checks import HEADS_DIVIDE_WIDTH, SEQUENCE_FITS
from smallbert.report.settings.base import Count, Parameters, Rate

Column = Literal["id", "lang", "title", "content", "topic", "group"]
"""A column of a row, as :data:`smallbert.corpus.rows.COLUMNS` names it."""


class CorpusAndEmbeddings(Parameters):
    """What goes in, and what does the encoder make of it?"""

    figures = ("rows_by_language", "token_lengths", "spectrum", "second_moment")
    tables = ("reading", "encoder", "geometry", "probes")
    places: ClassVar = {"corpus": ("world",), "encoder": ("pretrain", "minilm")}

    corpus: str = Field(
        "world", description="world (generated), or news: a file, folder, corpus.toml or hub:OWNER/NAME"
    )
    corpus_name: str = Field("", description="how the report calls the corpus; empty takes its file's name")
    columns: dict[Column, str] = Field(
        {}, examples=[{"title": "headline"}], description="our column -> the corpus's own name of it; {} guesses"
    )
    rows: Count = Field(6000, description="articles to read at most, rows")
    encoder: str = Field("pretrain", description="pretrain (train one here), minilm, a folder or a hub id")
    max_tokens: int = Field(128, ge=8, le=512, description="longer texts are cut here, tokens")
    pooling: Literal["mean", "cls"] = Field("mean", description="token vectors to text vector: mean or cls")
    layer: int = Field(-1, ge=-64, le=64, description="layer that is read; -1 is the last")
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="number format: auto, fp32 or bf16")
    test_fraction: Rate = Field(0.1, description="share of articles held out for the test, of 1")
    validation_fraction: Rate = Field(0.05, description="share of articles for choices such as rates, of 1")
    near_duplicates: bool = Field(True, description="remove near duplicates across the splits, not only exact ones")
    max_bad_rows: float = Field(0.01, ge=0, le=1, description="unreadable rows tolerated before stopping, share of 1")
    pretrain_layers: Count = Field(3, description="layers of the pretrained encoder")
    pretrain_hidden: int = Field(128, ge=16, multiple_of=4, description="its hidden width, numbers")
    pretrain_heads: Annotated[Count, HEADS_DIVIDE_WIDTH] = Field(
        4, description="its attention heads; must divide the width"
    )
    pretrain_vocabulary: int = Field(4000, ge=200, description="its WordPiece vocabulary, tokens")
    pretrain_tokens: Count = Field(700_000, description="tokens it sees in pretraining")
    pretrain_rate: Rate = Field(0.0015, description="peak rate of its pretraining; the wider the encoder, the lower")
    pretrain_batch: Count = Field(1024, description="tokens of a step; a multiple of the sequence's")
    pretrain_sequence: Annotated[int, SEQUENCE_FITS] = Field(
        128, ge=8, le=512, description="length of its packed sequences, at least max_tokens, tokens"
    )
